// What the buttons and keys below a time line do, on each page that has one.
import { HOUR, SECOND } from "./timeline.js";

// `page` has a `timeline`, the <select> `speed`, and `play`, `step`, `pace` and `goLive`.
export function act(page, name) {
  const { timeline } = page;
  const acts = {
    back: () => timeline.seek(timeline.value - 10 * SECOND),
    ahead: () => timeline.seek(timeline.value + 10 * SECOND),
    gap: () => timeline.jump(1, true),
    lastGap: () => timeline.jump(-1, true),
    footage: () => timeline.jump(1, false),
    lastFootage: () => timeline.jump(-1, false),
    closer: () => timeline.zoom(0.5),
    wider: () => timeline.zoom(2),
    hour: () => timeline.around(HOUR),
    play: () => page.play(),
    step: () => page.step(1),
    last: () => page.step(-1),
    slower: () => page.pace(besideRate(page.speed, -1)),
    faster: () => page.pace(besideRate(page.speed, 1)),
    live: () => page.goLive(),
  };
  acts[name]?.();
}

// Says where a jump leads nowhere, with the way to the day beside, until there is another moment.
export function tellNone(root, texts) {
  const line = root.querySelector("[data-none]");
  root.addEventListener("falconeye:none", ({ detail: { direction, missing } }) => {
    const rel = direction > 0 ? "next" : "prev";
    line.replaceChildren(texts[`${rel}_${missing ? "gap" : "footage"}`]);
    const beside = document.querySelector(`.head a[rel=${rel}]`);
    if (beside) line.append(" ", Object.assign(document.createElement("a"), { href: beside.href, textContent: texts[`${rel}_day`] }));
  });
  root.addEventListener("falconeye:seek", () => line.replaceChildren());
}

// The field for a time of the day.
export function jumpTo(root, timeline) {
  root.querySelector("[data-jump]").addEventListener("submit", (event) => {
    event.preventDefault();
    timeline.goTo(new FormData(event.target).get("time").slice(0, 5));
  });
}

// The file of a moment, which a player beside the browser may decode; null where nobody may have it. `data`: of an element.
export function downloadOf(data, us, textContent) {
  const id = JSON.parse(data.downloads).find(([, from, to]) => from <= us && us < (to ?? Infinity))?.[0];
  const href = `${data.recordings}/${encodeURIComponent(id)}/download`;
  return id === undefined ? null : Object.assign(document.createElement("a"), { href, download: "", textContent });
}

function besideRate(select, step) {
  const to = Math.min(Math.max(0, select.selectedIndex + step), select.options.length - 1);
  select.selectedIndex = to;
  return Number(select.value);
}

// Calls that wait for each other: of those that come meanwhile the newest counts.
export function oneByOne(work) {
  let wish = null;
  let isBusy = false;
  return async (value) => {
    wish = { value };
    if (isBusy) return;
    isBusy = true;
    try {
      while (wish) {
        const { value: next } = wish;
        wish = null;
        await work(next);
      }
    } finally {
      isBusy = false;
    }
  };
}

// Of which nodes the part of a playlist is missing; "" where none is.
export function silentText({ silent }, texts) {
  return silent.length ? texts.silent.replace("{names}", () => silent.join(", ")) : "";
}
