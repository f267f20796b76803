// One camera of some that play on one clock: from its small picture where that was recorded, else from the large one.
// Who leads the clock calls `place` again and again with its moment, `start` and `halt` when it goes and stops, and waits
// for `isReady`. Media time runs like the clock's within a stretch of footage, so what is compared is media time.
import { downloadOf, silentText } from "./controls.js";
import { Keyframes, byKeyframes, stillUrl } from "./keyframes.js";
import { NATIVE, open } from "./playback.js";
import { HOUR, SECOND } from "./timeline.js";

const WINDOW = HOUR;
const SOON_US = 8 * SECOND; // before a camera's footage goes on, its list is fetched
const SETTLED_US = 3 * SECOND; // so long does the small picture have to be there before it takes over
const EXACT_S = 0.04; // where a clock that stands finds a player
const PICTURE_S = 0.002; // and one that was stepped
const NEAR_S = 0.02; // of a player that runs, at the speed of time
const FAR_S = 0.4; // beyond it a player is sent there
const STEERS = 5; // of what a player lacks of the clock's time it makes up in a second, at first
const STEERS_MOST = 0.5; // of the speed
const AHEAD_US = 120_000; // before a hole it stops: what comes next belongs to a later moment
const LOADED_MS = 1500; // between two seeks of a player that runs
const AGAIN_MS = 4000;
const SILENT_MS = 15_000; // so often a node that does not answer is asked again
const { HAVE_FUTURE_DATA } = HTMLMediaElement;
const within = (pairs, us) => pairs.find(([from, to]) => from <= us && us < to);

export class ClockedCamera {
  // `row`: its row of the time line; `explain(gap)`: why there is nothing, in words.
  constructor(tile, row, texts, explain) {
    this.tile = tile;
    this.row = row;
    this.texts = texts;
    this.explain = explain;
    this.api = tile.dataset.api;
    this.video = tile.querySelector("video");
    this.still = tile.querySelector("img");
    this.overlay = tile.querySelector("[data-why]");
    this.hint = tile.querySelector("[data-hint]");
    this.age = tile.querySelector("[data-age]");
    this.keyframes = new Keyframes(this.still, this.api, 360, () => this.tellStill(), (why) => this.tellNoStill(why));
    this.video.preservesPitch = false; // it is silent
    this.video.disableRemotePlayback = true;
    this.round = 0;
    this.mode = "";
  }

  // Which stream shows a moment: the small one, but not for a start that it only just missed.
  streamAt(us) {
    const { main, sub } = this.row.streams;
    const small = within(sub, us);
    if (!small) return within(main, us) ? "main" : null;
    const switches = this.playback && this.stream === "main" && within(main, us);
    return switches && us - small[0] < SETTLED_US ? "main" : "sub";
  }

  isUndecodable(us, stream) {
    const { undecodable: bad } = this;
    return bad?.stream === stream && us >= bad.from && us < bad.to;
  }

  // Show a moment (µs), however it can be shown; `direction` of the clock and its rate decide by what.
  place(us, rate, gap) {
    const stream = this.streamAt(us);
    if (!stream) this.rest(us, rate, gap);
    else if (byKeyframes(rate) || this.isUndecodable(us, stream)) this.lead(us, rate, stream);
    else {
      if (!this.opening && !this.holds(us, stream)) this.open(us, stream);
      if (this.playback?.isSilent(us)) this.missNode();
      else if (!this.missesNode || !this.opening) this.enter("video");
    }
  }

  // Its node does not answer: until it does, or the footage goes on behind, it stands there as a hole.
  missNode() {
    this.enter("hole");
    this.missesNode = true;
    const words = silentText(this.playback, this.texts);
    if (this.overlay.textContent !== words) this.overlay.textContent = words;
  }

  enter(mode) {
    this.missesNode = false;
    if (this.mode === mode) return;
    this.mode = this.tile.dataset.mode = mode;
    this.overlay.hidden = mode !== "hole";
    this.video.hidden = mode !== "video";
    const shows = mode === "keyframes" && this.keyframes.shownUs !== null; // the one that a step has fetched
    this.still.hidden = this.age.hidden = !shows;
    if (mode !== "video") this.video.pause();
    if (mode !== "keyframes") this.keyframes.stop();
    this.say("");
  }

  // A hole says why; what comes after it is fetched in time.
  rest(us, rate, gap) {
    this.enter("hole");
    const words = gap ? this.explain(gap) : this.texts.soon;
    if (this.overlay.textContent !== words) this.overlay.textContent = words;
    if (byKeyframes(rate)) return;
    const next = this.row.footage.find(([from]) => from > us)?.[0];
    if (next === undefined || next - us > SOON_US * rate) return;
    const stream = this.streamAt(next);
    if (this.isUndecodable(next, stream) || this.opening) return;
    if (!this.holds(next, stream)) this.open(next, stream);
    else this.seek(this.playback.find(next));
  }

  lead(us, rate, stream) {
    this.enter("keyframes");
    this.keyframes.pace(rate);
    this.keyframes.show(us, stream);
    if (byKeyframes(rate)) this.say("");
    else this.say(this.texts.codec, downloadOf(this.tile.dataset, us, this.texts.download));
  }

  // When its keyframe before or after a moment was taken; null where there is none.
  keyframeBeside(us, direction) {
    return this.keyframes.beside(us, direction, this.streamAt(us) ?? "main");
  }

  tellStill() {
    this.age.textContent = this.texts.picture.replace("{time}", this.texts.clock(this.keyframes.shownUs));
    if (this.mode === "keyframes") this.show(true);
  }

