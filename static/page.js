// What every page may use: questions in a <dialog>, ages that count, a note about the time zone.
const dialogs = new WeakMap();

async function ask(event, link) {
  const dialog = document.getElementById(link.dataset.dialog);
  if (!dialog?.showModal || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  if (!dialogs.has(dialog)) {
    const answer = await fetch(dialog.dataset.src, { headers: { "HX-Request": "true" } });
    if (!answer.ok) { location.assign(link.href); return; }
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

// The stream of changes says so when the session ends elsewhere; the page then asks to sign in.
document.addEventListener("signed-out", () => location.reload());

// "3 min ago", by the browser's own words; the exact time stays in the title.
const ago = new Intl.RelativeTimeFormat(document.documentElement.lang || "en", { numeric: "always", style: "short" });
function count() {
  for (const time of document.querySelectorAll("time[data-ago]")) {
    const s = Math.min(0, (Date.parse(time.dateTime) - Date.now()) / 1000);
    const [n, unit] = s > -90 ? [s, "second"] : s > -5400 ? [s / 60, "minute"] : s > -129600 ? [s / 3600, "hour"] : [s / 86400, "day"];
    time.textContent = ago.format(Math.round(n), unit);
  }
}
count();
setInterval(count, 5000);
document.addEventListener("htmx:after:swap", count);

const note = document.getElementById("zone-note");
const sameNow = (zone) => {
  const form = (timeZone) => new Date().toLocaleString("en", { timeZone });
  try { return form(zone) === form(undefined); } catch { return true; }
};
if (note && document.querySelector("time") && !sameNow(note.dataset.zone)) note.hidden = false;

document.querySelector("[data-focus]")?.focus();
