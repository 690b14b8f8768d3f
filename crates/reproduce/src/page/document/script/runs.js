// Every run: how to make it again, what it was made with, where its files are.

function showRuns(text) {
  const section = document.getElementById("runs");
  const items = results.runs.map((run) => [run, runItem(run)]);
  const count = element("p", { class: "count", role: "status" });
  const apply = (wanted) => {
    let shown = 0;
    for (const [run, item] of items) {
      item.hidden = Boolean(wanted) && !`${run.id} ${run.imbalance} seed ${run.seed}`.toLowerCase().includes(wanted.toLowerCase());
      shown += !item.hidden;
    }
    count.textContent = shown === items.length ? `${items.length} runs` : `${shown} of ${items.length} runs`;
  };
  const field = search("Find a run", apply);
  field.querySelector("input").value = text;
  fill(section,
    element("h2", { id: "runs-title" }, "Runs"),
    element("div", { class: "controls" }, field, count),
    items.map(([, item]) => item),
    results.planned > results.runs.length
      ? element("p", {}, `The page has the first ${results.runs.length} of ${results.planned} runs; `, element("a", { href: "runs.csv" }, "runs.csv"), " has all that are finished.") : "");
  apply(text);
}

function runItem(run) {
  const { shown, missing: reason } = run.outcome;
  const state = shown ? `${percent(shown.accuracy)} %, ${minutes(shown.seconds / 60)}` : reason;
  const item = element("details", { class: "run", toggle: () => {
    if (item.open && item.children.length === 1) item.append(...runDetails(run));
  } }, element("summary", {}, element("span", { class: "code" }, run.id), run.role ? element("span", { class: "deviation" }, run.role) : "", element("span", { class: "state" }, state)));
  return item;
}

function facts(pairs) {
  return element("dl", {}, pairs.filter(([, value]) => value !== null && value !== undefined)
    .map(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]));
}

function textOf(title, part) {
  const { shown, missing: absent } = part;
  return absent ? element("p", {}, `${title}: `, missing(absent), ` ${absent}`) : folded(title, () => results.texts[shown]);
}

/** A long text that is put into the page when it is asked for. */
function folded(title, text) {
  const details = element("details", { toggle: () => {
    if (details.open && details.children.length === 1) details.append(element("pre", { tabindex: "0", "aria-label": title }, text()));
  } }, element("summary", {}, title));
  return details;
}

function runDetails(run) {
  const outcome = run.outcome.shown;
  const folder = `runs/${encodeURIComponent(run.id)}/`;
  const files = run.files.map((file) => element("li", {}, element("a", { href: folder + encodeURIComponent(file) }, file)));
  const digest = (text) => element("span", { class: "code digest" }, text);
  return [
    facts([
      ["Method", run.method], ["Imbalance", run.imbalance], ["Seed", String(run.seed)],
      ...(outcome ? [
        ["Epochs", outcome.epochs ? String(outcome.epochs) : "none: its classifier is computed"],
        ["Training images", outcome.train_images.toLocaleString("en")],
        ["Arithmetic", `${outcome.precision} on ${outcome.device}, ${outcome.threads} thread${outcome.threads === 1 ? "" : "s"}`],
        ["libtorch", outcome.libtorch ?? missing("a version finished it that did not write it down")],
        ["Commit", digest(outcome.commit)], ["Data", digest(outcome.data_digest)], ["Split", digest(outcome.split_digest)],
      ] : [["State", run.outcome.missing]]),
    ]),
    outcome ? element("h4", {}, "Command that repeats it") : "", outcome ? commandOf(outcome.command) : "",
    folded("Resolved config (config.toml)", () => run.config),
    textOf("Environment (environment.toml)", run.environment),
    textOf("Indices of its training images (indices.txt)", run.split),
    element("h4", {}, "Files"),
    files.length ? element("ul", { class: "files" }, files) : element("p", {}, missing("its folder is not here"), " its folder is not here"),
  ].filter(Boolean);
}

function commandOf(command) {
  const button = element("button", { type: "button", click: async () => {
    try {
      await navigator.clipboard.writeText(command);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(text); // a page from disk may not write to the clipboard everywhere
      button.textContent = "Selected";
    }
  } }, "Copy");
  const text = element("pre", { tabindex: "0", "aria-label": "Command" }, command);
  return element("div", { class: "command" }, text, button);
}
