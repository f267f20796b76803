// The wall: remembers its layout, full screen, and keys (arrows, Enter, 1–9, f).
const wall = document.querySelector("[data-wall]");
const LAYOUT = "falconeye.layout";

const store = {
  get: () => { try { return localStorage.getItem(LAYOUT); } catch { return null; } },
  set: (value) => { try { localStorage.setItem(LAYOUT, value); } catch { /* storage is switched off: the address remembers */ } },
};

document.addEventListener("click", ({ target }) => {
  const link = target.closest("[data-layout]");
  if (link) store.set(link.dataset.layout);
  if (target.closest("[data-wall-fullscreen]")) fullscreen();
});
const wanted = store.get();
const shown = document.querySelector("[data-layout][aria-current]")?.dataset.layout;
if (wanted && shown && wanted !== shown && !location.search.includes("layout=")
  && document.querySelector(`[data-layout="${CSS.escape(wanted)}"]`)) {
  location.replace(`?layout=${encodeURIComponent(wanted)}`);
}

const names = () => [...wall.querySelectorAll(".tile-name")];
const columns = () => getComputedStyle(wall.querySelector(".wall")).gridTemplateColumns.split(" ").length;

function fullscreen() {
  if (document.fullscreenElement) document.exitFullscreen();
  else wall.requestFullscreen?.();
}

function move(step) {
  const all = names();
  const at = all.indexOf(document.activeElement);
  const to = at < 0 ? 0 : at + step;
  if (to >= 0 && to < all.length) all[to].focus();
}

const steps = { ArrowLeft: () => -1, ArrowRight: () => 1, ArrowUp: () => -columns(), ArrowDown: columns };

function key(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea, details, dialog")) return;
  if (steps[event.key]) { if (names().length) move(steps[event.key]()); }
  else if (event.key === "f") fullscreen();
  else if (/^[1-9]$/.test(event.key)) names()[Number(event.key) - 1]?.focus();
  else return;
  event.preventDefault();
}

if (wall) {
  document.addEventListener("keydown", key);
  // The heading comes again when cameras come or go.
  const offer = () => {
    const button = document.querySelector("[data-wall-fullscreen]");
    if (button) button.hidden = !document.fullscreenEnabled;
  };
  offer();
  document.addEventListener("htmx:after:swap", offer);
}
