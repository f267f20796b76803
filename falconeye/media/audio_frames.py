"""How long an audio frame lasts, read from the codec's own bytes: descriptions do not tell it."""

_AAC_RATES = (
    96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8000,
    7350,
)  # fmt: skip
_AAC_FRAME = 1024
_SBR, _PS = 5, 29  # HE-AAC: the type of the core follows
_LOW_DELAY, _ENHANCED_LOW_DELAY = 23, 39
_SILK = (480, 960, 1920, 2880)  # 10 to 60 ms in 1/48000 s
_CELT = (120, 240, 480, 960)
_OPUS_LONGEST = 5760  # 120 ms


class _Bits:
    """Reads bits from the left; ValueError past the end."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "big")
        self._left = 8 * len(data)

    def take(self, count: int) -> int:
        self._left -= count
        if self._left < 0:
            msg = "the audio configuration ends too early"
            raise ValueError(msg)
        return self._value >> self._left & ((1 << count) - 1)


def aac_frame_ticks(config: bytes, clock_rate: int) -> int:
    """An AAC frame in ticks of `clock_rate`, by its AudioSpecificConfig (ISO 14496-3 1.6.2.1).

    A frame has 1024 samples, or 960, at the rate of the core codec. With SBR (HE-AAC) that is half
    of the output's, and cameras' clocks run at either. A configuration that cannot be read means
    1024 ticks.
    """
    try:
        core_rate, samples = _aac_core(_Bits(config))
    except ValueError:
        return _AAC_FRAME
    return samples * clock_rate // core_rate


def aac_object_type(config: bytes) -> int:
    """The audio object type of an AudioSpecificConfig; 2 (AAC-LC) where it cannot be read."""
    try:
        return _aac_type(_Bits(config))
    except ValueError:
        return 2


def _aac_core(bits: _Bits) -> tuple[int, int]:
    """Sample rate of the core codec, and its samples in a frame."""
    kind = _aac_type(bits)
    rate = _aac_rate(bits)
    bits.take(4)  # channels
    if kind in (_SBR, _PS):
        _aac_rate(bits)  # the output's
        kind = _aac_type(bits)
    is_short = bits.take(1)  # frameLengthFlag, first of GASpecificConfig and ELDSpecificConfig
    if kind in (_LOW_DELAY, _ENHANCED_LOW_DELAY):
        return rate, 480 if is_short else 512
    return rate, 960 if is_short else _AAC_FRAME


def _aac_type(bits: _Bits) -> int:
    kind = bits.take(5)
    return 32 + bits.take(6) if kind == 31 else kind


def _aac_rate(bits: _Bits) -> int:
    index = bits.take(4)
    rate = bits.take(24) if index == 15 else dict(enumerate(_AAC_RATES)).get(index, 0)
    if not rate:
        msg = "no sample rate in the audio configuration"
        raise ValueError(msg)
    return rate


def opus_frame_ticks(packet: bytes) -> int:
    """An Opus packet in 1/48000 s, by its first bytes (RFC 6716 3.1, 3.2); 0 where it is none."""
    if not packet:
        return 0
    shape, code = packet[0] >> 3, packet[0] & 3
    if shape < 12:
        frame = _SILK[shape & 3]
    elif shape < 16:  # hybrid
        frame = _SILK[shape & 1]
    else:
        frame = _CELT[shape & 3]
    told = packet[1:2] if code == 3 else (b"\x01", b"\x02", b"\x02")[code]
    ticks = (int.from_bytes(told, "big") & 0x3F) * frame
    return ticks if ticks <= _OPUS_LONGEST else 0
