// A wall arranged without asking the recorder for each step: by dragging a handle, by its arrow keys, by the buttons.
const form = document.querySelector("[data-arrange]");
const list = form.querySelector(".places");
const said = form.querySelector("[data-said]");
const EDGE = 90; // px from the edge of the window: there it scrolls while something is dragged
const places = () => [...list.children];
const say = (words, place, more = {}) => {
  said.textContent = Object.entries({ name: place.dataset.name, ...more })
    .reduce((text, [key, value]) => text.replace(`{${key}}`, () => value), said.dataset[words]);
};

function keep() {
  form.elements.namedItem("order").value = places().map(({ dataset }) => dataset.id).join(",");
  const hidden = places().filter(({ classList }) => classList.contains("is-hidden"));
  form.elements.namedItem("hidden").value = hidden.map(({ dataset }) => dataset.id).join(",");
}

// The others go around it: what holds the pointer or the focus stays in the page.
function put(place, wanted) {
  const all = places();
  const at = all.indexOf(place);
  const to = Math.min(Math.max(0, wanted), all.length - 1);
  for (const other of all.slice(at + 1, to + 1)) list.insertBefore(other, place);
  for (const other of all.slice(to, at).reverse()) place.after(other);
  return to !== at;
}

function move(place, to) {
  put(place, to);
  keep();
  tell(place);
}

const tell = (place) => say("moved", place, { place: places().indexOf(place) + 1, count: places().length });

function toggle(place, button) {
  const hidden = place.classList.toggle("is-hidden");
  place.querySelector("[data-hidden-word]").textContent = hidden ? form.dataset.hiddenWord : "";
  button.value = `${hidden ? "show" : "hide"}:${place.dataset.id}`;
  button.setAttribute("aria-label", button.dataset[hidden ? "show" : "hide"]);
  button.querySelector("[data-word-show]").hidden = !hidden;
  button.querySelector("[data-word-hide]").hidden = hidden;
  keep();
  say(hidden ? "hid" : "shown", place);
}

const acts = {
  first: (place) => move(place, 0),
  earlier: (place) => move(place, places().indexOf(place) - 1),
  later: (place) => move(place, places().indexOf(place) + 1),
  show: toggle,
  hide: toggle,
};

list.addEventListener("click", (event) => {
  const button = event.target.closest("button[name=act]");
  if (!button) return;
  event.preventDefault();
  acts[button.value.split(":")[0]](button.closest(".place"), button);
});

const columns = () => getComputedStyle(list).gridTemplateColumns.split(" ").length;
const steps = { ArrowLeft: () => -1, ArrowRight: () => 1, ArrowUp: () => -columns(), ArrowDown: columns, Home: () => -Infinity, End: () => Infinity };
let drag = null;

function end(isKept) {
  if (!drag) return;
  const { place, before, grip, id } = drag;
  drag = null;
  grip.releasePointerCapture(id);
  place.classList.remove("is-dragged");
  if (!isKept) before.forEach((one, at) => put(one, at));
  const isMoved = places().some((one, at) => one !== before[at]);
  keep();
  if (isMoved) tell(place);
}

for (const grip of list.querySelectorAll("[data-grip]")) {
  grip.hidden = false;
  grip.addEventListener("keydown", (event) => {
    if (event.key === "Escape") end(false);
    if (!steps[event.key]) return;
    event.preventDefault();
    const place = grip.closest(".place");
    move(place, places().indexOf(place) + steps[event.key]());
    place.scrollIntoView({ block: "nearest" });
  });
  grip.addEventListener("pointerdown", (event) => {
    if (event.button || drag) return;
    event.preventDefault();
    grip.focus();
    const place = grip.closest(".place");
    drag = { place, before: places(), grip, id: event.pointerId };
    grip.setPointerCapture(event.pointerId);
    place.classList.add("is-dragged");
  });
  grip.addEventListener("pointermove", ({ clientX, clientY, pointerId }) => {
    if (drag?.id !== pointerId) return;
    if (clientY < EDGE) scrollBy(0, -12);
    else if (clientY > innerHeight - EDGE) scrollBy(0, 12);
    const over = document.elementsFromPoint(clientX, clientY).map((one) => one.closest(".place")).find(Boolean);
    if (over && over !== drag.place) put(drag.place, places().indexOf(over));
  });
  grip.addEventListener("pointerup", () => end(true));
  grip.addEventListener("pointercancel", () => end(false));
}
