// The parts of the page, and which of them is shown: the address after # says it, so that one can be sent to somebody.

const PARTS = ["overview", "methods", "runs"];

function go() {
  const [part, ...words] = location.hash.slice(1).split("/");
  const shown = PARTS.includes(part) ? part : "overview";
  if (part === "content") return; // to the content of what is shown
  const names = words.map(decodeURIComponent);
  for (const other of PARTS) {
    document.getElementById(other).hidden = other !== shown;
    const link = document.querySelector(`nav a[href="#${other}"]`);
    if (other === shown) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (shown === "methods" && results.rows.length) {
    const [first, second] = names.map(rowOf);
    showMethods(first ?? 0, second ?? null);
  }
  if (shown === "runs") showRuns(names[0] ?? "");
  if (part) window.scrollTo({ top: 0, behavior: "instant" });
}

function start() {
  document.title = `${results.title} – results`;
  document.getElementById("title").textContent = results.title;
  startTheme();
  showOverview();
  go();
  window.addEventListener("hashchange", go);
  setTimeout(() => chartLibrary().catch(() => {}), 300); // so that it is there when somebody prints
}

try {
  start();
} catch (error) {
  const fault = document.getElementById("fault");
  fault.textContent = `The page cannot be shown: ${error.message}. summary.md beside it has the same numbers.`;
  fault.hidden = false;
  throw error;
}
