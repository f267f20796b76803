// Up to four cameras on one clock, above one time line with a row for each.
import { ClockedCamera } from "./clocked.js";
import { act, jumpTo, oneByOne, tellNone } from "./controls.js";
import { WITHIN_US, WallClock, byKeyframes, overHole } from "./keyframes.js";
import { Preview } from "./preview.js";
import { leaveFor, MINUTE, parse, SECOND, stamp, Timeline } from "./timeline.js";

const REFRESH_MS = 15_000;
const TICK_MS = 50;
const STUMBLE_MS = 150; // so long may one lack data before all wait for it
const LATE_MS = 5000; // and so long they wait
const FASTER = 1.3; // by so much at most in a tick: a decoder that is asked for much more at once falls behind the others
const BEFORE_US = 10 * SECOND; // before the end of the first, which the second follows

const root = document.querySelector("[data-many]");

class ManyPage {
  constructor(root) {
    const data = root.dataset;
    this.root = root;
    this.day = [Number(data.from), Number(data.to)];
    this.tiles = [...root.querySelectorAll("[data-api]")];
    this.line = root.querySelector("[data-moment]");
    this.timeline = new Timeline(root.querySelector("canvas"), {
      from: this.day[0],
      to: this.day[1],
      zone: data.zone,
      names: this.tiles.map((tile) => tile.dataset.name),
      texts: { ...JSON.parse(data.texts), missing: data.missing, words: JSON.parse(data.words), wanted: new Set(JSON.parse(data.wanted)) },
    });
    const clock = (us) => this.timeline.seconds.format(us / 1000);
    this.texts = { ...JSON.parse(data.texts), clock };
    const why = (gap) => this.timeline.sentence(gap);
    this.cameras = this.tiles.map((tile, index) => new ClockedCamera(tile, this.timeline.rows[index], this.texts, why));
    this.preview = new Preview(root.querySelector("[data-preview]"), this.timeline, (detail) => this.pointedAt(detail), (us) => this.missingAt(us));
    this.clock = new WallClock(this.day[0]);
    this.speed = root.querySelector("select");
    this.speed.style.width = "auto";
    this.speed.addEventListener("change", () => this.pace(Number(this.speed.value)));
    root.addEventListener("falconeye:seek", ({ detail }) => this.seek(detail.us));
    root.addEventListener("falconeye:hover", ({ detail }) => this.preview.show(detail));
    root.addEventListener("falconeye:act", ({ detail }) => act(this, detail.name));
    root.addEventListener("click", ({ target }) => act(this, target.closest("[data-act]")?.dataset.act));
    tellNone(root, this.texts);
    jumpTo(root, this.timeline);
    this.wants = false; // to play
    this.round = 0; // of `seek`: what a step still waits for counts no more
  }

  async start() {
    this.root.hidden = false;
    document.querySelector("[data-footage-still]").hidden = true;
    // It shares its window with the time line, where there is room for both.
    if (matchMedia("(min-width:64rem) and (min-height:40rem)").matches) {
      this.root.querySelector(".wall").style.maxHeight = "max(20rem, calc(100dvh - 26rem))";
    }
    await this.load();
    this.isReady = true;
    const query = new URLSearchParams(location.search);
    this.isImpatient ||= query.has("plays"); // it comes from the day before
    const wanted = parse(query.get("at"));
    const last = this.timeline.latest();
    if (query.has("hour") && wanted) this.timeline.hourOf(wanted);
    if (Number.isFinite(wanted)) this.seek(wanted, Boolean(this.isImpatient));
    else if (last) this.seek(Math.max(last[0], last[1] - MINUTE), Boolean(this.isImpatient));
    this.say();
    setInterval(() => this.tick(), TICK_MS);
    setInterval(() => document.hidden || !this.changes || this.load(), REFRESH_MS);
  }

  // The day goes on, or nodes do not answer, which may come back.
  get changes() {
    return this.day[1] > Date.now() * 1000 || this.timeline.lacksNodes || this.cameras.some((camera) => camera.isAway);
  }

  async load() {
    const query = new URLSearchParams({ from: stamp(this.day[0]), to: stamp(this.day[1]) });
    this.timeline.show(...await Promise.all(this.cameras.map(async ({ api }) => {
      try {
        const answer = await fetch(`${api}/timeline?${query}`);
        return answer.ok ? await answer.json() : null;
      } catch (error) {
        console.info(String(error)); // the network: what is drawn stays
        return null;
      }
    })));
  }

