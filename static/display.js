// A screen on a wall. It keeps itself: connects again, loads itself anew after an update, stays awake, and says
// when its pictures are not live. Nobody stands before it who could press a key.
import { sheetsOf, Turning } from "./sheets.js";

const main = document.getElementById("display");
const note = document.getElementById("display-note");
const { version, layout, zone, language } = main.dataset;
const root = document.body.dataset.root ?? "";
const home = `${root}/display`;
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;
const GONE_WAIT_MS = 30_000;
const SETTLE_MS = 1500; // a connection that comes back within it was hardly away
const APART_MS = 2000; // loads of the page for other cameras
const UPDATES_APART_MS = 30_000; // nodes of two releases behind one address must not send a page to and fro
const TRY_AGAIN_MS = 3000;
const STILL_MS = 3000;
const SHIFT_MS = 60_000;
let offset = 0; // of the recorder's clock to this device's, in ms
let quietMs = 15_000; // the longest silence of a stream that lives
let failures = 0;
let lostAt = 0;
let saying;
let isLeaving = false;

const wait = (ms) => new Promise((done) => setTimeout(done, ms * (0.7 + 0.6 * Math.random())));

function timeOf(ms) {
  const form = { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: zone };
  try { return new Intl.DateTimeFormat(language, form).format(ms + offset); } catch { return new Date(ms + offset).toTimeString().slice(0, 5); }
}

// Tiles of a page as large as they can be: the number of columns that leaves them the most room at 16:9. A last row
// that is not full stands in the middle: columns are counted by halves.
function arrange() {
  for (const sheet of sheetsOf(main)) {
    const tiles = [...sheet.children];
    let best = { size: 0 };
    for (let columns = 1; columns <= tiles.length; columns++) {
      const rows = Math.ceil(tiles.length / columns);
      const size = Math.min(innerWidth / columns, (innerHeight / rows) * (16 / 9));
      if (size > best.size) best = { columns, rows, size };
    }
    const { columns, rows } = best;
    const first = (rows - 1) * columns; // of the last row
    sheet.style.setProperty("--halves", 2 * columns);
    sheet.style.setProperty("--rows", rows);
    tiles.forEach((tile, at) => {
      tile.style.gridColumn = at === first ? `${1 + columns - (tiles.length - first)} / span 2` : "";
    });
  }
}

// A wall with more pages than one: the next one connects before it is shown.
const turning = main.dataset.cycle ? new Turning(main, 1000 * main.dataset.cycle) : null;

function lost() {
  lostAt ||= Date.now();
  saying ??= setTimeout(() => {
    document.body.toggleAttribute("data-away", true);
    note.textContent = main.dataset.lost.replace("{time}", timeOf(lostAt));
    note.hidden = false;
  }, SETTLE_MS);
}

function found() {
  clearTimeout(saying);
  saying = undefined;
  lostAt = failures = 0;
  document.body.toggleAttribute("data-away", false);
  note.hidden = true;
}

// Only what the recorder answers just now replaces the page: a browser's own error page would stay for good.
async function loadAnew(apartMs) {
  if (isLeaving) return;
  isLeaving = true;
  const since = Math.abs(Date.now() - Number(sessionStorage.getItem("falconeye-loaded")));
  if (since < apartMs) await wait(apartMs - since);
  for (;;) {
    try {
      const answer = await fetch(home, { cache: "no-store" });
      if (!answer.ok) throw new Error(`${home}: ${answer.status}`);
      sessionStorage.setItem("falconeye-loaded", String(Date.now()));
      location.reload();
      return;
    } catch (error) {
      console.info(String(error));
      await wait(TRY_AGAIN_MS);
    }
  }
}

// The access has ended, or is another one: dark until that is known.
const darken = () => document.body.toggleAttribute("data-dark", true);

