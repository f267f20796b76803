"""An ONVIF camera that checks what it is sent, and the ways in which real ones deviate.

    with OnvifCamera(Deviations(clock_offset_s=7200)) as camera:
        camera.port, camera.xaddr, camera.endpoint_reference
        camera.tell("tns1:VideoSource/MotionAlarm", active=True)
        camera.moves, camera.presets, camera.logins, camera.subscriptions

`complaints` lists what was wrong with requests (SOAP 1.2, Action, namespaces, WS-Addressing):
a good client leaves it empty. Pure loopback; every thread ends with `stop`.
"""

import datetime as dt
import socket
import struct
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal, Self

from typing_extensions import override

from tests.peers.certificate import server_context
from tests.peers.logins import Gate
from tests.peers.onvif_answers import answer, envelope, fault, old_fault
from tests.peers.onvif_request import PATHS, Refused, Request, read_request
from tests.peers.onvif_security import TokenCheck
from tests.peers.onvif_state import Cut, Deviations, LoginTry, Preset, Silent, Subscription
from tests.peers.stopping import Stopping

USER, PASSWORD = "admin", "right"
_BOMB = (
    '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">'
    + "".join(
        f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    )
    + ']><x y="&i;">&i;</x>'
)

_DOCTYPE = """<!DOCTYPE s:Envelope [<!ENTITY make "Evil">]>
<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body>
<t:GetDeviceInformationResponse xmlns:t="http://www.onvif.org/ver10/device/wsdl">
<t:Manufacturer>&make;</t:Manufacturer></t:GetDeviceInformationResponse></s:Body></s:Envelope>"""

_ATTRIBUTES = (
    "<trt:GetProfilesResponse><trt:Profiles "
    + " ".join(f'a{number}="1"' for number in range(80_000))
    + "/></trt:GetProfilesResponse>"
)


_ODD_VALUES = (
    '<trt:GetProfilesResponse><trt:Profiles token="a"><tt:Name>n</tt:Name>'
    '<tt:VideoEncoderConfiguration token="e"><tt:Resolution><tt:Width>wide</tt:Width>'
    "<tt:Height>high</tt:Height></tt:Resolution><tt:RateControl>"
    "<tt:FrameRateLimit>fast</tt:FrameRateLimit></tt:RateControl>"
    "</tt:VideoEncoderConfiguration></trt:Profiles></trt:GetProfilesResponse>"
)


