// A week to drag over: what is chosen stands in the fields below it, which are the form and the way without a mouse.
// Quarter hours where they are wide enough to hit, else hours. Fingers drag along a day; up and down they scroll.
const QUARTERS = 96;
const HEAD = 20;
const ROW = 28;
const NARROW = 620;

// What the server takes: quarter hours of a day, one range after the other; null for what it refuses.
function range(part) {
  const found = /^\s*(\d{1,2}):(\d\d)\s*[-–]\s*(\d{1,2}):(\d\d)\s*$/.exec(part);
  if (!found) return null;
  const [from, to] = [found[1] * 4 + found[2] / 15, found[3] * 4 + found[4] / 15];
  const fits = from < QUARTERS && to <= QUARTERS && from !== to && Math.max(found[2], found[4]) < 60;
  return fits && Number.isInteger(from) && Number.isInteger(to) ? [from, to] : null;
}

const read = (text) => text.split(/[,;]/).filter((part) => part.trim()).map(range);

const clock = (q) => `${String(q >> 2).padStart(2, "0")}:${String((q % 4) * 15).padStart(2, "0")}`;

function write(row) {
  const parts = [];
  for (let from = row.indexOf(true); from >= 0; ) {
    const end = row.indexOf(false, from);
    parts.push(`${clock(from)}-${clock(end < 0 ? QUARTERS : end)}`);
    from = end < 0 ? -1 : row.indexOf(true, end);
  }
  return parts.join(", ");
}

class Week {
  constructor(panel) {
    this.canvas = panel.querySelector("canvas");
    this.fields = [...panel.querySelectorAll("input")];
    this.labels = this.fields.map((field) => field.labels[0].textContent.slice(0, 2));
    this.canvas.style.cssText = `display:block;width:100%;height:${HEAD + ROW * 7}px;touch-action:pan-y;cursor:crosshair`;
    this.canvas.hidden = panel.querySelector("[data-grid-hint]").hidden = false;
    this.canvas.addEventListener("pointerdown", (event) => this.down(event));
    this.canvas.addEventListener("pointermove", (event) => this.move(event));
    this.canvas.addEventListener("pointerup", () => { this.from = null; });
    this.canvas.addEventListener("pointercancel", () => { if (this.from) this.show(this.before); this.from = null; });
    for (const field of this.fields) field.addEventListener("input", () => this.load());
    new ResizeObserver(() => this.draw()).observe(this.canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
    this.load();
  }

  load() {
    this.days = this.fields.map(() => Array(QUARTERS).fill(false));
    this.fields.forEach((field, day) => {
      for (const [from, to] of read(field.value).filter(Boolean)) {
        if (to > from) this.days[day].fill(true, from, to);
        else { this.days[day].fill(true, from); this.days[(day + 1) % 7].fill(true, 0, to); }
      }
    });
    this.draw();
  }

  get step() { return this.canvas.clientWidth < NARROW ? 4 : 1; }
  get left() { return 28; }

  place({ clientX, clientY }) {
    const box = this.canvas.getBoundingClientRect();
    const q = Math.floor(((clientX - box.left - this.left) / (box.width - this.left)) * QUARTERS);
    const day = Math.floor((clientY - box.top - HEAD) / ROW);
    return [Math.min(6, Math.max(0, day)), Math.min(QUARTERS - 1, Math.max(0, q))];
  }

  down(event) {
    if (event.button) return;
    event.preventDefault();
    this.canvas.setPointerCapture(event.pointerId);
    this.from = this.place(event);
    this.before = this.days.map((row) => [...row]);
    this.texts = this.fields.map((field) => field.value);
    this.on = !this.days[this.from[0]][this.from[1]];
    this.move(event);
  }

  move(event) {
    if (!this.from) return;
    const [day, q] = this.place(event);
    const next = this.before.map((row) => [...row]);
    const begin = Math.floor(Math.min(q, this.from[1]) / this.step) * this.step;
    const end = (Math.floor(Math.max(q, this.from[1]) / this.step) + 1) * this.step;
    for (let d = Math.min(day, this.from[0]); d <= Math.max(day, this.from[0]); d += 1) next[d].fill(this.on, begin, end);
    this.show(next);
  }

  show(days) {
    this.days = days;
    this.fields.forEach((field, day) => {
      // What cannot be read was meant all the same: unless that day was dragged over, it stays to be refused.
      const touched = days[day].some((on, q) => on !== this.before[day][q]);
      field.value = touched || read(this.texts[day]).every(Boolean) ? write(days[day]) : this.texts[day];
    });
    this.draw();
  }

  draw() {
    const { canvas } = this;
    const ratio = devicePixelRatio;
    const wide = canvas.clientWidth;
    canvas.width = wide * ratio;
    canvas.height = (HEAD + ROW * 7) * ratio;
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => { canvas.style.color = `var(--${name})`; return getComputedStyle(canvas).color; };
    const [quiet, line, accent, raised] = ["quiet", "line", "accent", "raised"].map(colour);
    const pen = canvas.getContext("2d");
    pen.scale(ratio, ratio);
    pen.font = `12px ${style.fontFamily}`;
    pen.textBaseline = "middle";
    const at = (q) => this.left + ((wide - this.left) * q) / QUARTERS;
    const every = wide < NARROW ? 6 : 3;
    this.days.forEach((row, day) => {
      const top = HEAD + day * ROW;
      pen.fillStyle = quiet;
      pen.fillText(this.labels[day], 2, top + ROW / 2);
      pen.fillStyle = raised;
      pen.fillRect(this.left, top + 1, wide - this.left, ROW - 2);
      pen.fillStyle = accent;
      row.forEach((on, q) => { if (on) pen.fillRect(at(q), top + 1, at(q + 1) - at(q) + 0.5, ROW - 2); });
    });
    for (let hour = 0; hour < 24; hour += every) {
      pen.fillStyle = quiet;
      pen.fillText(String(hour), at(hour * 4) + 2, HEAD / 2);
      pen.fillStyle = line;
      pen.fillRect(at(hour * 4), HEAD, 1, ROW * 7);
    }
  }
}

for (const panel of document.querySelectorAll("[data-week]")) new Week(panel);
