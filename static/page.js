// What every page may use: questions in a <dialog>, lengths that grow, notes about what is not as usual.
const dialogs = new WeakMap();

async function ask(event, link) {
  const dialog = document.getElementById(link.dataset.dialog);
  if (!dialog?.showModal || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  if (!dialogs.has(dialog)) {
    const answer = await fetch(dialog.dataset.src, { headers: { "HX-Request": "true" } }).catch(() => null);
    if (!answer?.ok) { location.assign(link.href); return; }
    dialog.innerHTML = await answer.text();
    dialogs.set(dialog, true);
  }
  dialog.showModal();
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-dialog]");
  if (link) { ask(event, link); return; }
  const close = event.target.closest("[data-close-dialog]");
  if (close?.closest("dialog")) {
    event.preventDefault();
    close.closest("dialog").close();
  }
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});
document.addEventListener("keydown", (event) => {
  const menu = event.key === "Escape" && document.querySelector("details.menu[open]");
  if (!menu) return;
  menu.open = false;
  menu.querySelector("summary").focus();
});

// The session ended elsewhere: the stream of changes says so, or is refused when it comes back.
const root = document.body.dataset.root ?? "";
// Over HTTPS, where browsers allow it; a machine that is its own server needs no page for when it is away.
if (location.protocol === "https:") navigator.serviceWorker?.register(`${root}/worker.js`).catch((error) => console.info(String(error)));
function signIn() {
  location.assign(`${root}/login?next=${encodeURIComponent(location.pathname + location.search)}`);
}
document.addEventListener("signed-out", signIn);

// While the stream of changes is away, the page says that it may be out of date.
const lost = document.getElementById("lost-note");
let isLost = false;
let isLeaving = false;
const sayLost = () => { if (lost) lost.hidden = !isLost || isLeaving; };
const away = (on) => { isLost = on; sayLost(); };
const updates = document.getElementById("updates");
let connection; // of the extension, which renews it
let heardAt = performance.now();
let quietS = 15; // the longest silence of a stream that lives; each `alive` says it anew
const heard = () => { heardAt = performance.now(); };
document.addEventListener("closing", () => away(true));
document.addEventListener("htmx:sse:error", (event) => {
  if (event.detail.status === 401) signIn();
  else away(true);
});
document.addEventListener("htmx:sse:after:connection", ({ detail }) => { connection = detail.connection; heard(); });
document.addEventListener("alive", ({ detail }) => { quietS = Number(detail.data); away(false); });
document.addEventListener("htmx:sse:after:message", ({ detail }) => {
  heard();
  if (!detail.message.event) away(false);
});
document.addEventListener("visibilitychange", heard);
window.addEventListener("offline", () => away(true));

// Firefox breaks off the stream once a link is followed, to a download, too: nothing is lost. What ends by itself is no
// error either, and begins anew where the page stays.
const LEAVING_MS = 5000;
window.addEventListener("beforeunload", () => {
  isLeaving = true;
  connection?.reader?.cancel();
  setTimeout(() => { isLeaving = false; sayLost(); }, LEAVING_MS);
});

// A network that hangs ends no connection: long silence counts as the end, and the extension begins anew.
function listen() {
  if (document.hidden || performance.now() - heardAt < 2500 * quietS) return;
  away(true);
  heard();
  connection?.reader?.cancel();
}
if (updates) setInterval(listen, 1000);

// The extension renews a stream that once began; one that never did is asked for again here.
function missing() {
  away(true);
  if (connection) return;
  const { connectTimeout: timeout } = htmx.config.sse;
  setTimeout(() => htmx.ajax("GET", updates.getAttribute("hx-sse:connect"), { source: updates, timeout }), 5000);
}
updates?.addEventListener("htmx:error", missing);
updates?.addEventListener("htmx:response:error", missing);
window.addEventListener("pageshow", ({ persisted }) => { if (persisted) location.reload(); });

// Recordings that are being made grow. The server's length is the start: a wrong clock here does no harm.
const running = new WeakMap();
function count() {
  for (const place of document.querySelectorAll("[data-since]")) {
    const time = place.querySelector("time");
    const told = time?.dateTime;
    if (!told) continue;
    if (running.get(time)?.told !== told) running.set(time, { told, from: performance.now() - 1000 * told.replace(/\D/g, "") });
    const s = Math.floor((performance.now() - running.get(time).from) / 1000);
    const two = (n) => String(n).padStart(2, "0");
    time.textContent = s < 3600 ? `${Math.floor(s / 60)}:${two(s % 60)}` : `${Math.floor(s / 3600)}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}`;
  }
}
count();
setInterval(count, 1000);
document.addEventListener("htmx:after:swap", count);

// What is disabled while its answer is on the way loses the focus, and with it a keyboard its place: it gets it back,
// unless the focus went elsewhere meanwhile. htmx enables it right after the last event.
const waiting = new WeakMap();
document.addEventListener("htmx:before:request", ({ detail }) => {
  if (document.activeElement?.disabled) waiting.set(detail.ctx, document.activeElement);
});
document.addEventListener("htmx:finally:request", ({ detail }) => queueMicrotask(() => {
  if (document.activeElement === document.body) waiting.get(detail.ctx)?.focus({ preventScroll: true });
}));

const note = document.getElementById("zone-note");
const sameNow = (zone) => {
  const form = (timeZone) => new Date().toLocaleString("en", { timeZone });
  try { return form(zone) === form(undefined); } catch { return true; }
};
if (note && document.querySelector("time") && !sameNow(note.dataset.zone)) note.hidden = false;

document.querySelector("[data-focus]")?.focus();
