// Charts of the overview.

const VERDICT_SYMBOLS = { better: "triangle-up", worse: "triangle-down", undecided: "circle-open" };

/** Differences to the reference with their intervals. */
function forestPlot() {
  const compared = results.rows.filter((row) => row.against);
  const holder = element("div");
  const show = (measure) => holder.replaceChildren(forestOf(compared.filter((row) => row.against.cells[measure]), measure));
  show(results.measures[0]);
  const absent = compared.length === 0;
  return element("div", {},
    absent ? "" : element("div", { class: "controls" },
      choice("Accuracy", results.measures.map((measure) => [measure, measure]), results.measures[0], show)),
    holder);
}

function forestOf(compared, measure) {
  const rows = compared.toSorted((a, b) => a.against.cells[measure].difference - b.against.cells[measure].difference);
  const cell = (row) => row.against.cells[measure];
  const kinds = ["better", "worse", "undecided"].filter((kind) => rows.some((row) => cell(row).verdict === kind));
  const best = rows.at(-1);
  return chart({
    title: `Difference to ${results.reference}, ${measure}`,
    note: "In points, with 95 % intervals; verdicts hold for all of them at once (Holm, 5 %)",
    description: best ? `The highest is ${nameOf(best)} with ${points(cell(best).difference)} points, ${cell(best).verdict}.` : "",
    absent: rows.length ? "" : "nothing is compared: that takes predictions, which earlier versions did not keep, and a second method at the same imbalance",
    height: 110 + 30 * rows.length,
    numbers: () => [["Method", "Difference", "Low", "High", "Verdict"],
      ...rows.toReversed().map((row) => {
        const { difference, margin, verdict: kind } = cell(row);
        return [nameOf(row), points(difference), points(difference - margin), points(difference + margin), kind];
      })],
    make: () => ({
      data: kinds.map((kind) => {
        const own = rows.filter((row) => cell(row).verdict === kind);
        return {
          type: "scatter", mode: "markers", name: kind,
          x: own.map((row) => 100 * cell(row).difference),
          y: own.map((row) => plain(nameOf(row))),
          error_x: { type: "data", array: own.map((row) => 100 * cell(row).margin), color: colour(kind), thickness: 2, width: 5 },
          marker: { color: colour(kind), symbol: VERDICT_SYMBOLS[kind], size: 11, line: { width: 2 } },
          hovertemplate: "%{y}: %{x:+.2f} points<extra></extra>",
        };
      }),
      layout: {
        xaxis: { title: { text: "points" }, zeroline: true, zerolinecolor: colour("soft"), zerolinewidth: 1.5 },
        yaxis: { type: "category", categoryorder: "array", categoryarray: rows.map((row) => plain(nameOf(row))), tickfont: { color: colour("ink") } },
        showlegend: true,
      },
    }),
  });
}

/** Accuracy against minutes of training. */
function costChart() {
  const rows = results.rows.filter((row) => isNumber(row.minutes) && isNumber(metricOf(row, results.selected)?.mean));
  const families = [...new Set(rows.map((row) => row.family ?? "the grid's own"))];
  const accuracy = (row) => 100 * metricOf(row, results.selected).mean;
  const symbols = ["circle", "square", "diamond", "cross", "star", "hexagon", "x", "pentagon", "bowtie", "hourglass"];
  return chart({
    title: "Accuracy against minutes of training",
    note: "A run with those it needs, such as its first stage; bars are standard deviations over seeds. Compare runs of one device only",
    absent: rows.length ? "" : noRun,
    height: 420,
    numbers: () => [["Method", "Minutes", "Accuracy %"],
      ...rows.map((row) => [nameOf(row), row.minutes.toFixed(2), accuracy(row).toFixed(2)])],
    make: () => ({
      data: families.map((family, place) => {
        const own = rows.filter((row) => (row.family ?? "the grid's own") === family);
        const marker = colour(`series-${place % 6}`);
        return {
          type: "scatter", mode: rows.length <= 30 ? "markers+text" : "markers", name: family,
          x: own.map((row) => row.minutes), y: own.map(accuracy), text: own.map((row) => plain(nameOf(row))),
          textposition: "top center", textfont: { color: colour("ink") }, cliponaxis: false,
          error_y: { type: "data", array: own.map((row) => 100 * (metricOf(row, results.selected).deviation ?? 0)), color: faded(marker, 0.55), thickness: 1.5, width: 3 },
          marker: { color: marker, symbol: symbols[place % symbols.length], size: 11 },
          hovertemplate: "%{text}: %{y:.2f} % in %{x:.1f} min<extra></extra>",
        };
      }),
      layout: {
        xaxis: { title: { text: "minutes of training" }, rangemode: "tozero" },
        yaxis: { title: { text: "accuracy, %" } },
        showlegend: families.length > 1,
      },
    }),
  });
}
