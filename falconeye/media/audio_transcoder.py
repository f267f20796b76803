"""G.711 and other audio that MP4 or browsers do not take, to AAC 16 kHz mono (about 4 ms/s)."""

import contextlib
import os
from collections.abc import Iterator
from fractions import Fraction

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.error import BlockingIOError as NothingYet
from av.error import FFmpegError
from av.filter import Graph

from falconeye.media.packets import RawPacket
from falconeye.media.samples import AudioParameters, Codec

RATE = 16_000
_FRAME = 1024
_BITS = 32_000


class AacTranscoder:
    """Decodes a camera's audio and encodes it anew; used by the source's thread.

    The encoder's priming frame gets a time before the first sample, so the sound stays in step.
    """

    def __init__(self, stream: AudioStream) -> None:
        self._time_base = stream.time_base or Fraction(1, stream.codec_context.sample_rate or 8000)
        self._decoder = stream.codec_context
        self._decoder.thread_count = 1
        self._resampler = _Resampler()
        encoder = av.CodecContext.create("aac", "w")
        encoder.sample_rate = RATE
        encoder.layout = "mono"
        encoder.format = "fltp"
        encoder.bit_rate = _BITS
        encoder.time_base = Fraction(1, RATE)
        encoder.flags |= 1 << 22  # AV_CODEC_FLAG_GLOBAL_HEADER: the configuration as extradata
        encoder.thread_count = 1
        encoder.open()
        self._encoder = encoder
        self._has_begun = False
        self._count = 0  # samples given to the encoder
        self._offset = 0  # ticks between the encoder's time line and the camera's
        self._next_ticks: int | None = None
        self.errors = 0
        self.parameters = AudioParameters(
            Codec.AAC, RATE, 1, bytes(encoder.extradata or b""), _FRAME
        )

    def push(self, packet: "av.Packet[AudioStream]", arrived_us: int) -> list[RawPacket]:
        """AAC frames that `packet` completes; times in ticks of 16 kHz, priming subtracted."""
        try:
            return list(self._transcode(packet, arrived_us))
        except FFmpegError:
            self.errors += 1  # one broken packet: the next ones go on
            return []

    def _transcode(self, packet: "av.Packet[AudioStream]", arrived_us: int) -> Iterator[RawPacket]:
        start = packet.pts if packet.pts is not None else packet.dts
        if start is not None:
            ticks = int(start * self._time_base * RATE)
            held = self._next_ticks
            # G.711 tiles without holes; a step larger than 0.1 s is the camera's, so follow it.
            if held is None or abs(ticks - held) > RATE // 10:
                self._next_ticks = ticks
                self._offset = ticks - self._count
        for decoded in self._decoder.decode(packet):
            decoded.pts = None
            for frame in self._resampler.resample(decoded):
                self._next_ticks = (self._next_ticks or 0) + frame.samples
                frame.pts = self._count
                frame.time_base = Fraction(1, RATE)
                self._count += frame.samples
                for encoded in self._encode(frame):
                    at = (encoded.pts or 0) + self._offset
                    yield RawPacket(bytes(encoded), at, at, is_keyframe=True, arrived_us=arrived_us)

    def _encode(self, frame: AudioFrame) -> list["av.Packet[AudioStream]"]:
        """At the first frame PyAV makes a graph of its own and tells it no number of threads."""
        if self._has_begun:
            return self._encoder.encode(frame)
        self._has_begun = True
        with _on_one_core():
            return self._encoder.encode(frame)


@contextlib.contextmanager
def _on_one_core() -> Iterator[None]:
    """Of this thread: FFmpeg starts as many threads as it finds cores that it may use.

    Where that is refused (a container), the threads are there, and have nothing to do.
    """
    cores: set[int] = set()
    with contextlib.suppress(OSError):
        cores = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {min(cores)})
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # none of them is left: the system has given it others
            if cores:
                os.sched_setaffinity(0, cores)


class _Resampler:
    """To what the encoder takes. PyAV's own one starts a thread per core for each camera."""

    def __init__(self) -> None:
        self._graph: Graph | None = None
        self._takes: tuple[str, str, int] | None = None

    def resample(self, frame: AudioFrame) -> Iterator[AudioFrame]:
        """Frames of `_FRAME` samples, as far as they are whole. FFmpegError."""
        is_like = frame.format.name, frame.layout.name, frame.sample_rate
        if self._graph is None or is_like != self._takes:  # a camera may change what it sends
            self._graph, self._takes = _graph(*is_like), is_like
        self._graph.push(frame)
        while True:
            try:
                made = self._graph.pull()
            except NothingYet:
                return
            if isinstance(made, AudioFrame):
                yield made


def _graph(sample_format: str, layout: str, rate: int) -> Graph:
    graph = Graph()
    graph.threads = 1  # before there are filters
    filters = (
        graph.add(
            "abuffer", sample_rate=str(rate), sample_fmt=sample_format, channel_layout=layout
        ),
        graph.add("aformat", sample_rates=str(RATE), sample_fmts="fltp", channel_layouts="mono"),
        graph.add("abuffersink"),
    )
    graph.link_nodes(*filters).configure()
    graph.set_audio_frame_size(_FRAME)
    return graph
