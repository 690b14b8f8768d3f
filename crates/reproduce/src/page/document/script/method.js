// One method, and another one beside it.

function keyOf(row) {
  return imbalances.length > 1 ? `${row.method}@${row.imbalance}` : row.method;
}

function rowOf(key) {
  const place = results.rows.findIndex((row) => keyOf(row) === key);
  return place < 0 ? null : place;
}

/** Shows the method of the row `first` and, if one is chosen, that of `second` beside it. */
function showMethods(first, second) {
  const section = document.getElementById("methods");
  const options = results.rows.map((row) => [keyOf(row), nameOf(row)]);
  const go = (one, other) => { location.hash = `#methods/${[one, other].filter(Boolean).map(encodeURIComponent).join("/")}`; };
  const key = keyOf(results.rows[first]);
  const besideKey = second === null ? "" : keyOf(results.rows[second]);
  const places = second === null ? [first] : [first, second];
  fill(section,
    element("h2", { id: "methods-title" }, places.map((place) => nameOf(results.rows[place])).join(" beside ")),
    element("div", { class: "controls" },
      choice("Method", options, key, (one) => go(one, besideKey === one ? "" : besideKey)),
      choice("Beside it", [["", "none"], ...options.filter(([other]) => other !== key)], besideKey, (other) => go(key, other))),
    places.map((place) => factsOf(place, places.length > 1)),
    element("h3", {}, "Training"), element("div", { class: "charts" }, trainingCharts(places)),
    element("h3", {}, "Neural collapse"), element("div", { class: "charts" }, collapseCharts(places)),
    element("h3", {}, "Classes"), element("div", { class: "charts two" }, classCharts(places)),
    imagePanel(places),
    element("h3", {}, "Calibration and robustness"), element("div", { class: "charts" }, reliabilityCharts(places)));
}

function factsOf(place, isNamed) {
  const row = results.rows[place];
  const cell = (title, value) => element("div", { class: "card" }, element("dt", {}, title), element("dd", {}, value));
  const metric = (name, scale, digits) => spread(metricOf(row, name), scale, digits, row.finished ? "its runs do not have it" : noRun);
  const runs = results.runs.filter((run) => !run.role && run.method === row.method && run.imbalance === row.imbalance);
  return element("div", {},
    isNamed ? element("h4", {}, nameOf(row)) : "",
    element("p", {}, `${row.parts}. `,
      runs.length ? element("a", { href: `#runs/${encodeURIComponent(row.method)}` }, `${row.finished} of ${row.planned} runs are finished`) : ""),
    element("dl", { class: "cards" },
      cell("Accuracy, %", metric("accuracy_last", 100, 2)),
      cell("Many / medium / few, %", element("span", {}, ["many", "medium", "few"].map((name, place) =>
        [place ? " / " : "", isNumber(metricOf(row, name)?.mean) ? percent(metricOf(row, name).mean, 1) : missing("no such class, or no finished run")]))),
      cell(`To ${results.reference}, points`, referenceDifference(row)),
      cell("Calibration error (ECE), %", metric("ece", 100, 2)),
      cell("Minutes a run", isNumber(row.minutes) ? row.minutes.toFixed(1) : missing(noRun))));
}
