// A camera's day: the time line, the player below it, and what is told of the moment in words.
import { act, downloadOf, jumpTo, oneByOne, silentText, tellNone } from "./controls.js";
import { Keyframes, Shuttle, byKeyframes, overHole, stillUrl } from "./keyframes.js";
import { open } from "./playback.js";
import { Preview } from "./preview.js";
import { HOUR, leaveFor, MINUTE, parse, SECOND, stamp, Timeline } from "./timeline.js";

const WINDOW = HOUR; // what one playlist holds; the next one is opened where it ends
const REFRESH_MS = 15_000;
const AGAIN_MS = 4000;
const SETTLED_US = 3 * SECOND; // for less than that the stream is not changed

const root = document.querySelector("[data-footage]");

class FootagePage {
  constructor(root) {
    const data = root.dataset;
    this.root = root;
    this.api = data.api;
    this.camera = data.camera;
    this.texts = JSON.parse(data.texts);
    this.day = [Number(data.from), Number(data.to)];
    this.video = root.querySelector("video");
    this.line = root.querySelector("[data-moment]");
    this.hint = root.querySelector("[data-hint]");
    const texts = { ...this.texts, missing: data.missing, words: JSON.parse(data.words), wanted: new Set(JSON.parse(data.wanted)) };
    this.timeline = new Timeline(root.querySelector("canvas"), {
      from: this.day[0], to: this.day[1], zone: data.zone, texts,
    });
    const of = ({ us }) => this.timeline.hasFootage(us) && { api: this.api, stream: this.streamAt(us) };
    const why = (us) => this.timeline.short(this.timeline.gapAt(us));
    this.preview = new Preview(root.querySelector("[data-preview]"), this.timeline, of, why);
    this.still = root.querySelector("[data-keyframes]");
    this.still.style.objectFit = "contain";
    this.none = root.querySelector("[data-no-keyframe]");
    this.keyframes = new Keyframes(this.still, this.api, 720, () => this.showStill(), (why) => this.showStill(this.texts[why]));
    this.shuttle = new Shuttle(this.timeline, (us) => this.see(us), (direction) => this.shuttleEnded(direction));
    root.addEventListener("falconeye:seek", ({ detail }) => this.go(detail.us));
    root.addEventListener("falconeye:hover", ({ detail }) => this.preview.show(detail));
    root.addEventListener("falconeye:act", ({ detail }) => act(this, detail.name));
    root.addEventListener("click", ({ target }) => act(this, target.closest("[data-act]")?.dataset.act));
    tellNone(root, this.texts);
    jumpTo(root, this.timeline);
    this.video.addEventListener("timeupdate", () => this.follow());
    this.video.addEventListener("ended", () => this.goOn());
    this.video.addEventListener("waiting", () => this.waits());
    for (const name of ["play", "pause"]) this.video.addEventListener(name, () => this.sayPlaying());
    this.speed = root.querySelector("select");
    this.speed.style.width = "auto"; // a field takes the whole width elsewhere
    this.speed.addEventListener("change", () => this.pace(Number(this.speed.value)));
    this.rate = 1;
    this.leads = false;
    this.round = 0; // of `go`: what an older one still waits for counts no more
  }

  async start() {
    this.root.hidden = false;
    document.querySelector("[data-footage-still]").hidden = true;
    await this.load();
    this.isReady = true;
    const query = new URLSearchParams(location.search);
    const wanted = parse(query.get("at"));
    const last = this.timeline.latest();
    if (query.has("hour") && wanted) this.timeline.hourOf(wanted);
    if (Number.isFinite(wanted)) this.timeline.seek(wanted);
    else if (last) this.show(Math.max(last[0], last[1] - MINUTE));
    else this.timeline.set(this.timeline.known - 1); // and why there is nothing
    if (this.isImpatient && !this.asked) this.play();
    this.tell();
    setInterval(() => document.hidden || !this.changes || this.load(), REFRESH_MS);
  }

  // The day goes on, or nodes do not answer, which may come back.
  get changes() { return this.day[1] > Date.now() * 1000 || this.isAway || this.playback?.silent.length || this.timeline.lacksNodes; }

  get moving() { return this.shuttle.on || !this.video.paused; }

  // The keyframe, or the words that stand for it.
  showStill(words = "") {
    if (!this.leads) return;
    this.still.hidden = Boolean(words);
    this.none.hidden = !words;
    this.none.textContent = words;
    this.tell();
  }

  // The picture of a moment, before it is played.
  show(us) {
    this.timeline.set(us);
    this.video.poster = stillUrl(this.api, us, 720, this.streamAt(us));
    this.video.hidden = false;
  }

