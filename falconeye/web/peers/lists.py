"""Lists of all nodes as one: each node tells its own rows, in order, and they are merged.

A node that is not heard, or does not answer within half a second, is named instead of waited for.
Whoever tells rows decides itself which of them the acting person may see.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from litestar import Request
from pydantic import TypeAdapter, ValidationError

from falconeye.base.errors import InvalidInput
from falconeye.federation.federation import Federation
from falconeye.federation.peers import Peer
from falconeye.web.peers.gathering import Answers, ask_all, ask_one
from falconeye.web.peers.proxy_upstream import Asking as For
from falconeye.web.peers.state import federation_or_none
from falconeye.web.security.access import principal_of
from falconeye.web.security.peer import came_from_peer
from falconeye.web.shell import shell_of

Asking = Request[Any, Any, Any]
Row = TypeVar("Row")

MAX_PART: Final = 1000  # rows that a node tells at once
MOST_MERGED: Final = 20_000
log = logging.getLogger(__name__)

Part = tuple[Sequence[Row], int]  # rows in order, and how many there are in all
_Ask = Callable[[int, int], Awaitable["Part[Row] | None"]]  # of (limit, offset)


@dataclass(frozen=True, slots=True)
class OfNode(Generic[Row]):
    """A row, and the node that told it."""

    node_id: str
    node_name: str
    row: Row
    is_here: bool = True

    @property
    def elsewhere(self) -> str:
        """The node's id for addresses that lead there; empty for this node."""
        return "" if self.is_here else self.node_id


@dataclass(frozen=True, slots=True)
class Gathered(Generic[Row]):
    """A page of the rows of all nodes that answered."""

    rows: Sequence[OfNode[Row]]
    total: int
    silent: tuple[str, ...] = ()  # names of nodes whose rows are not among them
    has_others: bool = False  # whether there are other nodes: else nobody need be told of which


@dataclass(frozen=True, slots=True)
class ListOfAll(Generic[Row]):
    """How one kind of list is asked for and put together.

    `path`: where peers ask ("/peer/..."), by POST with the question, `limit` and `offset`.
    `order`: what sorts the rows of a node as it tells them; ties are broken by the node.
    """

    path: str
    rows: TypeAdapter[list[Row]]
    order: Callable[[Row], Any]

    async def gather(
        self,
        request: Asking,
        question: Mapping[str, Any],
        own: Callable[[int, int], Awaitable[Part[Row]]],
        *,
        limit: int,
        offset: int,
    ) -> Gathered[Row]:
        """A page as of one node. `own(limit, offset)`: rows of this node.

        InvalidInput beyond what is merged.
        """
        here = here_of(request)
        federation = others_of(request)
        if federation is None:
            own_rows, total = await own(limit, offset)
            return Gathered([OfNode(*here, row) for row in own_rows], total)
        wanted = offset + limit
        if wanted > MOST_MERGED:
            msg = f"of several nodes the first {MOST_MERGED} are listed: choose a time"
            raise InvalidInput(msg, field="offset")
        peers = list(federation.peers)
        acting = acting_of(request)
        mine, *others = await asyncio.gather(
            first_of(own, wanted),
            *(first_of(self._of(federation, each, question, acting), wanted) for each in peers),
        )
        rows = [] if mine is None else [OfNode(*here, row) for row in mine[0]]
        total = 0 if mine is None else mine[1]
        for peer, part in zip(peers, others, strict=True):
            if part is not None:
                rows += [OfNode(peer.node_id, peer.name, row, is_here=False) for row in part[0]]
                total += part[1]
        rows.sort(key=lambda each: (self.order(each.row), each.node_id))
        silent = tuple(p.name for p, part in zip(peers, others, strict=True) if part is None)
        return Gathered(rows[offset:wanted], total, silent, has_others=True)

    async def part_of(
        self,
        request: Asking,
        peer: Peer,
        question: Mapping[str, Any],
        limit: int,
        offset: int,
        *,
        limit_s: float | None = None,
    ) -> Part[Row] | None:
        """Rows of one other node; None where it does not say. `limit_s`: as of `ask_one`."""
        federation = others_of(request)
        if federation is None:
            return None
        ask = self._of(federation, peer, question, acting_of(request), limit_s)
        return await ask(limit, offset)

    def _of(
        self,
        federation: Federation,
        peer: Peer,
        question: Mapping[str, Any],
        acting: str | None,
        limit_s: float | None = None,
    ) -> "_Ask[Row]":
        async def ask(limit: int, offset: int) -> Part[Row] | None:
            body = {**question, "limit": limit, "offset": offset}
            told = await ask_one(federation, peer.node_id, self.path, body, acting, limit_s)
            return None if told is None else self._read(peer, told)

        return ask

    def _read(self, peer: Peer, told: Mapping[str, Any]) -> Part[Row] | None:
        try:
            return self.rows.validate_python(told["rows"]), int(told["total"])
        except (ValidationError, KeyError, TypeError, ValueError) as error:
            log.warning("what node %s lists at %s cannot be read: %s", peer.name, self.path, error)
            return None

    def told(self, part: Part[Row]) -> dict[str, Any]:
        """The answer to a peer."""
        rows, total = part
        return {"rows": self.rows.dump_python(list(rows), mode="json"), "total": total}


async def first_of(ask: "_Ask[Row]", wanted: int) -> Part[Row] | None:
    """The first `wanted` rows of a node; None where it does not say."""
    rows: list[Row] = []
    while True:
        limit = min(MAX_PART, wanted - len(rows))
        part = await ask(limit, len(rows))
        if part is None:
            return None
        rows += part[0]
        if len(part[0]) < limit or len(rows) >= wanted:
            return rows, part[1]


def others_of(request: Asking) -> Federation | None:
    """Where the other nodes are to be asked; None where there are none, or one of them asks."""
    if came_from_peer(request):
        return None
    federation = federation_or_none(request.app)
    return federation if federation is not None and len(federation.peers) else None


def acting_of(request: Asking) -> str | None:
    """For whom peers are asked."""
    return For.of(principal_of(request), None).acting


async def ask_others(
    request: Asking,
    path: str,
    question: Mapping[str, Any] | None = None,
    limit_s: float | None = None,
) -> Answers:
    """What each other node answers to one question, in the name of who asks; none alone."""
    federation = others_of(request)
    if federation is None:
        return Answers({})
    return await ask_all(federation, path, question, acting_of(request), limit_s)


def here_of(request: Asking) -> tuple[str, str]:
    """This node, as the others call it."""
    services = shell_of(request).services
    federation = federation_or_none(request.app)
    return services.node_id, federation.name if federation else services.node_name
