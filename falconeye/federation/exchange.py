"""Brings to this node what peers have configured, and gives them what is configured here."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from falconeye.base.errors import FalconEyeError, InvalidInput
from falconeye.federation.beat import Position
from falconeye.federation.beats import Connection
from falconeye.federation.peers import Peer
from falconeye.storage.replication.changes import Change, FieldConflict
from falconeye.storage.replication.replica import Replica

log = logging.getLogger(__name__)

PATH = "/peer/changes"
PAGE = 200  # changes of one answer
MAX_PAGES = 400  # of one pull; the next beat goes on
LIMIT_S = 10.0
ANSWER_S = 0.5  # of this node's own database, while a beat waits


class Page(BaseModel):
    """Changes of a node in the order in which it has them, from one place on."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    incarnation: Annotated[str, Field(max_length=64)]
    changes: Annotated[list[dict[str, Any]], Field(max_length=2 * PAGE)]
    next_seq: Annotated[int, Field(ge=0, le=2**53)]
    more: bool = False

    @classmethod
    def parse(cls, told: object) -> "Page":
        """InvalidInput for what is none."""
        try:
            return cls.model_validate(told)
        except ValidationError as error:
            msg = f"a node gave what is no page of changes: {error.errors()[0]['msg']}"
            raise InvalidInput(msg) from error


class Exchange:
    """Lives on the loop; `on_conflict` is told of values of ours that gave way to a peer's."""

    def __init__(
        self,
        replica: Replica,
        connect: Callable[[str], Connection],
        on_conflict: Callable[[FieldConflict], Awaitable[None]],
    ) -> None:
        self._replica = replica
        self._connect = connect
        self._on_conflict = on_conflict
        self._one = asyncio.Lock()  # many peers may have the same news
        self._told = Position()

    async def position(self) -> Position:
        """How far this node is; as it told last where its database does not answer.

        A node whose system disk fails goes on recording on others: it must not seem dead, and its
        report says what is wrong.
        """
        try:
            async with asyncio.timeout(ANSWER_S):
                incarnation, seq = await self._replica.position()
        except (TimeoutError, FalconEyeError) as error:
            log.debug("the database does not say how far this node is: %s", error)
        else:
            self._told = Position(incarnation=incarnation, seq=seq)
        return self._told

    async def give(self, incarnation: str, after: int) -> Page:
        """What came here since; from the beginning for who knows another database of this node."""
        own, _ = await self._replica.position()
        batch = await self._replica.changes_after(after if incarnation == own else 0, PAGE)
        return Page(
            incarnation=own,
            changes=[change.as_json() for change in batch.changes],
            next_seq=batch.next_seq,
            more=batch.more,
        )

    def is_behind(self, peer: Peer) -> bool:
        """Whether a peer told of something that this node has not asked for yet."""
        return _is_ahead(peer)

    async def pull(self, peer: Peer, *, insist: bool = False) -> bool:
        """Take over what a peer has and this node has not; whether anything was new.

        `insist`: ask, whatever it told of itself.
        """
        is_new = False
        for _ in range(MAX_PAGES):
            if not (insist or _is_ahead(peer)):
                break
            known = peer.merged
            query = f"?incarnation={known.incarnation}&after={known.seq}"
            told = await self._connect(peer.node_id).request_json(
                "GET", PATH + query, limit_s=LIMIT_S
            )
            page = Page.parse(told)
            is_new = await self._take(peer, page) or is_new
            peer.merged = Position(incarnation=page.incarnation, seq=page.next_seq)
            if not page.more:
                break
        return is_new

    async def _take(self, peer: Peer, page: Page) -> bool:
        changes = []
        for each in page.changes:
            try:
                changes.append(Change.of_json(each))
            except InvalidInput as error:  # it keeps nothing else from coming
                log.warning("what node %s told is left out: %s", peer.name, error)
        async with self._one:
            merged = await self._replica.merge(changes, sender=peer.node_id)
        for conflict in merged.conflicts:
            await self._on_conflict(conflict)
        return merged.applied > 0


def _is_ahead(peer: Peer) -> bool:
    beat, known = peer.beat, peer.merged
    if beat is None:
        return False
    return beat.position.incarnation != known.incarnation or beat.position.seq != known.seq


def conflict_words(conflict: FieldConflict, node_name: str) -> str:
    """For the audit log: a value of ours that gave way, without what nobody may read."""
    what = "was deleted" if conflict.deleted else f"has {conflict.kept or 'another value'}"
    lost = conflict.lost or "a value that is not shown"
    changed = f"{conflict.name or conflict.id}, {conflict.field}: changed here and on {node_name}"
    return f"{changed} at once; it {what}, and not {lost}"
