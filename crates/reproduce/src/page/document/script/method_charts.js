// Charts of methods. Each takes the places of one or two rows; the first is drawn solid, the second dashed.

const DASHES = ["solid", "dash"];

function shownParts(places, part) {
  return places.map((place) => ({ place, name: nameOf(results.rows[place]), shown: results.methods[place][part].shown }))
    .map((entry, order) => ({ ...entry, order })).filter(({ shown }) => shown);
}

function reasonOf(places, part) {
  const reasons = places.map((place) => results.methods[place][part].missing).filter(Boolean);
  return [...new Set(reasons)].join("; ");
}

/** Epochs of a series' values. */
function epochsOf(shown, key) {
  return shown.series[key].epochs ?? shown.epochs;
}

/** Curves over epochs: `lines` are pairs of a series and its name; a band is a standard deviation over seeds. */
function curveChart(places, { title, note, lines, scale = 1, logarithmic = false, unit = "" }) {
  const parts = shownParts(places, "curves");
  const drawn = parts.flatMap((part) => lines.map(([key, name], line) => ({ ...part, key, name, line, method: part.name })))
    .filter(({ shown, key }) => shown.series[key]);
  const isPair = places.length > 1;
  const label = ({ name, method }) => [isPair || !name ? method : "", name].filter(Boolean).join(", ");
  const gaps = parts.reduce((sum, { shown }) => sum + shown.not_numbers, 0);
  const bands = drawn.some(({ shown, key }) => shown.series[key].deviation);
  const notes = [note, bands ? "bands: standard deviation over seeds" : "", gaps ? "gaps: values that are no numbers, of a training that diverged" : ""];
  const last = drawn.map((line) => {
    const value = line.shown.series[line.key].mean.findLast(isNumber);
    return isNumber(value) ? `${label(line)}: ${Number((scale * value).toPrecision(4))} at the end` : "";
  });
  return chart({
    title, note: notes.filter(Boolean).join("; "),
    description: last.filter(Boolean).join("; "),
    absent: drawn.length ? "" : reasonOf(places, "curves") || "its runs did not measure it",
    numbers: () => {
      const epochs = [...new Set(drawn.flatMap(({ shown, key }) => epochsOf(shown, key)))].sort((a, b) => a - b);
      const at = ({ shown, key }, epoch) => shown.series[key].mean[epochsOf(shown, key).indexOf(epoch)];
      const text = (value) => (isNumber(value) ? String(Number((scale * value).toPrecision(4))) : "—");
      return [["Epoch", ...drawn.map(label)], ...epochs.map((epoch) => [String(epoch), ...drawn.map((line) => text(at(line, epoch)))])];
    },
    make: () => ({
      data: drawn.flatMap((line) => {
        const { mean, deviation } = line.shown.series[line.key];
        const color = colour(`series-${isPair && lines.length === 1 ? line.order : line.line}`);
        const x = epochsOf(line.shown, line.key);
        const scaled = (values) => values.map((value) => (isNumber(value) ? scale * value : null));
        const trace = { type: "scatter", x, y: scaled(mean), mode: x.length > 1 ? "lines" : "markers", name: plain(label(line) || title),
          line: { color, width: 2, dash: DASHES[line.order] }, marker: { color },
          hovertemplate: `%{y:.4~g}${unit}<extra>%{fullData.name}</extra>` };
        if (!deviation) return [trace];
        const edge = (sign) => mean.map((value, epoch) => (isNumber(value) ? scale * (value + sign * (deviation[epoch] ?? 0)) : null));
        const band = { type: "scatter", x, mode: "lines", line: { width: 0 }, hoverinfo: "skip", showlegend: false };
        return [{ ...band, y: edge(-1) }, { ...band, y: edge(1), fill: "tonexty", fillcolor: faded(color, 0.16) }, trace];
      }),
      layout: {
        hovermode: "x unified",
        xaxis: { title: { text: "epoch" } },
        yaxis: { type: logarithmic ? "log" : "linear", ticksuffix: unit },
        showlegend: drawn.length > 1,
      },
    }),
  });
}

function trainingCharts(places) {
  return [
    curveChart(places, { title: "Accuracy", note: "On the test split, %", scale: 100, lines: [["accuracy", "all"], ["many", "many"], ["medium", "medium"], ["few", "few"]] }),
    curveChart(places, { title: "Loss", note: "On training images as augmented", lines: [["train_loss", ""]] }),
    curveChart(places, { title: "Learning rate", note: "", lines: [["learning_rate", ""]] }),
  ];
}

