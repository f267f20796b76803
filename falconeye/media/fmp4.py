"""Writes fragments: `moof` + `mdat` (ISO 14496-12 8.8.4–8.8.12). libavformat cannot flush one.

A fragment holds whole samples of the video track and those of the audio track that came meanwhile.
`tfhd` carries the defaults, so a video sample costs 8 bytes (12 with B-frames), an audio one 4 (8
where they are of different lengths, or sound is missing between them).
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from falconeye.media.init_segment import AUDIO_TRACK, VIDEO_TRACK
from falconeye.media.samples import AudioSample, VideoSample

_SYNC = 0x02000000  # sample_depends_on = 2: an I picture
_NOT_SYNC = 0x01010000  # depends on others, is not a sync sample
_TFHD_DEFAULTS = 0x020000 | 0x20  # default-base-is-moof, default sample flags
_TFHD_DURATION = 0x08
_TRUN_OFFSET, _TRUN_FIRST_FLAGS = 0x01, 0x04
_TRUN_DURATION, _TRUN_SIZE, _TRUN_CTS = 0x100, 0x200, 0x800
_MFHD_BYTES = 16
_TRAF_TO_TFDT = 8 + 20  # traf header + tfhd with default flags


@dataclass(frozen=True, slots=True)
class FragmentHeader:
    """`moof` and the `mdat` header, and where the decode times lie in them."""

    data: bytes
    media_bytes: int
    video_tfdt_offset: int
    audio_tfdt_offset: int  # 0: no audio


def fragment_header(
    sequence: int,
    video_start_90k: int,
    video: Sequence[VideoSample],
    durations_90k: Sequence[int],
    audio_start_ticks: int = 0,
    audio: Sequence[AudioSample] = (),
) -> FragmentHeader:
    """The header of a fragment with these samples; video data comes first in the `mdat`.

    `video` may not be empty; one duration for each of its samples.
    """
    video_bytes = sum(len(sample.data) for sample in video)
    audio_bytes = sum(len(sample.data) for sample in audio)
    video_traf = _video_traf(video_start_90k, video, durations_90k, 0)
    audio_traf = _audio_traf(audio_start_ticks, audio, 0) if audio else b""
    moof_bytes = 8 + _MFHD_BYTES + len(video_traf) + len(audio_traf)
    offset = moof_bytes + 8
    video_traf = _video_traf(video_start_90k, video, durations_90k, offset)
    if audio:
        audio_traf = _audio_traf(audio_start_ticks, audio, offset + video_bytes)
    media_bytes = video_bytes + audio_bytes
    data = b"".join(
        (
            struct.pack(">I4sIIII", moof_bytes, b"moof", 16, 0x6D666864, 0, sequence),
            video_traf,
            audio_traf,
            struct.pack(">I4s", media_bytes + 8, b"mdat"),
        )
    )
    audio_tfdt = 8 + _MFHD_BYTES + len(video_traf) + _TRAF_TO_TFDT + 4 + 12 if audio else 0
    return FragmentHeader(data, media_bytes, 8 + _MFHD_BYTES + _TRAF_TO_TFDT + 12, audio_tfdt)


def _video_traf(
    start_90k: int, video: Sequence[VideoSample], durations: Sequence[int], offset: int
) -> bytes:
    flags = _TRUN_OFFSET | _TRUN_DURATION | _TRUN_SIZE
    head = [len(video), offset]
    if video[0].is_keyframe:
        flags |= _TRUN_FIRST_FLAGS
        head.append(_SYNC)
    if any(sample.cts_90k for sample in video):
        flags |= _TRUN_CTS
        rows = [
            value
            for sample, duration in zip(video, durations, strict=True)
            for value in (duration, len(sample.data), sample.cts_90k)
        ]
    else:
        rows = [
            value
            for sample, duration in zip(video, durations, strict=True)
            for value in (duration, len(sample.data))
        ]
    trun = struct.pack(f">I{len(head)}I{len(rows)}I", flags, *head, *rows)
    tfhd = struct.pack(">I4sIII", 20, b"tfhd", _TFHD_DEFAULTS, VIDEO_TRACK, _NOT_SYNC)
    return _traf(tfhd, start_90k, trun)


def _audio_traf(start_ticks: int, audio: Sequence[AudioSample], offset: int) -> bytes:
    durations = [after.dts_ticks - before.dts_ticks for before, after in pairwise(audio)]
    durations.append(audio[-1].duration_ticks)
    flags = _TRUN_OFFSET | _TRUN_SIZE
    rows = [len(sample.data) for sample in audio]
    if any(duration != durations[0] for duration in durations):
        flags |= _TRUN_DURATION
        rows = [value for row in zip(durations, rows, strict=True) for value in row]
    trun = struct.pack(f">III{len(rows)}I", flags, len(audio), offset, *rows)
    tfhd = struct.pack(
        ">I4sIIII",
        24,
        b"tfhd",
        _TFHD_DEFAULTS | _TFHD_DURATION,
        AUDIO_TRACK,
        durations[0],
        _SYNC,
    )
    return _traf(tfhd, start_ticks, trun)


def _traf(tfhd: bytes, start: int, trun: bytes) -> bytes:
    tfdt = struct.pack(">I4sIQ", 20, b"tfdt", 0x01000000, start)
    size = 8 + len(tfhd) + len(tfdt) + 8 + len(trun)
    return b"".join(
        (
            struct.pack(">I4s", size, b"traf"),
            tfhd,
            tfdt,
            struct.pack(">I4s", len(trun) + 8, b"trun"),
            trun,
        )
    )
