// Thumbnails of test images, and what methods take them for.

/** Class by class: the images that most runs of the grid get wrong, and those that they are surest of. */
function imagePanel(places) {
  const { shown: images, missing: absent } = results.images;
  if (absent) return element("p", { class: "absent" }, "Test images: ", missing(absent), ` ${absent}`);
  const labels = [...new Set(images.shown.map(({ label }) => label))];
  const order = `Below each image: what most runs take it for, and how sure they are${places.length > 1 ? `; ${places.map((place) => nameOf(results.rows[place])).join(" above ")}` : ""}.`;
  const make = () => [element("p", { class: "legend" }, order), ...labels.map((label) => {
    const own = images.shown.map((image, at) => [image, at]).filter(([image]) => image.label === label);
    const of = (isHard) => own.filter(([image]) => image.is_hard === isHard).map(([image, at]) => thumbnail(image, at, images, places));
    return element("div", { class: "class-images" },
      element("h4", {}, `Class ${classOf(label)}`),
      element("div", { class: "thumbnails" }, of(true), of(false)));
  })];
  return element("details", { class: "panel", toggle: (event) => {
    if (event.target.open && event.target.children.length === 1) event.target.append(...make());
  } }, element("summary", {}, "Test images that most runs get wrong, and those that they are surest of"));
}

function thumbnail(image, at, images, places) {
  const says = (place) => {
    const answer = images.answers[place][at];
    if (!answer) return missing("its runs have no predictions");
    const isRight = answer.prediction === image.label;
    const sure = isNumber(answer.confidence) ? `, ${percent(answer.confidence, 0)} %` : "";
    return element("span", { class: `verdict ${isRight ? "better" : "worse"}`, title: `taken for class ${classOf(answer.prediction)}; ${answer.right} of ${answer.runs} runs are right` },
      `${isRight ? "✓" : "✗"} ${answer.prediction}${sure}`);
  };
  const name = `Test image ${image.image} of class ${classOf(image.label)}, ${image.is_hard ? "which most runs get wrong" : "which the runs are sure of"}`;
  const canvas = element("canvas", { width: images.side, height: images.side, role: "img", "aria-label": name, title: name });
  const bytes = Uint8Array.from(atob(image.pixels), (byte) => byte.charCodeAt(0));
  const picture = canvas.getContext("2d").createImageData(images.side, images.side);
  for (let pixel = 0; pixel < bytes.length / 3; pixel += 1) {
    picture.data.set([...bytes.subarray(3 * pixel, 3 * pixel + 3), 255], 4 * pixel);
  }
  canvas.getContext("2d").putImageData(picture, 0, 0);
  return element("div", { class: "thumbnail" }, canvas, places.map((place) => element("div", {}, says(place))));
}
