"""What the decision about cameras does to them, with peers that are words."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from falconeye.base.times import HOUR_US
from falconeye.cameras.registry import CameraRegistry
from falconeye.cameras.views import Camera
from falconeye.config.camera import CameraConfig, Protocol
from falconeye.events.camera_state import CameraState, CameraStatus, ReasonCode
from falconeye.federation.beat import Beat
from falconeye.federation.failover import Failover
from falconeye.federation.membership import Membership
from falconeye.federation.peers import HEARD_US, Peers
from tests.clock import FakeClock

ME, OTHER = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
ONLINE = CameraState("door", CameraStatus.RUNNING, True, ReasonCode.NONE, "", 0, recording=True)


class Cameras:
    """As many as are named; those that run here have pictures."""

    def __init__(self) -> None:
        self.configs: dict[str, CameraConfig] = {}
        self.failover: Failover | None = None
        self.follows = 0
        self.trouble: list[BaseException] = []

    def add(self, name: str, owner_id: str | None, **fields: Any) -> None:
        config = CameraConfig(name, name, Protocol.RTSP, f"rtsp://{name}", 0, 0, **fields)
        self.configs[name] = replace(config, owner_id=owner_id)

    def list(self) -> list[Camera]:
        assert self.failover is not None
        return [
            Camera(config, ONLINE, (), None, None, is_here=self.failover.runs_here(config))
            for config in self.configs.values()
        ]

    def covers(self, camera_id: str) -> bool:
        assert self.failover is not None
        return self.failover.runs_here(self.configs[camera_id])

    async def follow_roles(self) -> None:
        if self.trouble:
            raise self.trouble.pop()
        self.follows += 1


class Site:
    def __init__(self, members: Mapping[str, str]) -> None:
        self.clock, self.cameras = FakeClock(), Cameras()
        self.peers = Peers(ME, self.clock)
        self.peers.follow(members)
        self.adopted: list[str] = []
        self.members = SimpleNamespace(names=dict(members), all=list(members))

        async def adopt(camera_id: str) -> None:
            self.adopted.append(camera_id)

        self.failover = self.cameras.failover = Failover(
            ME,
            self.peers,
            cast("Membership", self.members),
            cast("CameraRegistry", self.cameras),
            self.clock,
            adopt,
        )

    async def seconds(self, count: int) -> None:
        for _ in range(count):
            self.clock.advance(1)
            _ = await self.failover.look()

    def runs(self, camera_id: str) -> bool:
        return self.failover.runs_here(self.cameras.configs[camera_id])

    def hear(self, **told: Any) -> None:
        assert self.peers.hear(Beat.parse({"node_id": OTHER, **told})) is not None


@pytest.fixture
def site() -> Site:
    made = Site({ME: "pi-1", OTHER: "pi-2"})
    made.cameras.add("mine", ME)
    made.cameras.add("theirs", OTHER)
    return made


async def test_without_peers_all_cameras_run_here_and_nothing_is_decided() -> None:
    site = Site({})
    site.cameras.add("old", OTHER)
    assert not await site.failover.look()
    assert site.runs("old")
    assert site.cameras.follows == 0


async def test_a_silent_owner_is_stood_in_for_and_gets_its_camera_back(site: Site) -> None:
    await site.seconds(1)
    assert (site.runs("mine"), site.runs("theirs")) == (True, False)
    told = {"theirs": {"status": "running", "online": True, "records": True, "leads": True}}
    site.hear(cameras=told)
    await site.seconds(HEARD_US // 1_000_000 - 1)
    assert not site.runs("theirs")
    await site.seconds(2)
    assert site.runs("theirs")
    word = site.failover.told()["theirs"]
    assert (word.as_standby, word.records, word.runs) == (True, True, True)
    footage_us = 0
    for _ in range(20):
        back = {**told["theirs"], "footage_us": footage_us, "ability": "able"}
        site.hear(cameras={"theirs": back})
        was_running = site.runs("theirs")
        await site.seconds(1)
        if was_running and not site.runs("theirs"):
            assert footage_us >= 10_000_000  # make before break
            break
        footage_us += 1_000_000
    assert not site.runs("theirs")
    assert site.runs("mine")


async def test_who_says_good_bye_is_stood_in_for_at_once(site: Site) -> None:
    told = {"theirs": {"status": "running", "records": True, "leads": True}}
    for _ in range(20):  # it has listened for long enough
        site.hear(cameras=told)
        await site.seconds(1)
        assert not site.runs("theirs")
    site.hear(cameras=told, stopping=True)
    await site.seconds(1)
    assert site.runs("theirs")


async def test_a_camera_of_a_member_that_was_removed_is_adopted_once_there_is_footage(
    site: Site,
) -> None:
    del site.members.names[OTHER]
    site.members.all = [ME]
    site.peers.follow(site.members.names)
    await site.seconds(40)
    assert site.runs("theirs")
    assert set(site.adopted) == {"theirs"}


async def test_stopped_cameras_and_those_at_anothers_port_are_left_alone(site: Site) -> None:
    site.cameras.add("stopped", ME, started=False)
    site.cameras.add("usb", OTHER)
    usb = site.cameras.configs["usb"]
    site.cameras.configs["usb"] = replace(usb, protocol=Protocol.USB)
    site.cameras.add("inner", OTHER)
    inner = site.cameras.configs["inner"]
    site.cameras.configs["inner"] = replace(inner, source_url="rtsp://127.0.0.1/main")
    site.cameras.add("off", OTHER, started=False)
    await site.seconds(60)
    assert not site.runs("usb")
    assert not site.runs("inner")
    assert site.runs("theirs")  # it was time to stand in
    assert not site.runs("off")
    assert site.runs("stopped")  # nobody else is to tell of it
    assert not {"usb", "inner"} & site.failover.told().keys()


async def test_it_is_drained_when_others_record_what_they_can(site: Site) -> None:
    site.cameras.add("plugged", ME)
    plugged = replace(site.cameras.configs["plugged"], protocol=Protocol.USB)
    site.cameras.configs["plugged"] = plugged
    site.cameras.add("inner", ME)
    inner = replace(site.cameras.configs["inner"], source_url="rtsp://[::1]/main")
    site.cameras.configs["inner"] = inner
    theirs = {"theirs": {"status": "running", "records": True, "leads": True}}
    for _ in range(20):
        site.hear(cameras=theirs)
        await site.seconds(1)
    assert not site.failover.is_drained  # nobody asked for it
    site.failover.is_draining = True
    await site.seconds(1)
    assert site.runs("mine")
    assert not site.failover.is_drained
    for second in range(15):
        mine = {"status": "running", "online": True, "records": True, "leads": True,
                "footage_us": second * 1_000_000, "ability": "able"}  # fmt: skip
        assert site.failover.is_drained is not site.runs("mine")
        site.hear(cameras={**theirs, "mine": mine})
        await site.seconds(1)
    assert (site.runs("mine"), site.runs("plugged")) == (False, True)
    assert site.failover.is_drained


async def test_that_a_camera_refused_a_second_connection_counts_for_a_day(site: Site) -> None:
    async def tell(hours_ago: int) -> bool:
        refused_us = hours_ago * HOUR_US
        word = {"status": "running", "one_session": True, "refused_before_us": refused_us}
        site.hear(cameras={"theirs": word})
        await site.seconds(1)
        return site.failover.takes_one("theirs")

    assert await tell(hours_ago=1)
    site.clock.advance(22 * 3600)
    assert await tell(hours_ago=23)  # told again, it is as old as it is
    site.clock.advance(3600)
    assert not await tell(hours_ago=24)
    assert await tell(hours_ago=0)  # it did so again


@pytest.mark.parametrize("trouble", [RuntimeError("a thread is stuck"), asyncio.CancelledError()])
async def test_what_was_decided_and_not_done_is_done_at_the_next_look(
    site: Site, trouble: BaseException
) -> None:
    """Who is removed may be the one whose word was being taken in: that task ends in between."""
    await site.seconds(HEARD_US // 1_000_000)
    assert not site.runs("theirs")
    before = site.cameras.follows
    site.cameras.trouble.append(trouble)
    with pytest.raises(type(trouble)):
        await site.seconds(2)
    assert site.runs("theirs")  # by its word; nothing was begun
    assert site.cameras.follows == before
    await site.seconds(1)
    assert site.cameras.follows == before + 1
    await site.seconds(5)
    assert site.cameras.follows == before + 1
