"""What peers told of their footage and gaps: kept, so that a dead peer's time can still be shown.

Rows are joined, so that a camera that records for a month is one. What a peer told of the last
seconds (its *tails*) is kept in memory and stored once a minute; after a crash here the peer tells
it again.
"""

import asyncio
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Row,
    Select,
    and_,
    bindparam,
    delete,
    func,
    insert,
    select,
    true,
    update,
)
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.base.clock import Clock
from falconeye.base.times import MINUTE_US
from falconeye.media.samples import StreamKind
from falconeye.storage.index.database import Database
from falconeye.storage.ledger.coverage import MIN_GAP_US, Gap, GapReason, Span
from falconeye.storage.ledger.told_coverage import NodeTold, Told, replaced, within
from falconeye.storage.tables.peer_coverage import peer_coverage, peer_nodes

STORE_US = MINUTE_US
_GAP = "gap"
_KINDS = (*(kind.value for kind in StreamKind), _GAP)
_VALUES: Final = ("to_us", "reason", "detail")
_OfCamera = str | ColumnElement[Any]
_OfNode = int | ColumnElement[Any]


class PeerCoverage:
    """Lives on the loop."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._tails: dict[str, Mapping[str, Told]] = {}  # by node, by camera
        self._stored_us: dict[str, int] = {}  # when the tails of a node were stored (monotonic)
        self._putting = asyncio.Lock()

    async def position(self, node_id: str) -> str:
        """Up to where a node has told; to be sent to it with the next question. "": nothing."""
        return await self._database.read(partial(_position, node_id))

    async def put(
        self,
        node_id: str,
        increments: Sequence[Told],
        *,
        tails: Iterable[Told] | None = (),
        position: str = "",
        is_anew: bool = False,
    ) -> None:
        """What a node told: all of it is stored in one transaction with its position.

        `tails`: None while more is to come; those of before hold until then.
        `is_anew`: it begins from the start; what was known of it is forgotten. Unavailable when it
        cannot be stored: the position is as before, and the node tells it again.
        """
        async with self._putting:
            before = {} if is_anew else self._tails.get(node_id, {})
            latest = before if tails is None else {tail.camera_id: tail for tail in tails}
            now_us = self._clock.monotonic_us()
            is_due = now_us - self._stored_us.get(node_id, -STORE_US) >= STORE_US
            if increments or is_anew or is_due:
                told = [*increments, *(() if tails is None else latest.values())]
                await self._database.write(partial(_put, node_id, told, position, is_anew=is_anew))
                if tails is not None:  # else they are stored with the last page
                    self._stored_us[node_id] = now_us
            self._tails[node_id] = latest

    async def read(self, camera_id: str, from_us: int, to_us: int) -> list[NodeTold]:
        """What each peer told of the camera in [from, to), in the order of their ids.

        One that told of times before only is there, too; none that told nothing of it.
        """
        found = await self._database.read(partial(_read, camera_id, from_us, to_us))
        for node_id, tails in self._tails.items():
            tail = tails.get(camera_id)
            if tail is not None:
                known = found.get(node_id, NodeTold.nothing(node_id, from_us, to_us))
                found[node_id] = known.with_tail(tail)
        return [found[node_id] for node_id in sorted(found)]

    async def told_until(self, camera_id: str) -> dict[str, int]:
        """Up to when each peer told of the camera (UTC), by node id."""
        found = await self._database.read(partial(_told_until, camera_id))
        for node_id, tails in self._tails.items():
            if camera_id in tails:
                found[node_id] = max(found.get(node_id, 0), tails[camera_id].to_us)
        return found

    async def forget_node(self, node_id: str) -> None:
        """It is no member any more; its footage went with it."""
        async with self._putting:
            await self._database.write(partial(_forget_node, node_id))
            self._tails.pop(node_id, None)
            self._stored_us.pop(node_id, None)

    async def keep_nodes(self, node_ids: Collection[str]) -> None:
        """Forget all others: they may have been removed while this node was off."""
        known = await self._database.read(_nodes)
        for node_id in known:
            if node_id not in node_ids:
                await self.forget_node(node_id)

    async def forget_camera(self, camera_id: str) -> None:
        """It was deleted with all of its footage."""
        async with self._putting:
            await self._database.write(partial(_forget_camera, camera_id))
            for node_id, tails in self._tails.items():
                self._tails[node_id] = {one: tails[one] for one in tails if one != camera_id}


async def prune_peers(before_us: int, connection: AsyncConnection) -> None:
    """Forget what ended before, as the ledger does (`ledger_prune`)."""
    await connection.execute(delete(peer_coverage).where(peer_coverage.c.to_us < before_us))


async def _position(node_id: str, connection: AsyncConnection) -> str:
    found = await connection.scalar(
        select(peer_nodes.c.position).where(peer_nodes.c.node_id == node_id)
    )
    return found or ""


async def _put(
    node_id: str, told: Sequence[Told], position: str, connection: AsyncConnection, *, is_anew: bool
) -> None:
    await connection.execute(
        upsert(peer_nodes)
        .values(node_id=node_id, position=position)
        .on_conflict_do_update(
            index_elements=[peer_nodes.c.node_id],
            set_={"position": position} if position or is_anew else {"node_id": node_id},
        )
    )
    is_its = peer_nodes.c.node_id == node_id
    number = (await connection.execute(select(peer_nodes.c.number).where(is_its))).scalar_one()
    if is_anew:
        await connection.execute(delete(peer_coverage).where(peer_coverage.c.node == number))
    for batch in _batches(told):
        await _replace(number, batch, connection)


def _batches(told: Sequence[Told]) -> Iterator[Sequence[Told]]:
    """In order, each of different cameras: what is told of one later stands on what is before."""
    batch: dict[str, Told] = {}
    for one in told:
        if one.camera_id in batch:
            yield list(batch.values())
            batch = {}
        batch[one.camera_id] = one
    if batch:
        yield list(batch.values())


async def _replace(number: int, told: Sequence[Told], connection: AsyncConnection) -> None:
    """Only rows that change are written: mostly one a camera, whose footage is longer than before.

    A statement for all cameras: eight nodes with 64 of them tell 448 such things in a minute.
    """
    wide = [
        replace(one, from_us=one.from_us - MIN_GAP_US, to_us=one.to_us + MIN_GAP_US) for one in told
    ]
    before = await _known(number, wide, connection)
    gone: list[dict[str, Any]] = []
    changed: list[dict[str, Any]] = []
    new: list[dict[str, Any]] = []
    for one, span in zip(told, wide, strict=True):
        its = before.get(one.camera_id, {})
        known = _told_of(one.camera_id, span.from_us, span.to_us, its.values())
        after = {(row["kind"], row["from_us"]): row for row in _rows(number, replaced(known, one))}
        gone += [_key(its[key]) for key in its.keys() - after.keys()]
        longer = [row for key, row in after.items() if row != its.get(key, row)]
        changed += [_key(row) | _value(row) for row in longer]
        new += [after[key] for key in after.keys() - its.keys()]
    if gone:
        await connection.execute(_DELETE, gone)
    if changed:
        await connection.execute(_UPDATE, changed)
    if new:
        await connection.execute(insert(peer_coverage), new)


async def _known(
    number: int, wanted: Sequence[Told], connection: AsyncConnection
) -> dict[str, dict[tuple[str, int], dict[str, Any]]]:
    """What a node told of these times, one a camera: rows by camera, by kind and begin."""
    asked = json.dumps(
        [[one.camera_id, kind, one.from_us, one.to_us] for one in wanted for kind in _KINDS]
    )
    found: dict[str, dict[tuple[str, int], dict[str, Any]]] = {}
    for row in await connection.execute(_ASKED_FOR, {"asked": asked, "node_number": number}):
        found.setdefault(row.camera_id, {})[row.kind, row.from_us] = row._asdict()
    return found


def _key(row: Mapping[str, Any]) -> dict[str, Any]:
    return {f"its_{column.name}": row[column.name] for column in peer_coverage.primary_key}


def _value(row: Mapping[str, Any]) -> dict[str, Any]:
    return {f"new_{name}": row[name] for name in _VALUES}


def _touching(
    camera_id: _OfCamera, number: _OfNode, kind: _OfCamera, from_us: _OfNode, to_us: _OfNode
) -> tuple[ColumnElement[bool], ...]:
    """Rows of one kind do not overlap: of those that begin earlier, the last alone reaches in."""
    earlier = peer_coverage.alias("earlier")
    its = (_is_its(earlier, camera_id, number), earlier.c.kind == kind)
    before = select(func.max(earlier.c.from_us)).where(*its, earlier.c.from_us <= from_us)
    first_us = func.coalesce(before.scalar_subquery(), from_us)
    return (
        _is_its(peer_coverage, camera_id, number), peer_coverage.c.kind == kind,
        peer_coverage.c.from_us >= first_us, peer_coverage.c.from_us < to_us,
        peer_coverage.c.to_us > from_us,
    )  # fmt: skip


def _is_its(table: FromClause, camera_id: _OfCamera, number: _OfNode) -> ColumnElement[bool]:
    return (table.c.camera_id == camera_id) & (table.c.node == number)


def _asked_for() -> Select[Any]:
    """The rows that touch a time, for each [camera, kind, from, to] of `:asked`."""
    each = func.json_each(bindparam("asked")).table_valued("value").alias("asked")
    camera_id, kind, from_us, to_us = (
        func.json_extract(each.c.value, f"$[{place}]") for place in range(4)
    )
    touching = _touching(camera_id, bindparam("node_number"), kind, from_us, to_us)
    return select(peer_coverage).select_from(each.join(peer_coverage, and_(*touching)))


_ASKED_FOR: Final = _asked_for()
_ITS_KEY: Final = tuple(
    column == bindparam(f"its_{column.name}") for column in peer_coverage.primary_key
)
_DELETE: Final = delete(peer_coverage).where(*_ITS_KEY)
_UPDATE: Final = (
    update(peer_coverage)
    .where(*_ITS_KEY)
    .values({name: bindparam(f"new_{name}") for name in _VALUES})
)


def _rows(number: int, told: Told) -> list[dict[str, Any]]:
    its = {"camera_id": told.camera_id, "node": number}
    nothing = {"reason": "", "detail": ""}
    footage = [
        {**its, "kind": span.stream.value, "from_us": span.from_us, "to_us": span.to_us, **nothing}
        for span in told.footage
    ]
    gaps = [
        {
            **its, "kind": _GAP, "from_us": gap.from_us, "to_us": gap.to_us,
            "reason": gap.reason.value, "detail": gap.detail,
        }
        for gap in told.gaps
    ]  # fmt: skip
    return footage + gaps


def _told_of(camera_id: str, from_us: int, to_us: int, rows: Iterable[Mapping[str, Any]]) -> Told:
    footage, gaps = [], []
    for row in rows:
        times = row["from_us"], row["to_us"]
        if row["kind"] == _GAP:
            gaps.append(Gap(*times, GapReason.stored(row["reason"]), row["detail"]))
        else:
            footage.append(Span(*times, StreamKind(row["kind"])))
    return Told(camera_id, from_us, to_us, footage, gaps)


def _each_peer() -> tuple[FromClause, ColumnElement[Any]]:
    """Each peer with each kind of row; and the kind.

    What they told is joined from outside, so that SQLite looks it up by the key for each of them;
    it would read all of a camera's rows first. So a row may be of nothing: its `from_us` is None.
    """
    kinds = func.json_each(json.dumps(_KINDS)).table_valued("value").alias("kinds")
    return peer_nodes.join(kinds, true()), kinds.c.value


def _of_peers() -> Select[Any]:
    """What all peers told of `:camera` that touches [`:from`, `:to`), in order of time.

    A statement for all of them: seven peers were asked with a statement for each kind each.
    """
    peers, kind = _each_peer()
    span: list[ColumnElement[Any]] = [bindparam("from"), bindparam("to")]
    touching = _touching(bindparam("camera"), peer_nodes.c.number, kind, *span)
    both = peers.outerjoin(peer_coverage, and_(*touching))
    return (
        select(peer_nodes.c.node_id, peer_coverage)
        .select_from(both)
        .order_by(peer_coverage.c.from_us)
    )


def _last_words() -> Select[Any]:
    """The last row of each kind of each peer that begins before `:before`; by the key."""
    peers, kind = _each_peer()
    earlier = peer_coverage.alias("earlier")
    its = (_is_its(earlier, bindparam("camera"), peer_nodes.c.number), earlier.c.kind == kind)
    last_us = select(func.max(earlier.c.from_us)).where(
        *its, earlier.c.from_us < bindparam("before")
    )
    is_last = (
        _is_its(peer_coverage, bindparam("camera"), peer_nodes.c.number),
        peer_coverage.c.kind == kind,
        peer_coverage.c.from_us == last_us.scalar_subquery(),
    )
    both = peers.outerjoin(peer_coverage, and_(*is_last))
    return select(peer_nodes.c.node_id, peer_coverage).select_from(both)


_OF_PEERS: Final = _of_peers()
_LAST_WORDS: Final = _last_words()
_EVER: Final = 2**63 - 1


async def _rows_of(
    question: Select[Any], asked: Mapping[str, Any], connection: AsyncConnection
) -> list[Row[Any]]:
    rows = await connection.execute(question, asked)
    return [row for row in rows if row.from_us is not None]


async def _read(
    camera_id: str, from_us: int, to_us: int, connection: AsyncConnection
) -> dict[str, NodeTold]:
    asked = {"camera": camera_id, "from": from_us, "to": to_us}
    rows: dict[str, list[dict[str, Any]]] = {}
    for row in await _rows_of(_OF_PEERS, asked, connection):
        rows.setdefault(row.node_id, []).append(row._asdict())
    had_it = await _had_it(camera_id, from_us, connection)
    found: dict[str, NodeTold] = {}
    for node_id in rows.keys() | had_it.keys():
        told = _told_of(camera_id, from_us, to_us, rows.get(node_id, ()))
        found[node_id] = NodeTold(node_id, within(told, from_us, to_us), had_it.get(node_id))
    return found


async def _had_it(camera_id: str, before_us: int, connection: AsyncConnection) -> dict[str, bool]:
    """By each peer's last word that begins before then."""
    asked = {"camera": camera_id, "before": before_us}
    last: dict[str, tuple[int, bool]] = {}
    for row in await _rows_of(_LAST_WORDS, asked, connection):
        if row.node_id not in last or row.from_us > last[row.node_id][0]:
            last[row.node_id] = row.from_us, row.reason != GapReason.ELSEWHERE
    return {node_id: had_it for node_id, (_, had_it) in last.items()}


async def _told_until(camera_id: str, connection: AsyncConnection) -> dict[str, int]:
    found: dict[str, int] = {}
    asked = {"camera": camera_id, "before": _EVER}
    for row in await _rows_of(_LAST_WORDS, asked, connection):
        found[row.node_id] = max(found.get(row.node_id, 0), row.to_us)
    return found


async def _nodes(connection: AsyncConnection) -> list[str]:
    return list((await connection.execute(select(peer_nodes.c.node_id))).scalars())


async def _forget_node(node_id: str, connection: AsyncConnection) -> None:
    number = select(peer_nodes.c.number).where(peer_nodes.c.node_id == node_id).scalar_subquery()
    await connection.execute(delete(peer_coverage).where(peer_coverage.c.node == number))
    await connection.execute(delete(peer_nodes).where(peer_nodes.c.node_id == node_id))


async def _forget_camera(camera_id: str, connection: AsyncConnection) -> None:
    await connection.execute(delete(peer_coverage).where(peer_coverage.c.camera_id == camera_id))
