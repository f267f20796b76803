// When the pictures of loaded footage begin, by its fragments, as our recorder writes them (ISO 14496-12 8.8). Firefox does
// not tell it of a picture that it was sent to: it tells where it was sent, and before 132 nothing.
const [MOOF, TRAF, TFHD, TFDT, TRUN] = [0x6d6f6f66, 0x74726166, 0x74666864, 0x74666474, 0x7472756e];
const VIDEO_TRACK = 1;
const CLOCK = 90_000;
const [OFFSET, FIRST_FLAGS, DURATION, SIZE, FLAGS, SHIFT] = [0x1, 0x4, 0x100, 0x200, 0x400, 0x800];
export const SAME_S = 1e-4;

// When they begin, in order, and when the last one ends; in s from the decode time `zero`, which is in 1/90000 s.
function picturesOf(buffer, zero) {
  const view = new DataView(buffer);
  const u32 = (at) => view.getUint32(at);
  const begins = [];
  let [track, time, end] = [0, 0, 0];
  for (let at = 0; at + 16 <= view.byteLength;) {
    const type = u32(at + 4);
    if (type === TFHD) track = u32(at + 12);
    else if (type === TFDT) time = Number(view.getBigUint64(at + 12)) - zero;
    else if (type === TRUN && track === VIDEO_TRACK) {
      const flags = u32(at + 8);
      const fields = (some) => 4 * some.filter((flag) => flags & flag).length;
      const row = fields([DURATION, SIZE, FLAGS, SHIFT]);
      const rows = at + 16 + fields([OFFSET, FIRST_FLAGS]);
      for (let sample = rows; sample < rows + u32(at + 12) * row; sample += row) {
        begins.push((time + (flags & SHIFT ? view.getInt32(sample + row - 4) : 0)) / CLOCK);
        time += u32(sample);
        end = Math.max(end, begins.at(-1) + u32(sample) / CLOCK);
      }
    }
    at += type === MOOF || type === TRAF ? 8 : u32(at) || Infinity;
  }
  return { begins: begins.sort((a, b) => a - b), end };
}

export class Pictures {
  pieces = new Map(); // by their place in the list

  take(place, buffer, zero) { this.pieces.set(place, picturesOf(buffer, zero)); }

  // When the picture begins that stands at a time (s of the player); undefined where nothing was loaded.
  at(time) {
    const within = [...this.pieces.values()].filter(({ begins, end }) => begins[0] <= time + SAME_S && time < end);
    const found = within.map(({ begins }) => begins.findLast((begin) => begin <= time + SAME_S));
    return found.length ? Math.max(...found) : undefined;
  }

  // When the picture after the one that begins at a time begins; undefined where it was not loaded.
  after(time) {
    const isIt = (begin) => Math.abs(begin - time) < SAME_S;
    const piece = [...this.pieces.values()].find(({ begins }) => begins.some(isIt));
    return piece && (piece.begins.find((begin) => begin > time + SAME_S) ?? this.at(piece.end + SAME_S));
  }
}
