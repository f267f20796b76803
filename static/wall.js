// The wall: remembers its layout, data saver and whether keys count; full screen, and keys (they are listed on the page).
import { saver } from "./saver.js";
import { tileKey } from "./tiles.js";

const wall = document.querySelector("[data-wall]");
const LAYOUT = "falconeye.layout";
const KEYS = "falconeye.keys";

const store = {
  get: (name) => { try { return localStorage.getItem(name); } catch { return null; } },
  set: (name, value) => { try { localStorage.setItem(name, value); } catch { /* storage is switched off: the address remembers */ } },
};

const isSaved = /[?&]wall=[^&]/.test(location.search); // it has a layout of its own

document.addEventListener("click", ({ target }) => {
  const link = target.closest("[data-layout]");
  if (link && !isSaved) store.set(LAYOUT, link.dataset.layout);
  if (target.closest("[data-wall-fullscreen]")) fullscreen();
});
const wanted = store.get(LAYOUT);
const shown = document.querySelector("[data-layout][aria-current]")?.dataset.layout;
if (wanted && shown && wanted !== shown && !isSaved && !location.search.includes("layout=")
  && document.querySelector(`[data-layout="${CSS.escape(wanted)}"]`)) {
  const query = new URLSearchParams(location.search);
  query.set("layout", wanted);
  location.replace(`?${query}`);
}

const names = () => [...wall.querySelectorAll(".wall:not([hidden], [inert]) .tile-name")];
const columns = () => getComputedStyle(wall.querySelector(".wall:not([hidden])")).gridTemplateColumns.split(" ").length;

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

function help() {
  const list = document.getElementById("wall-keys");
  if (!list) return;
  list.open = !list.open;
  if (list.open) list.querySelector("summary").focus();
}

const steps = { ArrowLeft: () => -1, ArrowRight: () => 1, ArrowUp: () => -columns(), ArrowDown: columns };

function key(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea, details:not(.tile-more), dialog")) return;
  if (steps[event.key]) { if (names().length) move(steps[event.key]()); }
  else if (store.get(KEYS) === "off") return; // for who speaks to the machine: a word has many letters
  else if (event.key === "f") fullscreen();
  else if (event.key === "?") help();
  else if (event.key === "c") document.dispatchEvent(new Event("falconeye:hold"));
  else if (tileKey(event.key)) { /* done */ }
  else if (/^[1-9]$/.test(event.key)) names()[Number(event.key) - 1]?.focus();
  else return;
  event.preventDefault();
}

// A switch of this device.
function bind(name, isOn, turn) {
  const box = document.querySelector(`input[data-${name}]`);
  if (!box) return;
  box.checked = isOn;
  box.closest("[data-scripted]").hidden = false;
  box.addEventListener("change", () => turn(box.checked));
}

if (wall) {
  document.addEventListener("keydown", key);
  bind("saver", saver.on, (on) => { saver.on = on; });
  bind("keys", store.get(KEYS) !== "off", (on) => store.set(KEYS, on ? "on" : "off"));
  // The heading comes again when cameras come or go.
  const offer = () => {
    const button = document.querySelector("[data-wall-fullscreen]");
    if (button) button.hidden = !document.fullscreenEnabled;
  };
  offer();
  document.addEventListener("htmx:after:swap", offer);
}
