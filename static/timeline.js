// The time line of one camera or of some on a canvas, a row each: footage, gaps with their reasons, the moment that is
// shown. Zoom by wheel, pinch and keys, drag to move, click to go there. What is dragged in the strip below the rows, or by
// a key that is held, scrubs: the player waits until it is let go. It is a slider (WAI-ARIA): its value is the moment, in
// words. What is drawn stands below it as a table, too. It tells "falconeye:seek" with {us}, "falconeye:hover" with {us, x,
// row}, of what is pointed at or scrubbed to, "falconeye:none" with {direction, missing} of a jump that leads nowhere and, of
// keys that are the player's, "falconeye:act" with {name}.
const SECOND = 1_000_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const STEPS = [1, 5, 10, 30, 60, 300, 600, 1800, 3600, 7200, 14400, 21600].map((s) => s * SECOND);
const SHORTEST = 20 * SECOND;
const SOON = 15 * SECOND; // footage comes to the list so much later, so what is newer is live
const TICK_PX = 76;
const TWELVE = document.documentElement.dataset.clock === "12h"; // the site's setting
const SPACE = 44; // below the rows, for the times and what is dragged: as much as a finger needs
const KNOB = 8; // what is dragged
const BAR = 40; // of the only row
const ROW = 26; // of one of some
const BETWEEN = 4;
const KEPT = 5; // the band along a row's bottom, of what is protected
const LOCK = 9; // how wide a lock is
// Keys of the player, beside those of the line itself.
const ACTS = { " ": "play", k: "play", j: "slower", l: "faster", ".": "step", ",": "last", e: "live" };

export const parse = (text) => Date.parse(text) * 1000;
export const stamp = (us) => new Date(us / 1000).toISOString();

// Players that end tell it more than once: a second visit would break off the first, which a slow one never survives.
let leaving = null;
export function leaveFor(url) {
  if (leaving === url) return;
  leaving = url;
  addEventListener("pagehide", () => { leaving = null; }, { once: true }); // it may come back from the browser's cache
  location.assign(url);
}

// Footage of whichever stream as one row: [from, to] in µs, in order, without overlap.
export const joined = (spans) => merged(spans.map((s) => [parse(s.from), parse(s.to)]));

function merged(pairs) {
  const found = [];
  for (const [from, to] of pairs.toSorted((a, b) => a[0] - b[0])) {
    const last = found.at(-1);
    if (last && from - last[1] < SECOND / 2) last[1] = Math.max(last[1], to);
    else found.push([from, to]);
  }
  return found;
}

// What only nodes have that nobody hears: nothing of it can be played, and it is no gap either.
function awayIn(answer, reachable) {
  const since = Object.fromEntries((answer.nodes ?? []).map((node) => [node.id, node.unreachable_since]));
  return answer.spans.filter((span) => span.reachable === false).flatMap(({ from, to, node, nodes }) => {
    const found = [];
    let begin = parse(from);
    for (const [there, until] of [...reachable, [parse(to), Infinity]]) {
      const end = Math.min(there, parse(to));
      if (end > begin) found.push({ away: true, node, since: parse(since[nodes[0]]), from: begin, to: end });
      begin = Math.max(begin, until);
    }
    return found;
  });
}

// A program may call an event so, too; that has no end of this name.
const isKept = ({ kind, to }) => kind === "protected" && to;
const isTwice = ({ kind, to }) => kind === "recorded_twice" && to;

