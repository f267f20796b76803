"""A name server for the tests, at port 53 of the namespace in which it is opened."""

import asyncio
import socket
import struct
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any


class NameServer(asyncio.DatagramProtocol):
    """Addresses by name (RFC 1035, 4.1); what has none does not exist."""

    def __init__(self) -> None:
        self.answers: dict[str, list[str]] = {}
        self.asked: asyncio.Queue[str] = asyncio.Queue()
        self.questions: Counter[str] = Counter()  # by the address of who asks

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        end, labels = 12, []
        while length := data[end]:
            labels.append(data[end + 1 : end + 1 + length].decode())
            end += 1 + length
        question, (kind,) = data[12 : end + 5], struct.unpack("!H", data[end + 1 : end + 3])
        name = ".".join(labels) + "."
        self.asked.put_nowait(name)
        self.questions[addr[0]] += 1
        known = self.answers.get(name)
        found = known if known and kind == 1 else []
        head = struct.pack("!6H", *struct.unpack("!H", data[:2]), 0x8180 if known else 0x8183, 1,
                           len(found), 0, 0)  # fmt: skip
        records = b"".join(
            b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 0, 4) + socket.inet_aton(each)
            for each in found
        )
        self._transport.sendto(head + question + records, addr)


@asynccontextmanager
async def name_server(bound: socket.socket | None = None) -> AsyncIterator[NameServer]:
    """What it answers stands in `answers`, by name with the last dot.

    `bound`: a socket of another namespace.
    """
    loop = asyncio.get_running_loop()
    if bound is None:
        bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        bound.bind(("127.0.0.1", 53))
    bound.setblocking(False)
    transport, server = await loop.create_datagram_endpoint(NameServer, sock=bound)
    try:
        yield server
    finally:
        transport.close()
