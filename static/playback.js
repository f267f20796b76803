// Recorded footage in a <video>, by wall-clock time. Safari and iPhones play HLS themselves; elsewhere hls.js does, which
// is loaded when it is needed first. A hole takes no time in a player: `Playback` knows what was when, and what follows.
import { Pictures, SAME_S } from "./pictures.js";

const CLOCK = 90_000; // of the video track in our files, and its number
const VIDEO_TRACK = 1;
const PLAYLIST = "application/vnd.apple.mpegurl";
// Chromium says "maybe" too, but gets no date out of a playlist, and follows one that grows less well than hls.js.
export const NATIVE = document.createElement("video").canPlayType(PLAYLIST)
  && (!window.MediaSource || Boolean(window.ManagedMediaSource));

const CODEC_ERRORS = ["manifestIncompatibleCodecsError", "bufferAddCodecError", "bufferIncompatibleCodecsError"];
const AWAY = [502, 503, 504];
const OF_NODE = "?node="; // in the address of what another node has
const AHEAD_S = 0.5;
const LIST_MS = 15_000;
const SHORTEST_S = 1 / 60; // a picture is taken to be so long until two of them were shown
const USUAL_S = 0.04; // where the browser does not tell which picture is shown
const BEFORE_S = 0.002; // before a picture the one before it stands
const NEAR_S = 0.5; // so near before loaded pictures hls.js may load nothing: their sound begins earlier
const SHOWN_MS = 500; // so long after a seek it is waited for what is told of its picture
const HOLE_S = 0.1; // a hole so short hls.js does not fill, at the beginning of what is loaded neither
const LOAD_MS = 8000;

// What a playlist says: pieces in playing order, each `media` (s from the start of the list), `seconds`, `wall` (µs),
// `stretch` (its number, counted in discontinuities), and per stretch the decode time (s) that `media` 0 would have.
export function parsePlaylist(text) {
  const pieces = [];
  const zeros = [];
  const silent = []; // names of nodes that did not answer: their part is not in it
  let media = 0;
  let wall = 0;
  let stretch = 0;
  for (const line of text.split("\n")) {
    const value = line.slice(line.indexOf(":") + 1);
    if (line.startsWith("#EXT-X-DISCONTINUITY")) stretch += 1;
    else if (line.startsWith("#SILENT-NODE:")) silent.push(decodeURIComponent(value));
    else if (line.startsWith("#MEDIA-TIME:")) zeros[stretch] = parseFloat(value) - media;
    else if (line.startsWith("#EXT-X-PROGRAM-DATE-TIME:")) wall = Date.parse(value) * 1000;
    else if (line.startsWith("#EXTINF:")) {
      const seconds = parseFloat(value);
      pieces.push({ media, seconds, wall, stretch });
      media += seconds;
      wall += seconds * 1e6;
    }
  }
  return { pieces, zeros, silent, grows: !text.includes("#EXT-X-ENDLIST") };
}

export class Playback extends EventTarget {
  // Events: "list" (more is known), "problem" (detail: "codec", "network", "gone" or "media").
  constructor(video, url, wall) {
    super();
    this.video = video;
    this.url = url;
    this.aim = { wall };
    this.pieces = [];
    this.zeros = [];
    this.silent = [];
    this.closed = false;
    this.leaving = new AbortController(); // takes the listeners off: the next footage plays in the same element
    this.pictures = new Pictures();
    this.interval = null; // the shortest of pictures (s); null until two were shown
    this.stood = null; // the time of the picture that was stepped to, while it stands
    this.held = null; // the time that is meant while the player is sent elsewhere for its sake
    // Before there is a picture, a player forgets where it was sent.
    this.on("loadedmetadata", () => this.seekWall(this.aim.wall), true);
    this.on("play", () => { if (!video.paused) this.stood = null; });
    if (video.requestVideoFrameCallback) this.watchFrames();
  }

  on(name, act, once = false) { this.video.addEventListener(name, act, { once, signal: this.leaving.signal }); }

  watchFrames(before = null) {
    this.video.requestVideoFrameCallback((_, { mediaTime }) => {
      const now = this.begun(mediaTime);
      const step = before === null ? 0 : now - before; // of one picture, or of some
      if (step > 0.005 && step < 1) this.interval = Math.min(step, this.interval ?? step);
      this.shown = now;
      this.dispatchEvent(new Event("picture"));
      if (!this.closed) this.watchFrames(now);
    });
  }

  // When the picture began that a browser tells of: Firefox says where it was sent.
  begun(time) { return Math.abs(time - this.video.currentTime) < SAME_S ? this.pictures.at(time) ?? time : time; }