export class Timeline {
  // `from`, `to`: the day, in µs; `zone`: IANA; `names`: of the rows, where there are some.
  constructor(canvas, { from, to, zone, texts, names = [""] }) {
    this.canvas = canvas;
    this.day = [from, to];
    this.view = [from, to];
    this.value = from;
    this.rows = names.map((name) => ({ name, footage: [], gaps: [], away: [], events: [], kept: [], twice: [], streams: { main: [], sub: [] } }));
    this.bar = names.length > 1 ? ROW : BAR;
    this.bottom = names.length * (this.bar + BETWEEN) - BETWEEN;
    this.height = this.bottom + SPACE;
    this.footage = []; // of any row
    this.known = from;
    this.texts = texts;
    this.pointers = new Map();
    this.scrubbed = null; // the moment that is scrubbed to
    const clock = (hourCycle, options) => new Intl.DateTimeFormat("en-GB", { timeZone: zone, hourCycle, hour: hourCycle === "h12" ? "numeric" : "2-digit", minute: "2-digit", ...options });
    const shown = TWELVE ? "h12" : "h23";
    this.minutes = clock(shown);
    this.seconds = clock(shown, { second: "2-digit" });
    this.exact = clock(shown, { second: "2-digit", fractionalSecondDigits: 3 });
    this.fields = { minutes: clock("h23"), seconds: clock("h23", { second: "2-digit" }) }; // as <input> has them
    this.dates = new Intl.DateTimeFormat("sv-SE", { timeZone: zone }); // 2026-11-20
    canvas.style.cssText = `display:block;width:100%;height:${this.height}px;touch-action:none;cursor:pointer`;
    canvas.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    canvas.addEventListener("pointerdown", (event) => this.down(event));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, (event) => this.up(event));
    canvas.addEventListener("pointerleave", () => this.hover(null));
    canvas.addEventListener("keydown", (event) => this.key(event));
    for (const name of ["keyup", "blur"]) canvas.addEventListener(name, () => this.pointers.size || this.drop());
    new ResizeObserver(() => this.draw()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
    this.say();
  }

  // Answers of /api/cameras/ID/timeline, one a row; null for one that did not come: its row stays as it is.
  show(...answers) {
    answers.forEach((answer, index) => {
      if (!answer) return;
      const all = [...answer.spans, ...(answer.ahead ?? [])]; // those of a clock that was ahead
      const spans = all.filter((span) => span.reachable !== false);
      const of = (stream) => joined(spans.filter((span) => span.stream === stream));
      Object.assign(this.rows[index], {
        footage: joined(spans),
        gaps: answer.gaps.map((gap) => ({ ...gap, from: parse(gap.from), to: parse(gap.to) })),
        away: awayIn(answer, joined(spans)),
        events: (answer.events ?? []).filter((event) => !isKept(event)).map((event) => parse(event.at)),
        kept: (answer.events ?? []).filter(isKept).map(({ at, to, by, reason }) => ({ from: parse(at), to: parse(to), by, reason })),
        twice: (answer.events ?? []).filter(isTwice).map(({ at, to }) => [parse(at), parse(to)]),
        streams: { main: of("main"), sub: of("sub") },
      });
      this.known = Math.max(this.known, parse(answer.to));
      this.heard = performance.now();
    });
    this.footage = merged(this.rows.flatMap((row) => row.footage));
    this.say();
    this.draw();
  }

  // Where the clocks of the site show a time (hh:mm): twice in the night when they are set back; where they leap over it,
  // what comes next.
  moments(text) {
    const all = Array.from({ length: Math.ceil((this.day[1] - this.day[0]) / MINUTE) }, (_, i) => this.day[0] + i * MINUTE);
    const { minutes } = this.fields;
    const found = all.filter((us) => minutes.format(us / 1000) === text);
    return found.length ? found : [all.find((us) => minutes.format(us / 1000) > text)];
  }

  // Go to a time of this day; where the clocks show it twice, to the other one when it is asked for again.
  goTo(text) {
    const [first, second = first] = this.moments(text);
    if (this.view[1] - this.view[0] > HOUR) this.look(first - HOUR / 2, HOUR);
    this.seek(this.value >= first && this.value < first + MINUTE ? second : first);
  }

  // Now, by the recorder's clock.
  now() { return this.known + (performance.now() - this.heard) * 1000; }

  // What there is to go to ends here: now, or with footage that is dated later.
  get end() { return Math.max(this.known, this.footage.at(-1)?.[1] ?? 0); }

  // The newest footage, as far as its time has come; of a day that has not, the last.
  latest() {
    const last = this.footage.findLast(([from]) => from <= this.known);
    return last ? [last[0], Math.min(last[1], this.known)] : this.footage.at(-1);
  }

  // What is dated later than now is gone to, and never played into.
  leapsOverNow(us, to) {
    const now = this.now() + SOON;
    return this.known > this.day[0] && us <= now && to > now;
  }

  // Whether a moment is about now, and was recorded up to now.
  isNow(us) {
    const last = this.latest()?.[1] ?? 0;
    const now = this.now();
    return this.known > this.day[0] && now < this.day[1] && Math.abs(now - us) < SOON && this.known - last < SOON;
  }

