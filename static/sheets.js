// Pages of tiles (`[data-sheet]`), one after the other. The next one connects out of sight before it is shown, so that
// no more pictures are live than those of two pages.
const LEAD_MS = 3000; // before a page is shown it connects

export const sheetsOf = (area) => [...area.querySelectorAll("[data-sheet]")];

export class Turning {
  // `held`: why it stands from the start on; `shown`: told after each change of what is seen.
  constructor(area, everyMs, { held = [], shown = () => {} } = {}) {
    this.area = area;
    this.everyMs = everyMs;
    this.held = new Set(held);
    this.shown = shown;
    this.number = Number(this.sheets.find((sheet) => !sheet.hidden)?.dataset.sheet ?? 1);
  }

  get sheets() { return sheetsOf(this.area); }

  after(from, step = 1) {
    const count = this.sheets.length;
    return ((from - 1 + step + count) % count) + 1;
  }

  // `next`: the page that gets ready.
  apply(next = null) {
    for (const sheet of this.sheets) {
      const its = Number(sheet.dataset.sheet);
      sheet.hidden = its !== this.number && its !== next;
      sheet.inert = its !== this.number;
      sheet.classList.toggle("is-next", its === next && its !== this.number);
    }
    this.shown(this);
  }

  // The page that is shown has its whole time again; also after pages have come or gone.
  begin() {
    clearTimeout(this.timer);
    this.number = Math.min(this.number, Math.max(1, this.sheets.length));
    this.apply();
    if (this.held.size || this.sheets.length < 2) return;
    this.timer = setTimeout(() => {
      this.apply(this.after(this.number));
      this.timer = setTimeout(() => this.turn(1), LEAD_MS);
    }, Math.max(0, this.everyMs - LEAD_MS));
  }

  hold(why, on) {
    if (this.held.has(why) === on) return;
    if (on) this.held.add(why);
    else this.held.delete(why);
    this.begin();
  }

  turn(step) {
    this.number = this.after(this.number, step);
    this.begin();
  }
}
