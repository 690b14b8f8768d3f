"use strict";
// Making elements. Every text goes in as text: whatever a method is called, it is no markup.

const results = JSON.parse(document.getElementById("results").textContent);

/** An element with attributes, then texts and elements in it. An attribute that is false or missing is left out. */
function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(attribute, value);
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(attribute, value === true ? "" : value);
  }
  return fill(made, children);
}

/** Puts texts and elements into `holder`, instead of what is there. Lists may stand within lists; what is missing or empty is left out. */
function fill(holder, ...children) {
  holder.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== ""));
  return holder;
}

/** A select of `options`, pairs of a value and its text, with its label. */
function choice(label, options, chosen, change) {
  const select = element("select", { change: () => change(select.value) },
    options.map(([value, text]) => element("option", { value, selected: value === chosen }, text)));
  return element("label", {}, label, select);
}

/** A field to search in, with its label. */
function search(label, change) {
  const input = element("input", { type: "search", autocomplete: "off", input: () => change(input.value.trim().toLowerCase()) });
  return element("label", {}, label, input);
}

/** Inline Markdown: `code` and *emphasis*. */
function inline(text) {
  const pieces = [];
  let rest = text;
  for (let found; (found = rest.match(/(`+)([^]*?[^`])\1(?!`)|\*([^*]+)\*/)); ) {
    pieces.push(rest.slice(0, found.index));
    pieces.push(found[1] ? element("code", {}, found[2].trim()) : element("em", {}, found[3]));
    rest = rest.slice(found.index + found[0].length);
  }
  return [...pieces, rest];
}

/** Paragraphs and lists of Markdown. */
function prose(text) {
  return text.trim().split(/\n\n+/).map((block) => {
    const lines = block.split("\n");
    if (lines.every((line) => line.startsWith("- "))) {
      return element("ul", {}, lines.map((line) => element("li", {}, inline(line.slice(2)))));
    }
    return element("p", {}, inline(block));
  });
}