  // Chromium takes a moment just before what is loaded for loaded, and shows the picture after it: there once more.
  mend() {
    const { video } = this;
    const to = video.currentTime;
    if (this.mended || this.steps || this.closed || !video.paused || video.seeking || !(this.shown > to)) return;
    if (!this.isLoaded(to) && !this.isLoaded(to + HOLE_S)) return; // it is on its way
    this.mended = true;
    this.mending = this.comeTo(to);
  }

  // Where hls.js takes it for loaded, too (its sound is, or it is very near), nobody loads its picture: so the player is
  // sent further before it first.
  async comeTo(to) {
    const { aim, video } = this;
    video.currentTime = to; // it seeks
    await this.settled(true);
    if (aim !== this.aim || this.closed || !video.paused || !(this.shown > to)) return;
    this.held = to;
    video.currentTime = Math.max(0, to - NEAR_S);
    const until = performance.now() + LOAD_MS;
    do await this.settled(true);
    while (aim === this.aim && !this.closed && !this.isLoaded(video.currentTime) && performance.now() < until);
    if (aim !== this.aim || this.closed) return;
    video.currentTime = to;
    await this.settled(true);
    if (aim === this.aim) this.held = null;
  }

  isLoaded(time) { return this.loadedUntil(time) > time; }

  // Where it ends what is loaded of a time on (s); that time where nothing is.
  loadedUntil(time) {
    const { buffered } = this.video;
    for (let i = 0; i < buffered.length; i += 1) if (buffered.start(i) <= time && time < buffered.end(i)) return buffered.end(i);
    return time;
  }

  // One picture on (1) or back (-1), where it stands; false where the list has none that way.
  async step(direction) {
    this.video.pause();
    await this.mending;
    this.steps = true;
    try {
      return await (direction > 0 ? this.stepOn() : this.stepBack());
    } finally {
      this.steps = false;
    }
  }

  // The time of the picture that stands there; the browser does not tell of each.
  async standing() {
    const { video } = this;
    await this.settled(video.seeking);
    const { currentTime: now } = video;
    const isTold = this.shown <= now && now - this.shown < 2 * (this.interval ?? 1);
    return this.stood ?? (isTold ? this.shown : this.pictures.at(now) ?? now);
  }

  // How long a picture is no player tells: where the fragments do not, it goes on by the shortest one until the picture is
  // another.
  async stepOn() {
    const { aim, interval } = this; // a seek meanwhile gives another aim
    const before = await this.standing();
    const next = this.pictures.after(before);
    if (next !== undefined && aim === this.aim && !this.closed) {
      this.video.currentTime = next + 0.001;
      await this.settled(true);
      if (aim === this.aim) this.stood = next;
      return !this.closed;
    }
    const last = this.pieces.at(-1);
    let to = before + 0.001;
    do {
      to += this.interval ?? (this.shown === undefined ? USUAL_S : SHORTEST_S);
      if (aim !== this.aim) return true;
      if (this.closed || to >= last.media + last.seconds) return false;
      this.video.currentTime = to;
      await this.settled(true);
    } while (this.shown <= before && (this.isTold || !interval));
    if (aim === this.aim) this.stood = this.shown > before ? this.shown : interval ? before + interval : null;
    return !this.closed;
  }

  // Just before a picture the one before it stands, whatever its length.
  async stepBack() {
    const { aim, video } = this;
    const before = await this.standing();
    const to = before - BEFORE_S;
    if (this.closed || to <= 0) return aim !== this.aim;
    const earlier = Math.max(0, to - NEAR_S);
    for (const time of this.isLoaded(earlier) ? [to] : [earlier, to]) { // else nobody would load it
      if (aim !== this.aim) return true;
      video.currentTime = time;
      await this.settled(true);
    }
    const isTold = this.shown < before && to - this.shown < 2 * (this.interval ?? NEAR_S);
    if (aim === this.aim) this.stood = isTold ? this.shown : this.pictures.at(to) ?? before - (this.interval ?? BEFORE_S);
    return !this.closed;
  }

  // After a seek: what it says from now on is the time of the picture.
  async arrived() {
    if (this.video.requestVideoFrameCallback && this.shown === undefined) await this.happens(this, "picture");
    this.stood = await this.standing();
  }

  // The instant (µs) behind the list's last picture, or just before its first.
  edgeUs(direction) {
    const piece = this.pieces.at(direction > 0 ? -1 : 0);
    return direction > 0 ? piece.wall + piece.seconds * 1e6 : piece.wall - BEFORE_S * 1e6;
  }

  happens(target, name) {
    return new Promise((done) => {
      target.addEventListener(name, done, { once: true });
      this.leaving.signal.addEventListener("abort", done, { once: true });
    });
  }

