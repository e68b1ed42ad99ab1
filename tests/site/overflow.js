// What sticks out of the window sideways. A wide table, listing or formula may scroll inside a box of its own that fits.
() => {
  document.querySelectorAll("main details").forEach((details) => (details.open = true));
  const room = document.documentElement.clientWidth;
  const found = [];
  const describe = (element) =>
    `<${element.tagName.toLowerCase()} class="${element.getAttribute("class") ?? ""}"> ${element.textContent.trim().slice(0, 60)}`;

  for (const selector of ["html", "body", ".bd-main", ".bd-content", ".bd-article-container", ".bd-article"]) {
    for (const element of document.querySelectorAll(selector)) {
      if (element.scrollWidth > element.clientWidth + 1) {
        found.push(`${selector} is ${element.scrollWidth} wide in a room of ${element.clientWidth}`);
      }
    }
  }

  const fits = (box) => box.left >= -1 && box.right <= room + 1;
  const scrollsInItsOwnBox = (element) => {
    for (let box = element; box && !box.matches(".bd-article-container, main, body"); box = box.parentElement) {
      if (["auto", "scroll"].includes(getComputedStyle(box).overflowX) && fits(box.getBoundingClientRect())) return true;
    }
    return false;
  };
  const isLeaf = (element) =>
    element.matches("img, svg, mjx-math, pre, table, input, button") ||
    [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());

  for (const element of document.querySelectorAll("main *, footer *")) {
    if (element.closest(".bd-sidebar-secondary, mjx-assistive-mml, .dropdown-menu, script, style")) continue;
    if (!element.checkVisibility({ checkVisibilityCSS: true }) || !isLeaf(element)) continue;
    const box = element.getBoundingClientRect();
    if (box.width && !fits(box) && !scrollsInItsOwnBox(element)) {
      found.push(`${describe(element)} spans ${Math.round(box.left)} to ${Math.round(box.right)} in a room of ${room}`);
    }
  }
  return found;
}
