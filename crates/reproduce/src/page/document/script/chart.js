// Charts: figures that are drawn by plotly.js once they come into view, in the colours of the page.

const drawnCharts = new Set();
let loadedLibrary = null;

/** Unpacks plotly.js, once. */
function chartLibrary() {
  loadedLibrary ??= (async () => {
    const packed = Uint8Array.from(atob(document.getElementById("chart-library").textContent.trim()), (byte) => byte.charCodeAt(0));
    const unpacked = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    document.head.append(element("script", {}, await new Response(unpacked).text()));
  })();
  return loadedLibrary;
}

/** plotly.js takes some markup in its texts; names of people's methods are none. */
function plain(text) {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

/** A colour of a chart with part of its strength, for bands. */
function faded(rgb, strength) {
  return rgb.replace("rgb(", "rgba(").replace(")", `, ${strength})`);
}

const comingIntoView = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) {
    if (isIntersecting) {
      comingIntoView.unobserve(target);
      draw(target.chart);
    }
  }
}, { rootMargin: "400px" });

/**
 * A figure. `make` returns traces and layout of plotly.js in the page's present colours; `absent` says why there is nothing to draw;
 * `numbers`, a header and rows, is the same for readers of tables.
 */
function chart({ title, note = "", description = "", height = 300, make, absent = "", numbers = null }) {
  const caption = element("figcaption", {}, title, note ? element("small", {}, note) : "");
  if (absent) {
    return element("figure", {}, caption, element("p", { class: "absent" }, `— ${absent}.`));
  }
  const plot = element("div", { class: "plot", role: "img", "aria-label": `${title}. ${description || note}` });
  plot.style.height = `${height}px`;
  plot.chart = { plot, make, height, title };
  comingIntoView.observe(plot);
  return element("figure", {}, caption, plot, numbers ? numbersOf(title, numbers) : "");
}

/** The numbers of a chart, made when they are asked for. */
function numbersOf(title, numbers) {
  const details = element("details", { toggle: () => {
    if (details.open && details.children.length === 1) {
      const [header, ...rows] = numbers();
      const cells = (row, name) => row.map((cell, place) =>
        element(place === 0 ? "th" : name, { scope: place === 0 && name === "td" ? "row" : name === "th" ? "col" : false }, cell));
      details.append(element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": `Numbers of ${title}` },
        element("table", {}, element("thead", {}, element("tr", {}, cells(header, "th"))),
          element("tbody", {}, rows.map((row) => element("tr", {}, cells(row, "td")))))));
    }
  } }, element("summary", {}, "Numbers"));
  return details;
}

async function draw(drawn) {
  try {
    await chartLibrary();
  } catch {
    drawn.plot.replaceChildren(element("p", { class: "absent" }, "— this browser cannot unpack the chart library; one of 2023 or later can."));
    drawn.plot.style.height = "auto";
    return;
  }
  if (!drawn.plot.isConnected) return;
  drawnCharts.add(drawn);
  redraw(drawn);
}

function redraw({ plot, make, height, title }) {
  const { data, layout } = make();
  const [ink, soft, grid] = ["ink", "soft", "grid"].map(colour);
  const axis = (own = {}) => ({ gridcolor: grid, zerolinecolor: grid, linecolor: grid, automargin: true, ...own });
  Plotly.react(plot, data, {
    height,
    margin: { l: 8, r: 12, t: 26, b: 8 },
    modebar: { bgcolor: "rgba(0, 0, 0, 0)", color: faded(soft, 0.6), activecolor: colour("accent") },
    paper_bgcolor: "rgba(0, 0, 0, 0)",
    plot_bgcolor: "rgba(0, 0, 0, 0)",
    font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: soft },
    hoverlabel: { font: { color: ink }, bgcolor: colour("paper"), bordercolor: soft },
    ...layout,
    legend: { orientation: "h", x: 0, y: 0, yref: "container", yanchor: "bottom", traceorder: "normal", font: { color: ink } },
    xaxis: axis(layout.xaxis),
    yaxis: axis(layout.yaxis),
    ...(layout.yaxis2 ? { yaxis2: axis(layout.yaxis2) } : {}),
  }, {
    responsive: true,
    displaylogo: false,
    displayModeBar: "hover",
    modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"],
    toImageButtonOptions: { format: "svg", filename: title },
  });
}

/** Draws what has not come into view, for printing: paper is not scrolled. */
function drawAll() {
  if (!window.Plotly) return;
  for (const plot of document.querySelectorAll(".plot")) {
    if (drawnCharts.has(plot.chart) || plot.offsetParent === null) continue;
    comingIntoView.unobserve(plot);
    drawnCharts.add(plot.chart);
    redraw(plot.chart);
  }
}

function redrawCharts() {
  for (const drawn of drawnCharts) {
    if (drawn.plot.isConnected) redraw(drawn);
    else drawnCharts.delete(drawn);
  }
}