  // Whether a moment is the end of the day, which has passed.
  isOver(us) { return us > this.day[1] - 2 * SECOND && this.now() > this.day[1]; }

  // The moment that is shown now; the view follows it where it leaves.
  set(us) {
    this.value = Math.min(Math.max(us, this.day[0]), this.day[1]);
    const [from, to] = this.view;
    if (!this.pointers.size && (this.value < from || this.value > to)) this.pan(this.value - (from + to) / 2);
    this.say();
    this.draw();
  }

  // Why a row has nothing then; of all rows, where none has anything.
  gapIn(row, us) { return [...row.gaps, ...row.away].find((gap) => gap.from <= us && us < gap.to); }
  gapAt(us) { return this.hasFootage(us) ? undefined : this.rows.map((row) => this.gapIn(row, us)).find(Boolean); }
  why({ reason, detail }) { return (this.texts.words[reason] ?? reason) + (detail ? ` (${detail})` : ""); }
  // The same as a whole sentence; of what a silent node has, or may have, the node and the times stand in it.
  sentence(gap) {
    if (gap.away) {
      const time = this.minutes.format(gap.since / 1000);
      const since = gap.since < this.day[0] ? `${this.dates.format(gap.since / 1000)} ${time}` : time;
      return this.texts.away.replace("{node}", () => gap.node).replace("{since}", () => since);
    }
    return gap.node ? gap.detail : this.because(gap);
  }
  because(gap, name = "") {
    return this.texts.because.replace("{name}", () => name && ` (${name})`).replace("{reason}", () => this.why(gap));
  }
  // In a few words, beside a picture that is not there.
  short(gap) { return gap?.node ? this.sentence(gap) : gap && this.texts.missing; }
  get lacksNodes() { return this.rows.some((row) => row.away.length || row.gaps.some((gap) => gap.node)); }
  hasFootage(us) { return this.footage.some(([from, to]) => from <= us && us < to); }

  // The beginning of the next (or last) stretch of footage, or of what is missing.
  beside(us, direction, missing) {
    const gaps = () => this.rows.flatMap((row) => [...row.gaps, ...row.away].map((gap) => gap.from));
    const starts = (missing ? gaps() : this.footage.map(([from]) => from)).sort((a, b) => a - b);
    return direction > 0 ? starts.find((start) => start > us + SECOND / 2) : starts.findLast((start) => start < us - SECOND / 2);
  }

  say() {
    const { canvas } = this;
    const us = this.scrubbed ?? this.value;
    const time = this.seconds.format(us / 1000);
    const of = (row, gap) => gap.node ? `, ${row.name && `${row.name}: `}${this.sentence(gap)}`
      : `, ${this.because(gap, row.name)}`;
    const without = this.rows.filter((row) => this.gapIn(row, us)).map((row) => of(row, this.gapIn(row, us)));
    canvas.setAttribute("aria-valuemin", 0);
    canvas.setAttribute("aria-valuemax", Math.round((this.day[1] - this.day[0]) / SECOND));
    canvas.setAttribute("aria-valuenow", Math.round((us - this.day[0]) / SECOND));
    const kept = this.rows.flatMap((row) => row.kept.filter(({ from, to }) => from <= us && us < to).map((one) => this.keptBy(row, one)));
    canvas.setAttribute("aria-valuetext", time + without.join(";") + kept.join(";"));
  }

  keptBy(row, { by, reason }) {
    const words = by ? this.texts.protected_by.replace("{name}", () => by) : this.texts.protected;
    return `, ${words}${row.name && ` (${row.name})`}${reason && `: ${reason}`}`;
  }

  x(us) { return ((us - this.view[0]) / (this.view[1] - this.view[0])) * this.canvas.clientWidth; }
  at(x) { return this.view[0] + (x / Math.max(1, this.canvas.clientWidth)) * (this.view[1] - this.view[0]); }

  // Zoom by a factor so that the moment under `x` stays there, or comes to `to`.
  zoom(factor, x = this.x(this.value), to = x) {
    const still = this.at(x);
    const [first, last] = this.day;
    const length = Math.min(Math.max((this.view[1] - this.view[0]) * factor, SHORTEST), last - first);
    const share = to / Math.max(1, this.canvas.clientWidth);
    this.look(still - length * share, length);
  }

