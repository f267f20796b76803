"""Requests to the application without a socket between: a thousand of them take half a second.

What stands before the application, uvicorn, has tests of its own (`test_requests`).
"""

import asyncio
import base64
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from litestar import Litestar
from litestar.types import Message

from falconeye.web.security.credentials import SESSION_COOKIE
from falconeye.web.security.csrf import CSRF_HEADER, make_csrf_token

LIMIT_S: Final = 10.0  # for the first byte of an answer
WS_CLOSED: Final = 4000  # a WebSocket that was accepted is closed with 4000 + the status
REFUSED: Final = 403  # what uvicorn answers to an upgrade that is closed before it is accepted

_UPLOAD: Final = (
    b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nx\r\n--b--\r\n'
)

Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Answered:
    """What came back: of an endless answer its beginning."""

    status: int  # 101: the WebSocket was accepted
    location: str
    body: bytes


def bearer(token: str) -> Headers:
    return [(b"authorization", f"Bearer {token}".encode())]


def basic(token: str) -> Headers:
    """As VLC sends it: any name, the token as password."""
    pair = base64.b64encode(f"vlc:{token}".encode()).decode()
    return [(b"authorization", f"Basic {pair}".encode())]


def cookie(session: str) -> Headers:
    """A session without the token that its pages carry."""
    return [(b"cookie", f"{SESSION_COOKIE}={session}".encode())]


def browser(session: str) -> Headers:
    """A session, and the token of one of its pages."""
    token = make_csrf_token(session)
    return [*cookie(session), (CSRF_HEADER.lower().encode(), token.encode())]


async def ask(
    app: Litestar,
    method: str,
    path: str,
    headers: Iterable[tuple[bytes, bytes]] = (),
    form: bytes = b"",
    *,
    upload: bool = False,
) -> Answered:
    """One request, with `form` or an empty JSON object where the method takes a body.

    `upload`: the body is a form with a file and nothing else.
    """
    talk = _Talk(method, path, form, upload=upload)
    path, _, query = path.partition("?")
    scope: dict[str, Any] = {
        "type": "websocket" if method == "WS" else "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "scheme": "ws" if method == "WS" else "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(b"host", b"127.0.0.1:8900"), *talk.headers, *headers],
        "client": ("127.0.0.1", 40000),
        "server": ("127.0.0.1", 8900),
        "state": {},
        "extensions": {},
    }
    if method == "WS":
        scope["subprotocols"] = []
    else:
        scope["method"] = method
    app_call: Any = app
    task = asyncio.create_task(app_call(scope, talk.receive, talk.send), name=f"{method} {path}")
    try:
        async with asyncio.timeout(LIMIT_S):
            await talk.until_begun(task)
        talk.gone.set()  # whoever asked reads no further: an endless answer ends by that
        async with asyncio.timeout(LIMIT_S):
            await task
    finally:
        task.cancel()
    return talk.answered()


class _Talk:
    """Both ends of one request: what is sent, and what has come back."""

    def __init__(self, method: str, path: str, form: bytes, *, upload: bool) -> None:
        self._what = f"{method} {path}"
        self._websocket = method == "WS"
        self._body = b""
        self.headers: Headers = []
        if method not in {"GET", "HEAD", "WS"}:
            json = path.startswith("/api/")
            kind = b"application/json" if json else b"application/x-www-form-urlencoded"
            self._body = b"{}" if json else form
            if upload:
                kind, self._body = b"multipart/form-data; boundary=b", _UPLOAD
            length = str(len(self._body)).encode()
            self.headers = [(b"content-type", kind), (b"content-length", length)]
        self._asked = False
        self._begun = asyncio.Event()
        self.gone = asyncio.Event()
        self._status = 0
        self._location = ""
        self._got = b""

    async def receive(self) -> Any:
        if not self._asked:
            self._asked = True
            if self._websocket:
                return {"type": "websocket.connect"}
            return {"type": "http.request", "body": self._body, "more_body": False}
        await self.gone.wait()
        if self._websocket:
            return {"type": "websocket.disconnect", "code": 1005, "reason": ""}
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        sent: Any = message
        match sent["type"]:
            case "http.response.start":
                self._status = sent["status"]
                named = dict(sent["headers"])
                self._location = named.get(b"location", b"").decode()
            case "http.response.body":
                self._got += bytes(sent.get("body", b""))
                self._begun.set()
            case "websocket.accept":
                self._status = 101
            case "websocket.close":
                code = sent.get("code", 1000)
                accepted = self._status == 101
                if not accepted:
                    self._status = REFUSED
                elif code >= WS_CLOSED:
                    self._status = code - WS_CLOSED
                self._begun.set()
            case _:
                self._begun.set()

    async def until_begun(self, task: "asyncio.Task[None]") -> None:
        """Until the first bytes of the answer are there, or all of it was done without any."""
        waiting = asyncio.create_task(self._begun.wait())
        try:
            _ = await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()

    def answered(self) -> Answered:
        assert self._status, f"{self._what} was not answered"
        return Answered(self._status, self._location, self._got)