class OnvifCamera(Stopping):
    """The camera; a context manager. Its attributes may be read from any thread."""

    def __init__(
        self,
        deviations: Deviations | None = None,
        *,
        user: str = USER,
        password: str = PASSWORD,
        tls: bool = False,
        bind: tuple[str, int] = ("127.0.0.1", 0),
    ) -> None:
        self.deviations = deviations or Deviations()
        self.endpoint_reference = f"urn:uuid:{uuid.uuid4()}"
        self.token_check = TokenCheck(user, password)
        self.gate = Gate("basic" if self.deviations.login == "basic" else "digest", user, password)
        self.complaints: list[str] = []
        self.operations: list[str] = []  # of all requests
        self.logins: list[LoginTry] = []  # of requests that carried credentials
        self.moves: list[dict[str, float | str]] = []
        self.stops = 0
        self.presets: dict[str, Preset] = {"1": Preset("Door"), "2": Preset("")}
        self.position = (0.0, 0.0, 0.0)
        self.subscriptions: dict[str, Subscription] = {}
        self.created = 0  # subscriptions, since the start
        self.unsubscribed = 0
        self.most_at_once = 0  # subscriptions
        self.states: dict[tuple[str, str], str] = {}  # (topic, source) → value: the properties
        self.changed = threading.Condition()  # of subscriptions, what waits in them, movement
        self.may_answer = threading.Event()  # CreatePullPointSubscription, when it was made
        self.may_answer.set()
        self.ending = threading.Event()
        self._server = _Server(bind, type("Handler", (_Handler,), {"camera": self}))
        if tls:
            self._server.socket = server_context().wrap_socket(
                self._server.socket, server_side=True
            )
        self._scheme = "https" if tls else "http"
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), name="onvif-camera", daemon=True
        )

    @property
    def xaddr(self) -> str:
        """What WS-Discovery would announce."""
        return self.announced(PATHS["device"])

    def announced(self, path: str) -> str:
        """The address of a path as the camera tells it."""
        host = self.deviations.xaddr_host or "127.0.0.1"
        port = self.deviations.xaddr_port or self.port
        scheme = self.deviations.xaddr_scheme or self._scheme
        return f"{scheme}://{host}:{port}{path}"

    def now(self) -> dt.datetime:
        """By the camera's clock."""
        return dt.datetime.now(dt.UTC) + dt.timedelta(seconds=self.deviations.clock_offset_s)

    def tell(self, topic: str, *, active: bool, source: str = "VideoSource_1") -> None:
        """Something happens: all subscribers are told."""
        value = "true" if active else "false"
        with self.changed:
            self.states[topic, source] = value
            for subscription in self.subscriptions.values():
                subscription.waiting.append((topic, source, value, "Changed"))
            self.changed.notify_all()

    def wait_until(self, is_so: Callable[[], object]) -> None:
        """Until it is so, of what `changed` tells; blocks for 8 s at most."""
        with self.changed:
            if not self.changed.wait_for(is_so, 8):
                raise TimeoutError("it did not come to that")

    def forget_subscriptions(self) -> None:
        """As after a restart of the camera."""
        with self.changed:
            self.subscriptions.clear()
            self.changed.notify_all()

    def restart_clock(self, offset_s: float) -> None:
        """The clock is set."""
        self.deviations.clock_offset_s = offset_s

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    @override
    def stop(self) -> None:
        """End all answers, close the port, wait for the threads."""
        self.ending.set()
        self.may_answer.set()
        with self.changed:
            self.changed.notify_all()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def respond(self, headers: dict[str, str], path: str, body: bytes) -> "Response":
        """The answer to a POST."""
        try:
            request = read_request(headers, path, body)
        except Refused as refusal:
            self.complaints.append(str(refusal))
            return Response(400, fault(refusal))
        self.operations.append(request.operation)
        if strange := self.deviations.answers.get(request.operation):
            return STRANGE[strange]
        return self._login(request, headers) or self._answer(request)

    def _answer(self, request: Request) -> "Response":
        try:
            return Response(200, answer(self, request))
        except Refused as refusal:
            return Response(400 if refusal.code == "Sender" else 500, fault(refusal))
        except Cut:
            return STRANGE["reset"]
        except Silent:
            return STRANGE["silent"]

    def _login(self, request: Request, headers: dict[str, str]) -> "Response | None":
        """None where the request may pass."""
        kind = self.deviations.login
        authorization = headers.get("authorization")
        by_http = None if authorization is None else self.gate.admits("POST", authorization)
        by_token = self.token_check.judge(request, self.now())
        if authorization is not None or by_token is not None:
            tried = [k for k, v in (("http", by_http), ("token", by_token)) if v is not None]
            needed = {"wsse": by_token, "both": bool(by_token and by_http)}.get(kind, by_http)
            self.logins.append(LoginTry(request.operation, tuple(tried), bool(needed)))
        open_ones = self.deviations.open_operations
        if not self.deviations.time_needs_login:
            open_ones |= {"GetSystemDateAndTime"}
        if kind == "none" or request.operation in open_ones:
            return None
        if kind in {"digest", "basic", "both"} and not by_http:
            challenge = self.gate.challenge()
            return Response(401, b"", {"WWW-Authenticate": challenge})
        if self.deviations.one_time_nonces:
            self.gate._nonce = uuid.uuid4().hex
        no_token = kind in {"wsse", "both"} and not by_token
        if no_token or request.operation in self.deviations.forbidden:
            write = old_fault if self.deviations.old_faults else fault
            return Response(400, write(Refused("Sender", "Not for you", "NotAuthorized")))
        return None


