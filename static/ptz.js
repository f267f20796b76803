// Moves a camera while something is held: a button of the pad, or a key while the focus is in it.
// The camera is told to move for a short time, again and again while it is held, so that a release that never
// arrives moves it no further. One request at a time: a stop cannot overtake the move that it ends.
const LIMIT_S = 1.5;
const RENEW_MS = 500;
const STEP_S = 0.5; // of a click that nobody holds, as screen readers make it
const LONGEST_MS = 60_000; // nobody holds so long: the release was lost
const ANSWER_MS = 8000;
const KEYS = {
  ArrowLeft: "-1,0,0", ArrowRight: "1,0,0", ArrowUp: "0,1,0", ArrowDown: "0,-1,0",
  "+": "0,0,1", "=": "0,0,1", "-": "0,0,-1", "_": "0,0,-1",
};
const SPEED = "falconeye.ptz-speed";
const store = {
  get: () => { try { return localStorage.getItem(SPEED); } catch { return null; } },
  set: (value) => { try { localStorage.setItem(SPEED, value); } catch { /* storage is switched off: each page begins as usual */ } },
};
const numbers = (text) => text.split(",").map(Number);
const clamp = (value) => Math.max(-1, Math.min(1, value));

class Pad {
  constructor(root) {
    this.root = root;
    this.holds = new Map(); // what holds (a pointer, a key) → { way, since, area, isTold }
    this.order = null; // what is to be sent once: a step, a preset
    this.tap = null; // the way of a press that was over before it could be sent
    this.isMoving = false; // it may be: a lost answer counts
    this.isBusy = false;
    this.excuse = null; // why it was stopped, where nobody let go
    this.wake = () => {};
    this.slider = root.querySelector("#ptz-speed");
    if (this.slider) this.slider.value = store.get() ?? this.slider.value;
  }

  get speed() { return this.slider ? this.slider.value / this.slider.max : 0.5; }

  // The sum of what is held, [right, up, in]; null for nothing.
  get way() {
    const ways = [...this.holds.values()].map(({ way }) => way);
    const sum = [0, 1, 2].map((axis) => clamp(ways.reduce((all, way) => all + way[axis], 0)));
    return sum.some(Boolean) && this.root.isConnected ? sum : null;
  }

  can(move) { return this.root.querySelector(`[data-move="${move}"]`); }

  hold(source, way, area = null) {
    this.order = this.tap = this.excuse = null;
    this.holds.set(source, { way, area, since: performance.now() });
    this.changed();
  }

  release(source, isTap = false) {
    const held = this.holds.get(source);
    if (!held) return;
    this.holds.delete(source);
    if (isTap && !held.isTold && !this.holds.size) this.tap = held.way;
    this.changed();
  }

  once(order) {
    this.holds.clear();
    this.excuse = this.tap = null;
    this.order = order;
    this.changed();
  }

  halt() {
    this.isMoving = true; // by somebody else, too
    this.letGo();
  }

  letGo() {
    this.order = this.tap = null;
    this.holds.clear();
    this.changed();
  }

  // The page goes, or may be frozen: nothing after this is sure to run.
  leave() {
    this.letGo();
    if (this.isMoving) this.send({ stop: true }, true).catch(() => {}); // else its time limit ends it
  }

  changed() {
    const way = this.way;
    for (const button of this.root.querySelectorAll("[data-move]")) {
      const [pan, tilt, zoom] = numbers(button.dataset.move);
      const isHeld = way && (zoom ? zoom === way[2] : (pan || tilt) && pan === way[0] && tilt === way[1]);
      button.toggleAttribute("data-held", Boolean(isHeld));
    }
    this.wake();
    this.run();
  }

  say(words, isBad = false) {
    const line = this.root.querySelector("[data-status]");
    line.textContent = words;
    line.toggleAttribute("data-bad", isBad);
  }

  async run() {
    if (this.isBusy) return;
    this.isBusy = true;
    let failures = 0;
    while (this.order || this.tap || this.way || this.isMoving) {
      try {
        await this.act();
        failures = 0;
      } catch (error) {
        this.excuse = error.message;
        this.letGo();
        this.say(this.excuse, true);
        failures += 1;
        if (failures > 2) this.isMoving = false; // the recorder stops it, and its own time limit
        else await new Promise((done) => { setTimeout(done, RENEW_MS); });
      }
    }
    this.isBusy = false;
  }

  // What is wished for now, as one request.
  async act() {
    const { order, tap } = this;
    const way = this.way ?? tap;
    if (order) {
      this.order = null;
      await this.send(order.body);
      this.isMoving = false;
      this.say(order.words);
    } else if (way) {
      const words = this.root.dataset.moving.replace("{way}", () => this.name(way));
      if (!this.isMoving || this.words !== words) this.say(words);
      this.words = words;
      this.isMoving = true;
      this.tap = null;
      for (const held of this.holds.values()) held.isTold = true;
      await this.send(this.body(way, LIMIT_S));
      await this.untilChanged(way);
    } else {
      await this.send({ stop: true });
      this.isMoving = false;
      if (!this.order && !this.tap && !this.way) this.say(this.excuse ?? this.root.dataset.stopped, Boolean(this.excuse));
    }
  }

  body([pan, tilt, zoom], timeout_s) {
    const speed = this.speed;
    const given = {};
    if (pan || tilt) Object.assign(given, { pan: pan * speed, tilt: tilt * speed });
    if (zoom) given.zoom = zoom * speed;
    return { ...given, timeout_s };
  }

