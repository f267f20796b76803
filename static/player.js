// Live video: fragmented MP4 over a WebSocket into Media Source Extensions (W3C MSE), per player.
// States in data-state: idle, connecting, live, stills, offline; data-stale beside it when the picture is
// old. Figures for tests stand there as data-* attributes too; nothing else is exposed.
import { decodeTime } from "./boxes.js";
import { saver } from "./saver.js";

const MS = window.ManagedMediaSource ?? window.MediaSource;
// Safari re-buffers at every change of rate, so there the live edge is kept by seeking alone.
const SEEK_ONLY = Boolean(window.ManagedMediaSource);
const STALE_MS = 5000;
const HIDDEN_MS = 5000;
const STILL_MS = 2000;
const SAVED_MS = 10_000;
// Browsers throw away whole GOPs: what is kept behind the picture has to hold the longest, or the picture goes, too.
const KEEP_S = 20;
const SPARE_S = 10;
// After a stall the picture stays this long where it is safe, then comes 10 ms a second nearer to the live edge.
// Each stall that follows soon doubles it: one hiccup costs seconds of delay, a bad network few stalls.
const PATIENCE_MS = 5000;
const MAX_PATIENCE_MS = 60_000;
const texts = document.getElementById("player-texts")?.dataset ?? {};
const now = () => performance.now();
const plays = (codecs) => MS?.isTypeSupported(`video/mp4; codecs="${codecs}"`) ?? false;

function ageText(ms) {
  const s = Math.floor(ms / 1000);
  const [form, n] = s < 120 ? [texts.seconds, s] : s < 7200 ? [texts.minutes, s / 60] : [texts.hours, s / 3600];
  return form.replace("{n}", Math.floor(n));
}

class LivePlayer {
  constructor(root) {
    this.root = root;
    this.data = root.dataset;
    this.video = root.querySelector("video");
    this.still = root.querySelector("img");
    this.focused = "focused" in this.data;
    this.audio = false;
    this.target = this.base = this.focused ? 0.12 : 0.3;
    this.stalledAt = -Infinity;
    this.patience = PATIENCE_MS;
    this.failures = 0;
    this.wanted = false;
    this.lastPicture = 0;
    this.video.muted = true;
    this.video.disableRemotePlayback = true;
    this.video.onwaiting = () => this.stalled();
    this.video.onerror = () => this.socket && this.reconnect();
    this.video.ontimeupdate = () => this.pictured();
    if (this.video.requestVideoFrameCallback) this.watchFrames();
    this.still.addEventListener("error", () => { this.still.hidden = true; });
    if (this.still.complete && !this.still.naturalWidth) this.still.hidden = true;
    this.ticking = setInterval(() => this.tick(), 1000);
  }

  set state(name) {
    if (this.data.state === name) return;
    this.data.state = name;
    this.tell(name);
  }

  tell(name) { this.root.dispatchEvent(new Event(`falconeye:${name}`, { bubbles: true })); }

  write(place, text) {
    const line = this.root.querySelector(`[data-${place}]`);
    line.hidden = !text;
    line.textContent = text || "";
  }

  look(visible = this.visible) {
    this.visible = visible;
    const on = (visible && !document.hidden) || document.pictureInPictureElement === this.video;
    if (on === this.wanted) return;
    this.wanted = on;
    clearTimeout(this.leaving);
    if (!on) this.leaving = setTimeout(() => this.rest(), HIDDEN_MS);
    else if (!this.socket) this.connect();
  }

  rest() {
    this.disconnect();
    this.state = "idle";
  }

  // Data saver: of tiles, not of the one large picture that somebody chose to see.
  get saves() { return saver.on && !this.focused; }

  connect() {
    clearTimeout(this.retry);
    if (this.saves) return this.showStills();
    makeRoom();
    this.state = "connecting";
    this.started = now();
    const url = new URL(this.data.live, location.href);
    url.protocol = url.protocol.replace("http", "ws");
    this.chosen = "";
    const socket = new WebSocket(url);
    socket.binaryType = "arraybuffer";
    socket.onmessage = ({ data }) => {
      if (socket !== this.socket) return;
      if (typeof data === "string") return this.control(JSON.parse(data));
      this.queue?.push({ data });
      this.pump();
    };
    socket.onclose = ({ code }) => {
      if (socket !== this.socket) return;
      if (code === 4401 || code === 4403) {
        this.disconnect();
        this.state = "offline";
        this.write("hint", texts.signedOut);
      } else this.reconnect();
    };
    this.socket = socket;
  }

