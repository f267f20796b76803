// Pages of a wall, one after the other. What a person does with the wall holds it.
import { Turning } from "./sheets.js";
import { say } from "./tiles.js";

const area = document.querySelector("[data-cycle]");
const still = matchMedia("(prefers-reduced-motion: reduce)");

// The heading comes again when cameras come or go.
function head({ number, held }) {
  const place = document.querySelector("[data-cycle-number]");
  if (place) place.textContent = number;
  const button = document.querySelector("[data-cycle-hold]");
  if (!button) return;
  button.hidden = false;
  button.setAttribute("aria-pressed", String(held.has("wish")));
}

const turning = new Turning(area, 1000 * area.dataset.cycle, { held: still.matches ? ["wish"] : [], shown: head });
const wish = () => turning.hold("wish", !turning.held.has("wish"));

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-cycle-hold]")) wish();
  const link = event.target.closest("#wall-head a[rel=next], #wall-head a[rel=prev]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  turning.turn(link.rel === "next" ? 1 : -1);
  say(area.dataset.next.replace("{page}", turning.number).replace("{pages}", turning.sheets.length));
});
document.addEventListener("falconeye:hold", wish);
area.addEventListener("pointerenter", ({ pointerType }) => { if (pointerType === "mouse") turning.hold("pointer", true); });
area.addEventListener("pointerleave", () => turning.hold("pointer", false));
area.addEventListener("focusin", () => turning.hold("focus", true));
area.addEventListener("focusout", ({ relatedTarget }) => { if (!area.contains(relatedTarget)) turning.hold("focus", false); });
document.addEventListener("visibilitychange", () => turning.hold("hidden", document.hidden));
still.addEventListener("change", ({ matches }) => { if (matches) turning.hold("wish", true); });
document.addEventListener("htmx:after:swap", () => {
  turning.swapped();
  // What had the focus may be gone, which no event tells.
  if (!area.contains(document.activeElement)) turning.hold("focus", false);
});
turning.begin();
