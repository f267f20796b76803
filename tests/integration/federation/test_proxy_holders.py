"""Which of several peers has a thing: asked side by side, remembered, never guessed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from falconeye.base.errors import Unavailable
from falconeye.web.peers import holders
from falconeye.web.peers.holders import Holders, question
from falconeye.web.peers.proxy_upstream import Asking, Elsewhere
from falconeye.web.peers.routing import HeldKind, ToHolder
from tests.integration.federation.plain_peers import (
    PlainCluster,
    PlainPeer,
    RawServer,
    Script,
    raw_server,
)

OWN = "0" * 32
NOBODY = Asking(None, None)
THING = ToHolder(HeldKind.RECORDING, "door_20261120100000")


def answering(status: bytes) -> Script:
    async def script(
        _head: bytes, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        writer.write(b"HTTP/1.1 " + status + b"\r\ncontent-length: 0\r\n\r\n")

    return script


async def silent(_head: bytes, reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await reader.read()


class Cluster:
    """Peers by their first letter, what they saw, and what this node has itself."""

    def __init__(self) -> None:
        self.plain = PlainCluster(own_id=OWN)
        self.servers: dict[str, RawServer] = {}
        self.own: set[ToHolder] = set()
        self.looks = 0
        elsewhere = Elsewhere(self.plain, self.plain)
        self.holders = Holders(elsewhere, dict.fromkeys(HeldKind, self._has))

    async def _has(self, held: ToHolder) -> bool:
        self.looks += 1
        return held in self.own

    def asked(self) -> set[str]:
        return {letter for letter, server in self.servers.items() if server.heads}


@asynccontextmanager
async def peers(**scripts: Script) -> AsyncIterator[Cluster]:
    async with AsyncExitStack() as stack:
        cluster = Cluster()
        for letter, script in scripts.items():
            server = await stack.enter_async_context(raw_server(script))
            cluster.servers[letter] = server
            cluster.plain.members[letter * 32] = PlainPeer(server.port, name=f"pi-{letter}")
        yield cluster


async def test_the_first_that_has_it_is_enough() -> None:
    async with peers(a=answering(b"404 No"), b=answering(b"200 OK"), c=silent) as cluster:
        for _ in range(2):
            assert await cluster.holders.holder_of(THING, NOBODY) == "b" * 32
        await cluster.servers["c"].left.wait()  # its question was ended
        assert len(cluster.servers["b"].heads) == 1


async def test_forbidden_is_there() -> None:
    async with peers(a=answering(b"403 Forbidden")) as cluster:
        assert await cluster.holders.holder_of(THING, NOBODY) == "a" * 32


async def test_nobody_has_it_and_that_is_not_remembered() -> None:
    async with peers(a=answering(b"404 No"), b=answering(b"404 No")) as cluster:
        for _ in range(2):
            assert await cluster.holders.holder_of(THING, NOBODY) is None
        assert len(cluster.servers["a"].heads) == 2


@pytest.mark.parametrize("script", [silent, answering(b"500 Broken"), answering(b"503 Away")])
async def test_who_does_not_tell_may_have_it(
    script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holders, "ASK_LIMIT_S", 0.2)
    async with peers(a=answering(b"404 No"), b=script) as cluster:
        with pytest.raises(Unavailable, match="pi-b"):
            await cluster.holders.holder_of(THING, NOBODY)


async def test_who_was_expelled_has_it_no_more() -> None:
    async with peers(a=answering(b"200 OK"), b=answering(b"200 OK")) as cluster:
        first = await cluster.holders.holder_of(THING, NOBODY)
        assert first is not None
        other = ({"a" * 32, "b" * 32} - {first}).pop()
        del cluster.plain.members[first]
        assert await cluster.holders.holder_of(THING, NOBODY) == other


async def test_the_dead_are_not_asked() -> None:
    async with peers(a=answering(b"200 OK"), b=answering(b"200 OK")) as cluster:
        cluster.plain.members["a" * 32].unreachable_since_us = 1
        assert await cluster.holders.holder_of(THING, NOBODY) == "b" * 32
        assert cluster.asked() == {"b"}


async def test_own_things_and_ids_that_name_a_node_ask_nobody() -> None:
    async with peers(a=answering(b"404 No")) as cluster:
        cluster.own.add(THING)
        assert await cluster.holders.holder_of(THING, NOBODY) == OWN
        for node_id in ("a" * 32, OWN):
            named = ToHolder(HeldKind.JOB, f"moves-{node_id}")
            assert await cluster.holders.holder_of(named, NOBODY) == node_id
        assert cluster.asked() == set()
        stranger = ToHolder(HeldKind.JOB, f"moves-{'f' * 32}")
        assert await cluster.holders.holder_of(stranger, NOBODY) is None
        assert cluster.asked() == {"a"}


async def test_the_recorder_is_asked_before_the_others() -> None:
    async with peers(a=answering(b"200 OK"), b=answering(b"200 OK")) as cluster:
        cluster.plain.recorders["door"] = "b" * 32
        assert await cluster.holders.holder_of(THING, NOBODY) == "b" * 32
        media = ToHolder(HeldKind.FOOTAGE, "main-1-2.m4s", "door")
        assert await cluster.holders.holder_of(media, NOBODY) == "b" * 32
        assert cluster.asked() == {"b"}


async def test_memory_is_bounded_and_forgets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holders, "MAX_REMEMBERED", 3)
    things = [ToHolder(HeldKind.JOB, str(number)) for number in range(5)]
    async with peers() as cluster:
        cluster.own.update(things)
        for thing in things:
            await cluster.holders.holder_of(thing, NOBODY)
        assert cluster.looks == 5
        await cluster.holders.holder_of(things[4], NOBODY)
        assert cluster.looks == 5
        await cluster.holders.holder_of(things[0], NOBODY)
        assert cluster.looks == 6
        cluster.holders.forget(things[4])
        await cluster.holders.holder_of(things[4], NOBODY)
        assert cluster.looks == 7


def test_an_id_stays_one_part_of_the_address() -> None:
    evil = ToHolder(HeldKind.RECORDING, "../../api/settings?x=#")
    assert question(evil) == ("GET", "/api/recordings/..%2F..%2Fapi%2Fsettings%3Fx%3D%23")
    media = ToHolder(HeldKind.FOOTAGE, "a/b", "c/d")
    assert question(media) == ("HEAD", "/api/cameras/c%2Fd/footage/a%2Fb")
