"""The ONVIF server of other people's making as a process, and what a test tells it to do.

    with OnvifPeer("--login") as peer:
        peer.url          # "http://127.0.0.1:40123/onvif/device"

Its device has two lenses: VS_1 with 1920x1080 and 704x480, which turns and zooms, and VS_2 with
1280x720 and stills of 704x480, which zooms. Its users are admin and operator, each with the name
for password. Its motion changes all the time; its inputs change when a test says so.
"""

import subprocess
from typing import Self
from urllib.parse import urlencode, urlsplit
from urllib.request import ProxyHandler, Request, build_opener

from falconeye.base.secret import Secret
from falconeye.onvif.device import OnvifDevice
from tests.onvif_peer.building import program
from tests.peers.stopping import Stopping

USER = PASSWORD = "admin"
INPUT = "DigitalInput_1"
_open = build_opener(ProxyHandler({})).open


class OnvifPeer(Stopping):
    """The server's process; a context manager. `inside` is the network namespace it runs in."""

    def __init__(self, *options: str, inside: str | None = None) -> None:
        there = () if inside is None else ("ip", "netns", "exec", inside)
        self._command = [*there, str(program()), *options]
        self._process: subprocess.Popen[str] | None = None
        self.url = ""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().strip()
        if not self.url:
            self.stop()
            raise RuntimeError("the ONVIF server did not start; see its messages above")
        return self

    def stop(self) -> None:
        process, self._process = self._process, None
        assert process is not None
        with process:  # closes its input, which ends it, and waits
            assert process.stdin is not None
            process.stdin.close()
            try:
                process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                process.kill()

    @property
    def port(self) -> int:
        return urlsplit(self.url).port or 80

    @property
    def path(self) -> str:
        return urlsplit(self.url).path

    def device(self, password: str | None = PASSWORD, user: str = USER) -> OnvifDevice:
        """Our client for it, not yet connected; password None: no login is known."""
        return OnvifDevice(
            urlsplit(self.url).hostname or "",
            self.port,
            username=None if password is None else user,
            password=None if password is None else Secret(password),
            allow_local=True,
            path=self.path,
            limit_s=5,
        )

    def fail_once(self, operation: str, code: str, reason: str) -> None:
        """The next `operation` (the end of its action's name) is answered by that fault."""
        asked = {"action": operation, "code": code, "reason": reason}
        self.post(f"/admin/inject_fault?{urlencode(asked)}")

    def pulse(self, token: str = INPUT) -> None:
        """An input closes and opens again."""
        self.post(f"/mock/digital-input/{token}/pulse")

    def switch(self, state: str, token: str = INPUT) -> None:
        """An input is "active" or "inactive" from now on."""
        self.post(f"/mock/digital-input/{token}/set?state={state}")

    def post(self, path: str, body: bytes = b"", kind: str = "text/plain") -> bytes:
        """What it answers to a request that is none of our client's."""
        url = f"http://{urlsplit(self.url).netloc}{path}"
        request = Request(url, data=body, headers={"Content-Type": kind})
        with _open(request, timeout=5) as answer:
            return bytes(answer.read())

    def get(self, url: str) -> tuple[str, bytes]:
        """Kind and content of what is at `url`."""
        with _open(url, timeout=5) as answer:
            return answer.headers.get_content_type(), answer.read()
