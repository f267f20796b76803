// A camera's day: the time line, the player below it, and what is told of the moment in words.
import { open } from "./playback.js";
import { HOUR, MINUTE, SECOND, Timeline, parse, stamp } from "./timeline.js";

const WINDOW = HOUR; // what one playlist holds; the next one is opened where it ends
const REFRESH_MS = 15_000;
const STILL_MS = 120; // a preview is asked for when the pointer rests

const root = document.querySelector("[data-footage]");

class FootagePage {
  constructor(root) {
    const data = root.dataset;
    this.root = root;
    this.api = data.api;
    this.camera = data.camera;
    this.words = JSON.parse(data.words);
    this.day = [Number(data.from), Number(data.to)];
    this.video = root.querySelector("video");
    this.line = root.querySelector("[data-moment]");
    this.trouble = root.querySelector("[data-trouble]");
    this.stream = "main";
    this.playback = null; // while one is being opened, too
    this.wanted = null; // where to go (µs) when it is open
    this.preview = root.querySelector("[data-preview]");
    this.preview.parentElement.style.position = "relative";
    this.preview.style.cssText = "position:absolute;bottom:100%;height:120px;pointer-events:none";
    const texts = { missing: data.missing, wanted: new Set(JSON.parse(data.wanted)) };
    this.timeline = new Timeline(root.querySelector("canvas"), {
      from: this.day[0], to: this.day[1], zone: data.zone, texts,
    });
    root.addEventListener("falconeye:seek", ({ detail }) => this.go(detail.us));
    root.addEventListener("falconeye:hover", ({ detail }) => this.hover(detail));
    root.addEventListener("click", (event) => this.click(event));
    this.video.addEventListener("timeupdate", () => this.follow());
    this.video.addEventListener("ended", () => this.go(this.timeline.value + SECOND, true));
    const speed = root.querySelector("select");
    speed.style.width = "auto"; // a field takes the whole width elsewhere
    speed.addEventListener("change", () => { this.rate = Number(speed.value); this.hasten(); });
    this.rate = 1;
  }

  async start() {
    this.root.hidden = false;
    document.querySelector("[data-footage-still]").hidden = true;
    await this.load();
    const wanted = new URLSearchParams(location.search).get("at");
    const last = this.timeline.footage.at(-1);
    if (Number.isFinite(parse(wanted))) this.timeline.seek(parse(wanted));
    else if (last) this.show(Math.max(last[0], last[1] - MINUTE));
    this.tell();
    if (this.day[1] > Date.now() * 1000) setInterval(() => document.hidden || this.load(), REFRESH_MS);
  }

  // The picture of a moment, before it is played.
  show(us) {
    this.timeline.set(us);
    this.video.poster = this.still(us, 720);
    this.video.hidden = false;
  }

  // Times cross the network in whole milliseconds, rounded down: one more, or footage would begin after its own start.
  still(us, height) { return `${this.api}/still.jpg?height=${height}&at=${encodeURIComponent(stamp(us + 1000))}`; }

  async load() {
    const query = new URLSearchParams({ from: stamp(this.day[0]), to: stamp(this.day[1]) });
    try {
      const answer = await fetch(`${this.api}/timeline?${query}`);
      if (answer.ok) this.timeline.show(await answer.json());
    } catch (error) {
      console.info(String(error)); // the network: what is drawn stays
    }
  }

  // Play from a moment, or from where there is footage again.
  async go(us, goesOn = false) {
    const { timeline } = this;
    const playing = goesOn || !this.video.paused;
    if (!timeline.hasFootage(us)) {
      const next = timeline.beside(us, 1, false);
      if (goesOn || !timeline.gapAt(us)) {
        if (next === undefined) return;
        us = next;
      } else return void this.rest(us);
    }
    timeline.set(us);
    this.tell();
    this.video.hidden = false;
    this.wanted = us;
    if (this.opening) return; // who opens goes to what is wanted last
    this.opening = true;
    this.say("");
    try {
      for (let opened; this.wanted !== null && this.wanted !== opened && !this.holds(this.wanted);) {
        opened = this.wanted;
        await this.reopen(opened);
      }
    } catch (error) {
      this.rather(this.stream === "main" ? error.message : this.root.dataset.codec);
      return;
    } finally {
      this.opening = false;
    }
    if (this.wanted === null || !this.playback) return;
    this.playback.seekWall(this.wanted);
    this.hasten();
    if (playing || !this.asked) this.video.play().catch(() => {});
    this.asked = true;
  }

