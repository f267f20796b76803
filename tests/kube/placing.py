"""A leader of the tests: what it drained, what it was told to select, and a way to await it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from falconeye.base.clock import SystemClock
from falconeye.base.errors import Unavailable
from falconeye.cluster.api import Access, ApiServer
from falconeye.cluster.leader import KubePlace, Leader, LeaderState
from falconeye.cluster.lease import LeaseTimes
from falconeye.cluster.placement import Selection

QUICK = LeaseTimes(duration_s=2, deadline_s=1.5, look_s=0.1)


@dataclass
class Led:
    """`selection` may be changed at any time; the leader looks ten times a second."""

    leader: Leader = field(init=False)
    selection: Selection = field(default_factory=Selection)
    drained: list[str] = field(default_factory=list)
    on_drain: Callable[[str], None] = lambda _: None
    fails: bool = False
    hangs: bool = False

    async def drain(self, node: str) -> None:
        self.drained.append(node)
        self.on_drain(node)
        if self.hangs:
            _ = await asyncio.Event().wait()
        if self.fails:
            msg = "nobody takes its cameras"
            raise Unavailable(msg)

    @property
    def state(self) -> LeaderState:
        return self.leader.state

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Wait until it is so; the time limit of the test ends it."""
        while not is_so():  # noqa: ASYNC110 - a leader tells nobody when its state changes
            await asyncio.sleep(0.01)

    async def looks(self, times: int) -> None:
        """Wait until it has looked at the nodes this often."""
        for _ in range(times):
            seen = self.leader.shared
            await self.until(lambda seen=seen: self.leader.shared is not seen)  # type: ignore[misc]


@asynccontextmanager
async def leading(
    access: Access, node: str, *, is_manual: bool = False, selection: Selection | None = None
) -> AsyncIterator[Led]:
    """The leader of a node, from its start to its stop."""
    led = Led(selection=selection or Selection())
    clock = SystemClock()
    led.leader = Leader(
        ApiServer(access, clock),
        KubePlace("falconeye", node, f"{node}+boot"),
        clock,
        lambda: led.selection,
        led.drain,
        is_manual=is_manual,
        times=QUICK,
    )
    await led.leader.start()
    try:
        yield led
    finally:
        await led.leader.stop()