  stopStills() {
    clearTimeout(this.stillTimer);
    this.stillTimer = null;
  }

  disconnect() {
    clearTimeout(this.retry);
    this.stopStills();
    const socket = this.socket;
    this.socket = null;
    socket?.close();
    this.closeSource();
  }

  // For good: its element is gone from the page.
  release() {
    this.wanted = false;
    clearTimeout(this.leaving);
    clearInterval(this.ticking);
    this.disconnect();
  }

  reconnect() {
    this.disconnect();
    if (!this.wanted) return;
    this.failures += 1;
    this.data.failures = this.failures;
    const wait = Math.min(10_000, 500 * 2 ** (this.failures - 1)) * (0.7 + 0.6 * Math.random());
    this.retry = setTimeout(() => this.connect(), wait);
  }

  control(message) {
    if (message.type === "offer") this.choose(message.streams);
    else if (message.type === "hello") this.hello(message);
    else if (message.type === "offline") {
      this.stopStills();
      this.closeSource();
      this.state = "offline";
      const paused = message.reason_code === "paused";
      this.write("hint", paused ? texts.paused : message.reason);
      if (paused) this.veil();
      else if (message.picture_us && !this.lastPicture) this.takeStill();
    }
  }

  // Nobody is to see the last picture either (privacy), nor one that is on its way.
  veil() {
    this.veils = (this.veils ?? 0) + 1;
    this.still.hidden = true;
    this.still.removeAttribute("src");
    this.lastPicture = 0;
    this.age(0);
  }

  choose(streams) {
    this.streams = streams;
    if (this.data.state === "offline") this.state = "connecting";
    const order = this.focused ? ["main", "sub"] : ["sub", "main"];
    const known = order.map((kind) => streams.find((s) => s.stream === kind)).filter(Boolean);
    const stream = known.find((s) => plays(s.codecs));
    this.data.sound = known.some((s) => s.audio) ? "yes" : "no";
    this.tell("sound");
    if (!stream) return this.showStills(known[0]);
    // Said only where a better picture exists that this browser cannot play.
    this.remark = this.focused && stream !== known[0] ? this.codecHint(known[0], texts.codecSmall) : "";
    this.write("hint", this.remark);
    // Offers come again when a stream comes or goes: what plays already goes on.
    const wanted = `${stream.stream} ${stream.codecs} ${this.audio && stream.audio}`;
    if (this.source && wanted === this.chosen) return;
    this.chosen = wanted;
    this.stopStills();
    this.send({ type: "choose", stream: stream.stream, audio: this.audio && stream.audio, focused: this.focused });
  }

  codecHint(stream, text = this.focused ? texts.codec : texts.codecShort) {
    const name = /^(hvc1|hev1)/.test(stream?.codecs ?? "") ? "HEVC" : stream?.codecs ?? "";
    return (MS ? text : texts.stills).replace("{codec}", name);
  }

  send(message) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  hello(message) {
    this.data.stream = message.stream;
    this.stopStills();
    this.write("hint", this.remark); // and no more why the stream was away: it comes back without an offer, too
    this.base = message.audio ? 0.4 : this.focused ? 0.12 : 0.3;
    this.target = Math.max(this.target, this.base);
    // A buffer keeps the tracks it began with (W3C MSE 3.5.7): sound that comes or goes needs another.
    if (this.source && this.withSound !== Boolean(message.audio)) this.closeSource();
    this.withSound = Boolean(message.audio);
    // What still waits belongs to the stream before and would end up on the new one's time line.
    this.queue = [{ mime: message.mime }];
    this.fresh = true;
    if (!this.source) this.openSource();
    this.pump();
  }

  openSource() {
    const source = new MS();
    this.source = source;
    source.addEventListener("sourceopen", () => {
      if (source === this.source) this.pump();
    }, { once: true });
    this.url = URL.createObjectURL(source);
    this.video.src = this.url;
  }