  // When a seek has ended, and (`shows`) its picture is there; or it is closed.
  settled(shows = false) {
    const frames = new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    const sought = this.video.seeking ? this.happens(this.video, "seeked") : null;
    if (!shows || this.shown === undefined) return Promise.all([sought, frames]);
    this.isTold = false;
    const told = this.happens(this, "picture").then(() => { this.isTold = true; });
    const late = async () => {
      await sought;
      await new Promise((done) => setTimeout(done, SHOWN_MS));
    };
    return Promise.all([sought, Promise.race([told, late()])]);
  }

  // The instant (µs) of what is shown at a time of the video; null where that is not known.
  wallUs(time = this.stood ?? this.held ?? this.video.currentTime) {
    const piece = this.pieces.findLast((each) => each.media <= time + 1e-4) ?? this.pieces[0];
    if (!piece) return null;
    const into = Math.min(Math.max(time - piece.media, 0), piece.seconds);
    return Math.round(piece.wall + into * 1e6);
  }

  // Where footage of an instant plays: {time (s), wall (µs)}. In a hole, that of the next footage; null after the last.
  find(wall) {
    let next = null;
    for (const piece of this.pieces) {
      const end = piece.wall + piece.seconds * 1e6;
      if (piece.wall <= wall && wall < end) return this.place(piece, wall);
      if (piece.wall > wall && (!next || piece.wall < next.wall)) next = piece;
    }
    return next && this.place(next, next.wall);
  }

  // Go to an instant, or to the footage that follows it; the instant it went to, or null.
  seekWall(wall) {
    const found = this.find(wall);
    if (!found) return null;
    this.goTo(found);
    return found.wall;
  }

  // Go to a place, as `find` tells it.
  goTo({ time, wall }) {
    this.aim = { wall };
    this.mended = false;
    this.stood = this.held = null;
    this.video.currentTime = time;
  }

  close() {
    this.closed = true;
    this.leaving.abort();
    this.hls?.destroy();
    clearTimeout(this.timer);
    this.video.removeAttribute("src");
    this.video.load();
  }

  // Before it took the element: somebody wants another one by now.
  supersede() {
    this.closed = true;
    this.leaving.abort();
    return new DOMException("another footage is wanted by now", "AbortError");
  }

  place(piece, wall) {
    // Into the picture, not onto its edge: a time that is rounded down would show the one before.
    return { time: piece.media + (wall - piece.wall) / 1e6 + 0.001, wall };
  }

  take(text) {
    Object.assign(this, parsePlaylist(text));
    this.dispatchEvent(new Event("list"));
  }

  // Whether a list that is asked for again misses the same nodes' parts.
  hasPartsOf(text) { return parsePlaylist(text).silent.join("\n") === this.silent.join("\n"); }

  // Whether a moment is missing because a node did not answer; it may do so by now.
  isSilent(us) { return this.silent.length > 0 && this.find(us)?.wall !== us; }

  problem(detail) { this.dispatchEvent(new CustomEvent("problem", { detail })); }
}

async function fetchList(url) {
  const answer = await fetch(url, { signal: AbortSignal.timeout(LIST_MS) });
  if (answer.ok) return answer.text();
  const { detail } = await answer.json().catch(() => ({ detail: answer.statusText }));
  throw Object.assign(new Error(detail.charAt(0).toUpperCase() + detail.slice(1)), { status: answer.status });
}

async function openNative(playback, isWanted) {
  const { video, url } = playback;
  const list = await fetchList(url);
  if (!isWanted()) throw playback.supersede();
  playback.take(list);
  playback.on("error", () => playback.problem(video.error?.code === MediaError.MEDIA_ERR_NETWORK ? "network" : "media"));
  video.src = url;
  const again = async () => {
    try {
      playback.take(await fetchList(url));
    } catch (error) {
      console.info(String(error)); // the network: what is known stays
    }
    if (playback.grows && !playback.closed) playback.timer = setTimeout(again, 6000);
  };
  if (playback.grows) playback.timer = setTimeout(again, 6000);
}