  // The large picture, and where only the small one was recorded that one; not for a start that it only just has earlier.
  streamAt(us) { return this.covers("main", us) || this.covers("main", us + SETTLED_US) ? "main" : "sub"; }
  covers(stream, us) { return this.timeline.rows[0].streams[stream].some(([from, to]) => from <= us && us < to); }
  streamFor(us) {
    const { small } = this; // within it the large one cannot be decoded here
    return small && us >= small[0] && us < small[1] && this.covers("sub", us) ? "sub" : this.streamAt(us);
  }

  async load() {
    const query = new URLSearchParams({ from: stamp(this.day[0]), to: stamp(this.day[1]) });
    try {
      const answer = await fetch(`${this.api}/timeline?${query}`);
      if (answer.ok) this.timeline.show(await answer.json());
    } catch (error) {
      console.info(String(error)); // the network: what is drawn stays
    }
  }

  // Play from a moment, or from where there is footage again; `plays` false: stay there.
  async go(us, { goesOn = false, plays = goesOn || this.moving || !this.asked } = {}) {
    const { timeline } = this;
    const round = ++this.round;
    this.rests = false;
    if (!timeline.hasFootage(us)) {
      const gap = timeline.gapAt(us);
      if (gap && !goesOn) this.rest(us);
      if (gap?.node && await this.isBack(us, round)) this.rests = false;
      else if (round !== this.round || (gap && !goesOn)) return;
    }
    if (!timeline.hasFootage(us)) {
      const next = timeline.beside(us, 1, false);
      if (next === undefined || (goesOn && timeline.leapsOverNow(us, next))) return void (goesOn ? this.atEnd() : this.rest(us));
      us = next;
    }
    this.asked = true;
    timeline.set(us);
    if (byKeyframes(this.rate) || this.isUndecodable(us)) return void this.lead(us, plays);
    this.unlead();
    this.tell();
    if (!await this.opened(us)) {
      if (plays && round === this.round && this.isAway) setTimeout(() => this.goAgain(us, round), AGAIN_MS);
      return;
    }
    if (round !== this.round) return;
    if (this.playback.seekWall(us) === null) return void this.atEnd();
    this.video.playbackRate = this.rate;
    if (plays) this.video.play().catch(() => {});
  }

  // What a silent node has, or may have: whether it can be had again.
  async isBack(us, round) {
    await this.load();
    return round === this.round && this.timeline.hasFootage(us);
  }

  // Nobody who has it answers: it goes on once somebody does, or behind it, when the time line knows how far that is.
  async goAgain(us, round) {
    if (round === this.round) await this.load();
    if (round === this.round) this.go(us, { goesOn: true });
  }

  // The list that holds a moment, which may be on its way; false where it cannot be had, which is said.
  opened(us) {
    const isElsewhere = us < this.from || us >= this.to - SECOND || this.stream !== this.streamFor(us);
    if (!this.list || isElsewhere || this.playback?.isSilent(us)) this.list = this.begin(us);
    return this.list;
  }

  async begin(us) {
    const opening = (this.opening = {}); // a newer one takes its place
    this.close();
    this.isAway = false;
    this.video.hidden = false;
    const stream = this.streamFor(us);
    const small = stream !== this.streamAt(us);
    const later = this.timeline.footage.find((span) => this.timeline.leapsOverNow(us, span[0]))?.[0] ?? Infinity;
    const [from, to] = [us - 10 * SECOND, Math.min(us + WINDOW, this.day[1], later)];
    Object.assign(this, { from, to, stream });
    try {
      const playback = await open(this.video, this.camera, from, to, stream, this.api, () => opening === this.opening);
      this.playback = playback;
      playback.addEventListener("problem", ({ detail }) => { if (playback === this.playback) this.fail(detail); });
      playback.seekWall(us); // the seek that it was opened for may not be the last by now
    } catch (error) {
      if (opening !== this.opening) return false;
      this.list = null; // asked for again at the next seek
      this.isAway = !(error.status < 500); // a node, or the way to this one
      if (!this.leads) this.say(error.message);
      return false;
    }
    if (!this.leads) this.say(silentText(this.playback, this.texts) || (small ? this.texts.small : ""));
    return true;
  }

  close() {
    this.playback?.close();
    this.playback = this.list = null;
  }

