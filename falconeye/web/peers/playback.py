"""A camera's footage of all nodes as one playlist: each tells what it has, and it is put together.

The list says of each piece of media which node has it, so that a player's requests go there at
once. A node that does not answer is named in the list: what it holds is a hole in it.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Final
from urllib.parse import quote

from litestar import Request, post
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from falconeye.accounts.model import Action, require
from falconeye.base.errors import InvalidInput, Unavailable
from falconeye.base.times import HOUR_US, LATEST_US
from falconeye.media.samples import VIDEO_TIMESCALE, StreamKind
from falconeye.storage.reading.merged_lines import merge, merge_growing
from falconeye.storage.reading.playback_list import (
    Entries,
    Entry,
    ListedSegment,
    lines_of,
    write_playlist,
)
from falconeye.web.peers.gathering import Answers, ask_all
from falconeye.web.peers.proxy_upstream import Asking as For
from falconeye.web.peers.questions import question_of
from falconeye.web.peers.state import federation_or_none
from falconeye.web.security.access import for_peers, principal_of
from falconeye.web.security.peer import came_from_peer
from falconeye.web.shell import shell_of

Asking = Request[Any, Any, Any]

PATH: Final = "/peer/playback"
MAX_WINDOW_US: Final = 2 * HOUR_US
MAX_SEGMENTS: Final = 10_000  # of two hours: one a second, and more
MAX_ENTRIES: Final = 20_000
SILENT: Final = "#SILENT-NODE:"  # a comment for our own page, as `#MEDIA-TIME:` is
log = logging.getLogger(__name__)

_Count = Annotated[int, Field(ge=0, lt=2**53)]
_Duration = Annotated[int, Field(gt=0, le=3600 * VIDEO_TIMESCALE)]


@dataclass(frozen=True, slots=True)
class Window:
    """What is asked for: [from, to) of one stream; `grows` as `Playback.playlist` has it."""

    camera_id: str
    kind: StreamKind
    from_us: int
    to_us: int
    grows: bool


@dataclass(frozen=True, slots=True)
class Made:
    """A playlist, and the names of nodes whose part is not in it."""

    text: str
    silent: tuple[str, ...] = ()


class Asked(BaseModel):
    """The window on its way to a peer, which knows itself what who asks may see."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    camera_id: Annotated[str, Field(max_length=64)]
    stream: StreamKind
    from_us: Annotated[int, Field(ge=0, le=LATEST_US)]
    to_us: Annotated[int, Field(ge=0, le=LATEST_US)]


