// What players read of fragmented MP4 (ISO 14496-12).
const [MOOF, TRAF, TFDT] = [0x6d6f6f66, 0x74726166, 0x74666474];

// Decode time of a fragment's first track: moof/traf/tfdt (8.8.12), in its timescale; null where there is none.
export function decodeTime(buffer) {
  const view = new DataView(buffer);
  for (let at = 0; at + 16 <= view.byteLength;) {
    const type = view.getUint32(at + 4);
    if (type === TFDT) return view.getUint8(at + 8) ? Number(view.getBigUint64(at + 12)) : view.getUint32(at + 12);
    at += type === MOOF || type === TRAF ? 8 : view.getUint32(at) || Infinity;
  }
  return null;
}