  // Whether what is open has the moment.
  holds(us) { return this.playback && us >= this.from && us < this.to - SECOND; }

  async reopen(us) {
    this.playback?.close();
    this.playback = null;
    this.from = us - 10 * SECOND;
    this.to = Math.min(us + WINDOW, this.timeline.known);
    const playback = await open(this.video, this.camera, this.from, this.to, this.stream, this.api);
    playback.addEventListener("problem", ({ detail }) => this.fail(playback, detail));
    this.playback = playback;
  }

  // It does not play any more. The substream may be in a format that this browser knows; else there are stills.
  fail(playback, problem) {
    if (playback !== this.playback) return; // it was left meanwhile
    playback.close();
    this.playback = null;
    if (problem === "codec" && this.stream === "main") {
      this.stream = "sub";
      this.go(this.timeline.value, true);
    } else this.rather(problem === "codec" ? this.root.dataset.codec : this.root.dataset.broken);
  }

  // The picture of the moment, and why it is no more than that.
  rather(words) {
    this.show(this.timeline.value);
    this.say(words);
  }

  say(words) {
    this.trouble.textContent = words;
    this.trouble.hidden = !words;
  }

  // A moment without footage: nothing plays, and it is said why.
  rest(us) {
    this.wanted = null;
    this.video.pause();
    this.timeline.set(us);
    this.tell();
  }

  hasten() { this.video.playbackRate = this.rate; }

  follow() {
    const us = this.playback?.wallUs();
    if (us == null || this.video.seeking) return;
    this.timeline.set(us);
    this.tell();
  }

  tell() {
    const { timeline } = this;
    const gap = timeline.gapAt(timeline.value);
    const time = timeline.seconds.format(timeline.value / 1000);
    const why = gap && (this.words[gap.reason] ?? gap.reason) + (gap.detail ? ` (${gap.detail})` : "");
    this.line.textContent = gap ? `${time}: ${this.root.dataset.missing}, ${why}` : time;
    const link = this.root.querySelector("[data-link]");
    link.href = `?day=${this.root.dataset.day}&at=${encodeURIComponent(stamp(timeline.value))}`;
    const around = new URLSearchParams({
      camera: this.camera, from: stamp(timeline.value - MINUTE / 2), to: stamp(timeline.value + MINUTE / 2),
    });
    const exporting = this.root.querySelector("[data-export]");
    if (exporting) exporting.search = around;
  }

  hover({ us, x }) {
    clearTimeout(this.resting);
    const { preview, timeline } = this;
    const width = timeline.canvas.clientWidth;
    if (us === null || !timeline.hasFootage(us)) {
      preview.onload = null; // one may be on its way
      preview.hidden = true;
      return;
    }
    this.resting = setTimeout(() => {
      preview.src = this.still(us, 120);
      preview.onload = () => {
        preview.hidden = false;
        preview.style.left = `${Math.min(Math.max(0, x - preview.width / 2), width - preview.width)}px`;
      };
    }, STILL_MS);
  }

  click(event) {
    const { timeline, video } = this;
    const act = {
      back: () => timeline.seek(timeline.value - 10 * SECOND),
      ahead: () => timeline.seek(timeline.value + 10 * SECOND),
      gap: () => timeline.jump(1, true),
      footage: () => timeline.jump(1, false),
      closer: () => timeline.zoom(0.5),
      wider: () => timeline.zoom(2),
      step: () => { video.pause(); this.playback?.step(); },
    }[event.target.closest("[data-act]")?.dataset.act];
    act?.();
  }
}

if (root) new FootagePage(root).start();
