// The buttons of players: sound, of one at a time; full screen; picture in picture.
import { players } from "./player.js";

const texts = document.getElementById("player-texts")?.dataset ?? {};
const playerOf = (button) => players.get(document.getElementById(button.dataset.for));
const isApart = (video) => document.pictureInPictureElement === video; // in a window of its own

const acts = {
  sound(player) {
    for (const other of players.values()) if (other !== player && other.audio) other.setAudio(false);
    player.setAudio(!player.audio);
  },
  fullscreen(player, button) {
    if (document.fullscreenElement) document.exitFullscreen();
    else (button.closest(".viewer") ?? player.root).requestFullscreen();
  },
  pip({ root, video }) {
    if (isApart(video)) { document.exitPictureInPicture(); return; }
    video.disablePictureInPicture = false;
    video.requestPictureInPicture().catch((error) => {
      console.info(String(error));
      video.disablePictureInPicture = true;
      root.dispatchEvent(new Event("falconeye:pip-refused", { bubbles: true }));
    });
  },
};

const looks = {
  sound(button, player) {
    button.hidden = player.data.sound !== "yes";
    button.setAttribute("aria-pressed", String(player.audio));
    button.setAttribute("aria-label", player.audio ? texts.mute : texts.unmute);
    const use = button.querySelector("use");
    use.setAttribute("href", use.getAttribute("href").replace(/#.*/, player.audio ? "#sound" : "#mute"));
  },
  fullscreen(button) { button.hidden = !document.fullscreenEnabled; },
  pip(button, { data, video }) {
    button.hidden = !document.pictureInPictureEnabled || (data.state !== "live" && !isApart(video));
    button.setAttribute("aria-pressed", String(isApart(video)));
  },
};

function show(within = document) {
  for (const button of within.querySelectorAll("[data-player-action]")) {
    const player = playerOf(button);
    if (player) looks[button.dataset.playerAction](button, player);
  }
}

const showOf = ({ target }) => show(target.closest(".tile, .viewer") ?? document);

show();
document.addEventListener("click", ({ target }) => {
  const button = target.closest("[data-player-action]");
  const player = button && playerOf(button);
  if (player) acts[button.dataset.playerAction](player, button);
});
for (const name of ["sound", "live", "stills", "offline", "idle", "connecting"]) {
  document.addEventListener(`falconeye:${name}`, showOf);
}
document.addEventListener("htmx:after:swap", () => show());
document.addEventListener("enterpictureinpicture", showOf, true);
// Closed by whichever button, its own among them. Its tile may be out of sight by now.
document.addEventListener("leavepictureinpicture", (event) => {
  const { target } = event;
  target.disablePictureInPicture = true;
  players.get(target.closest("[data-player]"))?.look();
  showOf(event);
}, true);
