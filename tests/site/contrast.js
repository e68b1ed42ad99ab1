// Every pair of text colour and background that the page shows in a theme, where the contrast (WCAG 2) is below what is asked.
([theme, least]) => {
  const root = document.documentElement;
  root.dataset.mode = root.dataset.theme = theme;
  document.querySelectorAll("details").forEach((details) => (details.open = true));
  document.querySelectorAll(".dropdown-menu").forEach((menu) => menu.classList.add("show"));

  // The canvas knows every way to write a colour.
  const pen = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const known = new Map();
  const parse = (colour) => {
    if (!known.has(colour)) {
      pen.clearRect(0, 0, 1, 1);
      pen.fillStyle = colour;
      pen.fillRect(0, 0, 1, 1);
      const [red, green, blue, alpha] = pen.getImageData(0, 0, 1, 1).data;
      known.set(colour, [red, green, blue, alpha / 255]);
    }
    return known.get(colour);
  };
  const over = (top, bottom, opacity = 1) => {
    const alpha = top[3] * opacity;
    return [0, 1, 2].map((i) => top[i] * alpha + bottom[i] * (1 - alpha)).concat(1);
  };
  const luminance = (colour) => {
    const [red, green, blue] = colour
      .slice(0, 3)
      .map((value) => value / 255)
      .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const ratio = (one, other) => {
    const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (light + 0.05) / (dark + 0.05);
  };
  const background = (element) => {
    const layers = [];
    for (let box = element; box; box = box.parentElement) layers.unshift(parse(getComputedStyle(box).backgroundColor));
    return layers.reduce((below, layer) => over(layer, below), theme === "dark" ? [0, 0, 0, 1] : [255, 255, 255, 1]);
  };
  const opacity = (element) => {
    let value = 1;
    for (let box = element; box; box = box.parentElement) value *= parseFloat(getComputedStyle(box).opacity);
    return value;
  };

  const shown = new Set();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (walker.currentNode.data.trim() && !element.closest("script, style, noscript, mjx-assistive-mml")) shown.add(element);
  }
  document.querySelectorAll("mjx-container").forEach((formula) => shown.add(formula));

  const poor = new Map();
  let looked = 0;
  for (const element of shown) {
    if (!element.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true })) continue;
    const behind = background(element);
    const ink = over(parse(getComputedStyle(element).color), behind, opacity(element));
    const contrast = ratio(ink, behind);
    looked += 1;
    if (contrast >= least) continue;
    const text = element.textContent.trim().slice(0, 40);
    const kind = `${element.parentElement.getAttribute("class") ?? ""} > ${element.tagName.toLowerCase()}.${element.getAttribute("class") ?? ""}`;
    const rgb = (colour) => colour.slice(0, 3).map(Math.round).join(" ");
    poor.set(kind, `${contrast.toFixed(2)}: ${rgb(ink)} on ${rgb(behind)}: ${kind}: ${text}`);
  }
  const figures = [...document.querySelectorAll("main figure img, main .cell_output img")].map((image) => ({
    source: image.getAttribute("src"),
    luminance: luminance(background(image)),
  }));
  return { looked, poor: [...poor.values()], figures };
}