  // What cannot be decoded here: the small picture, else keyframes. What did not come is asked for once more, because a node
  // may have died: the new list leaves its part out, and goes on behind it. Then it is asked for at the next seek.
  fail(problem) {
    const us = this.timeline.value;
    const plays = this.moving || !this.video.videoWidth;
    const span = [this.from, this.to];
    this.close();
    if (problem === "network" || problem === "gone") {
      const isSecond = Math.abs(us - this.failedAt) < SECOND;
      this.failedAt = us;
      return void (isSecond ? this.say(this.texts[problem]) : this.go(us, { goesOn: true, plays }));
    }
    if (this.stream === "main" && this.covers("sub", us)) this.small = span;
    else this.undecodable = span;
    this.go(us, { plays });
  }

  isUndecodable(us) { return this.undecodable && us >= this.undecodable[0] && us < this.undecodable[1]; }

  say(text) {
    const link = text === this.texts.codec && downloadOf(this.root.dataset, this.timeline.value, this.texts.download);
    this.hint.hidden = !text;
    this.hint.replaceChildren(text);
    if (link) this.hint.append(" ", link);
  }

  // Keyframes instead of the player.
  lead(us, plays) {
    this.video.pause();
    this.video.hidden = true;
    this.leads = true; // by keyframes
    this.say(this.isUndecodable(us) ? this.texts.codec : "");
    this.keyframes.pace(this.rate);
    if (plays) this.shuttle.start(us, this.rate);
    else this.shuttle.stop();
    this.see(us);
    this.sayPlaying();
  }

  unlead() {
    this.shuttle.stop();
    this.keyframes.stop();
    this.leads = false;
    this.still.hidden = this.none.hidden = true;
    this.video.hidden = false;
  }

  see(us) {
    this.timeline.set(us);
    this.keyframes.show(us, this.streamAt(us));
    this.tell();
  }

  shuttleEnded(direction) {
    this.sayPlaying();
    if (direction > 0) this.goOn();
    else if (this.timeline.footage.length) this.see(this.timeline.footage[0][0]);
  }

  // After the end of what is known: perhaps there is more by now.
  async goOn() {
    const us = this.timeline.value;
    const round = this.round;
    await this.load();
    if (round === this.round) this.go(us + SECOND, { goesOn: true });
  }

  // No list goes on from here: live does, where the camera records, or the next day.
  atEnd() {
    if (this.isNow()) this.goLive();
    else if (this.timeline.isOver(this.timeline.value)) this.toNextDay();
    else this.rest(this.timeline.value);
  }

  toNextDay() {
    this.video.pause();
    leaveFor(`?${new URLSearchParams({ at: stamp(this.day[1]) })}`);
  }

  isNow() { return this.timeline.isNow(this.timeline.value); }

  goLive() {
    this.line.textContent = this.texts.live;
    leaveFor(`${this.root.dataset.live}?done=live`);
  }

  waits() {
    const { playback, video } = this;
    const last = playback?.pieces.at(-1);
    if (!last || video.seeking || last.media + last.seconds - video.currentTime > 0.5) return;
    if (this.isNow()) this.goLive();
  }

  // A moment without footage: nothing plays, and it is said why.
  rest(us) {
    this.rests = true; // until the player is told to play: what it still says is of where it was
    this.shuttle.stop();
    this.video.pause();
    this.timeline.set(us);
    this.tell();
    this.sayPlaying();
  }

  pace(rate) {
    const { value } = this.timeline;
    const plays = this.moving;
    this.rate = rate;
    if (this.leads || byKeyframes(rate)) {
      if (this.timeline.hasFootage(value)) this.go(value, { plays });
    } else this.video.playbackRate = rate;
  }

  follow() {
    const us = this.playback?.wallUs();
    if (us == null || this.video.seeking || this.leads || (this.rests && this.video.paused)) return;
    if (us >= this.day[1]) return void this.toNextDay();
    const from = this.otherStream(us);
    if (from) return void this.go(from, { goesOn: true });
    this.timeline.set(us);
    this.tell();
  }

  // From where the other stream is to be played: what this one leaves out, or the large picture that is there again.
  otherStream(us) {
    if (this.stream === "main") {
      const { main, sub } = this.timeline.rows[0].streams;
      const { value } = this.timeline; // at 4× a second and more before the hole: the player tells four times a second
      const end = main.find(([from, to]) => from <= value && value < to)?.[1] ?? value;
      const from = Math.max(end, sub.find(([, to]) => to > end)?.[0] ?? us);
      return us - from > SETTLED_US && this.streamAt(from) === "sub" ? from : null;
    }
    const isBack = this.streamFor(us) === "main" && this.covers("main", us - SETTLED_US) && this.covers("main", us + SETTLED_US);
    return isBack ? us : null;
  }