function collapseCharts(places) {
  const of = (title, column, note) =>
    curveChart(places, { title, note, logarithmic: column === "nc1", lines: [[`train_${column}`, "training"], [`test_${column}`, "test"]] });
  return [
    of("NC1", "nc1", "Within-class over between-class scatter of the features"),
    of("NC2, angles", "nc2_equiangularity", "Class means: mean |cos + 1/(K−1)|"),
    of("NC2, smallest angle", "nc2_min_angle", "Between class means, in degrees"),
    of("NC2, norms", "nc2_norm_cov", "Variation of the norms of class means"),
    of("NC3", "nc3", "Distance of the classifier from the class means"),
    of("NC4", "nc4", "Share that the nearest class mean would decide otherwise"),
    ...places.map(anglesChart),
  ];
}

/** Accuracy of each class beside its size, and confusion matrices. */
function classCharts(places) {
  const parts = shownParts(places, "classes");
  const sizes = results.methods[places[0]].sizes;
  const classes = sizes.map((_, index) => index);
  const accuracies = chart({
    title: "Accuracy of each class",
    note: "%, beside its number of training images (line, right)",
    absent: parts.length ? "" : reasonOf(places, "classes"),
    description: parts.map(({ name, shown }) => {
      const known = shown.accuracy.map((value, index) => [value, index]).filter(([value]) => isNumber(value)).sort(([a], [b]) => a - b);
      return known.length ? `${name}: lowest in class ${classOf(known[0][1])} with ${percent(known[0][0], 1)} %` : "";
    }).filter(Boolean).join("; "),
    height: 340,
    numbers: () => [["Class", "Training images", ...parts.map(({ name }) => `${name}, %`)],
      ...classes.map((index) => [classOf(index), String(sizes[index]), ...parts.map(({ shown }) => (isNumber(shown.accuracy[index]) ? percent(shown.accuracy[index]) : "—"))])],
    make: () => ({
      data: [
        ...parts.map(({ name, shown, order }) => ({
          type: "bar", name: plain(name), x: classes, y: shown.accuracy.map((value) => (isNumber(value) ? 100 * value : null)),
          error_y: { type: "data", array: shown.deviation.map((value) => 100 * (value ?? 0)), visible: shown.deviation.some(isNumber) && classes.length <= 20, color: colour("soft"), thickness: 1.2, width: 3 },
          marker: { color: colour(`series-${order}`), opacity: 0.85, pattern: { shape: order ? "/" : "", fillmode: "overlay", fgcolor: colour("paper"), size: 6 } },
          customdata: classes.map((index) => plain(classOf(index))),
          hovertemplate: "class %{customdata}: %{y:.2f} %<extra>%{fullData.name}</extra>",
        })),
        { type: "scatter", mode: classes.length > 20 ? "lines" : "lines+markers", name: "training images", x: classes, y: sizes, yaxis: "y2",
          line: { color: colour("series-5"), width: 1.5, dash: "dot" }, marker: { size: 5 }, hovertemplate: "%{y} images<extra></extra>" },
      ],
      layout: {
        barmode: "group",
        xaxis: { title: { text: "class" }, ...(classes.length <= 20 ? { dtick: 1 } : {}) },
        yaxis: { range: [0, 105], ticksuffix: " %" },
        yaxis2: { overlaying: "y", side: "right", type: "log", dtick: 1, showgrid: false, title: { text: "images" } },
      },
    }),
  });
  return [accuracies, ...places.map((place) => confusionChart(place, classes))];
}