  // So much of the day around the moment that is shown.
  around(length) { this.look(this.value - length / 2, Math.min(length, this.day[1] - this.day[0])); }

  // The hour of a moment, as the clock counts them.
  hourOf(us) { this.look(us - ((us - this.day[0]) % HOUR), HOUR); }

  pan(us) { this.look(this.view[0] + us, this.view[1] - this.view[0]); }

  look(from, length) {
    const [first, last] = this.day;
    const begin = Math.min(Math.max(from, first), last - length);
    this.view = [begin, begin + length];
    this.draw();
  }

  wheel(event) {
    event.preventDefault();
    const length = this.view[1] - this.view[0];
    const sideways = Math.abs(event.deltaX) > Math.abs(event.deltaY);
    if (sideways || event.shiftKey) this.pan(((sideways ? event.deltaX : event.deltaY) / this.canvas.clientWidth) * length);
    else this.zoom(1.0015 ** event.deltaY, event.offsetX);
  }

  down(event) {
    if (event.button) return; // a menu opens
    this.canvas.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, event.offsetX);
    this.moved = this.pointers.size > 1;
    this.begun = event.offsetX;
    if (this.moved) this.leave();
    else if (event.offsetY > this.bottom) this.scrub(this.at(event.offsetX));
  }

  move(event) {
    if (!this.pointers.has(event.pointerId)) return void this.hover(event.offsetX, event.offsetY);
    const before = [...this.pointers.values()];
    this.pointers.set(event.pointerId, event.offsetX);
    const after = [...this.pointers.values()];
    if (this.scrubbed !== null) return void this.scrub(this.at(Math.min(Math.max(0, event.offsetX), this.canvas.clientWidth)));
    if (Math.abs(event.offsetX - this.begun) > 4) this.moved = true;
    if (!this.moved) return;
    if (after.length === 2) {
      const [was, is] = [before, after].map(([a, b]) => ({ apart: Math.max(20, Math.abs(a - b)), middle: (a + b) / 2 }));
      this.zoom(was.apart / is.apart, was.middle, is.middle); // fingers are told of one by one
    } else this.pan(this.at(before[0]) - this.at(after[0]));
  }

  up(event) {
    if (!this.pointers.delete(event.pointerId)) return;
    if (this.scrubbed !== null) return void (event.type === "pointerup" ? this.drop() : this.leave());
    if (!this.moved && event.type === "pointerup") this.seek(this.at(event.offsetX));
  }

  // Shows what was at a moment, while the player stays.
  scrub(us) {
    const [first] = this.day;
    this.scrubbed = Math.min(Math.max(us, first), this.end);
    const [from, to] = this.view;
    if (this.scrubbed < from || this.scrubbed > to) this.pan(this.scrubbed - (from + to) / 2);
    this.say();
    this.draw();
    this.tell("falconeye:hover", { us: this.scrubbed, x: this.x(this.scrubbed), row: null });
  }

  // What was scrubbed to is let go: the player goes there.
  drop() {
    const us = this.scrubbed;
    if (us === null) return;
    this.leave();
    this.seek(us);
  }

  // The scrubbing ends, and nothing was.
  leave() {
    if (this.scrubbed === null) return;
    this.scrubbed = null;
    this.say();
    this.hover(null);
  }

  hover(x, y = 0) {
    this.hovered = x;
    this.draw();
    const row = Math.min(Math.max(0, Math.floor(y / (this.bar + BETWEEN))), this.rows.length - 1);
    this.tell("falconeye:hover", { us: x === null ? null : this.at(x), x, row });
  }

  key(event) {
    const length = this.view[1] - this.view[0];
    const step = event.shiftKey ? MINUTE : 10 * SECOND;
    const to = (us) => event.repeat ? this.scrub((this.scrubbed ?? this.value) + us) : this.seek(this.value + us);
    const acts = {
      ArrowLeft: () => to(-step),
      ArrowRight: () => to(step),
      PageUp: () => to(-length / 4),
      PageDown: () => to(length / 4),
      Escape: () => this.leave(),
      Home: () => this.seek(this.day[0]),
      End: () => this.seek(this.end),
      "+": () => this.zoom(0.5),
      "=": () => this.zoom(0.5),
      "-": () => this.zoom(2),
      n: () => this.jump(1, false),
      p: () => this.jump(-1, false),
      g: () => this.jump(1, true),
      G: () => this.jump(-1, true),
      d: () => this.around(Infinity),
      h: () => this.around(HOUR),
      m: () => this.around(10 * MINUTE),
    };
    for (const [name, act] of Object.entries(ACTS)) acts[name] = () => this.tell("falconeye:act", { name: act });
    if (event.ctrlKey || event.metaKey || event.altKey || !acts[event.key]) return;
    event.preventDefault();
    if (!event.repeat && event.key !== "Escape") this.drop(); // another key is held, too
    acts[event.key]();
  }

  jump(direction, missing) {
    const start = this.beside(this.value, direction, missing);
    if (start !== undefined) this.seek(start);
    else this.tell("falconeye:none", { direction, missing });
  }

  seek(us) {
    this.scrubbed = null;
    this.set(Math.min(us, this.end));
    this.tell("falconeye:seek", { us: this.value });
  }

  tell(name, detail) { this.canvas.dispatchEvent(new CustomEvent(name, { bubbles: true, detail })); }

  draw() {
    const { canvas } = this;
    const width = canvas.clientWidth;
    if (!width) return;
    const ratio = devicePixelRatio || 1;
    canvas.width = width * ratio;
    canvas.height = this.height * ratio;
    const style = getComputedStyle(canvas);
    const colour = (name) => {
      canvas.style.color = `var(${name})`;
      return style.color;
    };
    const names = ["raised", "ok", "bad", "edge", "quiet", "text", "accent", "surface"];
    const [raised, ok, bad, edge, quiet, text, accent, surface] = names.map((name) => colour(`--${name}`));
    const paint = canvas.getContext("2d");
    paint.scale(ratio, ratio);
    const fill = (colour, from, to, y, height, least = 1) => {
      const left = Math.max(0, this.x(from));
      const right = Math.min(width, this.x(to));
      if (right < 0 || left > width) return;
      paint.fillStyle = colour;
      paint.fillRect(left, y, Math.max(least, right - left), height);
    };
    this.rows.forEach((row, index) => {
      const top = index * (this.bar + BETWEEN);
      fill(raised, ...this.view, top, this.bar);
      for (const gap of row.gaps) {
        if (gap.node) this.hatch(paint, quiet, gap, top);
        else fill(this.texts.wanted.has(gap.reason) ? edge : bad, gap.from, gap.to, top + this.bar / 2 - 4, 8);
      }
      for (const one of row.away) this.hatch(paint, ok, one, top, true);
      for (const [from, to] of row.footage) fill(ok, from, to, top, this.bar);
      for (const at of row.events) fill(text, at, at, top, 10, 2);
      const bottom = top + this.bar;
      for (const { from, to } of row.kept) {
        fill(surface, from, to, bottom - KEPT - 1, KEPT + 1, 3);
        fill(text, from, to, bottom - KEPT, KEPT, 3);
      }
      for (const x of this.locksOf(row, width)) this.lock(paint, x, bottom - KEPT - 12, text, surface);
    });
    paint.fillStyle = quiet;
    paint.font = `13px ${style.fontFamily}`;
    for (const [us, label] of this.ticks(width)) {
      const x = this.x(us);
      paint.fillRect(x, this.bottom, 1, 5);
      const wide = paint.measureText(label).width;
      paint.fillText(label, Math.min(Math.max(0, x - wide / 2), width - wide), this.bottom + 19);
    }
    if (this.hovered != null && !this.pointers.size) {
      paint.fillStyle = quiet;
      paint.fillRect(this.hovered, 0, 1, this.bottom);
    }
    const y = this.height - KNOB - 2;
    const at = this.x(this.scrubbed ?? this.value);
    fill(edge, ...this.view, y - 2, 4);
    paint.fillStyle = text;
    paint.fillRect(at - 1.5, 0, 3, this.bottom + 4);
    paint.fillStyle = accent;
    paint.fillRect(at - 0.5, 0, 1, this.bottom + 4);
    paint.beginPath();
    paint.arc(at, y, KNOB, 0, 2 * Math.PI);
    paint.fill();
    if (this.rows.length > 1) this.label(paint, text, surface);
  }

  // What a silent node has, in a frame, or may have: lines aslant, as nothing else is drawn.
  hatch(paint, colour, { from, to }, top, framed = false) {
    const [left, right] = [Math.max(0, this.x(from)), Math.min(this.canvas.clientWidth, this.x(to))];
    if (right <= left) return;
    paint.save();
    paint.strokeStyle = colour;
    paint.lineWidth = 2;
    paint.beginPath();
    paint.rect(left, top, Math.max(1, right - left), this.bar);
    if (framed) paint.stroke();
    paint.clip();
    paint.beginPath();
    for (let x = left - (left % 8) - this.bar; x < right; x += 8) {
      paint.moveTo(x, top + this.bar);
      paint.lineTo(x + this.bar, top);
    }
    paint.stroke();
    paint.restore();
  }

  // Where locks stand: at the end of what is protected, as a name stands at the beginning; none upon another.
  locksOf(row, width) {
    const ends = row.kept.map(({ from, to }) => [Math.max(0, this.x(from)), Math.min(width, this.x(to))]);
    const shown = ends.filter(([left, right]) => right >= 0 && left <= width);
    const all = shown.map(([left, right]) => Math.min(Math.max(left + 2, right - LOCK - 3), width - LOCK - 2)).sort((a, b) => a - b);
    let last = -Infinity;
    return all.filter((x) => {
      const isFree = x - last >= LOCK + 6;
      if (isFree) last = x;
      return isFree;
    });
  }

  // A lock on a ground of its own, whatever is drawn below.
  lock(paint, x, y, ink, ground) {
    paint.fillStyle = ground;
    paint.fillRect(x - 2, y - 1, LOCK + 4, 12);
    paint.fillStyle = paint.strokeStyle = ink;
    paint.fillRect(x, y + 5, LOCK, 6);
    paint.lineWidth = 1.5;
    paint.beginPath();
    paint.arc(x + LOCK / 2, y + 4, 2.75, Math.PI, 0);
    paint.lineTo(x + LOCK / 2 + 2.75, y + 5);
    paint.moveTo(x + LOCK / 2 - 2.75, y + 4);
    paint.lineTo(x + LOCK / 2 - 2.75, y + 5);
    paint.stroke();
  }

  // Which camera a row is of: its name on a ground of its own, whatever is drawn below.
  label(paint, text, ground) {
    this.rows.forEach((row, index) => {
      const top = index * (this.bar + BETWEEN) + 4;
      const name = row.name.length > 18 ? `${row.name.slice(0, 17)}…` : row.name;
      paint.fillStyle = ground;
      paint.fillRect(4, top, paint.measureText(name).width + 10, this.bar - 8);
      paint.fillStyle = text;
      paint.fillText(name, 9, top + this.bar - 13);
    });
  }

  // Round times of the site's zone, as many as there is room for: zones are whole quarters of an hour from UTC. Hours are
  // round by the site's clocks, also behind the seam of the night in which they are set.
  *ticks(width) {
    const length = this.view[1] - this.view[0];
    const step = STEPS.find((each) => (each / length) * width >= (TWELVE ? 1.5 * TICK_PX : TICK_PX)) ?? STEPS.at(-1);
    const format = step < MINUTE ? this.seconds : this.minutes;
    const first = this.day[0] + Math.ceil((this.view[0] - this.day[0]) / step) * step;
    if (step <= HOUR) for (let us = first; us <= this.view[1]; us += step) yield [us, format.format(us / 1000)];
    if (step <= HOUR) return;
    let last = -Infinity;
    for (let us = this.day[0]; us <= this.view[1]; us += HOUR / 2) {
      const time = this.fields.minutes.format(us / 1000);
      const isRound = time.endsWith(":00") && (parseInt(time, 10) * HOUR) % step === 0;
      if (!isRound || us - last < step / 2 + 1) continue; // the hour that comes twice
      last = us;
      if (us >= this.view[0]) yield [us, format.format(us / 1000)];
    }
  }
}

// The table below is folded: where a link leads into it, it opens (not all browsers do so by themselves).
document.querySelector('a[href="#spans"]')?.addEventListener("click", () => {
  document.querySelector("[data-spans]").open = true;
});

export { HOUR, MINUTE, SECOND };