  closeSource() {
    this.queue = null;
    this.buffer = null;
    if (!this.source) return;
    this.freeze();
    this.source = null;
    URL.revokeObjectURL(this.url);
    this.video.removeAttribute("src");
    this.video.load();
  }

  // The last picture stays, dimmed and with its age, where a black box would say nothing.
  freeze() {
    const { videoWidth: width, videoHeight: height } = this.video;
    if (!width || !this.lastPicture) return;
    const canvas = Object.assign(document.createElement("canvas"), { width, height });
    canvas.getContext("2d").drawImage(this.video, 0, 0);
    this.showStill(canvas.toDataURL("image/jpeg", 0.8));
  }

  showStill(url) {
    URL.revokeObjectURL(this.still.src);
    this.still.src = url;
    this.still.hidden = false;
  }

  pump() {
    const { source, buffer, queue } = this;
    if (!queue?.length || source?.readyState !== "open" || buffer?.updating) return;
    try {
      if (queue[0].mime) this.begin(queue.shift().mime);
      else this.append();
    } catch (error) {
      if (error.name === "QuotaExceededError" && this.trim(1)) return;
      console.warn("live video restarts:", error);
      this.reconnect();
    }
  }

  begin(mime) {
    if (this.buffer) {
      this.buffer.abort();
      this.buffer.changeType(mime);
    } else {
      const buffer = this.source.addSourceBuffer(mime);
      buffer.addEventListener("updateend", () => { if (buffer === this.buffer) this.appended(); });
      this.buffer = buffer;
    }
    this.expectInit = true;
    this.pump();
  }