// No picture stays, no player goes on.
function gone() {
  darken();
  const sheets = sheetsOf(main);
  if (sheets.length) {
    turning?.hold("gone", true);
    for (const sheet of sheets) sheet.remove();
    document.dispatchEvent(new Event("htmx:after:swap")); // players that are gone end
  }
  found();
  document.getElementById("display-gone").hidden = false;
}

const takes = {
  hello(told) {
    offset = told.now_ms - Date.now();
    quietMs = 2500 * told.quiet_s;
    found();
    if (told.version !== version) loadAnew(UPDATES_APART_MS);
    else if (told.layout !== layout || document.body.hasAttribute("data-dark")) loadAnew(APART_MS);
  },
  state(told) {
    if (told.layout !== layout) { loadAnew(APART_MS); return; }
    for (const [id, html] of Object.entries(told.tiles)) {
      const place = document.getElementById(`display-state-${id}`);
      if (place) place.innerHTML = html;
    }
  },
};

// Events of the stream until it ends (WHATWG HTML 9.2); whether it said that the access has ended.
async function follow(answer, heard) {
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return false;
    heard();
    const events = (text + value).split("\n\n");
    text = events.pop();
    for (const event of events) {
      const [, name, data] = /^event: (.*)\ndata: (.*)$/.exec(event) ?? [];
      if (name === "signed-out") return true;
      takes[name]?.(JSON.parse(data));
    }
  }
}

// One connection, from its start to its end: how long to wait before the next one, in ms.
async function listen() {
  const control = new AbortController();
  let quiet;
  const heard = () => {
    clearTimeout(quiet);
    quiet = setTimeout(() => control.abort(), quietMs);
  };
  heard();
  try {
    const answer = await fetch(`${home}/api/events`, { signal: control.signal, cache: "no-store" });
    if (answer.status === 401 || answer.status === 403) {
      gone();
      return GONE_WAIT_MS; // a node that has not heard of it yet, a clock that was wrong: it may come back
    }
    if (!answer.ok) throw new Error(`events: ${answer.status}`);
    if (await follow(answer, heard)) {
      darken();
      return 0; // other rights load the page anew
    }
  } catch (error) {
    console.info(String(error));
  } finally {
    clearTimeout(quiet);
    control.abort();
  }
  lost();
  failures += 1;
  return Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (failures - 1));
}

async function keepListening() {
  for (;;) await wait(await listen());
}

// The screen stays on (W3C Screen Wake Lock): browsers have it over HTTPS alone, and let go of it with a hidden page.
let lock;
async function stayAwake() {
  if (document.hidden || !navigator.wakeLock || (lock && !lock.released)) return;
  try {
    lock = await navigator.wakeLock.request("screen");
  } catch (error) {
    console.info("the screen may go dark:", String(error));
  }
}

let resting;
function moved() {
  document.body.classList.remove("display-idle");
  clearTimeout(resting);
  resting = setTimeout(() => {
    document.body.classList.add("display-idle");
    turning?.hold("person", false);
  }, STILL_MS);
}

const clock = document.getElementById("display-clock");
function tick() {
  const text = timeOf(Date.now());
  if (clock.textContent !== text) clock.textContent = text;
  clock.hidden = false;
}

// Everything moves by a pixel or two from minute to minute: screens burn in.
let shifted = 0;
function shift() {
  shifted = (shifted + 1) % 4;
  const [x, y] = [[0, 0], [2, 0], [2, 2], [0, 2]][shifted];
  main.style.translate = `${x}px ${y}px`;
}

arrange();
addEventListener("resize", arrange);
// Somebody stands before it and points at something: that page stays.
for (const event of ["pointermove", "pointerdown"]) addEventListener(event, () => { moved(); turning?.hold("person", true); });
moved();
turning?.begin();
tick();
setInterval(tick, 1000);
setInterval(shift, SHIFT_MS);
stayAwake();
setInterval(stayAwake, SHIFT_MS);
document.addEventListener("visibilitychange", () => {
  stayAwake();
  turning?.hold("hidden", document.hidden);
});
keepListening();
