"""Exports take the footage of other nodes from their disks, over the network, as they write it.

Who asks for an export is known to the other nodes by name, and each looks again. The job itself is
this node's: it reads what was granted then, bounded, and what a node does not give is a gap that
the export tells of.
"""

import asyncio
import base64
import errno
import hashlib
import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final

from litestar import Request, Response, post
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from falconeye.accounts.model import Action, require
from falconeye.base.errors import FalconEyeError, InvalidInput, Unavailable
from falconeye.base.times import DAY_US, LATEST_US
from falconeye.federation.federation import Federation
from falconeye.federation.peers import Peer
from falconeye.media.samples import StreamKind
from falconeye.storage.export.export_elsewhere import Told
from falconeye.storage.export.export_layout import ExportOrder
from falconeye.storage.export.export_part import SourceSegment
from falconeye.storage.reading.download import read_plain
from falconeye.storage.segments import fragment_table
from falconeye.storage.segments.fragment_table import FragmentTable
from falconeye.web.peers.gathering import ask_all
from falconeye.web.peers.questions import question_of
from falconeye.web.security.access import for_peers, principal_of
from falconeye.web.security.access import principal_or_none as who_acts
from falconeye.web.shell import shell_of

if TYPE_CHECKING:
    import httpx

Asking = Request[Any, Any, Any]

SIZE: Final = "/peer/export/size"
SOURCES: Final = "/peer/export/sources"
READ: Final = "/peer/export/read"
SOURCES_S: Final = 10.0  # of two days; a job waits for it, no page
READ_S: Final = 8.0
LOOK_S: Final = 0.2  # between looks whether a node was heard, after the start
AWAY_S: Final = 10.0  # a node that did not answer is not asked again for so long
MAX_SOURCES: Final = 20_000
MAX_RANGES: Final = 4096
MAX_READ_BYTES: Final = 8 << 20
log = logging.getLogger(__name__)

_Count = Annotated[int, Field(ge=0, lt=2**53)]
_Blob = Annotated[str, Field(max_length=1 << 20)]


class Span(BaseModel):
    """Which footage."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    camera_id: Annotated[str, Field(max_length=64)]
    from_us: Annotated[int, Field(ge=0, le=LATEST_US)]
    to_us: Annotated[int, Field(ge=0, le=LATEST_US)]

    def order(self) -> ExportOrder:
        """InvalidInput for more than an export may have."""
        if not 0 < self.to_us - self.from_us <= 2 * DAY_US:
            raise InvalidInput("to: more than two days after from", field="to")
        return ExportOrder(self.camera_id, "", self.from_us, self.to_us)


class Wanted(BaseModel):
    """Bytes of a segment: (offset, size) of each range."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    camera_id: Annotated[str, Field(max_length=64)]
    run_id: Annotated[int, Field(ge=1, lt=10**18)]
    start_us: Annotated[int, Field(ge=0, le=LATEST_US)]
    ranges: Annotated[list[tuple[_Count, _Count]], Field(min_length=1, max_length=MAX_RANGES)]


class ToldSource(BaseModel):
    """`SourceSegment` on its way; `init` names one of those that come along."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    run_id: Annotated[int, Field(ge=1, lt=10**18)]
    start_us: Annotated[int, Field(ge=0, le=LATEST_US)]
    end_us: Annotated[int, Field(ge=0, le=LATEST_US)]
    media_offset_90k: _Count
    size_bytes: _Count
    init: Annotated[str, Field(max_length=64)]
    table: _Blob


class ToldSources(BaseModel):
    """What a node has of a span."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    segments: Annotated[list[ToldSource], Field(max_length=MAX_SOURCES)]
    inits: Annotated[dict[str, _Blob], Field(max_length=1000)]


_READ_SOURCES: Final = TypeAdapter(ToldSources)


