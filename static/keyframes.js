// Recorded footage by its keyframes alone, as stills: for speeds that no player keeps up with, for backward, and where a
// browser cannot decode the video. Without sound.
import { stamp } from "./timeline.js";

// A still is asked for so often, and never a second one before the first is there.
const PERIOD_MS = 600; // at the speed of time; keyframes lie seconds apart
const SHORTEST_MS = 80;
const TICK_MS = 40;
const AGAIN_MS = 4000; // after which one that did not come is asked for once more
export const WITHIN_US = 2000; // before an end the last picture stands: a player is sent a millisecond into a picture

// What a still's address is: times cross the network in whole milliseconds, rounded down: one more, or footage would
// begin after its own start.
export function stillUrl(api, us, height, stream = "main") {
  return `${api}/still.jpg?${new URLSearchParams({ height, stream, at: stamp(us + 1000) })}`;
}

// Of the keyframe before or after the one of a moment.
export function besideUrl(api, us, direction, height, stream) {
  const beside = direction > 0 ? "next" : "previous";
  return `${api}/still.jpg?${new URLSearchParams({ height, stream, beside, at: stamp(direction > 0 ? us + 1000 : us) })}`;
}

// A moment that moves on by itself, faster, slower or backward. `rate`: what is wanted; `speed`: what it takes up of that.
export class WallClock {
  constructor(us = 0) {
    this.base = us;
    this.rate = this.speed = 1;
    this.since = null; // performance.now() where it runs
  }

  get us() { return this.since === null ? this.base : this.base + (performance.now() - this.since) * 1000 * this.speed; }
  get runs() { return this.since !== null; }

  set(us) {
    this.base = us;
    if (this.runs) this.since = performance.now();
  }

  // Goes on at another rate from where it is.
  pace(rate, speed = rate) {
    this.set(this.us);
    Object.assign(this, { rate, speed });
  }

  run() { this.since ??= performance.now(); }

  halt() {
    this.base = this.us;
    this.since = null;
  }
}

// The keyframes of one camera in an <img>: the newest wish counts. `shownUs`: when the picture that stands there is of.
// `lacks(why)`: none stands there, since it is on its way ("coming") or did not come ("none"): an <img> would show itself broken.
export class Keyframes {
  constructor(img, api, height, shown = () => {}, lacks = () => {}) {
    Object.assign(this, { img, api, height, shown, lacks, shownUs: null, wish: null, busy: false, period: PERIOD_MS });
  }

  pace(rate) { this.period = Math.min(PERIOD_MS, Math.max(SHORTEST_MS, PERIOD_MS / Math.abs(rate))); }

  show(us, stream = "main") {
    if (us === this.asked) return;
    if (this.steps) this.round += 1; // what was stepped to is not wanted any more
    this.asked = us;
    this.wish = { us, stream };
    if (this.shownUs === null && !this.missed) this.lacks("coming");
    if (!this.busy) this.work();
  }

  async work() {
    this.busy = true;
    while (this.wish) {
      const { round, wish } = this;
      this.wish = null;
      const rest = new Promise((done) => setTimeout(done, this.period));
      try {
        if (await this.load(stillUrl(this.api, wish.us, this.height, wish.stream)) === null) this.miss(wish, round);
      } catch (error) {
        console.info(String(error)); // the network: the picture before stays, with its time
        this.miss(wish, round);
      }
      await rest;
    }
    this.busy = false;
  }

  // It did not come. Where no other is wanted meanwhile: perhaps its node is back soon, or has less to do.
  miss(wish, round) {
    if (round !== this.round) return;
    if (this.shownUs === null) {
      this.missed = true;
      this.lacks("none");
    }
    setTimeout(() => {
      if (this.asked !== wish.us || this.wish) return;
      this.wish = wish;
      if (!this.busy) this.work();
    }, AGAIN_MS);
  }

  // The next keyframe (1), or the last one (-1), beside a moment: when it is of; null where there is none.
  async beside(us, direction, stream = "main") {
    this.wish = null;
    this.round = (this.round ?? 0) + 1; // what is on its way is of another moment
    this.asked = null;
    this.steps = true;
    try {
      const found = await this.load(besideUrl(this.api, us, direction, this.height, stream));
      if (found === null && this.shownUs === null) this.lacks("none");
      return found;
    } finally {
      this.steps = false;
    }
  }

  // When it is of; null where it did not come.
  async load(url) {
    const round = this.round;
    const answer = await fetch(url);
    if (!answer.ok) return null; // a hole, or too many ask: the next wish
    const us = Date.parse(answer.headers.get("x-picture-time")) * 1000;
    // Another one may stand there by now, whose time nobody told: a newer wish came while it was decoded.
    if (us === this.shownUs && us === this.givenUs) return us;
    const blob = URL.createObjectURL(await answer.blob());
    const { img } = this;
    if (round === this.round) {
      this.givenUs = us;
      img.src = blob;
      await img.decode().catch(() => {}); // another took its place
      if (round === this.round) {
        this.shownUs = us;
        this.missed = false;
        this.shown(us);
      }
    }
    URL.revokeObjectURL(blob);
    return us;
  }

  // Nothing that is still on its way is shown any more.
  stop() {
    this.wish = this.asked = null;
    this.round = (this.round ?? 0) + 1;
    this.shownUs = null;
    this.missed = false;
  }
}

// Leads a moment over footage, forward or backward, past holes. `see(us)` at each step; `end(direction)` where there is
// no more footage that way. `timeline` knows where there is some.
export class Shuttle {
  constructor(timeline, see, end) {
    Object.assign(this, { timeline, see, end, clock: new WallClock() });
  }

  get on() { return Boolean(this.timer); }

  start(us, rate) {
    clearInterval(this.timer);
    this.clock.halt();
    this.clock.set(us);
    this.clock.pace(rate);
    this.clock.run();
    this.timer = setInterval(() => this.tick(), TICK_MS);
  }

  stop() {
    clearInterval(this.timer);
    this.timer = null;
    this.clock.halt();
  }

  tick() {
    const { us: at, rate } = this.clock;
    const us = overHole(this.timeline, at, rate);
    if (us === null) {
      this.stop();
      this.end(Math.sign(rate));
      return;
    }
    if (us !== at) this.clock.set(us);
    this.see(us);
  }
}

// A moment, or where footage goes on from it in that direction; null where there is none.
export function overHole(timeline, us, rate) {
  if (timeline.hasFootage(us)) return us;
  if (rate > 0) {
    const next = timeline.footage.find(([from]) => from > us)?.[0];
    return next === undefined || timeline.leapsOverNow(us, next) ? null : next;
  }
  const before = timeline.footage.findLast(([, to]) => to <= us);
  return before ? before[1] - WITHIN_US : null;
}

// Speeds above what a player keeps up with, and backward, go by keyframes.
const PLAYED = 4;
export const byKeyframes = (rate) => rate < 0 || rate > PLAYED;
