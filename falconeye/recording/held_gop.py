"""One GOP that waits for an event, and how it lies in a file of the spool meanwhile."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

from falconeye.hub.sink import Run
from falconeye.media.fragments import InitSegment
from falconeye.media.samples import AudioSample, VideoSample
from falconeye.storage.volumes.spool import Spooled

Sample = VideoSample | AudioSample

_COUNT = struct.Struct("<I")
# Of a sample: what it is, its decode time and presentation offset or duration, when it came, bytes.
_ENTRY = struct.Struct("<BqqqI")
_PICTURE, _KEYFRAME, _SOUND = range(3)


@dataclass(slots=True, eq=False)
class HeldGop:
    """In memory, then perhaps in `file`; `arrived_us`, `last_us`: its first and newest picture.

    Both are of the monotonic clock.
    """

    run: Run
    init: InitSegment
    arrived_us: int
    last_us: int
    is_after_hole: bool = False  # what was between it and the one before is lost
    samples: list[Sample] = field(default_factory=list)  # none while it lies in `file`
    size_bytes: int = 0  # charged to the memory budget
    is_leaving: bool = False  # it is being written to a file
    file: Spooled | None = None

    @property
    def length_us(self) -> int:
        return self.last_us - self.arrived_us

    def buffers(self) -> Sequence[bytes]:
        """For its file; nothing when it is not to be written any more. Any thread."""
        samples = self.samples
        return encode(samples) if self.is_leaving and samples else ()


def encode(samples: Sequence[Sample]) -> list[bytes]:
    """A count, an entry for each sample, and their data; the data are not copied."""
    return [
        _COUNT.pack(len(samples)),
        b"".join(map(_entry, samples)),
        *(sample.data for sample in samples),
    ]


def decode(content: bytes) -> list[Sample]:
    """The samples of `encode`; struct.error for anything else."""
    (count,) = _COUNT.unpack_from(content)
    at = _COUNT.size
    data_at = at + count * _ENTRY.size
    samples: list[Sample] = []
    for _ in range(count):
        kind, dts, more, arrived_us, size = _ENTRY.unpack_from(content, at)
        at += _ENTRY.size
        data = content[data_at : data_at + size]
        data_at += size
        if kind == _SOUND:
            samples.append(AudioSample(dts, more, data, arrived_us))
        else:
            samples.append(VideoSample(dts, more, kind == _KEYFRAME, data, arrived_us))
    return samples


def _entry(sample: Sample) -> bytes:
    size = len(sample.data)
    if isinstance(sample, AudioSample):
        return _ENTRY.pack(_SOUND, sample.dts_ticks, sample.duration_ticks, sample.arrived_us, size)
    kind = _KEYFRAME if sample.is_keyframe else _PICTURE
    return _ENTRY.pack(kind, sample.dts_90k, sample.cts_90k, sample.arrived_us, size)