@dataclass
class Response:
    """Status 0: the connection is reset."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    kind: str = "application/soap+xml; charset=utf-8"
    manner: Literal["whole", "dribble", "endless", "silent"] = "whole"


REFUSED = Refused("Sender", "Not today", "InvalidArgVal")


def _strange_answers() -> dict[str, Response]:
    """By their names in `Deviations.answers`."""
    half = b"<s:Envelope xmlns:s='http://www.w3.org/2003/05/soap-envelope'><s:"
    return {
        "html500": Response(500, b"<html><body>Internal Error</body>", kind="text/html"),
        "html200": Response(200, b"<html><body>Welcome</body></html>", kind="text/html"),
        "text500": Response(500, b"oops", kind="text/plain"),
        "empty500": Response(500, b""),
        "empty200": Response(200, b""),
        "garbage": Response(200, bytes(range(256)) * 10),
        "half": Response(200, half),
        "bomb": Response(200, _BOMB.encode()),
        "deep": Response(200, b"<a>" * 50_000),
        "huge": Response(200, b"<x>" + b"y" * 3_000_000 + b"</x>"),
        "redirect": Response(302, b"", {"Location": "http://192.0.2.1/onvif/device_service"}),
        "forbidden": Response(403, b"no", kind="text/plain"),
        "lacking": Response(500, fault(Refused("Receiver", "no", "ActionNotSupported"))),
        "refused": Response(400, fault(REFUSED)),
        "undeclared": Response(500, fault(REFUSED).replace(b"ter:Inv", b"\n what:Inv")),
        "bare-fault": Response(500, envelope("<s:Fault/>")),
        "missing": Response(404, b"no", kind="text/plain"),
        "reset": Response(0, b""),
        "gzip": Response(200, b"\x1f\x8b" + bytes(50), {"Content-Encoding": "gzip"}),
        "multipart": Response(200, b"--x", kind='multipart/related; boundary="y"'),
        "attributes": Response(200, envelope(_ATTRIBUTES)),
        "doctype": Response(200, _DOCTYPE.encode()),
        "odd-values": Response(200, envelope(_ODD_VALUES)),
        "other-body": Response(200, envelope("<tt:Nothing/>")),
        "no-body": Response(
            200, b"<s:Envelope xmlns:s='http://www.w3.org/2003/05/soap-envelope'/>"
        ),
        "dribble": Response(200, b"x", manner="dribble"),
        "endless": Response(200, b"<x>", manner="endless"),
        "silent": Response(200, b"x", manner="silent"),
    }


STRANGE = _strange_answers()


class _Server(ThreadingHTTPServer):
    request_queue_size = 128


class _Handler(BaseHTTPRequestHandler):
    camera: OnvifCamera  # set by the subclass made for each server
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.close_connection = True
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            self._send(self.camera.respond(headers, self.path, body))
        except (BrokenPipeError, ConnectionResetError):
            return  # the client left

    def do_GET(self) -> None:
        self.close_connection = True
        self._send(Response(405, b""))

    def _send(self, response: Response) -> None:
        if response.status == 0:
            linger = struct.pack("ii", 1, 0)  # a reset instead of an end
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            return
        if response.manner == "silent":
            self.camera.ending.wait()
            return
        self.send_response(response.status)
        self.send_header("Content-Type", response.kind)
        length = 1000 if response.manner == "dribble" else len(response.body)
        if response.manner != "endless":
            self.send_header("Content-Length", str(length))
        for key, value in response.headers.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(response.body)
        while response.manner == "dribble" and not self.camera.ending.wait(0.05):
            self.wfile.write(b"x")
            self.wfile.flush()

        while response.manner == "endless":
            self.wfile.write(b"y" * 65_536)  # until the client leaves

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - inherited name
        """Say nothing on stderr."""