async function openHls(playback, isWanted) {
  const { video, url } = playback;
  const list = await fetchList(url); // says in words why there is nothing; hls.js would not
  await import("./vendor/hls.light.min.js"); // a script that sets a global; as a module it is loaded once
  if (!isWanted()) throw playback.supersede();
  playback.take(list);
  const { Hls } = window;
  const hls = new Hls({
    autoStartLoad: false,
    enableWorker: false, // our fragments are passed on as they are: nothing to do for one
    maxBufferLength: 20,
    backBufferLength: 20,
    maxBufferHole: HOLE_S,
  });
  playback.hls = hls;
  const { Events, ErrorTypes } = Hls;
  hls.on(Events.MANIFEST_PARSED, () => hls.startLoad(playback.find(playback.aim.wall)?.time ?? 0));
  let isListed = false;
  let lack = null; // {problem, isLast, from, to}: what does not come (s of the player); nothing does where it is the last
  const give = (problem) => {
    if (playback.failed) return;
    playback.failed = true;
    hls.stopLoad();
    setTimeout(() => playback.closed || playback.problem(problem)); // who hears it may close what tells it
  };
  // What is loaded is played first; what does not come behind it is then not waited for. A player wants something ahead: at
  // a higher speed it stands with more of it left; and with whatever is left where it stands since the last try.
  let stood = null;
  const miss = () => {
    const now = video.currentTime;
    const end = playback.loadedUntil(now);
    const stands = !video.seeking && video.readyState < HTMLMediaElement.HAVE_FUTURE_DATA;
    const isNear = end - now <= AHEAD_S * (stands ? Math.max(1, video.playbackRate) : 1);
    const isOver = isNear || (stands && now === stood);
    stood = now;
    if (lack && isOver && lack.from <= end + AHEAD_S && end < lack.to) give(lack.problem);
  };
  const lacks = (problem, isLast, from = 0, to = Infinity) => {
    lack = { problem, isLast, from, to };
    miss();
  };
  for (const name of ["waiting", "seeking"]) playback.on(name, miss);
  hls.on(Events.LEVEL_LOADED, (_, { details }) => {
    // Whose part is in it changed: what stands where is not as it was. A list of its own is asked for where this one ends.
    if (isListed && !playback.hasPartsOf(details.m3u8)) {
      hls.stopLoad();
      return void lacks("network", true);
    }
    isListed = true;
    playback.take(details.m3u8);
    // A fragment's sound begins a little before its pictures. By itself hls.js would put what comes first where the list
    // has the pictures, and show all of a stretch later by as much; so it is told the decode time where a stretch begins.
    const known = hls.streamController.initPTS;
    playback.zeros.forEach((zero, stretch) => {
      known[stretch] ??= { baseTime: Math.round(zero * CLOCK), timescale: CLOCK, trackId: VIDEO_TRACK };
    });
  });
  hls.on(Events.FRAG_LOADED, (_, { frag: { sn, cc }, payload }) => {
    if (lack && !lack.isLast) lack = null; // its node is back, or it is not wanted any more
    playback.pictures.take(sn, payload, Math.round(playback.zeros[cc] * CLOCK));
  });
  hls.on(Events.FRAG_BUFFERED, () => playback.mend());
  playback.on("seeked", () => requestAnimationFrame(() => requestAnimationFrame(() => playback.mend())));
  playback.on("pause", () => { if (playback.shown - video.currentTime > USUAL_S) playback.mend(); });
  let mended = false;
  hls.on(Events.ERROR, (_, { type, details, fatal, response, frag }) => {
    const isCodec = CODEC_ERRORS.includes(details); // with one list there is no other codec to try
    const isAway = AWAY.includes(response?.code) && frag?.url.includes(OF_NODE); // its node died
    if (playback.failed || (!fatal && !isCodec && !isAway)) return;
    if (!isCodec && type === ErrorTypes.MEDIA_ERROR && !mended) {
      mended = true;
      const at = video.currentTime || (playback.find(playback.aim.wall)?.time ?? 0);
      hls.recoverMediaError();
      hls.startLoad(at); // nothing loads by itself here: without it the player would stay black
      return;
    }
    if (isCodec || type !== ErrorTypes.NETWORK_ERROR) return void give(isCodec ? "codec" : "media");
    const problem = [404, 410].includes(response?.code) ? "gone" : "network";
    const isPiece = !fatal && Number.isInteger(frag.sn); // not an init segment
    lacks(problem, fatal, ...isPiece ? [frag.start, frag.start + frag.duration] : []);
  });
  hls.attachMedia(video);
  hls.loadSource(url);
}

// Footage of a camera between two instants (µs), from the first on; `seekWall` may follow at once. `api` is where the
// camera's routes are. Rejects with the server's words where there is nothing, and where `isWanted` says no when the
// element would be taken: only one plays in it.
export async function open(
  video, cameraId, fromUs, toUs, stream = "main", api = `/api/cameras/${encodeURIComponent(cameraId)}`, isWanted = () => true,
) {
  const moment = (us) => new Date(us / 1000).toISOString();
  const query = new URLSearchParams({ from: moment(fromUs), to: moment(toUs), stream });
  const playback = new Playback(video, new URL(`${api}/playback.m3u8?${query}`, location).href, fromUs);
  await (NATIVE ? openNative : openHls)(playback, isWanted);
  return playback;
}
