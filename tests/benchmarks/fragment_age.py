"""How old a picture is when a viewer's socket has it: the node's part of the latency."""

import asyncio
import json
import time

import av
from websockets.asyncio.client import connect

from falconeye.sources.demo_picture import read_barcode
from tests.benchmarks.node import Node

_JOIN_S = 3.0  # the GOP that a viewer joins with is old by design


async def fragment_ages(node: Node, camera_id: str, seconds: float) -> list[float]:
    """Ages in ms of the pictures that come by the live socket of a focused viewer."""
    url = f"{node.url.replace('http', 'ws', 1)}/api/cameras/{camera_id}/live"
    headers = {"Authorization": f"Bearer {node.token}"}
    reader = _Reader()
    ages: list[float] = []
    async with asyncio.timeout(seconds * 4), connect(url, additional_headers=headers) as socket:
        begins = time.monotonic() + _JOIN_S
        while time.monotonic() < begins + seconds:
            message = await socket.recv()
            arrived_ms = time.time_ns() / 1e6
            if isinstance(message, bytes):
                values = reader.values(message)
                if time.monotonic() > begins:
                    ages += [arrived_ms % 2**32 - value for value in values]
            elif json.loads(message)["type"] == "offer":
                await socket.send(json.dumps(_CHOICE))
    return ages


_CHOICE = {"type": "choose", "stream": "main", "audio": False, "focused": True}


class _Reader:
    """Decodes one picture a message, from the first keyframe that comes alone."""

    def __init__(self) -> None:
        self._decoder: av.VideoCodecContext | None = None
        self._begun = False
        self._joined = False

    def values(self, message: bytes) -> list[int]:
        """The bar codes of the pictures in a message; none in the init segment and first GOP."""
        if message[4:8] == b"ftyp":
            self._decoder, self._joined = _decoder(message), False
            return []
        if not self._joined:
            self._joined = True
            return []
        samples = message[message.index(b"mdat") + 4 :]  # one moof and one mdat, in this order
        self._begun = self._begun or 5 in _nal_types(samples)
        if not self._begun or self._decoder is None:
            return []
        found: list[int] = []
        for frame in self._decoder.decode(av.Packet(samples)):
            plane = frame.planes[0]
            value = read_barcode(bytes(plane), plane.line_size, frame.width)
            if value is not None:
                found.append(value)
        return found


def _decoder(init: bytes) -> av.VideoCodecContext:
    """A decoder of samples as they are in the file: the avcC box says how (ISO 14496-15)."""
    at = init.index(b"avcC")
    size = int.from_bytes(init[at - 4 : at], "big")
    decoder = av.CodecContext.create("h264", "r")
    decoder.thread_count = 1
    decoder.options = {"flags": "low_delay"}
    decoder.extradata = init[at + 4 : at - 4 + size]
    return decoder


def _nal_types(samples: bytes) -> set[int]:
    """The kinds of the length-prefixed NAL units of a picture (ISO 14496-10 7.4.1)."""
    kinds: set[int] = set()
    at = 0
    while at < len(samples):
        kinds.add(samples[at + 4] & 0x1F)
        at += 4 + int.from_bytes(samples[at : at + 4], "big")
    return kinds
