// What can be done with a camera from the wall: by the buttons of its tile, and by keys while it has the focus.
const wall = document.querySelector("[data-wall]");
const said = document.getElementById("wall-said");
const SAID_MS = 6000;
let clearing;

export function say(words) {
  said.textContent = words;
  clearTimeout(clearing);
  clearing = setTimeout(() => { said.textContent = ""; }, SAID_MS);
}

async function record(tile, on) {
  const path = `${document.body.dataset.root}/api/cameras/${tile.dataset.tile}/recording/${on ? "start" : "stop"}`;
  const answer = await fetch(path, { method: "POST", headers: { "X-CSRF-Token": wall.dataset.csrf } }).catch(() => null);
  const words = answer?.ok ? said.dataset[on ? "recording" : "stopped"] : said.dataset.refused;
  say(words.replace("{name}", () => tile.dataset.name));
}

wall.addEventListener("submit", (event) => {
  if (!event.target.matches("[data-record]")) return;
  event.preventDefault();
  record(event.target.closest("[data-tile]"), event.submitter.value === "start_recording");
});

wall.addEventListener("falconeye:pip-refused", ({ target }) => {
  say(said.dataset.apart.replace("{name}", () => target.closest("[data-tile]").dataset.name));
});

// One menu at a time; what was chosen closes it, but sound, which is chosen again.
wall.addEventListener("toggle", ({ target }) => {
  if (!target.open) return;
  for (const other of wall.querySelectorAll(".tile-more[open]")) if (other !== target) other.open = false;
}, true);
document.addEventListener("click", ({ target }) => {
  for (const menu of wall.querySelectorAll(".tile-more[open]")) if (!menu.contains(target)) menu.open = false;
});
wall.addEventListener("keydown", (event) => {
  const menu = event.key === "Escape" && event.target.closest(".tile-more[open]");
  if (!menu) return;
  menu.open = false;
  menu.querySelector("summary").focus();
});

const press = (tile, what) => {
  const button = tile.querySelector(what);
  if (button && !button.hidden) button.click();
};
const acts = {
  s: (tile) => press(tile, "[data-act=snapshot]"),
  r: (tile) => { if (tile.querySelector("[data-record]")) record(tile, !tile.querySelector(".rec")); },
  m: (tile) => press(tile, "[data-player-action=sound]"),
  p: (tile) => press(tile, "[data-player-action=pip]"),
  l: (tile) => press(tile, "[data-player-action=fullscreen]"),
};

// True where a key is one of these and there is a camera for it.
export function tileKey(key) {
  const tile = document.activeElement?.closest("[data-tile]");
  if (!tile || !Object.hasOwn(acts, key)) return false;
  acts[key](tile);
  return true;
}
