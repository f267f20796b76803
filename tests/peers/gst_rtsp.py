"""A real gst-rtsp-server as a subprocess on loopback, with one mount per kind of camera.

    with GstRtspServer() as cameras:
        cameras.url("h264-aac")                                    # no login
        cameras.url("sub", login="digest", user=USER, password=PASSWORD)

Mounts: h264-aac (1280x720@25), h264-pcmu, h264-pcma, h264-opus, h264, b-frames, b-frames-aac,
hevc, hevc-aac, hevc-pcmu, sub (640x360@15), udp-only, mjpeg, audio-only. Media start with the first
client (encoded live) and are shared by all clients of a mount.
"""

import functools
import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Literal, Self
from urllib.parse import quote

import pytest
from typing_extensions import override

from tests.peers.stopping import Stopping

Login = Literal["open", "basic", "digest"]
USER, PASSWORD = "viewer", "kp?w@rd:1/2"  # as in gst_rtsp_server.py
_PYTHON = "/usr/bin/python3"
_PROGRAM = Path(__file__).with_name("gst_rtsp_server.py")
_CHECK = "import gi; gi.require_version('GstRtspServer', '1.0')"


@functools.cache
def missing_reason() -> str | None:
    """Why the server cannot run here, or None."""
    packages = "python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-{base,good,bad,ugly}"
    if not Path(_PYTHON).exists():
        return f"no {_PYTHON}"
    result = subprocess.run([_PYTHON, "-c", _CHECK], capture_output=True, check=False)
    return None if result.returncode == 0 else f"needs the Debian packages {packages}"


def skip_without_gst() -> None:
    """Skip the test (or fixture) that needs the server where it cannot be had."""
    if reason := missing_reason():
        pytest.skip(f"gst-rtsp-server: {reason}")


class GstRtspServer(Stopping):
    """The server's process; a context manager."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._ports: dict[str, int] = {}

    def __enter__(self) -> Self:
        self.start()
        return self

    def start(self) -> None:
        """Start the process and wait until it listens."""
        environment = {
            key: value for key, value in os.environ.items() if not key.startswith("PYTHON")
        }
        process = subprocess.Popen(
            [_PYTHON, str(_PROGRAM)], stdout=subprocess.PIPE, text=True, env=environment
        )
        self._process = process
        assert process.stdout
        line = process.stdout.readline()
        if not line:
            self.kill()
            msg = "gst-rtsp-server did not start; see its messages above"
            raise RuntimeError(msg)
        self._ports = json.loads(line)

    def port(self, login: Login = "open") -> int:
        return self._ports[login]

    def url(
        self,
        name: str,
        *,
        login: Login = "open",
        user: str | None = None,
        password: str | None = None,
    ) -> str:
        """The address of a mount, with credentials in it if given (quoted)."""
        info = ""
        if user is not None:
            secret = "" if password is None else ":" + quote(password, safe="")
            info = f"{quote(user, safe='')}{secret}@"
        return f"rtsp://{info}127.0.0.1:{self._ports[login]}/{name}"

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    def pause(self) -> None:
        """Stop scheduling it (SIGSTOP): connections stay open, nothing is sent."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    @override
    def stop(self) -> None:
        """End it by SIGTERM (SIGKILL after 3 s) and wait."""
        if self._process and self._process.poll() is None:
            self.resume()
            self._process.terminate()
            try:
                self._process.wait(3)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._reap()

    def kill(self) -> None:
        """End it by SIGKILL, as a power cut of all its cameras, and wait."""
        if self._process:
            self._process.kill()
        self._reap()

    def _reap(self) -> None:
        if self._process:
            self._process.wait()
            if self._process.stdout:
                self._process.stdout.close()
        self._process = None
