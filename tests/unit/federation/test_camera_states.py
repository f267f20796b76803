"""What pages show of cameras that other nodes run."""

import asyncio
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, cast

from falconeye.cameras.registry import CameraRegistry
from falconeye.cameras.roles import Roles
from falconeye.events.bus import CameraStateChanged, EventBus, StreamsChanged
from falconeye.federation.beat import Beat
from falconeye.federation.camera_states import CameraStates
from falconeye.federation.peers import HEARD_US, Peers
from tests.clock import FakeClock

RUNS = {"status": "running", "online": True, "since_us": 5, "recording": True}


class Site:
    """Two peers, and what this node makes of what they tell."""

    def __init__(self) -> None:
        self.clock, self.bus, self.roles = FakeClock(), EventBus(), Roles()
        self.peers = Peers("a", self.clock)
        self.peers.follow({"b": "pi-2", "c": "pi-3"})
        registry = cast("CameraRegistry", SimpleNamespace(roles=self.roles))
        self.states = CameraStates(self.peers, registry, self.bus, self.clock)

    def hear(self, node_id: str, cameras: Mapping[str, Any], **more: Any) -> list[Any]:
        """What the bus tells of it."""
        with self.bus.subscribe() as news:
            self.peers.hear(Beat.parse({"node_id": node_id, "cameras": cameras, **more}))
            self.states.follow()
            return drained(news)

    def later(self, seconds: float) -> list[Any]:
        self.clock.advance(seconds)
        with self.bus.subscribe() as news:
            self.states.follow()
            return drained(news)


def drained(news: Any) -> list[Any]:
    async def every() -> list[Any]:
        found = []
        while True:
            try:
                async with asyncio.timeout(0):
                    found.append(await news.get())
            except TimeoutError:
                return found

    return asyncio.run(every())


def test_a_camera_is_shown_as_its_node_tells_of_it_and_changes_are_told_once() -> None:
    site = Site()
    (first,) = site.hear("b", {"door": RUNS})
    assert isinstance(first, CameraStateChanged)
    told = site.roles.told["door"]
    assert (told.node_name, told.state.online, told.state.recording) == ("pi-2", True, True)
    assert site.states.runs_on("door") == "b"
    assert site.hear("b", {"door": RUNS}) == []
    stream = {"kind": "main", "fps": 25.0}
    (second,) = site.hear("b", {"door": {**RUNS, "streams": [stream]}})
    assert isinstance(second, StreamsChanged)
    assert site.hear("b", {}) == []
    assert site.states.runs_on("door") is None


def test_of_two_that_record_it_the_owner_is_shown_and_the_standby_where_it_has_no_pictures() -> (
    None
):
    site = Site()
    _ = site.hear("c", {"door": {**RUNS, "as_standby": True}})
    assert site.states.runs_on("door") == "c"
    _ = site.hear("b", {"door": {"status": "creating"}})
    assert site.states.runs_on("door") == "c"
    _ = site.hear("b", {"door": RUNS})
    assert site.states.runs_on("door") == "b"


def test_what_an_unreachable_node_told_last_is_not_told_as_if_it_were_so() -> None:
    site = Site()
    _ = site.hear("b", {"door": RUNS, "shed": {"status": "stopped", "reason": "stopped"}})
    (change,) = site.later(HEARD_US / 1_000_000)
    assert (change.state.online, change.state.recording) == (False, False)
    assert change.state.reason_code.value == "node_unreachable"
    assert change.state.reason == "the node pi-2 does not answer"
    assert site.roles.told["shed"].state.status.value == "stopped"
    assert site.states.runs_on("door") == "b"  # who it is that is missed
    _ = site.hear("c", {"door": {**RUNS, "as_standby": True}})
    assert site.states.runs_on("door") == "c"