function confusionChart(place, classes) {
  const { shown, missing: absent } = results.methods[place].classes;
  const name = nameOf(results.rows[place]);
  const matrix = () => shown.confusion.map((cells, label) => {
    const counts = classes.map(() => null);
    for (let at = 0; at < cells.length; at += 2) counts[cells[at]] = cells[at + 1];
    const known = counts.reduce((sum, count) => sum + (count ?? 0), 0);
    return { label, counts, known };
  });
  const confused = () => matrix().flatMap(({ label, counts }) => counts.map((count, other) => [label, other, count])).filter(([label, other, count]) => count && label !== other).sort((a, b) => b[2] - a[2]);
  const [most] = shown ? confused() : [];
  return chart({
    title: `Confusion, ${name}`,
    note: shown?.least > 1 ? `Test images of all seeds; cells of fewer than ${shown.least} images are left out` : "Test images of all seeds",
    description: most ? `Class ${classOf(most[0])} is taken for class ${classOf(most[1])} most often, ${most[2]} times.` : "No test image is confused.",
    absent: shown ? "" : absent,
    height: 400,
    numbers: () => [["Class", "Taken for", "Images"], ...confused().slice(0, 200).map(([label, other, count]) => [classOf(label), classOf(other), String(count)])],
    make: () => {
      const rows = matrix();
      return {
        data: [{
          type: "heatmap", x: classes, y: classes,
          z: rows.map(({ counts, known }) => counts.map((count) => (count ? count / known : null))),
          customdata: rows.map(({ counts }) => counts),
          zmin: 0, zmax: 1, xgap: classes.length <= 20 ? 1 : 0, ygap: classes.length <= 20 ? 1 : 0,
          colorscale: [[0, faded(colour("series-0"), 0.06)], [0.1, faded(colour("series-0"), 0.3)], [1, colour("series-0")]],
          colorbar: { thickness: 10, tickformat: ".0%", outlinewidth: 0 },
          ...(classes.length <= 20 ? { text: rows.map(({ counts }) => counts.map((count) => (count ? String(count) : ""))), texttemplate: "%{text}", textfont: { size: 10 } } : {}),
          hovertemplate: "class %{y} taken for %{x}: %{customdata} images, %{z:.1%}<extra></extra>",
        }],
        layout: {
          xaxis: { title: { text: "prediction" }, constrain: "domain", showgrid: false, ...(classes.length <= 20 ? { dtick: 1 } : {}) },
          yaxis: { title: { text: "class" }, autorange: "reversed", scaleanchor: "x", constrain: "domain", showgrid: false, ...(classes.length <= 20 ? { dtick: 1 } : {}) },
        },
      };
    },
  });
}

function anglesChart(place) {
  const { shown, missing: absent } = results.methods[place].angles;
  const { sizes } = results.methods[place];
  const classes = sizes.map((_, index) => index);
  const between = (one, other) => (one === other ? null : shown.degrees[Math.min(one, other)][Math.abs(one - other) - 1]);
  const simplex = (180 / Math.PI) * Math.acos(-1 / (classes.length - 1));
  const pairs = () => classes.flatMap((one) => classes.slice(one + 1).map((other) => [one, other, between(one, other)]))
    .filter(([, , angle]) => isNumber(angle)).sort((a, b) => a[2] - b[2]);
  const [nearest] = shown ? pairs() : [];
  return chart({
    title: `Angles between class means, ${nameOf(results.rows[place])}`,
    note: `Degrees, on the training split; a simplex has ${simplex.toFixed(1)}° everywhere; blue is wider, orange narrower`,
    description: nearest ? `Classes ${nearest[0]} and ${nearest[1]} are nearest, ${nearest[2]} degrees apart.` : "",
    absent: shown ? "" : absent,
    height: 400,
    numbers: () => [["Class", "Other class", "Degrees"], ...pairs().slice(0, 200).map((cells) => cells.map(String))],
    make: () => ({
      data: [{
        type: "heatmap", x: classes, y: classes, z: classes.map((one) => classes.map((other) => between(one, other))),
        zmin: simplex - 60, zmax: simplex + 60, xgap: classes.length <= 20 ? 1 : 0, ygap: classes.length <= 20 ? 1 : 0,
        colorscale: [[0, colour("series-1")], [0.5, faded(colour("series-0"), 0.06)], [1, colour("series-0")]],
        colorbar: { thickness: 10, ticksuffix: "°", outlinewidth: 0 },
        ...(classes.length <= 20 ? { texttemplate: "%{z}", textfont: { size: 10 } } : {}),
        hovertemplate: "classes %{y} and %{x}: %{z}°<extra></extra>",
      }],
      layout: {
        xaxis: { title: { text: "class" }, constrain: "domain", showgrid: false, ...(classes.length <= 20 ? { dtick: 1 } : {}) },
        yaxis: { title: { text: "class" }, autorange: "reversed", scaleanchor: "x", constrain: "domain", showgrid: false, ...(classes.length <= 20 ? { dtick: 1 } : {}) },
      },
    }),
  });
}

function reliabilityCharts(places) {
  return [calibrationChart(places), shiftChart(places, "Accuracy under noise", "Standard deviation of Gaussian noise on pixels of 0 to 1; %", noiseOf),
    shiftChart(places, "Accuracy under other class frequencies", "Ratio of the test classes: as in training (left), uniform, reversed (right); %", frequenciesOf)];
}

