"""Where cameras belong, by what the nodes told: what of it the loop must not wait for."""

import asyncio
import threading
from collections.abc import Iterable, Mapping
from types import SimpleNamespace
from typing import cast

import pytest

from falconeye.cameras.registry import CameraRegistry
from falconeye.cameras.views import Camera
from falconeye.config.camera import CameraConfig, Protocol
from falconeye.events.camera_state import CameraState, CameraStatus, ReasonCode
from falconeye.federation import placing
from falconeye.federation.beat import Beat
from falconeye.federation.membership import Membership
from falconeye.federation.peers import Peers
from falconeye.federation.placement.load import Defaults, NodeLoad
from falconeye.federation.placement.rebalancing import MovePlan, OwnedCamera, plan_moves
from falconeye.federation.placing import Placing
from falconeye.federation.report import DiskReport, NodeReport
from tests.clock import FakeClock

ROOM = DiskReport(is_present=True, total_bytes=10**12)
BUSY = NodeReport(cpus=4, machine_load=0.9, recorded_megabits_per_second=40.0, disks=(ROOM,))
IDLE = NodeReport(cpus=4, machine_load=0.1, recorded_megabits_per_second=0.0, disks=(ROOM,))


def camera(name: str) -> Camera:
    config = CameraConfig(name, name, Protocol.RTSP, f"rtsp://{name}", 0, 0, owner_id="a")
    state = CameraState(name, CameraStatus.RUNNING, True, ReasonCode.NONE, "", 0, recording=True)
    return Camera(config, state, (), None, None)


async def test_the_loop_goes_on_while_a_plan_is_made_and_who_left_gets_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A node that plans for seconds on the loop is silent, and the others take its cameras."""
    peers = Peers("a", FakeClock())
    names = {"a": "pi-1", "b": "pi-2"}
    peers.follow(names)
    _ = peers.hear(Beat(node_id="b", report=IDLE.as_json()))
    members = SimpleNamespace(names=names)
    present = SimpleNamespace(list=lambda: [camera(f"cam-{n}") for n in range(10)])
    made = Placing(
        "a",
        cast("Membership", members),
        peers,
        cast("CameraRegistry", present),
        lambda: BUSY,
        Defaults,
    )
    begun, may_end = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def slow(nodes: Mapping[str, NodeLoad], cameras: Iterable[OwnedCamera]) -> MovePlan:
        loop.call_soon_threadsafe(begun.set)
        assert may_end.wait(5), "the loop waits for the plan"
        return plan_moves(nodes, cameras)

    monkeypatch.setattr(placing, "plan_moves", slow)
    asked = asyncio.create_task(made.plan_rebalance())
    await begun.wait()
    may_end.set()
    moves = await asked
    assert moves
    assert {(move.from_name, move.to_name) for move in moves} == {("pi-1", "pi-2")}
    begun.clear()
    may_end.clear()
    asked = asyncio.create_task(made.plan_rebalance())
    await begun.wait()
    members.names = {"a": "pi-1"}
    may_end.set()
    assert await asked == ()
