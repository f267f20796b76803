"""An HTTP camera: multipart/x-mixed-replace MJPEG, and the ways in which such a URL goes wrong.

    with MjpegServer() as camera:
        camera.url("stream")    # also: page, snapshot, missing, busy, mute, mute-body, huge-header,
                                # huge-part, no-length, ends, garbage, redirect, trickle
        camera.redirect = "http://127.0.0.1:1/"

`login="basic"` or `"digest"` protects every path. Pictures carry their number as bar code.
"""

import threading
import time
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

from typing_extensions import override

from tests.peers.certificate import server_context
from tests.peers.logins import Gate, LoginKind
from tests.peers.media_samples import jpeg_pictures
from tests.peers.stopping import Stopping

BOUNDARY = "frame"
PASSWORD = "right"


class MjpegServer(Stopping):
    """The server; a context manager. Its attributes may be read and set from any thread."""

    def __init__(
        self,
        *,
        login: LoginKind = "none",
        user: str = "admin",
        password: str = PASSWORD,
        fps: float = 10,
        pictures: tuple[bytes, ...] | None = None,
        tls: bool = False,
    ) -> None:
        self.gate = Gate(login, user, password)
        self.fps = fps
        self.pictures = pictures or jpeg_pictures()
        self.redirect = ""
        self.silent = False  # connected, but no further picture
        self.paths: list[str] = []  # of every request
        self.sent: deque[bytes] = deque(maxlen=100)  # pictures, as they left
        self.ending = threading.Event()
        self._server = ThreadingHTTPServer(
            ("127.0.0.1", 0), type("Handler", (_Handler,), {"camera": self})
        )
        if tls:
            self._server.socket = server_context().wrap_socket(
                self._server.socket, server_side=True
            )
        self._scheme = "https" if tls else "http"
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name="mjpeg-http", daemon=True
        )

    def url(self, path: str = "stream", *, host: str = "127.0.0.1") -> str:
        return f"{self._scheme}://{host}:{self.port}/{path}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    @override
    def stop(self) -> None:
        """End all answers, close the port, wait for the threads."""
        self.ending.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    camera: MjpegServer  # set by the subclass made for each server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.camera.paths.append(self.path)
        self.close_connection = True
        try:
            self._answer()
        except (BrokenPipeError, ConnectionResetError):
            return  # the client left

    def _answer(self) -> None:
        login = self.headers.get("Authorization")
        if login is not None:
            login = login.encode(
                "latin-1"
            ).decode()  # as RFC 7616 has it; http.server reads Latin-1
        if not self.camera.gate.admits("GET", login):
            self._whole(401, "text/plain", b"", {"WWW-Authenticate": self.camera.gate.challenge()})
            return
        name = self.path.strip("/").split("?")[0]
        answers = {
            "page": (200, "text/html", b"<html><title>Router login</title></html>"),
            "snapshot": (200, "image/jpeg", self.camera.pictures[0]),
            "missing": (404, "text/plain", b"no"),
            "busy": (503, "text/plain", b"busy"),
        }
        if name in answers:
            self._whole(*answers[name], {})
        elif name == "redirect":
            self._whole(302, "text/plain", b"", {"Location": self.camera.redirect})
        elif name == "mute":
            self.camera.ending.wait()
        else:
            self._stream(name)

    def _whole(self, status: int, kind: str, body: bytes, extra: dict[str, str]) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for key, value in extra.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(body)

    def _stream(self, name: str) -> None:
        self.send_response(200)
        # Many cameras put the dashes into the parameter, some quote it.
        self.send_header("Content-Type", f'multipart/x-mixed-replace; boundary="--{BOUNDARY}"')
        self.end_headers()
        self.wfile.flush()
        if name == "mute-body":
            self.camera.ending.wait()
        elif name == "trickle":
            self._trickle(f"--{BOUNDARY}\r\nX-Long: ".encode())
        elif name == "huge-header":
            self._flood(f"--{BOUNDARY}\r\nX-Long: ".encode())
        elif name == "huge-part":
            head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\n\r\n".encode()
            self._flood(head + b"\xff\xd8")
        else:
            self._pictures(name)

    def _flood(self, head: bytes) -> None:
        self.wfile.write(head)
        while not self.camera.ending.is_set():
            self.wfile.write(b"x" * 65_536)

    def _trickle(self, head: bytes) -> None:
        """A byte now and then: never silent, never done."""
        self.wfile.write(head)
        while not self.camera.ending.wait(0.1):
            self.wfile.write(b"x")

    def _pictures(self, name: str) -> None:
        started = time.monotonic()
        for number in range(5 if name == "ends" else 1 << 30):
            wait = started + number / self.camera.fps - time.monotonic()
            if self.camera.ending.wait(max(wait, 0)):
                return
            if self.camera.silent:
                continue
            picture = self.camera.pictures[number % len(self.camera.pictures)]
            if name == "garbage":
                picture = b"\xff\xd8" + bytes(500) + b"\xff\xd9"
            self._part(picture, with_length=name != "no-length")
            self.camera.sent.append(picture)

    def _part(self, picture: bytes, *, with_length: bool) -> None:
        head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\n"
        if with_length:
            head += f"Content-Length: {len(picture)}\r\n"
        self.wfile.write(head.encode() + b"\r\n" + picture + b"\r\n")
        self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - inherited name
        """Say nothing on stderr."""
