// The slider of gradio follows the mouse alone: arrow keys move it as if it were dragged.
const STEP = 0.02;
function describe(handle) {
  const thumb = handle.firstElementChild.getBoundingClientRect(), frame = handle.parentElement.getBoundingClientRect();
  const place = Math.round(100 * (thumb.x + thumb.width / 2 - frame.x) / frame.width);
  handle.setAttribute("aria-valuenow", String(place));
}
document.addEventListener("focusin", (event) => {
  const handle = event.target.closest?.("#compare [data-testid=slider]");
  if (handle) describe(handle);
});
document.addEventListener("keydown", (event) => {
  const handle = event.target.closest?.("#compare [data-testid=slider]");
  const direction = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (!handle || !direction) return;
  event.preventDefault();
  const thumb = handle.firstElementChild.getBoundingClientRect();
  const x = thumb.x + thumb.width / 2, y = thumb.y + thumb.height / 2;
  const step = direction * STEP * handle.parentElement.clientWidth;
  const at = (place) => ({ clientX: place, clientY: y, bubbles: true, cancelable: true, view: window });
  handle.dispatchEvent(new MouseEvent("mousedown", at(x)));
  window.dispatchEvent(new MouseEvent("mousemove", at(x + step)));
  window.dispatchEvent(new MouseEvent("mouseup", at(x + step)));
  describe(handle);
});
new MutationObserver(() => {
  const handle = document.querySelector("#compare [data-testid=slider]:not([tabindex])");
  handle?.setAttribute("tabindex", "0");
  handle?.setAttribute("role", "slider");
  handle?.setAttribute("aria-label", "Boundary between original and result");
}).observe(document, { childList: true, subtree: true });