  // A moment: from there it plays, unless it stood and stands again.
  seek(us, plays = this.wants || !this.asked) {
    const { clock, timeline } = this;
    this.round += 1;
    clock.halt();
    if (!byKeyframes(clock.rate)) clock.pace(clock.rate, Math.min(clock.rate, 1));
    clock.set(Math.min(Math.max(us, this.day[0]), timeline.end));
    timeline.set(clock.us);
    this.asked ||= plays;
    this.wants = plays && timeline.hasFootage(clock.us);
    this.waiting = null;
    for (const camera of this.cameras) camera.leave();
    this.tick();
    this.say();
    if (plays && !this.wants && timeline.lacksNodes) this.lookAgain();
  }

  // What a silent node has, or may have: perhaps it is back.
  async lookAgain() {
    const { clock, round } = this;
    await this.load();
    if (round === this.round && this.timeline.hasFootage(clock.us)) this.seek(clock.us, true);
  }

  tick() {
    if (this.steps) return;
    const { cameras, clock, timeline } = this;
    if (this.wants && !this.passHole()) return;
    const { us, rate } = clock;
    for (const camera of cameras) camera.place(us, rate, timeline.gapIn(camera.row, us));
    if (!this.wants) {
      for (const camera of cameras) camera.halt(us);
      return;
    }
    if (this.isAtEnd(us)) return void this.goLive();
    if (!byKeyframes(rate)) this.keepStep(us);
    else clock.run();
    timeline.set(us);
    this.tell();
  }

  // Where no camera has anything the clock leaps; false where nothing is left that way.
  passHole() {
    const { clock } = this;
    const at = clock.us;
    const us = overHole(this.timeline, at, clock.rate);
    if (us === null) {
      // Backward it ends with the first picture.
      if (clock.rate < 0 && this.timeline.footage.length) this.seek(this.timeline.footage[0][0], false);
      this.pause();
      if (clock.rate > 0) this.goOn();
      return false;
    }
    if (us !== at) {
      clock.halt();
      clock.set(us);
    }
    return true;
  }

  // Who lacks pictures makes all wait, for a while: then they go on, and it comes after.
  keepStep(us) {
    const { cameras, clock } = this;
    if (clock.runs && clock.speed < clock.rate) clock.pace(clock.rate, Math.min(clock.rate, clock.speed * FASTER));
    const now = performance.now();
    const behind = cameras.filter((camera) => !camera.isReady(us, clock.runs));
    if (!behind.length) {
      this.waiting = null;
      clock.run();
    } else this.waiting ??= now;
    if (behind.length && now - this.waiting > LATE_MS) for (const camera of behind) camera.isLate = true;
    if (clock.runs && behind.length && now - this.waiting > STUMBLE_MS) clock.halt();
    for (const camera of cameras) {
      if (clock.runs) camera.follow(us, clock.speed);
      else camera.halt(us);
    }
  }

  // All that may still play wait for footage that is being written.
  isAtEnd(us) {
    const playing = this.cameras.filter((camera) => camera.mode === "video");
    return this.isNow(us) && playing.length > 0 && playing.every((camera) => camera.endsAt(us));
  }

  missingAt(us) { return this.timeline.short(this.timeline.gapAt(us)) ?? this.root.dataset.missing; }
  isNow(us) { return this.timeline.isNow(us); }

  // After the end of what is known: perhaps there is more by now.
  async goOn() {
    const { us } = this.clock;
    await this.load();
    if (this.wants || us !== this.clock.us) return; // somebody was faster
    if (overHole(this.timeline, us, 1) !== null) this.seek(overHole(this.timeline, us, 1), true);
    else if (this.isNow(us)) this.goLive();
    else if (this.timeline.isOver(us)) {
      leaveFor(`?${new URLSearchParams({ cameras: this.root.dataset.many, at: stamp(this.day[1]), plays: 1 })}`);
    }
  }

  goLive() {
    this.pause();
    this.line.textContent = this.texts.live;
    leaveFor(`${this.root.dataset.live}?done=live`);
  }

  pause() {
    this.wants = false;
    this.clock.halt();
    this.say();
  }

  play() {
    this.isImpatient = !this.isReady;
    if (this.isImpatient) return; // what there is to play is on its way
    if (this.wants) return this.pause();
    const us = overHole(this.timeline, this.clock.us, this.clock.rate);
    if (us === null) this.goOn();
    else this.seek(us, true);
  }

  // Players that run take up another speed from the one they have; between players and stills all begin anew.
  pace(rate) {
    const { clock } = this;
    const plays = !byKeyframes(rate);
    const stays = plays && !byKeyframes(clock.rate);
    clock.pace(rate, plays ? Math.min(rate, stays ? clock.speed : 1) : rate);
    if (!stays) clock.halt();
    if (this.wants) this.tick();
    this.say();
  }

