"""The door for other nodes: who signed, for whom they act, and what is said to those refused."""

import ipaddress
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from litestar import Litestar
from litestar.connection import ASGIConnection
from litestar.enums import ScopeType
from litestar.types import Receive, Scope, Send

from falconeye.base.clock import Clock
from falconeye.federation.refusals import Refusals, Refused
from falconeye.federation.signed_requests import (
    REFUSED_HEADER,
    TIME_HEADER,
    RequestRefused,
    Verified,
)
from falconeye.web.authentication import ARRIVAL_KEY, Arrival, refuse
from falconeye.web.base_path import answer_below, told_by_peer
from falconeye.web.open_streams import STATE_KEY, CloseReason, OpenConnection
from falconeye.web.peers.acting import Acting
from falconeye.web.peers.digested_body import DigestedBody
from falconeye.web.peers.visitors import VISITOR_KEY, Visitor
from falconeye.web.security.limits import excess
from falconeye.web.security.peer import PEER_KEY

if TYPE_CHECKING:
    from falconeye.federation.signatures import Verifier

# Who asks these has no key here yet. Each must protect itself: it is asked by anybody.
UNSIGNED: Final = frozenset({
    ("POST", "/peer/join"), ("POST", "/peer/join/look"), ("POST", "/peer/key"),
})  # fmt: skip
_WORDS: Final = {
    Refused.STRANGER: "this node does not know you",
    Refused.REMOVED: "you were removed from this cluster",
    Refused.TIME: "signed too long ago or ahead, by this node's clock",
    Refused.REPLAY: "this request has been here before",
    Refused.SIGNATURE: "not signed as it must be",
    Refused.PERSON: "the one who asks is not known here, or no more",
    Refused.KEY: "you hold another cluster key",
    Refused.BUSY: "too many requests of yours: ask again later",
}


class PeerDoor:
    """An ASGI application around the node's own: lets in what members signed, for whom they act.

    Cookies and tokens of a request are not looked at: a proxied one may still carry them.
    """

    def __init__(
        self,
        app: Litestar,
        verifier: "Verifier | None",
        refusals: Refusals,
        acting: Acting,
        clock: Clock,
    ) -> None:
        """`verifier` None: there are no members, all are strangers."""
        self._app = app
        self.verifier = verifier
        self._refusals = refusals
        self._acting = acting
        self._clock = clock
        self._open: dict[str, list[Scope]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (found := excess(scope)) is not None:
            await refuse(scope, send, *found)
            return
        method = scope["method"] if scope["type"] == ScopeType.HTTP else "GET"
        if (method, scope["path"]) in UNSIGNED:
            await self._admit(scope, receive, send, "", Arrival(None, None))
            return
        try:
            verified = self._verified(method, scope)
            _note_known(scope)
            arrival = await self._arrival(verified)
        except RequestRefused as refused:
            await self._refuse(scope, send, refused)
            return
        if verified.client is not None and (client := _address(verified.client)):
            scope["client"] = (client, 0)  # for the audit log: the person's device
        if verified.digest is not None and scope["type"] == ScopeType.HTTP:
            wrong = RequestRefused(Refused.SIGNATURE, verified.node_id)
            answer = send

            async def refuse_body() -> None:
                await self._refuse(scope, answer, wrong)

            body = DigestedBody(receive, send, verified.digest, refuse_body)
            receive, send = body.receive, body.send
        answer_below(told_by_peer(ASGIConnection(scope)))
        await self._admit(scope, receive, send, verified.node_id, arrival)

    def _verified(self, method: str, scope: Scope) -> Verified:
        if self.verifier is None:
            raise RequestRefused(Refused.STRANGER)
        return self.verifier.verify(method, _target(scope), _headers(scope))

    def hang_up(self, node_id: str) -> None:
        """End what that node has open here: it was removed."""
        for scope in list(self._open.get(node_id, ())):
            connection: OpenConnection | None = scope["state"].get(STATE_KEY)
            if connection is not None:
                connection.close(CloseReason.REVOKED)

    async def _arrival(self, verified: Verified) -> Arrival:
        """Nobody acts where nobody is named: the node asks for itself."""
        if verified.acting is None:
            return Arrival(None, None)
        arrival = await self._acting.arrival(verified.node_id, verified.acting)
        if arrival is None:
            raise RequestRefused(Refused.PERSON, verified.node_id)
        return arrival

    async def _admit(
        self, scope: Scope, receive: Receive, send: Send, peer: str, arrival: Arrival
    ) -> None:
        scope["state"][PEER_KEY] = peer
        scope["state"][ARRIVAL_KEY] = arrival
        with self._held(peer, scope):
            await self._app(scope, receive, send)

    @contextmanager
    def _held(self, peer: str, scope: Scope) -> Iterator[None]:
        held = self._open.setdefault(peer, [])
        held.append(scope)
        try:
            yield
        finally:
            held[:] = [other for other in held if other is not scope]
            if not held:
                self._open.pop(peer, None)

    async def _refuse(self, scope: Scope, send: Send, refused: RequestRefused) -> None:
        came_from = scope["client"][0] if scope["client"] else ""
        self._refusals.add(came_from, refused.claimed_id, refused.why)
        headers = [(REFUSED_HEADER.encode(), refused.why.encode())]
        if refused.why is Refused.TIME:
            headers.append((TIME_HEADER.encode(), str(self._clock.utc_us()).encode()))
        status = 503 if refused.why is Refused.BUSY else 401
        await refuse(scope, send, status, _WORDS[refused.why], headers)


def _note_known(scope: Scope) -> None:
    """Its connection keeps its place from here on."""
    visitor: Visitor | None = scope["state"].get(VISITOR_KEY)
    if visitor is not None:
        visitor.is_known = True


def _target(scope: Scope) -> str:
    """Path and query as they were on the wire."""
    query = scope["query_string"].decode("latin-1")
    return scope["raw_path"].decode("latin-1") + (f"?{query}" if query else "")


def _headers(scope: Scope) -> Iterator[tuple[str, str]]:
    for name, value in scope["headers"]:
        yield name.decode("latin-1"), value.decode("latin-1")


def _address(text: str) -> str:
    """An IP address, without the interface of the node that saw it; empty for anything else."""
    try:
        return str(ipaddress.ip_address(text.partition("%")[0]))
    except ValueError:
        return ""