  // All that waits, as one piece; an init segment stays alone, it decides where the rest goes.
  append() {
    const { queue, expectInit } = this;
    const next = queue.findIndex((entry) => entry.mime);
    const parts = queue.slice(0, expectInit ? 1 : next < 0 ? Infinity : next).map(({ data }) => new Uint8Array(data));
    if (this.fresh && !expectInit) this.place(parts[0].buffer);
    const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) {
      all.set(part, at);
      at += part.length;
    }
    this.buffer.appendBuffer(all);
    queue.splice(0, parts.length);
    this.expectInit = false;
  }

  // A new run starts its clock anew: put it right behind what is buffered.
  place(fragment) {
    const start = decodeTime(fragment);
    if (start === null) return;
    const { buffered } = this.buffer;
    const end = buffered.length ? buffered.end(buffered.length - 1) : 0;
    this.buffer.timestampOffset = end - start / 90_000;
    this.fresh = false;
    this.jump = true;
  }

  appended() {
    this.chase();
    if (!this.trim(KEEP_S, SPARE_S)) this.pump();
  }

  // Drop what lies more than `keep` seconds behind the picture once it is `spare` more; true when that started.
  // All up to the first keyframe behind that goes (W3C MSE 3.5.9): without one, all that there is.
  trim(keep, spare = 0) {
    const { buffer, video } = this;
    if (!buffer || buffer.updating || !buffer.buffered.length) return false;
    const start = buffer.buffered.start(0);
    if (video.currentTime - start <= keep + spare) return false;
    buffer.remove(start, video.currentTime - keep);
    return true;
  }

  chase() {
    const { video, buffer } = this;
    const ranges = buffer.buffered;
    const last = ranges.length - 1;
    if (last < 0) return;
    const end = ranges.end(last);
    const start = ranges.start(last);
    const gap = end - video.currentTime;
    const { target } = this;
    this.data.latencyMs = Math.round(gap * 1000);
    this.data.targetMs = Math.round(target * 1000);
    if (this.jump || video.currentTime < start || gap > Math.max(1, 3 * target)) {
      this.jump = false;
      this.seeking = true;
      video.currentTime = Math.max(start, end - target);
      setTimeout(() => { this.seeking = false; }, 500);
    } else if (!SEEK_ONLY) {
      const rate = gap > 1.5 * target ? 1.1 : gap < 0.5 * target ? 0.95 : 1;
      if (video.playbackRate !== rate) video.playbackRate = rate;
    }
    // A browser that forbids sound without a gesture stops the picture: the picture goes first.
    // An interrupted play() (a new source) fails, too, and says nothing about sound.
    if (video.paused) video.play().catch(({ name }) => { if (name === "NotAllowedError" && !video.muted) this.setAudio(false); });
  }

  stalled() {
    if (this.seeking || this.data.state !== "live" || document.hidden) return;
    const soon = now() - this.stalledAt < Math.max(MAX_PATIENCE_MS, 3 * this.patience);
    this.patience = soon ? Math.min(MAX_PATIENCE_MS, 2 * this.patience) : PATIENCE_MS;
    this.stalledAt = now();
    this.target = Math.min(1, this.target + 0.06);
  }

  watchFrames() {
    this.video.requestVideoFrameCallback(() => { this.pictured(); this.watchFrames(); });
  }

  pictured() {
    if (!this.source || this.video.readyState < 2) return;
    if (this.data.state === "connecting") this.data.firstPictureMs = Math.round(now() - this.started);
    this.lastPicture = now();
    this.failures = 0;
    this.state = "live";
    if ("stale" in this.data) this.age(0);
  }

  tick() {
    if (now() - this.stalledAt > this.patience) this.target = Math.max(this.base, this.target - 0.01);
    if (this.stillTimer || !this.lastPicture || !this.wanted || document.hidden) return;
    const age = now() - this.lastPicture;
    this.age(age);
    // Bytes may come without a picture, when a decoder hangs: begin anew.
    if (age > 15_000 && this.queue && now() - this.started > 15_000) this.reconnect();
  }

  // More than 5 s old is not live: dimmed (data-stale), with the age in words.
  age(ms) {
    const old = ms >= STALE_MS;
    this.root.toggleAttribute("data-stale", old);
    this.write("age", old && texts.age.replace("{age}", ageText(ms)));
  }

  showStills(stream) {
    this.write("hint", this.saves ? texts.saver : this.codecHint(stream));
    this.closeSource();
    this.state = "stills";
    if (!this.stillTimer) this.nextStill();
  }

  async takeStill() {
    const { veils } = this;
    try {
      const answer = await fetch(this.data.still, { cache: "no-store" });
      if (answer.status === 503) this.veil(); // there is none to see: it may be paused
      if (!answer.ok) throw new Error(`still: ${answer.status}`);
      const picture = await answer.blob();
      if (veils !== this.veils) return;
      this.showStill(URL.createObjectURL(picture));
      // Both times are the server's, so a wrong clock here does no harm.
      const taken = Date.parse(answer.headers.get("Last-Modified"));
      const sent = Date.parse(answer.headers.get("Date"));
      this.lastPicture = now() - Math.max(0, sent - taken || 0);
    } catch (error) {
      console.info(String(error));
    }
    this.age(this.lastPicture ? now() - this.lastPicture : 0);
  }

  async nextStill() {
    this.stillTimer = -1;
    await this.takeStill();
    // Also for the few seconds out of sight before `disconnect` ends it: whoever comes back finds it going.
    if (this.stillTimer) this.stillTimer = setTimeout(() => this.nextStill(), this.saves ? SAVED_MS : STILL_MS);
  }

  setAudio(on) {
    this.audio = on;
    this.video.muted = !on;
    if (this.streams) this.choose(this.streams);
    this.tell("sound");
  }
}

export const players = new Map();

// Who comes into sight takes the place of who left it: a wall that is scrolled has as many connections as pictures.
function makeRoom() {
  for (const one of players.values()) if (!one.wanted && one.socket) one.rest();
}

const seen = new IntersectionObserver((entries) => {
  entries.sort((one, other) => one.isIntersecting - other.isIntersecting);
  for (const { target, isIntersecting } of entries) players.get(target)?.look(isIntersecting);
});

function adopt() {
  for (const [root, player] of players) {
    if (root.isConnected) continue;
    seen.unobserve(root);
    player.release();
    players.delete(root);
  }
  for (const root of document.querySelectorAll("[data-player]")) {
    if (players.has(root)) continue;
    players.set(root, new LivePlayer(root));
    seen.observe(root);
  }
}

adopt();
document.addEventListener("htmx:after:swap", adopt);
document.addEventListener("visibilitychange", () => {
  for (const player of players.values()) player.look();
});
document.addEventListener("falconeye:saver", () => {
  for (const player of players.values()) {
    if (player.focused) continue;
    player.rest();
    if (player.wanted) player.connect();
  }
});