function calibrationChart(places) {
  const parts = shownParts(places, "calibration");
  const error = (place) => metricOf(results.rows[place], "ece")?.mean;
  return chart({
    title: "Calibration",
    note: "Accuracy of predictions by their confidence; below the diagonal, they are too confident. A point's size is its share of the images",
    description: parts.map(({ name, place }) => (isNumber(error(place)) ? `${name}: expected error ${percent(error(place))} %` : "")).filter(Boolean).join("; "),
    absent: parts.length ? "" : reasonOf(places, "calibration"),
    height: 340,
    numbers: () => [["Confidence, %", "Method", "Accuracy, %", "Share of images, %"],
      ...parts.flatMap(({ name, shown }) => shown.map((bin) => [percent(bin.confidence, 1), name, percent(bin.accuracy, 1), percent(bin.share, 1)]))],
    make: () => ({
      data: [
        { type: "scatter", mode: "lines", x: [0, 100], y: [0, 100], line: { color: colour("soft"), dash: "dot", width: 1 }, hoverinfo: "skip", showlegend: false },
        ...parts.map(({ name, shown, order }) => ({
          type: "scatter", mode: "lines+markers", name: plain(name),
          x: shown.map((bin) => 100 * bin.confidence), y: shown.map((bin) => 100 * bin.accuracy),
          customdata: shown.map((bin) => bin.share),
          line: { color: colour(`series-${order}`), width: 1.5, dash: DASHES[order] },
          marker: { color: colour(`series-${order}`), size: shown.map((bin) => 5 + 22 * Math.sqrt(bin.share)), opacity: 0.75 },
          hovertemplate: "confidence %{x:.1f} %: right on %{y:.1f} %, %{customdata:.1%} of the images<extra>%{fullData.name}</extra>",
        })),
      ],
      layout: { xaxis: { title: { text: "confidence, %" }, range: [-3, 103] }, yaxis: { title: { text: "accuracy, %" }, range: [-3, 103] }, showlegend: parts.length > 1 },
    }),
  });
}

function noiseOf(rows) {
  return rows.filter((row) => row.shift === "uniform" || row.shift === "gaussian-noise")
    .map((row) => ({ at: String(row.strength ?? 0), order: row.strength ?? 0, ...row })).sort((a, b) => a.order - b.order);
}

function frequenciesOf(rows) {
  const place = ({ shift, strength }) => (shift === "forward" ? -strength : shift === "backward" ? strength : 0);
  const text = ({ shift, strength }) => (shift === "uniform" ? "uniform" : shift === "forward" ? `${strength}` : `1/${strength}`);
  return rows.filter((row) => ["forward", "uniform", "backward"].includes(row.shift))
    .map((row) => ({ at: text(row), order: place(row), ...row })).sort((a, b) => a.order - b.order);
}

function shiftChart(places, title, note, pick) {
  const parts = shownParts(places, "robustness").map((part) => ({ ...part, rows: pick(part.shown) })).filter(({ rows }) => rows.length);
  return chart({
    title, note,
    description: parts.map(({ name, rows }) => `${name}: from ${percent(rows[0].mean, 1)} to ${percent(rows.at(-1).mean, 1)} %`).join("; "),
    absent: parts.length ? "" : reasonOf(places, "robustness") || "its runs did not measure it",
    height: 340,
    numbers: () => [["Shift", "Method", "Accuracy, %"], ...parts.flatMap(({ name, rows }) => rows.map((row) => [row.at, name, percent(row.mean)]))],
    make: () => ({
      data: parts.map(({ name, rows, order }) => ({
        type: "scatter", mode: "lines+markers", name: plain(name), x: rows.map((row) => row.at), y: rows.map((row) => 100 * row.mean),
        error_y: { type: "data", array: rows.map((row) => 100 * (row.deviation ?? 0)), color: faded(colour(`series-${order}`), 0.5), thickness: 1.5, width: 3 },
        line: { color: colour(`series-${order}`), width: 2, dash: DASHES[order] }, marker: { color: colour(`series-${order}`), size: 7 },
        hovertemplate: "%{x}: %{y:.2f} %<extra>%{fullData.name}</extra>",
      })),
      layout: { xaxis: { type: "category" }, yaxis: { ticksuffix: " %" }, showlegend: parts.length > 1 },
    }),
  });
}
