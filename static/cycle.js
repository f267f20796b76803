// Pages of a wall, one after the other. The next one connects out of sight before it is shown, so that no more
// pictures are live than those of two pages. What a person does with the wall holds it.
import { say } from "./tiles.js";

const LEAD_MS = 3000; // before a page is shown it connects
const area = document.querySelector("[data-cycle]");
const every = 1000 * area.dataset.cycle;
const still = matchMedia("(prefers-reduced-motion: reduce)");
const held = new Set(still.matches ? ["wish"] : []); // why it stands: a wish, a pointer, the focus, a page out of sight
const sheets = () => [...area.querySelectorAll("[data-sheet]")];
let number = Number(sheets().find((sheet) => !sheet.hidden)?.dataset.sheet ?? 1);
let timer; // while it cycles
let ready = null; // the page that gets ready

const after = (from, step = 1) => {
  const count = sheets().length;
  return ((from - 1 + step + count) % count) + 1;
};

function apply() {
  for (const sheet of sheets()) {
    const its = Number(sheet.dataset.sheet);
    sheet.hidden = its !== number && its !== ready;
    sheet.inert = its !== number;
    sheet.classList.toggle("is-next", its === ready && its !== number);
  }
  const place = document.querySelector("[data-cycle-number]");
  if (place) place.textContent = number;
  const button = document.querySelector("[data-cycle-hold]");
  if (!button) return;
  button.hidden = false;
  button.setAttribute("aria-pressed", String(held.has("wish")));
}

function begin() {
  clearTimeout(timer);
  timer = ready = null;
  number = Math.min(number, Math.max(1, sheets().length));
  apply();
  if (held.size || sheets().length < 2) return;
  timer = setTimeout(() => {
    ready = after(number);
    apply();
    timer = setTimeout(() => { number = after(number); begin(); }, LEAD_MS);
  }, Math.max(0, every - LEAD_MS));
}

// States and counts come every few seconds, and all pages anew when cameras come or go: neither puts the next page off.
function swapped() {
  const count = sheets().length;
  if (Boolean(timer) === (!held.size && count > 1) && number <= count && (ready ?? 1) <= count) apply();
  else begin();
}

function hold(why, on) {
  if (held.has(why) === on) return;
  if (on) held.add(why);
  else held.delete(why);
  begin();
}

function turn(step) {
  number = after(number, step);
  begin();
  say(area.dataset.next.replace("{page}", number).replace("{pages}", sheets().length));
}

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-cycle-hold]")) hold("wish", !held.has("wish"));
  const link = event.target.closest("#wall-head a[rel=next], #wall-head a[rel=prev]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  turn(link.rel === "next" ? 1 : -1);
});
document.addEventListener("falconeye:hold", () => hold("wish", !held.has("wish")));
area.addEventListener("pointerenter", ({ pointerType }) => { if (pointerType === "mouse") hold("pointer", true); });
area.addEventListener("pointerleave", () => hold("pointer", false));
area.addEventListener("focusin", () => hold("focus", true));
area.addEventListener("focusout", ({ relatedTarget }) => { if (!area.contains(relatedTarget)) hold("focus", false); });
document.addEventListener("visibilitychange", () => hold("hidden", document.hidden));
still.addEventListener("change", ({ matches }) => { if (matches) hold("wish", true); });
document.addEventListener("htmx:after:swap", swapped);
begin();
