"""NAL units of H.264 (ITU-T H.264 7.3.1) and HEVC (ITU-T H.265 7.3.1): split, classify, re-frame.

Sources deliver Annex B (start codes); MP4 wants each unit behind its length (ISO 14496-15).
"""

from falconeye.media.samples import Codec

_START = b"\0\0\1"
_H264_SLICE, _H264_IDR, _H264_SPS, _H264_PPS, _H264_AUD = 1, 5, 7, 8, 9
_HEVC_VPS, _HEVC_SPS, _HEVC_PPS, _HEVC_AUD = 32, 33, 34, 35
_HEVC_IRAP = range(16, 24)
_HEVC_BLA_W_LP, _HEVC_BLA_W_RADL, _HEVC_CRA = 16, 17, 21
_HEVC_RADL, _HEVC_RASL = (6, 7), (8, 9)


def split_annex_b(data: bytes) -> list[bytes]:
    """The NAL units of an Annex B byte stream, without start codes and trailing zeros.

    Searched from the end: `rfind` takes half the time of `find` over a picture's bytes, and that
    search is the largest single cost of a picture here.
    """
    units: list[bytes] = []
    end = len(data)
    while (start := data.rfind(_START, 0, end)) >= 0:
        unit = data[start + 3 : end]
        if unit and unit[-1] == 0:  # trailing_zero_8bits
            unit = unit.rstrip(b"\0")
        if unit:
            units.append(unit)
        end = start - 1 if start and data[start - 1] == 0 else start  # a 4-byte start code
    units.reverse()
    return units


def join_annex_b(units: list[bytes]) -> bytes:
    """NAL units behind 4-byte start codes."""
    return b"".join(b"\0" + _START + unit for unit in units)


def join_length_prefixed(units: list[bytes]) -> bytes:
    """NAL units behind 4-byte big-endian lengths (ISO 14496-15 5.3.4)."""
    parts: list[bytes] = []
    for unit in units:
        parts += (len(unit).to_bytes(4, "big"), unit)
    return b"".join(parts)


def split_length_prefixed(data: bytes) -> list[bytes]:
    """The inverse of `join_length_prefixed`; ValueError when a length passes the end."""
    units: list[bytes] = []
    position = 0
    while position < len(data):
        size = int.from_bytes(data[position : position + 4], "big")
        position += 4
        if size == 0 or position + size > len(data):
            msg = f"a NAL unit of {size} bytes does not fit"
            raise ValueError(msg)
        units.append(data[position : position + size])
        position += size
    return units


class NalRules:
    """What the first bytes of a NAL unit say, for one codec."""

    def __init__(self, codec: Codec) -> None:
        self._hevc = codec is Codec.HEVC
        self._header = 2 if self._hevc else 1
        self.names_leading_pictures = self._hevc  # H.264 tells them by their times only

    def unit_type(self, unit: bytes) -> int:
        return (unit[0] >> 1) & 0x3F if self._hevc else unit[0] & 0x1F

    def is_valid(self, unit: bytes) -> bool:
        """Long enough, and its header is one that a camera may send.

        forbidden_zero_bit is 0; HEVC also has a temporal id, and the layer that all decoders take.
        """
        if len(unit) <= self._header:
            return False
        if self._hevc:
            return not unit[0] & 0x81 and 0 < unit[1] < 8
        return not unit[0] & 0x80

    def is_picture(self, unit: bytes) -> bool:
        """Whether it is a slice (VCL)."""
        kind = self.unit_type(unit)
        return kind < 32 if self._hevc else 1 <= kind <= 5

    def starts_picture(self, unit: bytes) -> bool:
        """first_slice_segment_in_pic_flag, or first_mb_in_slice == 0 (ue(v): a leading 1 bit)."""
        return self.is_picture(unit) and bool(unit[self._header] & 0x80)

    def is_keyframe(self, unit: bytes) -> bool:
        """An IDR slice, or an IRAP one for HEVC."""
        kind = self.unit_type(unit)
        return kind in _HEVC_IRAP if self._hevc else kind == _H264_IDR

    def is_open(self, unit: bytes) -> bool:
        """Whether pictures that follow this keyframe's slice may refer to some from before it."""
        kind = self.unit_type(unit)
        return kind in (_HEVC_BLA_W_LP, _HEVC_CRA) if self._hevc else kind == _H264_SLICE

    def broken_link(self, unit: bytes) -> bytes:
        """A CRA picture's slice as a BLA picture's: only the type differs. Others as they are."""
        if not self._hevc or self.unit_type(unit) != _HEVC_CRA:
            return unit
        return bytes([_HEVC_BLA_W_RADL << 1]) + unit[1:]

    def is_rasl(self, unit: bytes) -> bool:
        """A random access skipped leading picture's slice (ITU-T H.265 table 7-1)."""
        return self._hevc and self.unit_type(unit) in _HEVC_RASL

    def is_radl(self, unit: bytes) -> bool:
        """A random access decodable leading picture's slice."""
        return self._hevc and self.unit_type(unit) in _HEVC_RADL

    def is_parameter_set(self, unit: bytes) -> bool:
        kind = self.unit_type(unit)
        return _HEVC_VPS <= kind <= _HEVC_PPS if self._hevc else kind in (_H264_SPS, _H264_PPS)

    def is_sequence_parameter_set(self, unit: bytes) -> bool:
        return self.unit_type(unit) == (_HEVC_SPS if self._hevc else _H264_SPS)

    def picture_set_id(self, unit: bytes) -> int | None:
        """pic_parameter_set_id, with which a PPS takes the place of another; None if it is none."""
        if self.unit_type(unit) != (_HEVC_PPS if self._hevc else _H264_PPS):
            return None
        return _exp_golomb(unit[self._header : self._header + 4])

    def is_delimiter(self, unit: bytes) -> bool:
        """An access unit delimiter, which MP4 does not need."""
        return self.unit_type(unit) == (_HEVC_AUD if self._hevc else _H264_AUD)


def _exp_golomb(data: bytes) -> int:
    """The ue(v) that `data` begins with (ITU-T H.264 9.1)."""
    value, bits = int.from_bytes(data, "big"), 8 * len(data)
    zeros = bits - value.bit_length()
    return (value >> max(bits - 2 * zeros - 1, 0)) - 1
