// Says why a recording cannot be played instead of showing a black box.
const video = document.querySelector("[data-recording]");
const problem = document.querySelector("[data-recording-problem]");

function tell() {
  video.removeAttribute("src");
  video.hidden = true;
  problem.hidden = false;
}

if (video && problem) {
  if (!video.canPlayType(video.dataset.mime) || video.error) tell();
  video.addEventListener("error", () => { if (!video.hidden) tell(); });
  // Some browsers play the sound of a film whose pictures they cannot decode.
  video.addEventListener("loadeddata", () => { if (!video.videoWidth) tell(); });
}