  tellNoStill(why) {
    if (this.mode !== "keyframes") return;
    this.show(false);
    this.overlay.textContent = this.texts[why];
  }

  show(isThere) {
    this.still.hidden = this.age.hidden = !isThere;
    this.overlay.hidden = isThere;
  }

  say(text, link = null) {
    const { hint } = this;
    hint.hidden = !text;
    if (this.said === text && hint.querySelector("a")?.href === link?.href) return;
    this.said = text;
    hint.replaceChildren(text);
    if (!link) return;
    link.style.cssText = "position:relative;z-index:1;color:inherit"; // the tile is a link, too
    hint.append(" ", link);
  }

  // What a silent node has is asked for again, now and then; at once where somebody goes there.
  holds(us, stream) {
    if (!this.playback || this.stream !== stream || us < this.from || us >= this.to) return false;
    return !this.playback.isSilent(us) || performance.now() < this.notBefore;
  }

  get isAway() { return Boolean(this.failure || this.playback?.silent.length); }

  async open(us, stream) {
    if (performance.now() < (this.notBefore ?? 0)) return;
    const round = ++this.round;
    this.opening = true;
    this.close();
    this.video.poster = stillUrl(this.api, us, 360, stream);
    const [from, to] = [us - 10 * SECOND, us + WINDOW];
    Object.assign(this, { stream, from, to });
    try {
      const playback = await open(this.video, "", from, to, stream, this.api, () => round === this.round);
      this.playback = playback;
      playback.addEventListener("problem", ({ detail }) => { if (playback === this.playback) this.fail(detail); });
      playback.seekWall(us);
      this.failure = "";
      if (playback.isSilent(us)) this.notBefore = performance.now() + SILENT_MS;
      this.say(silentText(playback, this.texts));
    } catch (error) {
      if (round !== this.round) return;
      this.failure = "network";
      this.notBefore = performance.now() + AGAIN_MS;
      this.say(error.message);
    } finally {
      if (round === this.round) this.opening = false;
    }
  }

  fail(problem) {
    const { stream, from, to } = this;
    this.close();
    if (problem === "codec" || problem === "media") this.undecodable = { stream, from, to };
    else { // a node may have died: the new list leaves its part out
      if (this.failure) this.notBefore = performance.now() + AGAIN_MS;
      this.failure = problem;
      this.say(this.texts[problem]);
    }
  }

  close() {
    this.playback?.close();
    this.playback = null;
  }

  // Elsewhere: what is on its way is not waited for.
  leave() {
    if (this.opening) {
      this.round += 1;
      this.opening = false;
    }
    this.notBefore = 0;
    this.isLate = false;
  }

  // Where a moment plays; null where there is no such picture, or not yet.
  at(us) {
    const place = this.playback?.find(us);
    return place && place.wall === us ? place : null;
  }

  // The list of footage that is being written ends here, for now.
  endsAt(us) { return this.mode === "video" && Boolean(this.playback) && !this.at(us + 300_000) && !this.playback.find(us + 300_000); }

  // Whether the clock may go on from a moment, as far as this camera is concerned.
  isReady(us, runs) {
    if (this.mode !== "video" || this.isLate) return true;
    if (!this.playback) return performance.now() < (this.notBefore ?? 0); // it failed: asked for again later
    const place = this.at(us);
    if (!place || this.endsAt(us)) return true;
    const { video } = this;
    if (video.seeking || video.readyState < HAVE_FUTURE_DATA) return false;
    return runs || Math.abs(place.time - video.currentTime) <= EXACT_S;
  }

  // The clock stands at a moment.
  halt(us) {
    if (this.mode !== "video") return;
    if (!this.video.paused) this.video.pause();
    const place = this.at(us);
    if (place) this.seek(place, us === this.stoodUs ? PICTURE_S : EXACT_S);
  }

  // At that very picture: the next one may be nearer than a clock that stands minds.
  stand(us) { this.stoodUs = us; }

  seek(place, exact = EXACT_S) {
    const { playback, video } = this;
    if (!place || video.seeking || !video.readyState || Math.abs(place.time - (playback.held ?? video.currentTime)) <= exact) return;
    this.soughtAt = performance.now();
    playback.goTo(place);
  }

  // The clock runs and is at a moment now.
  follow(us, rate) {
    if (this.mode !== "video") return;
    const { video } = this;
    const place = this.at(us);
    if (!place || !this.at(us + AHEAD_US * rate)) {
      if (!video.paused) video.pause();
      return;
    }
    if (this.isLate && video.readyState >= HAVE_FUTURE_DATA && !video.seeking) this.isLate = false;
    const error = place.time - video.currentTime;
    const far = NATIVE ? 0.15 : Math.max(FAR_S, FAR_S * rate);
    if (Math.abs(error) > far) {
      if (!video.seeking && performance.now() - (this.soughtAt ?? 0) > LOADED_MS) this.seek(place);
    }
    if (video.paused) video.play().catch(() => {}); // another seek came, or it was taken off
    // Native players buffer anew at each change of rate.
    const steers = !NATIVE && Math.abs(error) > NEAR_S * Math.max(1, rate) && Math.abs(error) <= far;
    const steered = Math.min(STEERS_MOST, Math.max(-STEERS_MOST, (STEERS * error) / rate));
    const pace = steers ? rate * (1 + steered) : rate;
    if (video.playbackRate !== pace) video.playbackRate = pace;
  }
}
