"""What FalconEye is compared with: one `ffmpeg -c copy` per stream, writing 60 s fMP4 segments."""

import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from typing_extensions import override

from tests.benchmarks import processes
from tests.peers.stopping import Stopping

_START_LIMIT_S = 60.0
_MOVFLAGS = "movflags=+frag_keyframe+empty_moov+default_base_moof"


class FfmpegRecorders(Stopping):
    """Records the given addresses while the context lasts."""

    def __init__(self, urls: Sequence[str]) -> None:
        self._urls = urls
        self._directory = Path(tempfile.mkdtemp(prefix="falconeye-ffmpeg-"))
        self._processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        for number, url in enumerate(self._urls):
            self._processes.append(processes.start_measured(self._command(number, url)))
        give_up = time.monotonic() + _START_LIMIT_S
        while self._recording() < len(self._urls):
            if time.monotonic() > give_up or any(p.poll() is not None for p in self._processes):
                self.stop()
                msg = f"{self._recording()} of {len(self._urls)} ffmpeg record"
                raise RuntimeError(msg)
            time.sleep(0.1)
        return self

    def cpu_s(self) -> float:
        return sum(processes.cpu_s(process.pid) for process in self._processes)

    def private_bytes(self) -> int:
        return sum(processes.private_bytes(process.pid) for process in self._processes)

    def _recording(self) -> int:
        return sum(path.stat().st_size > 100_000 for path in self._directory.glob("*-000.mp4"))

    def _command(self, number: int, url: str) -> list[str]:
        return [
            "ffmpeg", "-nostdin", "-loglevel", "error", "-rtsp_transport", "tcp", "-i", url,
            "-map", "0", "-c", "copy", "-f", "segment", "-segment_time", "60",
            "-segment_format", "mp4", "-segment_format_options", _MOVFLAGS,
            "-reset_timestamps", "1", str(self._directory / f"{number}-%03d.mp4"),
        ]  # fmt: skip

    @override
    def stop(self) -> None:
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            processes.stop(process)
        shutil.rmtree(self._directory)
