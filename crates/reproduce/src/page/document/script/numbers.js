// Numbers as people read them. A number that is not there is a dash with its reason.

function missing(reason) {
  return element("span", { class: "missing", title: reason }, "—", element("span", { class: "unseen" }, ` (${reason})`));
}

function isNumber(value) {
  return typeof value === "number" && Number.isFinite(value);
}

/** A class by number and name. */
function classOf(index) {
  const name = results.class_names[index];
  return name && name !== String(index) ? `${index} (${name})` : String(index);
}

/** A share of one in percent. */
function percent(value, digits = 2) {
  return (100 * value).toFixed(digits);
}

/** A difference of shares in points, with its sign. */
function points(value) {
  const text = (100 * Math.abs(value)).toFixed(2);
  return (value < 0 && text !== "0.00" ? "−" : "+") + text;
}

/** Mean ± deviation over seeds, times `scale`. */
function spread(value, scale, digits, reason) {
  if (!value) return missing(reason);
  if (!isNumber(value.mean)) return missing("not a number: a training diverged");
  const mean = (scale * value.mean).toFixed(digits);
  if (!isNumber(value.deviation)) return mean;
  return element("span", {}, mean, element("span", { class: "deviation" }, ` ± ${(scale * value.deviation).toFixed(digits)}`));
}

function minutes(value) {
  if (value < 1) return `${(60 * value).toFixed(0)} s`;
  if (value >= 120) return `${(value / 60).toFixed(1)} h`;
  return value >= 10 ? `${value.toFixed(0)} min` : `${value.toFixed(1)} min`;
}

const SIGNS = { better: "▲", worse: "▼", undecided: "○" };

/** What a difference is worth, by sign, word and colour; the word of an undecided one is for readers who see no sign. */
function verdict(kind, text, word = kind, title = "") {
  return element("span", { class: `verdict ${kind}`, title: title || false }, `${SIGNS[kind]} ${text} `,
    element("span", { class: kind === "undecided" ? "unseen" : false }, word));
}

/** The name of a row, and of its imbalance where the grid has several. */
const imbalances = [...new Set(results.rows.map((row) => row.imbalance))];
function nameOf(row) {
  return imbalances.length > 1 ? `${row.method}, ${row.imbalance}` : row.method;
}
