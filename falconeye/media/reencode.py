"""An MP4 file once more with H.264 pictures, for players that cannot decode HEVC.

The sound is copied. Pictures keep their times, so holes, rates and the length stay as they are;
what an edit list hides is left out.

It runs as a process of its own, `python -m falconeye.media.reencode` (`reencode_process` starts
it): encoding takes all that a small machine has, for long. A thread of low priority would hold the
interpreter's lock while others run, and the event loop would wait for it.
"""

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from io import BufferedReader, RawIOBase
from pathlib import Path
from typing import IO, Any, cast

import av
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.error import FFmpegError
from av.video.stream import VideoStream
from typing_extensions import override

from falconeye.media.samples import VIDEO_TIMESCALE

_PRESET, _CRF = "veryfast", "21"  # hardly to be told from the original, about its size
_KEYFRAME_S = 2
_THREADS = 2  # it is to leave the other cores alone, not only to come after them
_LOWEST_PRIORITY = 19
_OOM_SCORE = Path("/proc/self/oom_score_adj")
_FIRST_VICTIM = "1000"  # where memory ends, the kernel is to end this, not the node that records
_STEP = 0.002  # of the progress that is told
_ALIVE_S = 5.0  # it is told at least so often: of two days a step may take long
_DAMAGE_MAX = 100  # packets that cannot be decoded; a file of nothing else has no pictures
_TIME_BASE = Fraction(1, VIDEO_TIMESCALE)


class CannotDecode(ValueError):
    """There are no pictures in it that can be decoded."""


def reencode(
    source: IO[bytes], target: Path, most_bits_s: int, report: Callable[[float], None]
) -> int:
    """Write `target`; how many pictures it has, which take at most `most_bits_s` in the mean.

    `report` gets 0 to 1 after every picture, on this thread; what it raises ends the work.
    CannotDecode, OSError (FFmpeg's errors of files are OSErrors, too).
    """
    try:
        with av.open(source, "r", format="mp4") as original:
            return _reencode(original, target, most_bits_s, report)
    except FFmpegError as error:
        if isinstance(error, OSError):  # the disk, not the contents
            raise
        msg = "the file cannot be decoded"
        raise CannotDecode(msg) from error


def _reencode(
    original: InputContainer, target: Path, most_bits_s: int, report: Callable[[float], None]
) -> int:
    pictures = original.streams.video[0]
    pictures.thread_type = "AUTO"
    pictures.thread_count = _THREADS
    sound = original.streams.audio[0] if original.streams.audio else None
    length_s = (original.duration or 0) / av.time_base
    with av.open(str(target), "w", format="mp4", options={"movflags": "faststart"}) as made:
        writer = _Writer(made, pictures, sound, most_bits_s)
        for frame, packet in _decoded(original, pictures, sound):
            if packet is not None:
                writer.copy(packet)
            elif frame is not None:
                writer.encode(frame)
                if length_s:
                    report(min(1.0, float(frame.time or 0) / length_s))
        writer.finish()
    if not writer.count:
        msg = "the file has no picture that can be decoded"
        raise CannotDecode(msg)
    return writer.count


def _decoded(
    original: InputContainer, pictures: VideoStream, sound: AudioStream | None
) -> Iterator[tuple[av.VideoFrame | None, "av.Packet[Any] | None"]]:
    """Pictures that are shown, and packets of sound, as they come."""
    damaged = 0
    for packet in original.demux(*(stream for stream in (pictures, sound) if stream is not None)):
        if packet.stream is sound:
            if packet.dts is not None and not packet.is_discard:
                yield None, packet
            continue
        try:
            frames = cast("list[av.VideoFrame]", packet.decode())
        except FFmpegError as error:
            damaged += 1  # one broken picture: those that follow may be whole
            if damaged > _DAMAGE_MAX or isinstance(error, OSError):
                raise
            continue
        for frame in frames:
            yield frame, None


