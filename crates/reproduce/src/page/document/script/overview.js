// The overview: what was trained, the table, and its charts.

const noRun = "no run is finished";

function metricOf(row, name) {
  return row.metrics[name] ?? null;
}

function publishedCell(row) {
  const published = row.published;
  if (!published) return missing("no number is published for it");
  const source = [published.source, published.note, published.differs && `unlike here: ${published.differs}`];
  return element("span", { title: source.filter(Boolean).join("; ") }, published.percent);
}

/** Coloured by where the published number lies to the interval of ours, not by the sign. */
function publishedDifference(row) {
  const published = row.published;
  if (!published) return missing("no number is published for it");
  if (!isNumber(published.difference)) {
    return missing(row.finished ? "the published training has another length" : noRun);
  }
  const difference = points(published.difference);
  if (!published.interval) {
    return verdict("undecided", difference, "one seed", "One seed has no interval.");
  }
  const [low, high] = published.interval;
  const title = `Our mean lies between ${percent(low)} and ${percent(high)} % (95 %).`;
  const ours = metricOf(row, results.selected).mean;
  const theirs = ours - published.difference;
  if (theirs < low) return verdict("better", difference, "above", title);
  return theirs > high ? verdict("worse", difference, "below", title) : verdict("undecided", difference, "inside", title);
}

function referenceDifference(row, measure = "top-1") {
  if (row.method === results.reference) return missing("it is the reference");
  if (!row.finished) return missing(noRun);
  const cell = row.against?.cells[measure];
  if (!cell) return missing("it cannot be compared: it or the reference has no predictions, or no seed in common");
  const remarks = [row.against.networks ? "One seed: about these networks, not the methods." : "", ...row.against.remarks];
  const title = [`p = ${cell.p.toPrecision(2)}.`, ...remarks].filter(Boolean).join(" ");
  return verdict(cell.verdict, `${points(cell.difference)} ± ${percent(cell.margin)}`, cell.verdict, title);
}

function methodLink(row) {
  return element("a", { href: `#methods/${encodeURIComponent(keyOf(row))}`, title: row.parts }, row.method);
}

function columnsOfOverview() {
  const accuracy = (title, name, help) => ({
    title, help,
    value: (row) => metricOf(row, name)?.mean,
    cell: (row) => spread(metricOf(row, name), 100, 2, row.finished ? "its runs do not have it" : noRun),
  });
  const collapse = (title, name, help) => ({
    title, help,
    value: (row) => metricOf(row, name)?.mean,
    cell: (row) => spread(metricOf(row, name), 1, 3, row.finished ? "its runs do not have it" : noRun),
  });
  const has = (name) => results.rows.some((row) => metricOf(row, name));
  return [
    { title: "Method", word: true, value: (row) => row.method, cell: methodLink },
    imbalances.length > 1 && { title: "Imbalance", word: true, value: (row) => row.imbalance, cell: (row) => row.imbalance },
    { title: "Seeds", help: "Finished of planned", value: (row) => row.finished, cell: (row) => `${row.finished} of ${row.planned}` },
    accuracy("Last %", "accuracy_last", "Accuracy on the test split after the last epoch"),
    has("accuracy_selected") && accuracy("Selected %", "accuracy_selected", "Test accuracy after the epoch that the validation split chose"),
    accuracy("Many %", "many", "Mean accuracy of many-shot classes"),
    accuracy("Medium %", "medium", "Mean accuracy of medium-shot classes"),
    accuracy("Few %", "few", "Mean accuracy of few-shot classes"),
    { title: `To ${results.reference}`, help: `Top-1 less that of ${results.reference}, in points, with the 95 % interval`,
      value: (row) => row.against?.cells["top-1"]?.difference, cell: (row) => referenceDifference(row) },
    results.rows.some((row) => row.published) && { title: "Published %", value: (row) => Number(row.published?.percent ?? NaN), cell: publishedCell },
    results.rows.some((row) => row.published) && { title: "To published", help: "Ours less the published number, in points",
      value: (row) => row.published?.difference, cell: publishedDifference },
    collapse("NC1", "nc1", "Within-class over between-class scatter of training features"),
    collapse("NC2", "nc2_equiangularity", "Distance of the angles between class means from a simplex"),
    { title: "Minutes", help: "Training of a run with those it needs, such as its first stage", value: (row) => row.minutes,
      cell: (row) => (isNumber(row.minutes) ? row.minutes.toFixed(1) : missing(row.finished ? "a run that it needs is not finished" : noRun)) },
  ].filter(Boolean);
}

/** Methods without and with the NC regularizer, all else equal. */
function columnsOfPairs() {
  const both = (title, name, scale, digits, lowerIsBetter) => ({
    title,
    help: lowerIsBetter ? "Without → with NC; lower is more collapsed" : "Without → with NC",
    value: ([without, withNc]) => {
      const [a, b] = [metricOf(without, name)?.mean, metricOf(withNc, name)?.mean];
      return isNumber(a) && isNumber(b) ? b - a : null;
    },
    cell: ([without, withNc]) => {
      const [a, b] = [without, withNc].map((row) => spread(metricOf(row, name), scale, digits, row.finished ? "its runs do not have it" : noRun));
      return element("span", {}, a, " → ", b);
    },
  });
  return [
    { title: "Without → with NC", word: true, value: ([without]) => without.method,
      cell: ([without, withNc]) => element("span", {}, methodLink(without), " → ", methodLink(withNc)) },
    imbalances.length > 1 && { title: "Imbalance", word: true, value: ([without]) => without.imbalance, cell: ([without]) => without.imbalance },
    both("Last %", "accuracy_last", 100, 2),
    both("Many %", "many", 100, 2),
    both("Medium %", "medium", 100, 2),
    both("Few %", "few", 100, 2),
    both("NC1", "nc1", 1, 3, true),
    both("NC2", "nc2_equiangularity", 1, 3, true),
  ].filter(Boolean);
}

