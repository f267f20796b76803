// Says why a recording cannot be played instead of showing a black box.
const video = document.querySelector("[data-recording]");
const problem = document.querySelector("[data-recording-problem]");

function tell() {
  video.hidden = true;
  problem.hidden = false;
}

if (video && problem) {
  const source = video.querySelector("source");
  if (!video.canPlayType(source.type) || video.error) tell();
  // A source that cannot be used says so itself; one that fails later says it through the video.
  source.addEventListener("error", tell);
  video.addEventListener("error", tell);
  // Some browsers play the sound of a film whose pictures they cannot decode.
  video.addEventListener("loadeddata", () => { if (!video.videoWidth) tell(); });
}
