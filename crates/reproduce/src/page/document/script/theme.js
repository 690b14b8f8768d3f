// Light and dark: as the system has it, until the button says otherwise.

const themeButton = document.getElementById("theme");
const systemIsDark = window.matchMedia("(prefers-color-scheme: dark)");
let printing = false;

function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return !printing && (chosen ? chosen === "dark" : systemIsDark.matches);
}

function showTheme() {
  themeButton.setAttribute("aria-pressed", String(isDark()));
  redrawCharts();
}

/** A colour of the style sheet as charts take it. */
function colour(name) {
  const probe = element("span", { style: `color: var(--${name})` });
  if (printing) probe.style.colorScheme = "light";
  document.body.append(probe);
  const resolved = getComputedStyle(probe).color;
  probe.remove();
  return resolved;
}

function startTheme() {
  try {
    const kept = localStorage.getItem("longtail-theme");
    if (kept === "dark" || kept === "light") document.documentElement.dataset.theme = kept;
  } catch { /* a browser that keeps nothing for files */ }
  themeButton.addEventListener("click", () => {
    const theme = isDark() ? "light" : "dark";
    document.documentElement.dataset.theme = theme;
    try { localStorage.setItem("longtail-theme", theme); } catch { /* likewise */ }
    showTheme();
  });
  systemIsDark.addEventListener("change", showTheme);
  window.addEventListener("beforeprint", () => { printing = true; redrawCharts(); drawAll(); });
  window.addEventListener("afterprint", () => { printing = false; redrawCharts(); });
  themeButton.setAttribute("aria-pressed", String(isDark()));
}