class ToldSegment(BaseModel):
    """`ListedSegment` on its way; what a newer release tells besides is left out.

    `entries`: size (bytes), start and duration (1/90000 s) of each; their offsets are the sums.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    run_id: Annotated[int, Field(ge=1, lt=10**18)]
    run_zero_s: _Count
    start_us: Annotated[int, Field(ge=0, le=LATEST_US)]
    media_offset_90k: _Count
    init: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    init_bytes: Annotated[int, Field(gt=0, lt=2**31)]
    growing: bool
    open_gop: bool
    entries: Annotated[list[tuple[_Count, _Count, _Duration]], Field(max_length=MAX_ENTRIES)]

    @classmethod
    def of(cls, segment: ListedSegment) -> dict[str, Any]:
        """As it is sent."""
        entries = segment.entries.all
        return {
            "run_id": segment.run_id,
            "run_zero_s": segment.run_zero_s,
            "start_us": segment.start_us,
            "media_offset_90k": segment.media_offset_90k,
            "init": segment.init_digest,
            "init_bytes": segment.init_bytes,
            "growing": segment.is_growing,
            "open_gop": segment.entries.has_open_gop,
            "entries": [(one.size_bytes, one.start_90k, one.duration_90k) for one in entries],
        }

    def listed(self, node_id: str) -> ListedSegment:
        """As it is listed here."""
        entries: list[Entry] = []
        offset = 0
        for size_bytes, start_90k, duration_90k in self.entries:
            entries.append(Entry(offset, size_bytes, start_90k, duration_90k))
            offset += size_bytes
        return ListedSegment(
            self.run_id,
            self.run_zero_s,
            self.start_us,
            self.media_offset_90k,
            self.init,
            self.init_bytes,
            Entries(tuple(entries), self.open_gop),
            is_growing=self.growing,
            node_id=node_id,
        )


_TOLD: Final = TypeAdapter(Annotated[list[ToldSegment], Field(max_length=MAX_SEGMENTS)])


async def playlist(request: Asking, window: Window) -> Made:
    """Of all nodes; a node without others, or one that is asked by another, tells its own.

    NotFound where nothing was recorded; Unavailable where that is so of all that answered.
    """
    services = shell_of(request).services
    federation = None if came_from_peer(request) else federation_or_none(request.app)
    asked = (window.camera_id, window.kind, window.from_us, window.to_us)
    if federation is None or not list(federation.peers):
        return Made(await services.playback.playlist(*asked, grows=window.grows))
    question = Asked(
        camera_id=window.camera_id,
        stream=window.kind,
        from_us=window.from_us,
        to_us=window.to_us,
    ).model_dump(mode="json")
    acting = For.of(principal_of(request), None).acting
    own, answers = await asyncio.gather(
        services.playback.segments(*asked), ask_all(federation, PATH, question, acting)
    )
    parts, unread = await asyncio.to_thread(_read, answers)
    silent = (*answers.silent_names, *map(federation.who.name_of, unread))
    told = [own, *parts]
    has_growing = any(segment.is_growing for part in told for segment in part)
    is_over = services.playback.is_over(
        window.from_us, window.to_us, grows=window.grows, has_growing=has_growing
    )
    now_us = services.clock.utc_us()
    text = await asyncio.to_thread(partial(_write, told, window, silent, now_us, is_over=is_over))
    if text is not None:
        return Made(text, silent)
    if not silent:  # it says what is wrong
        return Made(await services.playback.playlist(*asked, grows=window.grows))
    names = ", ".join(silent)
    msg = f"of this time no node that answers has anything, and there is no answer from {names}"
    raise Unavailable(msg)


@post(PATH, status_code=200, opt=for_peers(), include_in_schema=False)
async def tell_own(request: Asking) -> dict[str, Any]:
    """What this node has, for a person whom another node asks for."""
    asked = await question_of(request, Asked)
    require(principal_of(request), Action.VIEW_FOOTAGE, asked.camera_id)
    if not 0 <= asked.to_us - asked.from_us <= MAX_WINDOW_US:
        raise InvalidInput("to: more than two hours after from", field="to")
    segments = await shell_of(request).services.playback.segments(
        asked.camera_id, asked.stream, asked.from_us, asked.to_us
    )
    return {"segments": [ToldSegment.of(segment) for segment in segments]}


def silent_headers(silent: Sequence[str]) -> dict[str, str]:
    """The names for programs, percent-encoded, with commas between them."""
    names = ",".join(quote(name, safe="") for name in silent)
    return {"falconeye-silent-nodes": names} if names else {}


def _read(answers: Answers) -> tuple[list[list[ListedSegment]], list[str]]:
    """What each told, checked; and which told nothing that can be read."""
    parts: list[list[ListedSegment]] = []
    unread: list[str] = []
    for node_id, answer in answers.by_node.items():
        try:
            parts.append(_part(node_id, answer))
        except (ValidationError, KeyError, ValueError) as error:
            log.warning("node %s does not tell of its footage: %s", node_id, error)
            unread.append(node_id)
    return parts, unread


def _part(node_id: str, answer: Mapping[str, Any]) -> list[ListedSegment]:
    told = _TOLD.validate_python(answer["segments"])
    if sum(len(segment.entries) for segment in told) > MAX_ENTRIES:
        msg = f"more than {MAX_ENTRIES} entries"
        raise ValueError(msg)
    return [segment.listed(node_id) for segment in told]


def _write(
    told: Sequence[Sequence[ListedSegment]],
    window: Window,
    silent: Sequence[str],
    now_us: int,
    *,
    is_over: bool,
) -> str | None:
    parts = [lines_of(part, window.from_us, window.to_us, is_over=is_over) for part in told]
    # Where nothing is settled yet, a list that may have to be asked for anew is better than none.
    lines = (not is_over and merge_growing(parts, told, now_us)) or merge(parts)
    comments = [SILENT + quote(name, safe=" ") for name in silent]
    return write_playlist(lines, window.kind, is_over=is_over, comments=comments)
