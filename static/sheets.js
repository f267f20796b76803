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
    this.timer = this.ready = null; // while it turns; the page that gets ready
  }

  get sheets() { return sheetsOf(this.area); }

  after(from, step = 1) {
    const count = this.sheets.length;
    return ((from - 1 + step + count) % count) + 1;
  }

  apply() {
    for (const sheet of this.sheets) {
      const its = Number(sheet.dataset.sheet);
      sheet.hidden = its !== this.number && its !== this.ready;
      sheet.inert = its !== this.number;
      sheet.classList.toggle("is-next", its === this.ready && its !== this.number);
    }
    this.shown(this);
  }

  // The page that is shown has its whole time again.
  begin() {
    clearTimeout(this.timer);
    this.timer = this.ready = null;
    this.number = Math.min(this.number, Math.max(1, this.sheets.length));
    this.apply();
    if (this.held.size || this.sheets.length < 2) return;
    this.timer = setTimeout(() => {
      this.ready = this.after(this.number);
      this.apply();
      this.timer = setTimeout(() => this.turn(1), LEAD_MS);
    }, Math.max(0, this.everyMs - LEAD_MS));
  }

  // States and counts come every few seconds, and all pages anew when cameras come or go: neither puts the next page off.
  swapped() {
    const count = this.sheets.length;
    const goesOn = Boolean(this.timer) === (!this.held.size && count > 1);
    if (goesOn && this.number <= count && (this.ready ?? 1) <= count) this.apply();
    else this.begin();
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
