"""Real servers for the sources, and a source that is always stopped."""

from collections.abc import Callable, Iterator

import pytest

from falconeye.base.clock import SystemClock
from falconeye.base.secret import Secret
from falconeye.config.camera import Transport
from falconeye.media.samples import StreamKind
from falconeye.sources.login import RefusedLogins
from falconeye.sources.stream_source import StreamSource
from falconeye.sources.target import SourceTarget
from tests.peers.gst_rtsp import GstRtspServer, skip_without_gst
from tests.peers.recording_sink import RecordingSink
from tests.peers.replay_rtsp import ReplayServer


@pytest.fixture(scope="session")
def gst() -> Iterator[GstRtspServer]:
    skip_without_gst()
    with GstRtspServer() as server:
        yield server


@pytest.fixture
def replay() -> Iterator[ReplayServer]:
    with ReplayServer() as server:
        yield server


class Sources:
    """Starts sources and stops them all."""

    def __init__(self) -> None:
        self.logins = RefusedLogins()
        self._started: list[StreamSource] = []

    def start(
        self,
        url: str,
        *,
        user: str | None = None,
        password: str | None = None,
        transport: Transport = Transport.AUTO,
        audio: bool = True,
        allow_local: bool = True,
        kind: StreamKind = StreamKind.MAIN,
        framerate: int | None = None,
    ) -> tuple[StreamSource, RecordingSink]:
        target = SourceTarget(
            "camera",
            kind,
            url,
            user,
            None if password is None else Secret(password),
            transport,
            audio,
            allow_local,
            framerate,
        )
        sink = RecordingSink()
        source = StreamSource(target, sink, sink.on_state, SystemClock(), logins=self.logins)
        self._started.append(source)
        source.start()
        return source, sink

    def stop(self) -> None:
        for source in self._started:
            source.stop()
        assert all(source.join(3) for source in self._started)


@pytest.fixture
def sources() -> Iterator[Sources]:
    started = Sources()
    try:
        yield started
    finally:
        started.stop()


Started = tuple[StreamSource, RecordingSink]
Start = Callable[..., Started]


@pytest.fixture
def start(sources: Sources) -> Start:
    """Start a source: `start(url, **options)`, see `Sources.start`."""
    return sources.start
