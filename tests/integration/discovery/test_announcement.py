"""A service of this node, as the node itself hears it; what other hosts hear: peer_finding."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from falconeye.base.clock import SystemClock
from falconeye.discovery.announcement import Announcement
from falconeye.discovery.interfaces import look_at_interfaces
from falconeye.discovery.mdns import Mdns, Service
from tests.peers.site import Site

pytestmark = [pytest.mark.root, pytest.mark.timeout(30)]
TYPE = "_falconeye._tcp.local."


@dataclass
class Heard:
    """What is announced on the site, in the order in which it was heard."""

    mdns: Mdns
    announcement: Announcement
    found: asyncio.Queue[Service] = field(default_factory=asyncio.Queue)
    gone: asyncio.Queue[str] = field(default_factory=asyncio.Queue)

    async def until(self, name: str, *, port: int = 1) -> Service:
        """A service whose name begins so."""
        async with asyncio.timeout(10):
            while True:
                service = await self.found.get()
                if service.name.startswith(name) and service.port == port:
                    return service


@pytest.fixture
async def heard(site: Site) -> AsyncIterator[Heard]:
    assert site.node
    mdns = Mdns(SystemClock())
    early = mdns.announce(TYPE, "pi", 1, {"web": "2"})  # before there are sockets
    heard = Heard(mdns, early)
    mdns.browse([TYPE], heard.found.put_nowait, heard.gone.put_nowait)
    await mdns.start(look_at_interfaces())
    yield heard
    await mdns.stop()


async def test_who_claims_our_name_again_and_again_moves_us_once_a_minute(heard: Heard) -> None:
    announcement = heard.announcement
    await heard.until("pi")
    announcement.heard("pi", ("192.168.77.1",))
    announcement.heard("other", ("192.168.77.9",))
    assert not announcement._changed.is_set()
    announcement.heard("PI", ("192.168.77.9",))
    assert (await heard.gone.get()).startswith("pi.")
    name = (await heard.until("pi-")).name
    assert name == announcement.name
    announcement.heard(name, ("192.168.77.9",))
    assert not announcement._changed.is_set()


async def test_what_changes_is_told_and_at_the_end_a_goodbye(heard: Heard) -> None:
    assert (await heard.until("pi")).txt == {"web": "2"}
    heard.announcement.update(port=5, txt={"web": "6"})
    assert (await heard.until("pi", port=5)).txt == {"web": "6"}
    await heard.announcement.close()
    assert heard.announcement.name == ""
    async with asyncio.timeout(5):
        assert await heard.gone.get() == f"pi.{TYPE}"


async def test_who_closes_late_or_twice_does_no_harm(heard: Heard) -> None:
    await heard.until("pi")
    await heard.mdns.stop()
    assert heard.announcement.name == ""
    for _ in range(2):
        await heard.announcement.close()
