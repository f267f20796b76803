// Recorded footage in a <video>, by wall-clock time. Safari and iPhones play HLS themselves; elsewhere hls.js does, which
// is loaded when it is needed first. A hole takes no time in a player: `Playback` knows what was when, and what follows.
const CLOCK = 90_000; // of the video track in our files, and its number
const VIDEO_TRACK = 1;
const PLAYLIST = "application/vnd.apple.mpegurl";
// Chromium says "maybe" too, but gets no date out of a playlist, and follows one that grows less well than hls.js.
export const NATIVE = document.createElement("video").canPlayType(PLAYLIST)
  && (!window.MediaSource || Boolean(window.ManagedMediaSource));

const CODEC_ERRORS = ["manifestIncompatibleCodecsError", "bufferAddCodecError", "bufferIncompatibleCodecsError"];
const LIST_MS = 15_000;

// What a playlist says: pieces in playing order, each `media` (s from the start of the list), `seconds`, `wall` (µs),
// `stretch` (its number, counted in discontinuities), and per stretch the decode time (s) that `media` 0 would have.
export function parsePlaylist(text) {
  const pieces = [];
  const zeros = [];
  let media = 0;
  let wall = 0;
  let stretch = 0;
  for (const line of text.split("\n")) {
    const value = line.slice(line.indexOf(":") + 1);
    if (line.startsWith("#EXT-X-DISCONTINUITY")) stretch += 1;
    else if (line.startsWith("#MEDIA-TIME:")) zeros[stretch] = parseFloat(value) - media;
    else if (line.startsWith("#EXT-X-PROGRAM-DATE-TIME:")) wall = Date.parse(value) * 1000;
    else if (line.startsWith("#EXTINF:")) {
      const seconds = parseFloat(value);
      pieces.push({ media, seconds, wall, stretch });
      media += seconds;
      wall += seconds * 1e6;
    }
  }
  return { pieces, zeros, grows: !text.includes("#EXT-X-ENDLIST") };
}

export class Playback extends EventTarget {
  // Events: "list" (more is known), "problem" (detail: "codec", "network", "gone" or "media").
  constructor(video, url, wall) {
    super();
    this.video = video;
    this.url = url;
    this.aim = wall;
    this.pieces = [];
    this.zeros = [];
    this.closed = false;
    this.leaving = new AbortController(); // takes the listeners off: the next footage plays in the same element
    this.interval = 0.04; // of pictures (s)
    // Before there is a picture, a player forgets where it was sent.
    this.on("loadedmetadata", () => this.seekWall(this.aim), true);
    if (video.requestVideoFrameCallback) this.watchFrames();
  }

  on(name, act, once = false) { this.video.addEventListener(name, act, { once, signal: this.leaving.signal }); }

  watchFrames(before = null) {
    this.video.requestVideoFrameCallback((_, now) => {
      const step = before && (now.mediaTime - before.mediaTime) / (now.presentedFrames - before.presentedFrames);
      if (step > 0.005 && step < 1) this.interval = step;
      this.shown = now.mediaTime;
      if (!this.closed) this.watchFrames(now);
    });
  }

  // Chromium takes a moment just before what is loaded for loaded, and shows the picture after it: there once more.
  mend() {
    const { video } = this;
    if (this.mended || this.closed || !video.paused || video.seeking || !(this.shown > video.currentTime)) return;
    const loaded = Array.from({ length: video.buffered.length }, (_, i) => [video.buffered.start(i), video.buffered.end(i)]);
    if (!loaded.some(([from, to]) => from <= video.currentTime && video.currentTime < to)) return;
    this.mended = true;
    video.currentTime = video.currentTime; // it seeks
  }

  // Stop at the next picture.
  step() {
    this.video.pause();
    this.video.currentTime += this.interval;
  }

  // The instant (µs) of what is shown at a time of the video; null where that is not known.
  wallUs(time = this.video.currentTime) {
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
    this.aim = found.wall;
    this.mended = false;
    this.video.currentTime = found.time;
    return found.wall;
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
    const { pieces, zeros, grows } = parsePlaylist(text);
    Object.assign(this, { pieces, zeros, grows });
    this.dispatchEvent(new Event("list"));
  }

  problem(detail) { this.dispatchEvent(new CustomEvent("problem", { detail })); }
}

async function fetchList(url) {
  const answer = await fetch(url, { signal: AbortSignal.timeout(LIST_MS) });
  if (answer.ok) return answer.text();
  const { detail } = await answer.json().catch(() => ({ detail: answer.statusText }));
  throw Object.assign(new Error(detail), { status: answer.status });
}

async function openNative(playback, isWanted) {
  const { video, url } = playback;
  const list = await fetchList(url);
  if (!isWanted()) throw playback.supersede();
  playback.take(list);
  playback.on("error", () => playback.problem("media"));
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
  });
  playback.hls = hls;
  const { Events, ErrorTypes } = Hls;
  hls.on(Events.MANIFEST_PARSED, () => hls.startLoad(playback.find(playback.aim)?.time ?? 0));
  hls.on(Events.LEVEL_LOADED, (_, { details }) => {
    playback.take(details.m3u8);
    // A fragment's sound begins a little before its pictures. By itself hls.js would put what comes first where the list
    // has the pictures, and show all of a stretch later by as much; so it is told the decode time where a stretch begins.
    const known = hls.streamController.initPTS;
    playback.zeros.forEach((zero, stretch) => {
      known[stretch] ??= { baseTime: Math.round(zero * CLOCK), timescale: CLOCK, trackId: VIDEO_TRACK };
    });
  });
  hls.on(Events.FRAG_BUFFERED, () => playback.mend());
  playback.on("seeked", () => requestAnimationFrame(() => requestAnimationFrame(() => playback.mend())));
  let mended = false;
  hls.on(Events.ERROR, (_, { type, details, fatal, response }) => {
    const isCodec = CODEC_ERRORS.includes(details); // with one list there is no other codec to try
    if (playback.failed || (!fatal && !isCodec)) return;
    if (!isCodec && type === ErrorTypes.MEDIA_ERROR && !mended) {
      mended = true;
      const at = video.currentTime || (playback.find(playback.aim)?.time ?? 0);
      hls.recoverMediaError();
      hls.startLoad(at); // nothing loads by itself here: without it the player would stay black
      return;
    }
    const isMissing = [404, 410].includes(response?.code);
    playback.failed = true;
    hls.stopLoad();
    const problem = isCodec ? "codec" : type !== ErrorTypes.NETWORK_ERROR ? "media" : isMissing ? "gone" : "network";
    setTimeout(() => playback.closed || playback.problem(problem)); // who hears it may close what tells it
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
