// Tables that are sorted by a click on a column's name.

/**
 * A table of `rows`. A column has a title, what a cell shows and, if rows are sorted by it, its value; the first one names the row. What
 * is missing comes last in both orders.
 */
function sortable(caption, columns, rows) {
  let sorted = null;
  let ascending = true;
  let shown = () => true;
  const heads = columns.map((column) => {
    const content = column.value
      ? element("button", { type: "button", title: column.help, click: () => sortBy(column) }, column.title)
      : column.title;
    return element("th", { scope: "col", class: column.word ? "word" : false, title: column.help }, content);
  });
  const lines = rows.map((row) => [row, element("tr", {}, columns.map((column, place) =>
    place === 0
      ? element("th", { scope: "row" }, column.cell(row))
      : element("td", { class: column.word ? "word" : false }, column.cell(row))))]);
  const body = element("tbody");
  const table = element("table", {},
    element("caption", { class: "unseen" }, caption), element("thead", {}, element("tr", {}, heads)), body);

  function compare([left], [right]) {
    const [a, b] = [sorted.value(left), sorted.value(right)];
    const [noA, noB] = [a, b].map((value) => value === null || value === undefined || Number.isNaN(value));
    if (noA || noB) return noA - noB;
    const order = typeof a === "string" ? a.localeCompare(b, undefined, { numeric: true }) : a - b;
    return ascending ? order : -order;
  }
  function sortBy(column) {
    ascending = sorted === column ? !ascending : Boolean(column.word);
    sorted = column;
    columns.forEach((other, place) => {
      if (other === sorted) heads[place].setAttribute("aria-sort", ascending ? "ascending" : "descending");
      else heads[place].removeAttribute("aria-sort");
    });
    draw();
  }
  function draw() {
    const kept = lines.filter(([row]) => shown(row));
    body.replaceChildren(...(sorted ? kept.toSorted(compare) : kept).map(([, line]) => line));
    return kept.length;
  }
  draw();
  return {
    element: element("div", { class: "scroll", role: "region", "aria-label": caption, tabindex: "0" }, table),
    /** Shows the rows for which `predicate` holds; returns their number. */
    filter(predicate) { shown = predicate; return draw(); },
  };
}
