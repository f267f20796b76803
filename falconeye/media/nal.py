"""NAL units of H.264 (ITU-T H.264 7.3.1) and HEVC (ITU-T H.265 7.3.1): split, classify, re-frame.

Sources deliver Annex B (start codes); MP4 wants each unit behind its length (ISO 14496-15).
"""

from falconeye.media.samples import Codec

_START = b"\0\0\1"
_H264_SPS, _H264_PPS, _H264_IDR, _H264_AUD = 7, 8, 5, 9
_HEVC_VPS, _HEVC_SPS, _HEVC_PPS, _HEVC_AUD = 32, 33, 34, 35
_HEVC_IRAP = range(16, 24)


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

    def unit_type(self, unit: bytes) -> int:
        return (unit[0] >> 1) & 0x3F if self._hevc else unit[0] & 0x1F

    def is_valid(self, unit: bytes) -> bool:
        """Long enough, and forbidden_zero_bit is 0."""
        return len(unit) > self._header and not unit[0] & 0x80

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

    def is_parameter_set(self, unit: bytes) -> bool:
        kind = self.unit_type(unit)
        return _HEVC_VPS <= kind <= _HEVC_PPS if self._hevc else kind in (_H264_SPS, _H264_PPS)

    def is_sequence_parameter_set(self, unit: bytes) -> bool:
        return self.unit_type(unit) == (_HEVC_SPS if self._hevc else _H264_SPS)

    def is_delimiter(self, unit: bytes) -> bool:
        """An access unit delimiter, which MP4 does not need."""
        return self.unit_type(unit) == (_HEVC_AUD if self._hevc else _H264_AUD)
