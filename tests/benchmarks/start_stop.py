"""(e) Start, reconnect and stop with eight cameras that record."""

import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.benchmarks.figures import Plan, Result
from tests.benchmarks.node import Node
from tests.peers.media_samples import audio_clip, video_clip
from tests.peers.replay_rtsp import ReplayServer

NAME = "start_stop"
CAMERAS = 8
_RUN_S = 3.0
_AWAY_S = 5.0


def measure(plan: Plan) -> Result:
    """The cameras begin each session with a keyframe, so no figure waits for one."""
    result = Result(NAME, f"Start, reconnect, stop: {CAMERAS} cameras 640×368, 25 pictures/s, AAC")
    own = _measure(CAMERAS, plan.runs(5, 2))
    shared = _measure(1, plan.runs(5))
    result.add("process start → footage of the first camera on the disk", "s", own.first)
    result.add("process start → footage of all cameras", "s", own.every, budget=3)
    result.add("connections dropped → footage of all cameras", "s", own.dropped, budget=3)
    away = f"cameras away for {_AWAY_S:.0f} s and back → footage of all cameras"
    result.add(away, "s", own.back, budget=3)
    result.add("SIGTERM → process gone, last fragments on the disk", "s", own.stopped, budget=3)
    result.add("all cameras at one address: process start → footage", "s", shared.every, budget=3)
    result.add(
        "all cameras at one address: connections dropped → footage", "s", shared.dropped, budget=3
    )
    result.note(
        "On the disk: the first fragment (0.5 s of media) of a new file is written, seen from "
        "outside every 20 ms."
    )
    result.note("A recorder box has all its cameras at one address.")
    return result


@dataclass(slots=True)
class _Times:
    """Seconds, a value per run."""

    first: list[float] = field(default_factory=list)
    every: list[float] = field(default_factory=list)
    dropped: list[float] = field(default_factory=list)
    back: list[float] = field(default_factory=list)
    stopped: list[float] = field(default_factory=list)


def _measure(addresses: int, runs: int) -> _Times:
    """Eight cameras at so many addresses."""
    times = _Times()
    servers = [_server(CAMERAS // addresses, number) for number in range(addresses)]
    try:
        with Node() as node:
            for server in servers:
                for name in server.cameras:
                    node.add_camera(name, server.url(name))
            node.wait_streams(CAMERAS)
            files = Footage(node.data_dir / "media")
            for _ in range(runs):
                _round(times, node, files, servers)
    finally:
        for server in servers:
            server.stop()
    return times


def _round(times: _Times, node: Node, files: "Footage", servers: list[ReplayServer]) -> None:
    time.sleep(_RUN_S)
    times.stopped.append(node.stop())
    files.forget()
    node.launch()
    times.first.append(files.wait(node, 1, since=node.started))
    times.every.append(files.wait(node, CAMERAS, since=node.started))
    node.wait_serving()
    time.sleep(_RUN_S)
    files.forget()
    started = time.perf_counter()
    for server in servers:
        server.drop_connections()
    times.dropped.append(files.wait(node, CAMERAS, since=started))
    time.sleep(_RUN_S)
    for number, server in enumerate(servers):
        server.stop()
        servers[number] = _server(len(server.cameras), number, port=server.port, start=False)
    time.sleep(_AWAY_S)
    files.forget()
    started = time.perf_counter()
    for server in servers:
        server.__enter__()
    times.back.append(files.wait(node, CAMERAS, since=started))


def _server(cameras: int, number: int, *, port: int = 0, start: bool = True) -> ReplayServer:
    """One address with so many cameras."""
    server = ReplayServer(port)
    for camera in range(cameras):
        server.add(f"camera{number}-{camera}", video=video_clip(), audio=audio_clip("aac"))
    return server.__enter__() if start else server


class Footage:
    """Files of segments, seen from outside; those known before do not count."""

    def __init__(self, media: Path) -> None:
        self._media = media
        self._known: set[Path] = set()

    def forget(self) -> None:
        """Only files made from now on count."""
        self._known = set(self._files())

    def cameras(self) -> int:
        """Cameras with a new file that holds a fragment."""
        new = [path for path in self._files() if path not in self._known]
        return len({path.parts[-5] for path in new if b"moof" in _head(path)})

    def wait(self, node: Node, cameras: int, *, since: float) -> float:
        """Seconds from `since` (perf_counter) until so many cameras have new footage."""
        node.wait(lambda: self.cameras() >= cameras, f"{cameras} cameras do not record")
        return time.perf_counter() - since

    def _files(self) -> list[Path]:
        return list(self._media.rglob("main/**/*.mp4"))


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(4096)