  tell() {
    const { timeline, texts } = this;
    const us = this.leads && this.keyframes.shownUs !== null ? this.keyframes.shownUs : timeline.value;
    const gap = timeline.gapAt(timeline.value);
    const clock = !this.leads && this.playback?.stood != null ? timeline.exact : timeline.seconds;
    const time = clock.format((gap ? timeline.value : us) / 1000);
    const edge = !gap && !timeline.hasFootage(timeline.value) && this.isNow();
    this.line.textContent = gap ? `${time}: ${timeline.sentence(gap)}`
      : edge ? `${time}: ${texts.edge}` : this.leads ? `${time} · ${texts.stills}` : time;
    const link = this.root.querySelector("[data-link]");
    link.href = `?day=${this.root.dataset.day}&at=${encodeURIComponent(stamp(timeline.value))}`;
    const picture = this.root.querySelector("[data-picture]");
    if (picture) picture.hidden = Boolean(gap);
    const wanted = { save: true, stream: this.streamAt(timeline.value), at: stamp(timeline.value + 1000) };
    if (picture) picture.href = `${this.api}/still.jpg?${new URLSearchParams(wanted)}`;
    const around = new URLSearchParams({
      camera: this.camera, from: stamp(timeline.value - MINUTE / 2), to: stamp(timeline.value + MINUTE / 2),
    });
    const exporting = this.root.querySelector("[data-export]");
    if (exporting) exporting.search = around;
    const others = this.root.querySelector("[data-others]");
    if (others) others.search = new URLSearchParams({ cameras: this.camera, at: stamp(timeline.value) });
  }

  sayPlaying() { this.root.querySelector("[data-act=play]").textContent = this.moving ? this.texts.pause : this.texts.play; }

  play() {
    const { value } = this.timeline;
    this.isImpatient = !this.isReady;
    if (this.isImpatient) return; // what there is to play is on its way
    if (this.shuttle.on) this.lead(value, false);
    else if (!this.video.paused) this.video.pause();
    else if (this.leads || !this.playback || !this.timeline.hasFootage(value)) this.go(value, { goesOn: true });
    else this.video.play().catch(() => {});
  }

  // One picture on or back, standing.
  step(direction) {
    this.steps ??= oneByOne((next) => this.leads ? this.stepKeyframe(next) : this.stepPicture(next));
    return this.steps(direction);
  }

  async stepPicture(direction) {
    const { playback, timeline } = this;
    let us = timeline.value;
    if (playback && timeline.hasFootage(us)) {
      const isThere = await playback.step(direction);
      if (playback !== this.playback) return;
      if (isThere) return void this.follow();
      us = playback.edgeUs(direction);
    }
    us = overHole(timeline, us, direction);
    if (us === null) return;
    await this.go(us, { plays: false });
    await this.playback?.arrived();
    this.follow();
  }

  async stepKeyframe(direction) {
    const { keyframes, timeline } = this;
    if (this.shuttle.on) this.lead(timeline.value, false);
    const us = keyframes.shownUs ?? timeline.value;
    const { round } = this;
    const at = await this.keyframeBeside(us, direction, this.streamAt(us));
    if (round !== this.round || at === null || at < this.day[0] || at >= this.day[1]) return;
    timeline.set(at);
    this.tell();
  }

  // Where this stream ends, the other one may go on.
  async keyframeBeside(us, direction, stream) {
    const at = await this.keyframes.beside(us, direction, stream);
    const stretch = this.timeline.rows[0].streams[stream].find(([from, to]) => from <= us && us < to);
    if (!stretch || (at !== null && at >= stretch[0] && at < stretch[1])) return at;
    const edge = direction > 0 ? stretch[1] : stretch[0];
    const other = stream === "main" ? "sub" : "main";
    if (!this.covers(other, edge + direction * 1000)) return at;
    return await this.keyframes.beside(edge, direction, other) ?? at;
  }
}

// The moment of the time line as the beginning, or the end, of what is to be protected. Where clocks are set back a local
// time is two moments: so the one that is meant goes out, unless somebody writes another one.
function markIn(form, page) {
  const meant = {};
  for (const button of form.querySelectorAll("[data-mark]")) {
    const input = form.elements[button.dataset.mark];
    button.hidden = false;
    button.addEventListener("click", () => {
      const us = page.timeline.value;
      input.value = `${page.root.dataset.day}T${page.timeline.fields.seconds.format(us / 1000)}`;
      meant[input.name] = { shown: input.value, at: stamp(us) };
    });
  }
  form.addEventListener("formdata", ({ formData }) => {
    for (const [name, { shown, at }] of Object.entries(meant)) if (formData.get(name) === shown) formData.set(name, at);
  });
}

if (root) {
  const page = new FootagePage(root);
  const form = document.querySelector("[data-protect]");
  if (form) markIn(form, page);
  page.start();
}