  // One picture of the first camera that plays, on or back, the others with it; of keyframes the next of any.
  step(direction) {
    this.stepping ??= oneByOne((next) => this.stepOnce(next));
    return this.stepping(direction);
  }

  async stepOnce(direction) {
    this.pause();
    this.tick(); // the speed may have been changed just now
    this.steps = true; // meanwhile nobody is sent elsewhere
    try {
      const { round } = this;
      const us = await this.besideUs(direction);
      if (round === this.round && us !== null && us >= this.day[0] && us < this.day[1]) this.seek(us, false);
    } finally {
      this.steps = false;
    }
    for (const camera of this.cameras) camera.stand(this.clock.us);
    this.tick();
  }

  async besideUs(direction) {
    const { cameras, clock, timeline } = this;
    const { us } = clock;
    const first = cameras.find((camera) => camera.mode === "video" && camera.at(us));
    if (!first) {
      const all = await Promise.all(cameras.map((camera) => camera.keyframeBeside(us, direction)));
      const known = all.filter((each) => each !== null);
      return known.length ? direction * Math.min(...known.map((each) => direction * each)) : null;
    }
    const { playback } = first;
    if (!await playback.step(direction)) return overHole(timeline, playback.edgeUs(direction), direction);
    const at = playback.wallUs();
    const [from, to] = first.row.footage.find(([begin, end]) => begin <= us && us < end);
    if (at >= from && at < to) return at;
    return overHole(timeline, direction > 0 ? to : from - WITHIN_US, direction); // in its hole others may have something
  }

  say() {
    this.root.querySelector("[data-act=play]").textContent = this.wants ? this.texts.pause : this.texts.play;
    this.tell();
  }

  tell() {
    const { us } = this.clock;
    const time = this.texts.clock(us);
    const nothing = !this.timeline.hasFootage(us);
    const stills = byKeyframes(this.clock.rate) ? ` · ${this.texts.stills}` : "";
    this.line.textContent = nothing ? `${time}: ${this.isNow(us) ? this.texts.edge : this.missingAt(us)}` : time + stills;
    this.tellTwice(us);
    const at = stamp(us);
    const cameras = this.root.dataset.many;
    this.root.querySelector("[data-link]").search = new URLSearchParams({ cameras, at });
    for (const tile of this.tiles) tile.querySelector(".tile-name").search = new URLSearchParams({ day: this.root.dataset.day, at });
    const exporting = this.root.querySelector("[data-export]");
    if (exporting) {
      const [camera, ...also] = cameras.split(",");
      const span = [["from", stamp(us - MINUTE / 2)], ["to", stamp(us + MINUTE / 2)]];
      exporting.search = new URLSearchParams([["camera", camera], ...also.map((each) => ["also", each]), ...span]);
    }
    const chosen = document.querySelector("[data-choose] [name=at]");
    if (chosen) chosen.value = at;
  }

  // Of a time that was recorded twice one clock knows the first only: where the second is.
  tellTwice(us) {
    const found = this.cameras.flatMap(({ tile, row }) => row.twice.filter(([from, to]) => from <= us && us < to).map((span) => ({ tile, span })));
    const key = found.map(({ tile, span }) => [tile.dataset.name, ...span]).join();
    if (key === this.toldTwice) return;
    this.toldTwice = key;
    const line = this.root.querySelector("[data-twice]");
    line.hidden = !found.length;
    line.replaceChildren(...found.flatMap(({ tile, span: [from, to] }) => {
      const name = tile.dataset.name;
      const { origin, pathname } = tile.querySelector(".tile-name");
      const at = stamp(Math.max(from, to - BEFORE_US));
      const href = `${origin}${pathname}?${new URLSearchParams({ day: this.root.dataset.day, at })}`;
      const link = Object.assign(document.createElement("a"), { href, textContent: this.texts.second.replace("{name}", () => name) });
      return [`${this.texts.twice.replace("{name}", () => name)} `, link, " "];
    }));
  }

  // Whose picture is shown of a moment: that of the row, else the first that has one.
  pointedAt({ us, row }) {
    const of = row === null ? this.cameras.find((camera) => camera.streamAt(us)) : this.cameras[row];
    const stream = of?.streamAt(us);
    return stream ? { api: of.api, stream } : null;
  }
}

if (root?.querySelector("[data-api]")) new ManyPage(root).start();
