"""The leader: one of the nodes, elected by a lease, places the agents by the Kubernetes API.

Two tasks: the lease, and the turns of whoever holds it. With the API server down both wait longer
and longer, say so once, and go on: nothing else of a node depends on them.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from falconeye.base.backoff import Backoff
from falconeye.base.clock import Clock
from falconeye.base.errors import FalconEyeError
from falconeye.base.tasks import TaskSet
from falconeye.cluster.api import ApiServer, ApiUnreachable
from falconeye.cluster.daemon_set import Agents, DaemonSet
from falconeye.cluster.lease import NOT_UNDERSTOOD, Lease, LeaseTimes
from falconeye.cluster.nodes import SharedNodes, read_nodes
from falconeye.cluster.placement import Selection, is_placed, place
from falconeye.cluster.rolling import Rolling

log = logging.getLogger(__name__)

DAEMON_SET: Final = "falconeye"
LEASE: Final = "falconeye-leader"
DRAIN_S: Final = 60.0  # then it goes on: a node that hangs cannot refuse to be left out
LONGEST_WAIT_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class KubePlace:
    """Which pod this is; `identity` = node id + boot id, unlike any other process'."""

    namespace: str
    node: str  # its name in Kubernetes
    identity: str


@dataclass(frozen=True, slots=True)
class LeaderState:
    """For pages and the API; empty texts where there is nothing to tell."""

    holder: str  # identity of the leader, as last seen
    is_leader: bool
    is_manual: bool  # nothing is written, so that there is no leader
    rolls: str  # the node whose pod is being replaced
    problem: str  # why nothing is placed, in words


@dataclass(slots=True)
class Leader:
    """Lives on the loop; of it, state and `shared` may be read at any time.

    `selection` is configuration. `drain` gets the name of a Kubernetes node and returns when others
    record what it did; it may be called again, and has to lapse by itself where the node stays.
    """

    server: ApiServer
    place: KubePlace
    clock: Clock
    selection: Callable[[], Selection]
    drain: Callable[[str], Awaitable[None]]
    is_manual: bool = False  # `placement: manual`: nothing at all is written
    times: LeaseTimes = field(default_factory=LeaseTimes)
    shared: SharedNodes | None = None  # what this node read itself, the newest
    _agents: Agents = field(init=False)
    _lease: Lease = field(init=False)
    _rolling: Rolling = field(init=False)
    _wake: asyncio.Event = field(init=False, default_factory=asyncio.Event)
    _tasks: TaskSet = field(init=False)
    _read: DaemonSet | None = None
    _problem: str = ""
    _said: str = ""  # the kind of it

    def __post_init__(self) -> None:
        self._agents = Agents(self.server, self.place.namespace, DAEMON_SET)
        self._lease = Lease(
            self.server, self.place.namespace, LEASE, self.place.identity, self.clock,
            self._wake.set, self.times,
        )  # fmt: skip
        self._rolling = Rolling(self._agents, self._drained, self._may_write, self.place.node)
        self._tasks = TaskSet("cluster")

    async def start(self) -> None:
        """Take part until `stop`; waits for nothing."""
        if not self.is_manual:
            _ = self._tasks.start(self._lease.run(), "lease")
        _ = self._tasks.start(self._run(), "placement")

    async def stop(self) -> None:
        """Stop, and let another lead at once; takes 2 s at most where the API server hangs."""
        await self._tasks.stop()
        await self._lease.release()
        await self.server.close()

    def wake(self) -> None:
        """The selection is another one: look now."""
        self._wake.set()

    def check(self, selection: Selection) -> None:
        """InvalidInput where no ready node is selected, as far as this node knows the others."""
        if self.shared is not None:
            tolerations = self._read.tolerations if self._read is not None else []
            selection.check(self.shared.nodes, tolerations)

    @property
    def state(self) -> LeaderState:
        return LeaderState(
            holder=self._lease.holder,
            is_leader=self._lease.is_held,
            is_manual=self.is_manual,
            rolls=self._rolling.waits_for,
            problem=self._problem or self._lease.problem,
        )

    async def _run(self) -> None:
        backoff = Backoff(self.times.look_s, LONGEST_WAIT_S)
        while True:
            wait_s = self.times.look_s
            try:
                await self._turn()
            except FalconEyeError as error:
                wait_s = backoff.next_s()
                # An outage has many words, from "disconnected" to "not in time": it is one.
                self._say(str(error), "away" if isinstance(error, ApiUnreachable) else str(error))
            except Exception:  # else it would lead, and place nothing, until its end
                wait_s = backoff.next_s()
                if self._said != NOT_UNDERSTOOD:
                    log.exception("agents are not placed")
                self._problem = self._said = NOT_UNDERSTOOD
            else:
                backoff.reset()
                self._say("", "")
            try:
                async with asyncio.timeout(wait_s):
                    _ = await self._wake.wait()
            except TimeoutError:
                continue
            self._wake.clear()

    async def _turn(self) -> None:
        """What the leader does each few seconds; without one each node reads for itself."""
        if not self.is_manual and not self._lease.is_held:
            self._rolling.waits_for = self._problem = self._said = ""  # the leader says it
            return
        nodes = await read_nodes(self.server)
        self.shared = SharedNodes(nodes, self.clock.utc_us())
        self._read = read = await self._agents.read()
        if self.is_manual:
            return
        selection = self.selection()
        if is_placed(selection, read):
            await self._rolling.turn(read, nodes, selection)
            return
        selection.check(nodes, read.tolerations)
        for pod in await self._agents.pods(read):
            if not selection.has(pod.node) and not pod.is_ending:
                await self._drained(pod.node)
        # A drain takes its time: whether this is still wanted, and ours to do, is asked after it.
        if self._may_write() and selection == self.selection():
            await place(self._agents, await self._agents.read(), selection)
            log.info("agents are placed anew: %s", selection)

    def _may_write(self) -> bool:
        return self._lease.is_held and not self.is_manual

    async def _drained(self, node: str) -> None:
        """Within a minute; then, and after an error, it goes on without."""
        try:
            async with asyncio.timeout(DRAIN_S):
                await self.drain(node)
        except (FalconEyeError, TimeoutError) as error:
            log.warning("node %s is not drained: %s", node, str(error) or "not in time")

    def _say(self, problem: str, kind: str) -> None:
        """Once, when it begins and when it ends: it is asked every few seconds."""
        if kind and kind != self._said:
            log.warning("agents are not placed: %s", problem)
        elif self._said and not kind:
            log.info("agents can be placed again")
        self._problem, self._said = problem, kind
