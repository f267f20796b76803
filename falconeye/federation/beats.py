"""The exchange with every peer: each five seconds, and at once when there is something new."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from falconeye.base.clock import Clock
from falconeye.base.counters import RepeatingLog
from falconeye.base.errors import FalconEyeError
from falconeye.base.tasks import TaskSet
from falconeye.federation.beat import Beat
from falconeye.federation.peer_errors import PeerRefused
from falconeye.federation.peers import BEAT_S, Peers
from falconeye.federation.refusals import Refused
from falconeye.federation.ways import PeerAnswered

log = logging.getLogger(__name__)

LIMIT_S = 2.0  # an exchange is small; who needs longer is tried again
GOOD_BYE_S = 0.5
PATH = "/peer/beat"
_CONFLICT = 409  # `TwinRefused`
_JITTER = 0.1  # of the period: nodes that started together do not beat together


class Connection(Protocol):
    """One peer, over TLS that is pinned to its key; what is sent is signed."""

    async def request_json(
        self, method: str, path: str, body: Any = None, *, limit_s: float
    ) -> Any:
        """The answer's JSON; PeerUnreachable, PeerRefused (both FalconEyeError)."""


Tell = Callable[[], Awaitable[Beat]]
Hear = Callable[[Beat, int | None], Awaitable[None]]


class Beats:
    """One task a peer; `connect` gives the connection of a member."""

    def __init__(
        self,
        peers: Peers,
        connect: Callable[[str], Connection],
        tell: Tell,
        hear: Hear,
        clock: Clock,
    ) -> None:
        self._peers = peers
        self._connect = connect
        self._tell = tell
        self._hear = hear
        self._clock = clock
        self._wake: dict[str, asyncio.Event] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._tasks = TaskSet("beats")
        self._troubles: dict[str, RepeatingLog] = {}  # one a peer

    def follow(self) -> None:
        """One task for each of `peers` as they are now."""
        present = {peer.node_id for peer in self._peers}
        for node_id in set(self._running) - present:
            self._running.pop(node_id).cancel()
            del self._wake[node_id]
        for node_id in present - set(self._running):
            self._wake[node_id] = asyncio.Event()
            self._running[node_id] = self._tasks.start(self._keep(node_id), "peer")

    def poke(self, node_id: str | None = None) -> None:
        """There is something new: tell everybody now, or one peer."""
        for each, wake in self._wake.items():
            if node_id in {None, each}:
                wake.set()

    async def stop(self) -> None:
        """Say good-bye, so that others take over at once; at most half a second."""
        for node_id in tuple(self._running):
            self._running.pop(node_id).cancel()
        try:
            beat = (await self._tell()).model_copy(update={"stopping": True})
        except FalconEyeError as error:  # the others notice within 15 s
            log.warning("other nodes are not told that this one stops: %s", error)
        else:
            body = beat.model_dump(mode="json")
            async with asyncio.TaskGroup() as group:
                for peer in self._peers.heard():
                    _ = group.create_task(self._say_good_bye(peer.node_id, body))
        finally:
            await self._tasks.stop()

    async def _say_good_bye(self, node_id: str, body: Any) -> None:
        try:
            _ = await self._connect(node_id).request_json("POST", PATH, body, limit_s=GOOD_BYE_S)
        except FalconEyeError as error:  # it will notice within 15 s
            log.debug("node %s does not hear that this one stops: %s", node_id, error)

    async def _keep(self, node_id: str) -> None:
        wake = self._wake[node_id]
        while True:
            wake.clear()
            try:
                await self._exchange(node_id)
            except PeerRefused as error:
                self._note(node_id, str(error), error.reason)
            except FalconEyeError as error:
                if isinstance(error, PeerAnswered) and error.answered == _CONFLICT:
                    self._peers.twins.told_so()
                self._note(node_id, str(error))
            except Exception:  # without its beats this peer would seem dead until the next start
                log.exception("the exchange with node %s failed", node_id)
            pause_s = BEAT_S * random.uniform(1 - _JITTER, 1)  # noqa: S311 - no secret
            try:
                async with asyncio.timeout(pause_s):
                    await wake.wait()
            except TimeoutError:
                continue

    async def _exchange(self, node_id: str) -> None:
        body = (await self._tell()).model_dump(mode="json", exclude_defaults=True)
        sent_us = self._clock.monotonic_us()
        told = await self._connect(node_id).request_json("POST", PATH, body, limit_s=LIMIT_S)
        beat = Beat.parse(told)
        if beat.node_id != node_id:
            self._note(node_id, f"it says that it is {beat.node_id}")
            return
        await self._hear(beat, sent_us)

    def _note(self, node_id: str, words: str, refuses: Refused | None = None) -> None:
        peer = self._peers.get(node_id)
        if peer is not None:
            peer.refused, peer.refuses = words, refuses
            trouble = self._troubles.setdefault(node_id, RepeatingLog(log, self._clock))
            trouble.warning(f"node {peer.name} is not heard: {words}")