class PeerFootage:
    """`storage.export.OtherNodes`: all members but this node. Lives on the loop, but for `open`."""

    def __init__(self, federation: Federation) -> None:
        self._federation = federation
        self._loop = asyncio.get_running_loop()
        self._away: dict[str, float] = {}  # until when (monotonic, s), by node id

    @property
    def own_id(self) -> str:
        """See `OtherNodes`."""
        return self._federation.own_id

    async def expected_bytes(self, order: ExportOrder, acting: str | None) -> tuple[int, list[str]]:
        """See `OtherNodes`."""
        answers = await ask_all(self._federation, SIZE, _span(order), acting)
        sizes = [answer.get("size_bytes") for answer in answers.by_node.values()]
        known = [size for size in sizes if isinstance(size, int) and 0 <= size < 2**53]
        return sum(known), list(answers.silent_names)

    async def sources(self, order: ExportOrder) -> Told:
        """See `OtherNodes`; a job that is taken up at the start waits until they can be heard."""
        peers = list(self._federation.peers)
        while any(map(self._is_awaited, peers)):  # noqa: ASYNC110 - the clock ends it, too
            await asyncio.sleep(LOOK_S)
        told = await asyncio.gather(
            *(self._sources(index, one.node_id, order) for index, one in enumerate(peers, 1))
        )
        pairs = list(zip(peers, told, strict=True))
        return Told(
            [part for part in told if part is not None],
            [peer.name for peer, part in pairs if part is None],
        )

    def _is_awaited(self, peer: Peer) -> bool:
        away = self._federation.who.unreachable_since_us(peer.node_id) is not None
        return away and self._federation.peers.is_awaited(peer.node_id)

    async def _sources(
        self, index: int, node_id: str, order: ExportOrder
    ) -> list[SourceSegment] | None:
        who = self._federation.who
        if who.unreachable_since_us(node_id) is not None:
            return None
        try:
            answer = await self._federation.clients.get(node_id).request(
                "POST", SOURCES, json=_span(order), limit_s=SOURCES_S
            )
            if answer.status_code != 200:
                raise Unavailable(f"it answers {answer.status_code}")
            name = who.name_of(node_id)
            return await asyncio.to_thread(
                _taken, answer.content, index, node_id, name, order.camera_id
            )
        except (FalconEyeError, ValidationError, ValueError, KeyError) as error:
            log.warning("node %s does not tell of its footage: %s", node_id, error)
            return None

    def open(self, source: SourceSegment) -> "PeerFile":
        """See `OtherNodes`."""
        return PeerFile(source, self._read)

    def _read(self, source: SourceSegment, ranges: Sequence[tuple[int, int]]) -> bytes:
        """On a thread that may wait."""
        if self._away.get(source.node_id, 0) > time.monotonic():
            raise OSError(errno.EHOSTUNREACH, f"{source.node_name} does not answer")
        asking = asyncio.run_coroutine_threadsafe(self._fetch(source, ranges), self._loop)
        try:
            answer = asking.result(READ_S + 1)
        except (FalconEyeError, TimeoutError) as error:
            asking.cancel()
            self._away[source.node_id] = time.monotonic() + AWAY_S
            raise OSError(errno.EHOSTUNREACH, f"{source.node_name}: {error}") from error
        if answer.status_code != 200:  # it answers: this segment is gone, or its disk
            raise OSError(errno.EIO, f"{source.node_name} answers {answer.status_code}")
        return answer.content

    async def _fetch(
        self, source: SourceSegment, ranges: Sequence[tuple[int, int]]
    ) -> "httpx.Response":
        camera_id, run_id, start_us = source.path.split("/")
        body = {
            "camera_id": camera_id, "run_id": int(run_id), "start_us": int(start_us),
            "ranges": list(ranges),
        }  # fmt: skip
        return await self._federation.clients.get(source.node_id).request(
            "POST", READ, json=body, limit_s=READ_S
        )