function cards() {
  const finished = results.rows.reduce((sum, row) => sum + row.finished, 0);
  const planned = results.rows.reduce((sum, row) => sum + row.planned, 0);
  const ranked = results.rows.filter((row) => isNumber(metricOf(row, results.selected)?.mean))
    .toSorted((a, b) => metricOf(b, results.selected).mean - metricOf(a, results.selected).mean);
  const [best] = ranked;
  const fewest = ranked.filter((row) => isNumber(metricOf(row, "few")?.mean)).toSorted((a, b) => metricOf(b, "few").mean - metricOf(a, "few").mean)[0];
  const seconds = results.runs.reduce((sum, run) => sum + (run.outcome.shown?.seconds ?? 0), 0);
  const decided = results.rows.filter((row) => row.against && row.against.cells["top-1"].verdict !== "undecided").length;
  const compared = results.rows.filter((row) => row.against).length;
  const card = (title, value, below) => element("div", { class: "card" }, element("dt", {}, title), element("dd", {}, value, below ? element("small", {}, below) : ""));
  return element("dl", { class: "cards" },
    card("Runs", `${finished} of ${planned}`, finished < planned ? "finished; the others are listed below" : "finished"),
    best ? card("Highest accuracy", `${percent(metricOf(best, results.selected).mean)} %`, nameOf(best)) : "",
    fewest ? card("Highest few-shot accuracy", `${percent(metricOf(fewest, "few").mean)} %`, nameOf(fewest)) : "",
    compared ? card(`Differences to ${results.reference}`, `${decided} of ${compared}`, "are decided at 5 % (Holm)") : "",
    seconds ? card("Training and evaluation", minutes(seconds / 60), "all runs added up") : "");
}

function tablePanel() {
  const overview = sortable("Methods: accuracy, differences and neural collapse", columnsOfOverview(), results.rows);
  const pairRows = results.pairs.map(([without, withNc]) => [results.rows[without], results.rows[withNc]]);
  const pairs = pairRows.length ? sortable("Methods without and with NC", columnsOfPairs(), pairRows) : null;
  const count = element("p", { class: "count", role: "status" });
  const wanted = { text: "", family: "", imbalance: "" };
  const matches = (row) =>
    (!wanted.text || `${row.method} ${row.parts}`.toLowerCase().includes(wanted.text)) &&
    (!wanted.family || (row.family ?? "") === wanted.family) &&
    (!wanted.imbalance || row.imbalance === wanted.imbalance);
  function apply(change) {
    Object.assign(wanted, change);
    const shown = overview.filter(matches);
    pairs?.filter((pair) => pair.some(matches));
    count.textContent = shown === results.rows.length ? "" : `${shown} of ${results.rows.length} rows`;
  }
  const families = [...new Set(results.rows.map((row) => row.family).filter(Boolean))];
  const beside = element("input", { type: "checkbox", change: () => {
    overview.element.hidden = beside.checked;
    pairs.element.hidden = !beside.checked;
  } });
  if (pairs) pairs.element.hidden = true;
  return element("div", {},
    element("div", { class: "controls" },
      search("Find a method", (text) => apply({ text })),
      families.length > 1 ? choice("Family", [["", "All families"], ...families.map((family) => [family, family])], "", (family) => apply({ family })) : "",
      imbalances.length > 1 ? choice("Imbalance", [["", "All"], ...imbalances.map((imbalance) => [imbalance, imbalance])], "", (imbalance) => apply({ imbalance })) : "",
      pairs ? element("label", { class: "check" }, beside, "Without and with NC side by side") : "",
      count),
    overview.element, pairs?.element,
    element("p", { class: "legend" },
      "Mean ± standard deviation over seeds. Differences are coloured by what they are worth, not by their sign: ",
      verdict("better", "better", "or above"), verdict("worse", "worse", "or below"), verdict("undecided", "undecided, or inside the interval", "")));
}

function showOverview() {
  const section = document.getElementById("overview");
  const [summary, ...more] = prose(results.protocol);
  fill(section,
    element("h2", { id: "overview-title" }, "Overview"),
    cards(),
    element("details", { class: "panel", open: true }, element("summary", {}, "What the numbers depend on"), summary,
      element("details", {}, element("summary", {}, "Methods, columns and groups"), more),
      element("p", {}, "Made by ", element("code", {}, results.command))),
    tablePanel(),
    element("h3", {}, "What the differences are worth"),
    forestPlot(),
    element("h3", {}, "Accuracy against cost"),
    costChart(),
    results.remarks.length ? element("h3", {}, "To know about the table") : "",
    results.remarks.length ? element("div", { class: "panel" }, results.remarks.map(prose)) : "");
}
