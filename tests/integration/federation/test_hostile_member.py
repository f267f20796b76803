"""The member that a join code names has the right key; what it answers may be anything."""

import asyncio
from pathlib import Path
from typing import Any, cast

import pytest

from falconeye.base.clock import SystemClock
from falconeye.base.errors import FalconEyeError
from falconeye.federation.join_code import JoinCode
from falconeye.federation.joiner import Joiner
from falconeye.federation.node_keys import fingerprint_bytes
from tests.integration.federation.two_nodes import new_keys

pytestmark = pytest.mark.timeout(30)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b"[" * 200_000),
        (200, b'{"node_id":' * 100_000),
        (201, b"\xff\xfe"),
        (200, b""),
        (200, b"[]"),
        (409, b"[" * 200_000),
        (500, b'{"detail": {}}'),
    ],
)
async def test_no_answer_of_a_member_breaks_the_joining(
    tmp_path: Path, status: int, body: bytes
) -> None:
    member, own = await new_keys(tmp_path / "member"), await new_keys(tmp_path / "own")

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            _ = await reader.readuntil(b"\r\n\r\n")
            head = (
                f"HTTP/1.1 {status} X\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
            )
            writer.write(head.encode() + body)
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):  # who only looks at the certificate
            return
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=member.server_context)
    address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    code = JoinCode.new([address], fingerprint_bytes(member.certificate))
    nothing = cast("Any", None)  # looking changes nothing here
    joiner = Joiner(own, "pi-2", ["127.0.0.1:1"], nothing, nothing, SystemClock())
    async with server:
        with pytest.raises(FalconEyeError):
            await joiner.look(code, [])
