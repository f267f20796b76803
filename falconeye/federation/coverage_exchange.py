"""Brings to this node what peers have of cameras' time: footage, and why there is none.

Every ten seconds each peer that is heard is told how far this node knows its coverage, and answers
with a page of what came since (`CoverageSince`); so each page says by reading what is known of a
node that died, and asks nobody. It is no part of the beats: a long history, or a disk here that
takes nothing, must not make a node seem dead.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from falconeye.base.clock import Clock
from falconeye.base.counters import RepeatingLog
from falconeye.base.errors import FalconEyeError, InvalidInput
from falconeye.base.tasks import TaskSet
from falconeye.base.times import SECOND_US
from falconeye.federation.beats import Connection
from falconeye.federation.peers import Peer, Peers
from falconeye.storage.ledger.peer_coverage import PeerCoverage
from falconeye.storage.ledger.told_coverage import Told
from falconeye.storage.reading.coverage_since import CoveragePage

log = logging.getLogger(__name__)

PATH: Final = "/peer/coverage"
PERIOD_US: Final = 10 * SECOND_US  # DESIGN section 7
LOOK_S: Final = 1.0  # whose turn it is is looked at so often
LIMIT_S: Final = 10.0  # of one page: a small machine that reads years of its ledger
MAX_PAGES: Final = 40  # of one turn of a peer; the next goes on from there
MAX_PARTS: Final = 20_000  # pieces of time of one page
MAX_POSITION: Final = 200


def page_json(page: CoveragePage) -> dict[str, Any]:
    """A page on its way to a peer."""
    return {
        "told": [one.as_json() for one in page.increments],
        "tails": [one.as_json() for one in page.tails],
        "position": page.position,
        "is_anew": page.is_anew,
        "has_more": page.has_more,
    }


def page_of(told: object) -> CoveragePage:
    """What a peer answered, which may be of another release; InvalidInput for what is no page."""
    if not isinstance(told, dict):
        raise InvalidInput("coverage: a node gave no page of it")
    position = told.get("position")
    if not isinstance(position, str) or not 0 < len(position) <= MAX_POSITION:
        raise InvalidInput("coverage: a page without the position that it leads to")
    return CoveragePage(
        _parts(told.get("told", [])),
        _parts(told.get("tails", [])),
        position,
        is_anew=told.get("is_anew") is True,
        has_more=told.get("has_more") is True,
    )


def _parts(told: object) -> list[Told]:
    if not isinstance(told, list) or len(told) > MAX_PARTS:
        raise InvalidInput("coverage: a page that is no list, or too long")
    return [Told.of_json(each) for each in told]


@dataclass(slots=True)
class _Turn:
    """Of one peer."""

    trouble: RepeatingLog
    due_us: int = 0  # monotonic
    task: asyncio.Task[None] | None = None

    @property
    def is_running(self) -> bool:
        return self.task is not None and not self.task.done()


class CoverageExchange:
    """Lives on the loop. Does nothing before `start`, which is called when there are peers."""

    def __init__(
        self,
        told: PeerCoverage,
        peers: Peers,
        connect: Callable[[str], Connection],
        camera_ids: Callable[[], Iterable[str]],
        clock: Clock,
    ) -> None:
        """`camera_ids`: of all cameras of the cluster, as this node knows them now."""
        self._told = told
        self._peers = peers
        self._connect = connect
        self._camera_ids = camera_ids
        self._clock = clock
        self._turns: dict[str, _Turn] = {}
        self._members: set[str] | None = None  # whose coverage is kept; None: not looked at yet
        self._cameras: set[str] = set()
        self._deleted: set[str] = set()  # peers may still tell what they delete of these
        self._forgetting = RepeatingLog(log, clock)
        self._wake = asyncio.Event()
        self._tasks = TaskSet("coverage")
        self._is_started = False

    def start(self) -> None:
        """There are peers; again: nothing."""
        if not self._is_started:
            self._is_started = True
            self._cameras = set(self._camera_ids())
            _ = self._tasks.start(self._keep(), "look")

    async def stop(self) -> None:
        await self._tasks.stop()

    def poke(self) -> None:
        """Ask every peer now."""
        for turn in self._turns.values():
            turn.due_us = 0
        self._wake.set()

    async def pull(self, peer: Peer) -> None:
        """Take over what a peer has told since; pages until there is no more.

        PeerUnreachable and the like where it does not answer, InvalidInput for what is no page,
        Unavailable where this node cannot store it: the peer tells it again then.
        """
        position = await self._told.position(peer.node_id)
        for _ in range(MAX_PAGES):
            answer = await self._connect(peer.node_id).request_json(
                "POST", PATH, {"position": position}, limit_s=LIMIT_S
            )
            page = await asyncio.to_thread(page_of, answer)  # thousands of pieces take a while
            await self._told.put(
                peer.node_id,
                self._known(page.increments),
                tails=None if page.has_more else self._known(page.tails),
                position=page.position,
                is_anew=page.is_anew,
            )
            if not page.has_more or page.position == position:
                return
            position = page.position

    def _known(self, told: Sequence[Told]) -> list[Told]:
        return [one for one in told if one.camera_id not in self._deleted]

    async def _keep(self) -> None:
        while True:
            self._wake.clear()
            try:
                await self._forget()
            except FalconEyeError as error:  # a disk that is full: tried again
                self._forgetting.warning(f"coverage is not forgotten: {error}")
            except Exception:  # without its turns each peer would be untold until the next start
                log.exception("coverage could not be forgotten")
            self._take_turns()
            try:
                async with asyncio.timeout(LOOK_S):
                    await self._wake.wait()
            except TimeoutError:
                continue

    def _take_turns(self) -> None:
        now_us = self._clock.monotonic_us()
        for peer in self._peers.heard():
            turn = self._turns.setdefault(peer.node_id, _Turn(RepeatingLog(log, self._clock)))
            if now_us >= turn.due_us and not turn.is_running:
                turn.due_us = now_us + PERIOD_US
                turn.task = self._tasks.start(self._ask(peer, turn), "peer")

    async def _ask(self, peer: Peer, turn: _Turn) -> None:
        try:
            await self.pull(peer)
        except FalconEyeError as error:
            turn.trouble.warning(f"the coverage of node {peer.name} is not known: {error}")

    async def _forget(self) -> None:
        """What was told by nodes that are no members any more, and of cameras that are deleted."""
        members = {peer.node_id for peer in self._peers}
        if members != self._members:
            left = [self._turns.pop(node_id) for node_id in set(self._turns) - members]
            running = [turn.task for turn in left if turn.task is not None]
            for task in running:
                task.cancel()
            _ = await asyncio.gather(*running, return_exceptions=True)
            await self._told.keep_nodes(members)
            self._members = members
        cameras = set(self._camera_ids())
        for camera_id in self._cameras - cameras:
            self._deleted.add(camera_id)
            await self._told.forget_camera(camera_id)
        self._cameras = cameras
