"""HTTP to one camera: to its checked address only, in bounded time and size.

httpx on the loop rather than requests in threads: a camera that is asked for events holds the
answer back for seconds, and fifty of those would hold fifty threads; its time limits count each
read, so one that dribbles bytes would never reach them, while a cancelled task ends at once.
No redirect is followed, no proxy, cookie or cache is used; certificates of cameras are their own
and not checked. Each request has a connection of its own: many cameras mishandle kept ones.
"""

import asyncio
import datetime as dt
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import httpx

from falconeye.base.peers import Peer
from falconeye.onvif.address import DEFAULT_PORTS, Reached
from falconeye.onvif.errors import OnvifClosed, OnvifTimeout, OnvifUnreachable, OnvifUnreadable

CONNECT_S: Final = 4.0  # longer than the 3 s in which the kernel finds that nobody answers ARP
MAX_ANSWER_BYTES: Final = 1_000_000

Dress = Callable[[httpx.Request], None]  # adds the login to a request


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer; `request` and `response` are what a Digest login is computed from."""

    status: int
    headers: httpx.Headers
    content: bytes
    arrived_at: dt.datetime  # all of it
    request: httpx.Request
    response: httpx.Response


class CameraHttp:
    """Posts to one camera; `close()` ends it."""

    def __init__(self, reached: Reached) -> None:
        self._reached = reached
        self._client = httpx.AsyncClient(
            verify=_unchecked(),
            trust_env=False,
            follow_redirects=False,
            timeout=httpx.Timeout(None, connect=CONNECT_S),  # `post` bounds the whole
            limits=httpx.Limits(max_keepalive_connections=0),
        )

    async def close(self) -> None:
        await self._client.aclose()

    async def post(
        self, url: str, body: bytes, headers: dict[str, str], *, dress: Dress, limit_s: float
    ) -> Answer:
        """The answer to a POST to `url` (of this camera's host), whatever its status.

        OnvifUnreachable, OnvifTimeout or OnvifUnreadable where there is none.
        """
        if self._client.is_closed:
            raise OnvifClosed("the session with the camera was ended")
        parts = urlsplit(url)
        peer = Peer(self._reached.peer.address, parts.port or DEFAULT_PORTS[parts.scheme])
        named = httpx.URL(url)  # in the form that names beyond ASCII have on the wire
        request = self._client.build_request(
            "POST",
            urlunsplit(parts._replace(netloc=str(peer))),
            content=body,
            headers={
                "User-Agent": "FalconEye",
                "Accept-Encoding": "identity",
                **headers,
                "Host": named.netloc.decode("ascii"),
                "Connection": "close",
            },
            extensions={"sni_hostname": named.raw_host.decode("ascii")},
        )
        dress(request)
        try:
            async with asyncio.timeout(limit_s):
                return await self._exchange(request)
        except TimeoutError:
            raise OnvifTimeout(f"{peer} gave no whole answer within {limit_s:g} s") from None
        except httpx.HTTPError as error:
            raise _unanswered(error, peer) from None

    async def _exchange(self, request: httpx.Request) -> Answer:
        response = await self._client.send(request, stream=True)
        content = bytearray()
        try:
            async for piece in response.aiter_raw():
                content += piece
                if len(content) > MAX_ANSWER_BYTES:
                    # Not left here: nobody would end the generators below this one. They end by
                    # themselves, as what they read from is closed.
                    await response.aclose()
        except (httpx.HTTPError, httpx.StreamError):
            if len(content) <= MAX_ANSWER_BYTES:
                raise
        finally:
            await response.aclose()
        if len(content) > MAX_ANSWER_BYTES:
            raise OnvifUnreadable(
                f"the camera's answer is larger than {MAX_ANSWER_BYTES // 1000} kB"
            )
        return Answer(
            response.status_code,
            response.headers,
            bytes(content),
            dt.datetime.now(dt.UTC),
            request,
            response,
        )


def _unanswered(error: httpx.HTTPError, peer: Peer) -> OnvifUnreachable | OnvifTimeout:
    match error:
        case httpx.ConnectTimeout():
            return OnvifUnreachable(f"{peer} does not answer")
        case httpx.ConnectError():
            return OnvifUnreachable(f"no connection to {peer}")
        case httpx.RemoteProtocolError() | httpx.ReadError() | httpx.WriteError():
            return OnvifUnreachable(f"{peer} ended the connection early", connected=True)
        case _:
            return OnvifUnreachable(f"the connection to {peer} broke", connected=True)


@cache
def _unchecked() -> ssl.SSLContext:
    """One for all cameras: it holds no certificates, so making it reads no file."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
