// The comparison of gradio follows the mouse alone: keys, buttons and the wheel act here as a mouse would.
const STEP = 0.02, PAN = 0.1; // parts of the frame
const EVENTS_OF_KEY = 8, PIXELS_OF_EVENT = 30; // gradio zooms by 1.05 at each event of the wheel
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const find = (selector) => document.querySelector(`#compare ${selector}`);
function centre(element) {
  const { x, y, width, height } = element.getBoundingClientRect();
  return [x + width / 2, y + height / 2];
}
const at = (x, y) => ({ clientX: x, clientY: y, bubbles: true, cancelable: true, view: window });
function drag(element, x, y, right, down) {
  element.dispatchEvent(new MouseEvent("mousedown", at(x, y)));
  for (const type of ["mousemove", "mouseup"]) document.dispatchEvent(new MouseEvent(type, at(x + right, y + down)));
}
// Positive counts zoom in; gradio keeps the picture within its frame only after a drag.
function zoom(count, [x, y] = centre(find(".content"))) {
  const content = find(".content");
  for (let done = 0; done < Math.abs(count); done++) {
    content.dispatchEvent(new WheelEvent("wheel", { ...at(x, y), deltaY: -Math.sign(count) }));
  }
  drag(content, x, y, 0, 0);
}
function label(element, text) {
  element.title = text;
  element.setAttribute("aria-label", text);
}
function describe(handle) {
  const frame = handle.parentElement.getBoundingClientRect();
  const place = Math.round(100 * (centre(handle.firstElementChild)[0] - frame.x) / frame.width);
  handle.setAttribute("aria-valuenow", String(place));
}
document.addEventListener("focusin", (event) => {
  const handle = event.target.closest?.("#compare [data-testid=slider]");
  if (handle) describe(handle);
});
document.addEventListener("keydown", (event) => {
  const handle = event.target.closest?.("#compare [data-testid=slider]");
  if (!handle || event.ctrlKey || event.metaKey || event.altKey) return;
  const count = { "+": EVENTS_OF_KEY, "=": EVENTS_OF_KEY, "-": -EVENTS_OF_KEY }[event.key];
  const [right, down] = ARROWS[event.key] ?? [0, 0], width = handle.parentElement.clientWidth;
  if (count) zoom(count);
  else if (event.key === "0") find("button").click();
  else if (event.shiftKey && (right || down)) {
    drag(find(".content"), ...centre(find(".content")), -right * PAN * width, -down * PAN * width);
  } else if (right) {
    drag(handle, ...centre(handle.firstElementChild), right * STEP * width, 0);
    requestAnimationFrame(() => describe(handle));
  } else return;
  event.preventDefault();
});
document.addEventListener("wheel", (event) => {
  if (!event.isTrusted || event.ctrlKey || !event.deltaY || !event.target.closest?.("#compare .wrap:has(img)")) return;
  event.preventDefault();
  event.stopPropagation();
  zoom(-Math.sign(event.deltaY) * Math.ceil(Math.abs(event.deltaY) / PIXELS_OF_EVENT), [event.clientX, event.clientY]);
}, { capture: true, passive: false });
new MutationObserver(() => {
  const handle = find("[data-testid=slider]:not([tabindex])");
  if (!handle) return;
  handle.setAttribute("tabindex", "0");
  handle.setAttribute("role", "slider");
  label(handle, "Boundary between original and result");
  label(find("button"), "Whole picture"); // which gradio calls "Undo"
  label(find("[title='+']"), "Zoom in");
  label(find("[title='\u2212']"), "Zoom out");
}).observe(document, { childList: true, subtree: true });
