"""Routes of the sizes and kinds that nodes proxy for each other."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any, Final

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Stream
from litestar.types import ControllerRouterHandler

from falconeye.accounts.model import Action
from falconeye.web.audit import address_of
from falconeye.web.security.access import for_peers, needs, signed_in
from falconeye.web.security.peer import peer_of
from tests.integration.web_security.routes import ROUTES as OTHERS

UNSIGNED_PATH: Final = "/peer/test/unsigned"  # where a test lets it be asked so
CHUNK: Final = b"\x5a" * 65536


class Sending:
    """How far an endless answer has come, and whether it has ended."""

    def __init__(self) -> None:
        self.sent_bytes = 0
        self.ended = asyncio.Event()

    async def chunks(self, total_bytes: int) -> AsyncGenerator[bytes, None]:
        try:
            while self.sent_bytes < total_bytes:
                yield CHUNK
                self.sent_bytes += len(CHUNK)
                await asyncio.sleep(0)  # as footage that is read from a disk
        finally:
            self.ended.set()


@get("/peer/test/who", opt=for_peers())
async def who_signed(request: Request[Any, Any, Any]) -> dict[str, str]:
    return {"peer": peer_of(request)}


@post(UNSIGNED_PATH, opt=for_peers(), status_code=200)
async def unsigned(request: Request[Any, Any, Any]) -> dict[str, int]:
    return {"bytes": len(await request.body())}


@get("/api/test/address", opt=signed_in())
async def address(request: Request[Any, Any, Any]) -> dict[str, str]:
    return {"address": address_of(request)}


@get("/api/test/download/{total_bytes:int}", opt=needs(Action.DOWNLOAD))
async def download(request: Request[Any, Any, Any], total_bytes: FromPath[int]) -> Stream:
    sending: Sending = request.app.state["sending"]
    return Stream(sending.chunks(total_bytes), media_type="video/mp4")


@post("/api/test/upload", opt=needs(Action.CONTROL), request_max_body_size=64 << 20)
async def upload(request: Request[Any, Any, Any]) -> dict[str, int]:
    size = 0
    async for piece in request.stream():
        size += len(piece)
    return {"bytes": size}


ROUTES: Final[tuple[ControllerRouterHandler, ...]] = (
    *OTHERS, who_signed, unsigned, address, download, upload,
)  # fmt: skip