class _Writer:
    """The file that is made; its encoder is set up by the first picture."""

    def __init__(
        self,
        made: OutputContainer,
        pictures: VideoStream,
        sound: AudioStream | None,
        most_bits_s: int,
    ) -> None:
        self._made = made
        rate = pictures.average_rate or Fraction(25)
        options = {"preset": _PRESET, "crf": _CRF}
        options |= {"maxrate": str(most_bits_s), "bufsize": str(2 * most_bits_s)}
        self._video = made.add_stream("libx264", rate=rate, options=options)
        codec = self._video.codec_context
        codec.width, codec.height = pictures.width, pictures.height
        codec.pix_fmt = "yuv420p"  # 8 bits: what every player of H.264 takes
        codec.time_base = self._video.time_base = _TIME_BASE
        codec.gop_size = max(1, round(float(rate) * _KEYFRAME_S))
        codec.thread_count = _THREADS
        self._audio = made.add_stream_from_template(sound) if sound is not None else None
        self._last: int | None = None
        self.count = 0

    def encode(self, frame: av.VideoFrame) -> None:
        if frame.pts is None or frame.time_base is None:
            return
        at = round(frame.pts * frame.time_base / _TIME_BASE)
        if self._last is not None and at <= self._last:
            return  # x264 wants times that grow; two pictures at one instant are one
        codec = self._video.codec_context
        shaped = frame.reformat(codec.width, codec.height, "yuv420p")
        shaped.pts, shaped.time_base = at, _TIME_BASE
        shaped.pict_type = 0  # x264 chooses, not the original
        self._last = at
        self.count += 1
        self._made.mux(self._video.encode(shaped))

    def copy(self, packet: "av.Packet[Any]") -> None:
        if self._audio is not None:
            packet.stream = self._audio
            self._made.mux_one(packet)

    def finish(self) -> None:
        if self.count:
            self._made.mux(self._video.encode(None))


class Window(RawIOBase):
    """A part of an open file, as a file."""

    def __init__(self, fd: int, begin: int, size: int) -> None:
        super().__init__()
        self._fd, self._begin, self._size = fd, begin, size
        self._at = 0

    @override
    def readable(self) -> bool:
        return True

    @override
    def seekable(self) -> bool:
        return True

    @override
    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    @override
    def tell(self) -> int:
        return self._at

    @override
    def readinto(self, buffer: Any, /) -> int:
        view = memoryview(buffer)[: max(0, self._size - self._at)]
        count = os.preadv(self._fd, [view], self._begin + self._at) if view else 0
        self._at += count
        return count


def main(arguments: list[str]) -> int:
    """`FD BEGIN SIZE TARGET BITS`: encode that part of an open file. Tells its progress in lines.

    Ends with a line `failed ERRNO WORDS` and status 1 when it cannot; ERRNO 0: not the disk.
    """
    fd, begin, size, target, most_bits_s = arguments
    os.nice(_LOWEST_PRIORITY)
    with contextlib.suppress(OSError):  # a container without that file
        _OOM_SCORE.write_text(_FIRST_VICTIM)
    told, told_s = 0.0, time.monotonic()

    def tell(share: float) -> None:
        nonlocal told, told_s
        now_s = time.monotonic()
        if share - told >= _STEP or now_s - told_s >= _ALIVE_S:
            told, told_s = share, now_s
            sys.stdout.write(f"{share:.4f}\n")
            sys.stdout.flush()  # an error when the node has gone: this ends, too

    source = BufferedReader(Window(int(fd), int(begin), int(size)))
    try:
        _ = reencode(cast("IO[bytes]", source), Path(target), int(most_bits_s), tell)
    except CannotDecode as error:
        sys.stdout.write(f"failed 0 {error}\n")
        return 1
    except BrokenPipeError:
        return 1
    except OSError as error:
        sys.stdout.write(f"failed {error.errno or 0} {error.strerror or error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
