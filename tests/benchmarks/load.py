"""The load server as the benchmarks use it: started, counted, ended."""

import json
import subprocess
import sys
from typing import IO, Self

from typing_extensions import override

from tests.benchmarks.load_server import Counters, address
from tests.peers.stopping import Stopping


class Load(Stopping):
    """A context manager around `tests.benchmarks.load_server`, on this process's core."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self.port = 0

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks.load_server"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.port = int(self._output.readline())
        return self

    @override
    def stop(self) -> None:
        if self._process:
            self._process.communicate()  # the end of its input ends it

    def main_url(self, camera: int) -> str:
        return f"rtsp://{address(camera)}:{self.port}/main{camera}"

    def sub_url(self, camera: int) -> str:
        return f"rtsp://{address(camera)}:{self.port}/sub{camera}"

    def take_counters(self) -> Counters:
        """What happened since the last call."""
        assert self._process
        assert self._process.stdin
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return Counters(**json.loads(self._output.readline()))

    @property
    def _output(self) -> IO[str]:
        assert self._process
        assert self._process.stdout
        return self._process.stdout
