"""Which node holds a recording, a job or a piece of footage, found by its id.

An id that ends in `-NODE` says so itself. Else what is remembered counts, then this node's own
index, then the node that records the camera; the rest are asked side by side. A peer that does not
answer may hold it: then nobody says that there is no such thing.
"""

import asyncio
import logging
import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final
from urllib.parse import quote

from falconeye.base.errors import NotFound, Unavailable
from falconeye.web.peers.proxy_upstream import Asking, Elsewhere, Peer
from falconeye.web.peers.routing import HeldKind, ToHolder

log = logging.getLogger(__name__)

ASK_LIMIT_S: Final = 0.5
MAX_REMEMBERED: Final = 4096
_NODE_ENDING: Final = re.compile(r"-([0-9a-f]{32})$")
_CAMERA_OF_RECORDING: Final = re.compile(r"(.+)_\d{14}(?:-.*)?")  # storage's layout.recording_id
_IS_THERE: Final = frozenset({200, 206, 304, 403})  # the last: there, and not for this person

OwnLook = Callable[[ToHolder], Awaitable[bool]]


class Holders:
    """Looks for things, and remembers where they were."""

    def __init__(self, elsewhere: Elsewhere, own: Mapping[HeldKind, OwnLook]) -> None:
        self._elsewhere = elsewhere
        self._own = own
        self._known: OrderedDict[ToHolder, str] = OrderedDict()

    async def holder_of(self, held: ToHolder, asking: Asking) -> str | None:
        """The node that has it; None where every node says that it has not.

        Peers tell of a thing as they would tell who asks. Raises Unavailable when it was not found
        and a peer did not answer.
        """
        own_id = self._elsewhere.placement.own_id
        peers = self._elsewhere.placement.peers()
        ending = _NODE_ENDING.search(held.id)
        if ending is not None:
            for node_id in (own_id, *peers):
                if node_id.replace("-", "") == ending[1]:
                    return node_id
        known = self._known.get(held)
        if known in (own_id, *peers):  # else it was expelled since
            self._known.move_to_end(held)
            return known
        if await self._own[held.kind](held):
            return self._remember(held, own_id)
        if not peers:
            return None
        found = await self._ask(held, self._likely_first(held, peers), asking)
        return None if found is None else self._remember(held, found)

    def forget(self, held: ToHolder) -> None:
        """It is not there any more."""
        self._known.pop(held, None)

    def _remember(self, held: ToHolder, node_id: str) -> str:
        self._known[held] = node_id
        while len(self._known) > MAX_REMEMBERED:
            self._known.popitem(last=False)
        return node_id

    def _likely_first(self, held: ToHolder, peers: Sequence[str]) -> Sequence[Sequence[str]]:
        """Rounds of peers to ask: the camera's recorder alone, then all others."""
        of_recording = _CAMERA_OF_RECORDING.fullmatch(held.id)
        is_recording = held.kind is HeldKind.RECORDING and of_recording is not None
        camera_id = of_recording[1] if is_recording and of_recording else held.camera_id
        likely = self._elsewhere.placement.recorder_of(camera_id) if camera_id else None
        if likely is None or likely not in peers:
            return (peers,)
        return ((likely,), [peer for peer in peers if peer != likely])

    async def _ask(
        self, held: ToHolder, rounds: Sequence[Sequence[str]], asking: Asking
    ) -> str | None:
        silent: list[str] = []
        for peers in rounds:
            found: list[str] = []
            try:
                async with asyncio.TaskGroup() as tasks:
                    for node_id in peers:
                        tasks.create_task(self._ask_one(node_id, held, asking, silent))
            except* _Found as group:
                found += [str(error) for error in group.exceptions]
            if found:
                return found[0]
        if silent:
            names = ", ".join(sorted(silent))
            msg = f"no node that answers has it, and there is no answer from {names}"
            raise Unavailable(msg)
        return None

    async def _ask_one(
        self, node_id: str, held: ToHolder, asking: Asking, silent: list[str]
    ) -> None:
        """Raises _Found, which ends the questions to the others."""
        try:
            peer = self._elsewhere.peer(node_id)
        except NotFound:
            return  # removed meanwhile
        if peer.unreachable_since_us is not None:
            silent.append(peer.name)
            return
        import httpx  # noqa: PLC0415 - loaded with the first peer

        try:
            has = await _has(peer, held, asking)
        except (TimeoutError, httpx.HTTPError, Unavailable) as error:
            log.debug("%s did not say whether it has %s: %r", peer.name, held.id, error)
            silent.append(peer.name)
            return
        if has:
            raise _Found(node_id)


class _Found(Exception):
    """A node has it."""


async def _has(peer: Peer, held: ToHolder, asking: Asking) -> bool:
    method, path = question(held)
    async with (
        asyncio.timeout(ASK_LIMIT_S),
        peer.connection.stream(
            method,
            path,
            headers=[("accept-encoding", "identity")],
            acting=asking.acting,
            client=asking.client,
            limit_s=ASK_LIMIT_S,
        ) as answer,
    ):
        if answer.status_code >= 500:
            msg = f"it answered {answer.status_code}"
            raise Unavailable(msg)
        return answer.status_code in _IS_THERE


def question(held: ToHolder) -> tuple[str, str]:
    """Method and path of what a peer answers with 404 unless it has the thing."""
    name, camera = quote(held.id, safe=""), quote(held.camera_id, safe="")
    match held.kind:
        case HeldKind.RECORDING:
            return "GET", f"/api/recordings/{name}"
        case HeldKind.JOB:
            return "GET", f"/api/jobs/{name}"
        case HeldKind.FOOTAGE:
            return "HEAD", f"/api/cameras/{camera}/footage/{name}"
        case HeldKind.INIT:
            return "HEAD", f"/api/cameras/{camera}/inits/{name}"