class PeerFile:
    """A segment on another node's disk (`storage.export.ByteSource`)."""

    def __init__(
        self,
        source: SourceSegment,
        fetch: Callable[[SourceSegment, Sequence[tuple[int, int]]], bytes],
    ) -> None:
        self._source = source
        self._fetch = fetch
        self._known: list[tuple[int, bytes]] = []  # offset and bytes of what was expected

    @property
    def size_bytes(self) -> int:
        """As it was told; what is not there any more fails when it is read."""
        return self._source.size_bytes

    def expect(self, ranges: Sequence[tuple[int, int]]) -> None:
        """Fetched together: a segment has a hundred heads."""
        for group in _groups(ranges):
            data = self._fetch(self._source, group)
            at = 0
            for offset, size in group:
                self._known.append((offset, data[at : at + size]))
                at += size

    def read(self, offset: int, size: int) -> bytes:
        size = max(0, min(size, self.size_bytes - offset))
        for begin, data in self._known:
            if begin <= offset and offset + size <= begin + len(data):
                return data[offset - begin : offset - begin + size]
        return self._fetch(self._source, [(offset, size)]) if size else b""

    def read_into(self, offset: int, view: memoryview) -> int:
        data = self.read(offset, len(view))[: len(view)]
        view[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._known.clear()


def _groups(ranges: Sequence[tuple[int, int]]) -> list[list[tuple[int, int]]]:
    """As many at once as a node answers."""
    groups: list[list[tuple[int, int]]] = []
    size_bytes = 0
    for one in ranges:
        size_bytes += one[1]
        if not groups or len(groups[-1]) >= MAX_RANGES or size_bytes > MAX_READ_BYTES:
            groups.append([])
            size_bytes = one[1]
        groups[-1].append(one)
    return groups


def _span(order: ExportOrder) -> dict[str, Any]:
    return {"camera_id": order.camera_id, "from_us": order.from_us, "to_us": order.to_us}


def _taken(
    content: bytes, index: int, node_id: str, name: str, camera_id: str
) -> list[SourceSegment]:
    """The `index`th node's, its runs told apart from others' by negative numbers. On a thread."""
    told = _READ_SOURCES.validate_json(content)
    inits = {digest: base64.b64decode(data, validate=True) for digest, data in told.inits.items()}
    return [
        SourceSegment(
            volume=-1,
            path=f"{camera_id}/{one.run_id}/{one.start_us}",
            run_id=-(index << 60) - one.run_id,
            start_us=one.start_us,
            end_us=one.end_us,
            media_offset_90k=one.media_offset_90k,
            size_bytes=one.size_bytes,
            init=inits[one.init],
            table=base64.b64decode(one.table, validate=True),
            node_id=node_id,
            node_name=name,
        )
        for one in told.segments
    ]


@post(SIZE, status_code=200, opt=for_peers(), include_in_schema=False)
async def tell_size(request: Asking) -> dict[str, int]:
    """For a person whom another node asks for; their rights are looked at again."""
    span = await question_of(request, Span)
    require(principal_of(request), Action.EXPORT, span.camera_id)
    return {"size_bytes": await shell_of(request).services.exports.own_bytes(span.order())}


@post(SOURCES, status_code=200, opt=for_peers(), include_in_schema=False)
async def tell_sources(request: Asking) -> Response[bytes]:
    """For another node's job, which somebody asked for who might."""
    order = (await question_of(request, Span)).order()
    _check(request, order.camera_id)
    found = await shell_of(request).services.exports.own_sources(order)
    body = await asyncio.to_thread(_told, found)
    return Response(body, media_type="application/json")


@post(READ, status_code=200, opt=for_peers(), include_in_schema=False)
async def read_ranges(request: Asking) -> Response[bytes]:
    """The bytes of all ranges, one after the other; NotFound when the segment is gone."""
    wanted = await question_of(request, Wanted)
    _check(request, wanted.camera_id)
    if sum(size for _, size in wanted.ranges) > MAX_READ_BYTES:
        raise InvalidInput("ranges: more than is read at once", field="ranges")
    file = await shell_of(request).services.playback.file(
        wanted.camera_id, StreamKind.MAIN, wanted.run_id, wanted.start_us
    )
    if any(offset + size > file.size_bytes for offset, size in wanted.ranges):
        raise InvalidInput("ranges: beyond the end of the file", field="ranges")
    read = read_plain(file)
    found = bytearray()
    for offset, size in wanted.ranges:
        async for piece in read(offset, offset + size):
            found += piece
    return Response(bytes(found), media_type="application/octet-stream")


def _check(request: Asking, camera_id: str) -> None:
    """Whoever is named must be allowed to; a job of another node names nobody."""
    who = who_acts(request)
    if who is not None:
        require(who, Action.EXPORT, camera_id)


def _told(found: Sequence[SourceSegment]) -> bytes:
    """On a thread: two days are some MB."""
    digests = {id(one.init): hashlib.sha256(one.init).hexdigest() for one in found}
    inits: Mapping[str, str] = {
        digests[id(one.init)]: base64.b64encode(one.init).decode() for one in found
    }
    segments = [
        {
            "run_id": one.run_id,
            "start_us": one.start_us,
            "end_us": one.end_us,
            "media_offset_90k": one.media_offset_90k,
            "size_bytes": one.size_bytes,
            "init": digests[id(one.init)],
            "table": base64.b64encode(_blob(one.table)).decode(),
        }
        for one in found
    ]
    return json.dumps({"segments": segments, "inits": inits}, separators=(",", ":")).encode()


def _blob(table: bytes | FragmentTable) -> bytes:
    return fragment_table.encode(table) if isinstance(table, FragmentTable) else table
