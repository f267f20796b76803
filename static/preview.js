// The picture above a time line: of the moment under a pointer, a dragging finger or a held key, with its own time on it.
// Keyframes lie seconds apart, so that is not quite the moment that is pointed at, which the line itself says.
import { Keyframes } from "./keyframes.js";

const HEIGHT = 120;
const PERIOD_MS = 120; // so often at most a picture is asked for

export class Preview {
  // `of({us, row})`: {api, stream} of the camera whose picture is shown, or null; `why(us)`: what to say then.
  constructor(figure, timeline, of, why) {
    Object.assign(this, { figure, timeline, of, why });
    this.img = figure.querySelector("img");
    this.words = figure.querySelector("figcaption");
    this.keyframes = new Keyframes(this.img, "", HEIGHT, (us) => this.tell(us));
    this.keyframes.period = PERIOD_MS;
  }

  // As "falconeye:hover" tells it; `us` null: nothing is pointed at.
  show({ us, x, row }) {
    const { figure, img, keyframes } = this;
    if (us === null) {
      keyframes.stop();
      figure.hidden = img.hidden = true;
      return;
    }
    this.x = x;
    const source = this.of({ us, row });
    if (!source || source.api !== keyframes.api) {
      keyframes.stop();
      img.hidden = true;
    }
    if (!source || img.hidden) this.say(us, source ? "" : this.why(us));
    if (source) {
      keyframes.api = source.api;
      keyframes.show(us, source.stream);
    }
    this.place();
  }

  // The picture is there.
  tell(us) {
    this.img.hidden = false;
    this.say(us);
    this.place();
  }

  say(us, why = "") {
    const time = this.timeline.seconds.format(us / 1000);
    this.words.textContent = why ? `${time}: ${why}` : time;
    this.figure.hidden = false;
  }

  place() {
    const most = this.timeline.canvas.clientWidth - this.figure.offsetWidth;
    this.figure.style.left = `${Math.max(0, Math.min(this.x - this.figure.offsetWidth / 2, most))}px`;
  }
}
