"""(e) Start, reconnect and stop with eight cameras that record."""

import time
from collections.abc import Callable
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
    times: dict[str, list[float]] = {}
    with ReplayServer() as server, Node() as node:
        port = server.port
        _add(server)
        for camera in range(CAMERAS):
            node.add_camera(f"camera {camera}", server.url(f"camera{camera}"))
        node.wait_streams(CAMERAS)
        files = Footage(node.data_dir / "media")
        for _ in range(plan.runs(5, 2)):
            time.sleep(_RUN_S)
            _note(times, "stop", node.stop())
            files.forget()
            node.launch()
            first = files.wait(node, 1, since=node.started)
            every = files.wait(node, CAMERAS, since=node.started)
            node.wait_serving()
            _note(times, "start", first)
            _note(times, "start all", every)
            time.sleep(_RUN_S)
            _note(times, "drop", _again(files, node, server.drop_connections))
    with ReplayServer(port) as server, Node() as node:
        _add(server)
        for camera in range(CAMERAS):
            node.add_camera(f"camera {camera}", server.url(f"camera{camera}"))
        node.wait_streams(CAMERAS)
        back = _camera_away(node, server, plan.runs(3))
    _rows(result, times, back)
    return result


def _rows(result: Result, times: dict[str, list[float]], back: list[float]) -> None:
    result.add("process start → footage of the first camera on the disk", "s", times["start"])
    result.add("process start → footage of all cameras", "s", times["start all"], budget=3)
    result.add("connections dropped → footage of all cameras", "s", times["drop"], budget=3)
    result.add(
        f"cameras away for {_AWAY_S:.0f} s, back → footage of all cameras", "s", back, budget=3
    )
    result.add("SIGTERM → process gone, last fragments on the disk", "s", times["stop"], budget=3)
    result.note(
        "On the disk: the first fragment (0.5 s of media) of a new file is written, seen from "
        "outside every 20 ms."
    )
    result.note(
        "All eight have one address, and connections to one address are opened one after another: "
        "the worst case."
    )


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


def _again(files: Footage, node: Node, disturb: Callable[[], None]) -> float:
    files.forget()
    started = time.perf_counter()
    disturb()
    return files.wait(node, CAMERAS, since=started)


def _camera_away(node: Node, server: ReplayServer, runs: int) -> list[float]:
    """All cameras lose their power for a while; the port is closed meanwhile."""
    files, back, port = Footage(node.data_dir / "media"), [], server.port
    for _ in range(runs):
        time.sleep(_RUN_S)
        server.stop()
        time.sleep(_AWAY_S)
        files.forget()
        server = ReplayServer(port)
        _add(server)
        started = time.perf_counter()
        server.__enter__()
        back.append(files.wait(node, CAMERAS, since=started))
    server.stop()
    return back


def _add(server: ReplayServer) -> None:
    for camera in range(CAMERAS):
        server.add(f"camera{camera}", video=video_clip(), audio=audio_clip("aac"))


def _note(times: dict[str, list[float]], name: str, value: float) -> None:
    times.setdefault(name, []).append(value)
