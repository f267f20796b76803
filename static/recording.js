// Says why a recording cannot be played instead of showing a black box.
const video = document.querySelector("[data-recording]");
const problem = document.querySelector("[data-recording-problem]");

function tell() {
  video.hidden = true;
  problem.hidden = false;
  document.querySelector("[data-recording-keys]").hidden = true;
}

const jump = (s) => { video.currentTime = Math.min(Math.max(0, video.currentTime + s), video.duration || 0); };
const go = (rel) => document.querySelector(`.head a[rel=${rel}]`)?.click();
const keys = {
  " ": () => { if (video.paused) video.play(); else video.pause(); },
  ArrowLeft: () => jump(-10),
  ArrowRight: () => jump(10),
  f: () => { if (document.fullscreenElement) document.exitFullscreen(); else video.requestFullscreen(); },
  p: () => go("prev"),
  n: () => go("next"),
};

if (video && problem) {
  document.addEventListener("keydown", (event) => {
    const free = !event.ctrlKey && !event.metaKey && !event.altKey && !event.target.closest("a, button, summary, dialog, video");
    const act = free && !document.querySelector("dialog[open]") && keys[event.key];
    if (!act || (video.hidden && !"pn".includes(event.key))) return;
    event.preventDefault();
    act();
  });
  const source = video.querySelector("source");
  if (!video.canPlayType(source.type) || video.error) tell();
  // A source that cannot be used says so itself; one that fails later says it through the video.
  source.addEventListener("error", tell);
  video.addEventListener("error", tell);
  // Some browsers play the sound of a film whose pictures they cannot decode.
  video.addEventListener("loadeddata", () => { if (!video.videoWidth) tell(); });
}