  name([pan, tilt, zoom]) {
    const buttons = [this.can(`${pan},${tilt},0`), zoom && this.can(`0,0,${zoom}`)];
    return buttons.filter(Boolean).map((button) => button.getAttribute("aria-label") ?? button.textContent.trim()).join(", ");
  }

  // Until it has to be said again, or something else is held.
  async untilChanged(way) {
    if (String(this.way) !== String(way)) return;
    let timer;
    await new Promise((done) => { this.wake = done; timer = setTimeout(done, RENEW_MS); });
    clearTimeout(timer);
    for (const [source, { since }] of this.holds) {
      if (performance.now() - since < LONGEST_MS) continue;
      this.excuse = this.root.dataset.held;
      this.release(source);
    }
  }

  async send(body, keepalive = false) {
    const { ptz: url, csrf, lost } = this.root.dataset;
    const headers = { "Content-Type": "application/json", "X-CSRF-Token": csrf };
    const signal = AbortSignal.timeout(ANSWER_MS);
    const answer = await fetch(url, { method: "POST", headers, keepalive, signal, body: JSON.stringify(body) })
      .catch(() => { throw new Error(lost); });
    if (answer.ok) return;
    const { detail = "" } = await answer.json().catch(() => ({}));
    throw new Error(detail ? `${detail[0].toUpperCase()}${detail.slice(1)}.` : lost);
  }
}

const pads = new WeakMap();
function padOf(element) {
  const root = element?.closest?.("[data-ptz]");
  if (root && !pads.has(root)) pads.set(root, new Pad(root));
  return root && pads.get(root);
}
const here = () => padOf(document.querySelector("[data-ptz]"));

// Pointers: as one slides over the pad it moves that way; beyond it, it stops.
document.addEventListener("pointerdown", (event) => {
  const button = event.target.closest("[data-move]");
  const pad = padOf(button);
  if (!pad || event.button !== 0) return;
  event.preventDefault();
  button.focus({ preventScroll: true });
  const area = button.closest("[role=group]");
  area.setPointerCapture(event.pointerId);
  pad.hold(event.pointerId, numbers(button.dataset.move), area);
});
document.addEventListener("pointermove", (event) => {
  const pad = here();
  const held = pad?.holds.get(event.pointerId);
  if (!held) return;
  const under = document.elementFromPoint(event.clientX, event.clientY);
  if (!held.area.contains(under)) { pad.release(event.pointerId); return; }
  const button = under.closest("button");
  if (!button) return; // between two of them
  const way = button.dataset.move ? numbers(button.dataset.move) : [0, 0, 0];
  if (String(way) !== String(held.way)) pad.hold(event.pointerId, way, held.area);
});
for (const name of ["pointerup", "pointercancel", "lostpointercapture"]) {
  document.addEventListener(name, ({ pointerId }) => here()?.release(pointerId, name === "pointerup"));
}
document.addEventListener("contextmenu", (event) => { // of a long touch
  if (event.target.closest("[data-move]")) event.preventDefault();
});

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-ptz] button[name=act], [data-ptz] button[name=preset]");
  const pad = padOf(button);
  if (!pad || button.form.hasAttribute("hx-post")) return; // what changes presets is the form's own
  event.preventDefault();
  if (button.dataset.move) {
    if (event.detail) return; // a pointer held it
    const way = numbers(button.dataset.move);
    pad.once({ body: pad.body(way, STEP_S), words: pad.root.dataset.moving.replace("{way}", () => pad.name(way)) });
  } else if (button.value === "stop" && button.name === "act") {
    pad.halt();
  } else {
    const place = button.querySelector("span")?.textContent ?? button.textContent;
    const body = button.name === "preset" ? { preset: button.value } : { home: true };
    pad.once({ body, words: pad.root.dataset.going.replace("{place}", () => place.trim()) });
  }
});

// Keys, while the focus is in here and not in a field. A held key repeats: only its first press counts.
document.addEventListener("keydown", (event) => {
  const pad = padOf(event.target);
  if (!pad || event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea")) return;
  const isPress = event.key === "Enter" || event.key === " ";
  const move = isPress ? event.target.dataset.move : KEYS[event.key];
  const place = /^[0-9]$/.test(event.key) && !event.repeat && placeOf(pad, Number(event.key));
  if (move && pad.can(move)) {
    if (!event.repeat) pad.hold(event.code, numbers(move));
  } else if (place) place.click();
  else return;
  event.preventDefault();
});
document.addEventListener("keyup", (event) => {
  const pad = here();
  if (!pad?.holds.has(event.code)) return;
  event.preventDefault(); // a space would click as well
  pad.release(event.code, true);
});
function placeOf(pad, digit) {
  if (!digit) return pad.root.querySelector("[name=act][value=home]");
  return pad.root.querySelectorAll("[name=preset]")[digit - 1];
}

// A release that is not seen here must not be waited for.
document.addEventListener("focusout", ({ target, relatedTarget }) => {
  const pad = padOf(target);
  if (pad && padOf(relatedTarget) !== pad) pad.letGo();
});
window.addEventListener("blur", () => here()?.letGo());
window.addEventListener("pagehide", () => here()?.leave());
document.addEventListener("visibilitychange", () => { if (document.hidden) here()?.leave(); });

document.addEventListener("input", ({ target }) => {
  if (target.id !== "ptz-speed") return;
  store.set(target.value);
  padOf(target)?.wake(); // what moves now goes on at that speed
});
here();
document.addEventListener("htmx:after:swap", ({ detail }) => {
  here();
  if (detail.ctx?.target?.id !== "ptz-presets") return;
  for (const form of document.querySelectorAll(".ptz-save")) form.reset(); // a morph keeps what was typed, and a second click deletes no other one
});
