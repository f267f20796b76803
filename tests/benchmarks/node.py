"""A FalconEye node under measurement: the real process, driven by its command line and API."""

import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from falconeye.config.serving_address import read_serving_address, remove_serving_address
from tests.benchmarks import processes
from tests.benchmarks.metrics import Metrics

START_LIMIT_S = 60.0  # several of them may start at once on one core
PASSWORD = "a long password for measuring"
_POLL_S = 0.02


class NodeFailed(Exception):
    """The node did not do what every measurement needs; holds the end of its log."""


class Node:
    """A node with a data directory of its own, which goes with it; a context manager."""

    def __init__(self, **settings: str) -> None:
        self.core = processes.MEASURED_CORE
        self._directory = Path(tempfile.mkdtemp(prefix="falconeye-bench-"))
        self.data_dir = self._directory / "data"
        self._log = self._directory / "log"
        self._environment = {
            "FALCONEYE_FREE_FLOOR_BYTES": "0",  # the machine's own disk may be full of other things
            "FALCONEYE_DISCOVERY": "false",  # asks nobody in this machine's network
            "FALCONEYE_ADMIN_PASSWORD_FILE": str(self._directory / "password"),
            **{f"FALCONEYE_{name.upper()}": value for name, value in settings.items()},
        }
        self._process: subprocess.Popen[bytes] | None = None
        self._client: httpx.Client | None = None
        (self._directory / "password").write_text(PASSWORD, encoding="utf-8")
        (self._directory / "password").chmod(0o600)
        told = self.command("token", "add", "benchmark", "--role", "admin", "--json")
        self.token = str(json.loads(told)["token"])
        self.url = ""
        self.started = 0.0  # time.perf_counter() just before the process was made

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self.stop()
        finally:
            shutil.rmtree(self._directory)

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    @property
    def client(self) -> httpx.Client:
        assert self._client
        return self._client

    def launch(self) -> None:
        """Make the process; it may not serve yet."""
        command = [sys.executable, "-m", "falconeye", "serve", "--port", "0"]
        command += ["--data-dir", str(self.data_dir), "--log-format", "human"]
        with self._log.open("ab") as log:
            self.started = time.perf_counter()
            self._process = processes.start_measured(
                command, environment=self._environment, output=log, core=self.core
            )

    def start(self) -> None:
        """Launch and wait until it serves."""
        self.launch()
        self.wait_serving()

    def wait_serving(self) -> None:
        """Wait for the address that it writes once it serves."""
        self.wait(lambda: read_serving_address(self.data_dir), "it does not serve")
        self.url = (read_serving_address(self.data_dir) or "").rstrip("/")
        self._client = httpx.Client(
            base_url=self.url, headers={"Authorization": f"Bearer {self.token}"}, timeout=30
        )

    def stop(self) -> float:
        """SIGTERM and wait; the seconds it took."""
        if self._client:
            self._client.close()
            self._client = None
        if self._process is None:
            return 0.0
        process, self._process = self._process, None
        return processes.stop(process)

    def kill(self) -> None:
        """SIGKILL, as a crash; it may start again."""
        if self._client:
            self._client.close()
            self._client = None
        assert self._process
        self._process.kill()
        self._process.wait()
        self._process = None
        remove_serving_address(self.data_dir)  # it could not

    def add_camera(self, name: str, url: str, sub_url: str | None = None) -> str:
        """Add and start a camera that records all the time; its id."""
        body = {"name": name, "protocol": "rtsp", "source_url": url, "start": True}
        if sub_url:
            body["sub_url"] = sub_url
        answer = self.client.post("/api/cameras", json=body)
        if answer.status_code != 201:
            raise NodeFailed(f"{answer.status_code} {answer.text}")
        return str(answer.json()["id"])

    def metrics(self) -> Metrics:
        return Metrics.parse(self.client.get("/metrics").raise_for_status().text)

    def wait_streams(self, count: int) -> None:
        """Until so many streams have footage on the disk."""

        def written() -> bool:
            return (
                sum(v > 0 for v in self.metrics().of("falconeye_stream_written_bytes_total"))
                >= count
            )

        self.wait(written, f"{count} streams do not record", poll_s=0.25)

    def wait(self, condition: Callable[[], Any], failure: str, *, poll_s: float = _POLL_S) -> None:
        """Poll until the condition holds; NodeFailed when the node ends or takes too long."""
        give_up = time.monotonic() + START_LIMIT_S
        while not condition():
            ended = self._process is None or self._process.poll() is not None
            if ended or time.monotonic() > give_up:
                log = self._log.read_text(encoding="utf-8", errors="replace")
                raise NodeFailed(f"{failure}: {log[-2000:]}")
            time.sleep(poll_s)

    def command(self, *words: str) -> str:
        """What another `falconeye` command on the same data says."""
        done = subprocess.run(
            [sys.executable, "-m", "falconeye", *words, "--data-dir", str(self.data_dir)],
            check=False,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise NodeFailed(f"falconeye {words[0]}: {done.stdout}{done.stderr}")
        return done.stdout
