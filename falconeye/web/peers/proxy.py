"""Passes on what another node has to answer: a layer between the route and its handler.

It stands behind routing, because the table is by routes, and runs the route's own guard before a
byte leaves: who asks, whether they may, Origin, CSRF token. The peer decides again by the ids of
who asks. What came from a peer is answered here, so that nothing goes round.
"""

from collections.abc import Awaitable, Mapping
from typing import Any, Final

from litestar import Request, WebSocket
from litestar.connection import ASGIConnection
from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.response.base import ASGIResponse
from litestar.types import ASGIApp, Receive, Scope, Send
from typing_extensions import override

from falconeye.base.errors import NotFound, Unavailable
from falconeye.web import i18n, languages
from falconeye.web.assets import other_version
from falconeye.web.base_path import base_path
from falconeye.web.frame import csrf_token_of
from falconeye.web.headers import IMMUTABLE
from falconeye.web.others import federation_or_none, named_node
from falconeye.web.peers import proxy_http, proxy_websocket
from falconeye.web.peers.holders import Holders, OwnLook
from falconeye.web.peers.proxy_assets import PeerAssets
from falconeye.web.peers.proxy_headers import upward
from falconeye.web.peers.proxy_upstream import Asking, Elsewhere, Peer
from falconeye.web.peers.routing import (
    NAMED_IN_PLAYLISTS,
    NODE_PARAMETER,
    Destination,
    HeldKind,
    ToHolder,
    ToNode,
    ToOwner,
    destination,
)
from falconeye.web.security.access import principal_or_none
from falconeye.web.security.paths import is_page_path
from falconeye.web.security.peer import came_from_peer
from falconeye.web.services import Services
from falconeye.web.shell import shell_of
from falconeye.web.untold_words import moment

Connection = ASGIConnection[Any, Any, Any, Any]

MEDIA_LIMIT_S: Final = 8.0  # to the first byte; a player has pictures for longer, and goes on
_WEBSOCKET: Final = "WS"
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_STATIC: Final = "/static/{path}"


class Proxy(ASGIMiddleware):
    """Sends requests to where they are answered."""

    scopes = (ScopeType.HTTP, ScopeType.WEBSOCKET)

    def __init__(self, elsewhere: Elsewhere, services: Services) -> None:
        self._elsewhere = elsewhere
        self._services = services
        self._holders = Holders(elsewhere, _own_looks(services))
        self._assets = PeerAssets(elsewhere)

    @override
    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        method = scope["method"] if scope["type"] == ScopeType.HTTP else _WEBSOCKET
        where = destination(method, scope["path_template"], scope["path_params"], named_node(scope))
        if came_from_peer(ASGIConnection(scope)):
            await next_app(scope, receive, send)
        elif scope["path_template"] == _STATIC:
            await (await self._static_file(scope) or next_app)(scope, receive, send)
        elif not self._goes_away(where):
            await next_app(scope, receive, send)
        elif scope["type"] == ScopeType.HTTP:
            await self._http(scope, receive, send, next_app, where)
        else:
            await self._websocket(scope, receive, send, next_app, where)

    def _goes_away(self, where: Destination) -> bool:
        """Whether it may be another's; what is surely answered here takes no part in this."""
        if isinstance(where, ToOwner):
            recorder = self._elsewhere.placement.recorder_of(where.camera_id)
            return recorder not in {None, self._elsewhere.placement.own_id}
        if isinstance(where, ToNode):
            return where.node not in {self._elsewhere.placement.own_id, self._services.node_name}
        return isinstance(where, ToHolder) and bool(self._elsewhere.placement.peers())

    async def _http(
        self, scope: Any, receive: Receive, send: Send, next_app: ASGIApp, where: Destination
    ) -> None:
        handler = scope["route_handler"]
        limit_bytes = handler.resolve_request_max_body_size()
        incoming = proxy_http.Incoming(receive, list(scope["headers"]), limit_bytes)
        request: Request[Any, Any, Any] = handler.resolve_request_class()(
            scope, incoming.receive, send
        )
        await handler.authorize_connection(connection=request)
        asking = _asking(request)
        peer = await self._peer_for(where, asking, request)
        if peer is None:
            await next_app(scope, incoming.again(), send)
            return
        # A page of the peer has forms, and only this node has the cookie that their token is of.
        token = csrf_token_of(request) if is_page_path(scope["path"]) else ""
        headers = upward(scope["headers"], token, base_path())
        is_media = isinstance(where, ToHolder) and where.kind in NAMED_IN_PLAYLISTS
        limit_s = MEDIA_LIMIT_S if is_media else proxy_http.ANSWER_LIMIT_S
        if isinstance(where, ToNode) and scope["method"] not in _SAFE:
            send = _after_news(send, request, peer.node_id)
        status = await proxy_http.forward(scope, incoming, send, peer, headers, asking, limit_s)
        if status == 404 and isinstance(where, ToHolder):
            self._holders.forget(where)

    async def _websocket(
        self, scope: Any, receive: Receive, send: Send, next_app: ASGIApp, where: Destination
    ) -> None:
        connection: WebSocket[Any, Any, Any] = WebSocket(scope, receive, send)
        await scope["route_handler"].authorize_connection(connection=connection)
        asking = _asking(connection)
        try:
            peer = await self._peer_for(where, asking, connection)
            if peer is None:
                await next_app(scope, receive, send)
                return
            headers = upward(scope["headers"])
            await proxy_websocket.forward(scope, receive, send, peer, headers, asking)
        except Unavailable as error:
            await proxy_websocket.close_unavailable(send, str(error))

    async def _static_file(self, scope: Scope) -> ASGIApp | None:
        """A file of another release; None for those of this one, and for what nobody has."""
        own = shell_of(ASGIConnection(scope)).assets.version
        asked = other_version(scope["path_params"]["path"], own)
        asset = None if asked is None else await self._assets.find(*asked)
        if asset is None:
            return None
        is_head = scope["type"] == ScopeType.HTTP and scope["method"] == "HEAD"
        headers = {
            "cache-control": IMMUTABLE,
            "etag": f'"{asset.etag}"',
            "content-length": str(len(asset.body)),
        }
        return ASGIResponse(
            body=b"" if is_head else asset.body,
            media_type=asset.media_type,
            headers=headers,
            is_head_response=is_head,
        )

    async def _peer_for(
        self, where: Destination, asking: Asking, connection: Connection
    ) -> Peer | None:
        """The way to who answers; None for this node. Unavailable, at once, for a dead peer."""
        if isinstance(where, ToOwner):
            node_id = self._elsewhere.placement.recorder_of(where.camera_id)
        elif isinstance(where, ToHolder):
            node_id = self._named(where, connection)
            if node_id is None:
                node_id = await self._holders.holder_of(where, asking)
        elif isinstance(where, ToNode):
            node_id = self._called(where)
        else:
            return None
        if node_id is None or node_id == self._elsewhere.placement.own_id:
            return None
        try:
            peer = self._elsewhere.peer(node_id)
        except NotFound:
            raise Unavailable("the node that has it is no member any more") from None
        if (since_us := peer.unreachable_since_us) is not None:
            raise Unavailable(self._words(peer.name, since_us, connection))
        return peer

    def _named(self, where: ToHolder, connection: Connection) -> str | None:
        """The node that a playlist named as the one that has it, unless that is no member."""
        if where.kind not in NAMED_IN_PLAYLISTS:
            return None
        node_id = connection.query_params.get(NODE_PARAMETER)
        placement = self._elsewhere.placement
        return node_id if node_id in (placement.own_id, *placement.peers()) else None

    def _called(self, where: ToNode) -> str:
        """The node of that id or name; NotFound."""
        placement = self._elsewhere.placement
        for node_id in placement.peers():
            if where.node in {node_id, placement.name_of(node_id)}:
                return node_id
        raise NotFound("there is no such node in this cluster")

    def _words(self, name: str, since_us: int, connection: Connection) -> str:
        """For people and programs; pages say it in the reader's language."""
        zone, now_us = self._services.stored_settings.zone, self._services.clock.utc_us()
        if not is_page_path(connection.scope["path"]):
            return f"{name} is unreachable since {moment(since_us, now_us, zone)}"
        languages.speak(connection)
        return i18n.gettext("The node %(node)s is unreachable since %(since)s.") % {
            "node": name,
            "since": moment(since_us, now_us, zone),
        }


def _after_news(send: Send, request: Request[Any, Any, Any], node_id: str) -> Send:
    """Take over what the peer changed before its answer leads there: a camera that it added."""

    async def passed(message: Any) -> None:
        federation = federation_or_none(request.app)
        if message["type"] == "http.response.start" and federation is not None:
            await federation.look_again(node_id)
        await send(message)

    return passed


def _asking(connection: Connection) -> Asking:
    client = connection.client.host if connection.client else None
    return Asking.of(principal_or_none(connection), client)


def _own_looks(services: Services) -> Mapping[HeldKind, OwnLook]:
    """For each kind, whether this node has the thing."""

    async def has_job(held: ToHolder) -> bool:
        if await services.works.find(held.id) is not None:
            return True
        return await _exists(services.jobs.get(held.id))

    return {
        HeldKind.RECORDING: lambda held: _exists(services.recordings.get(held.id)),
        HeldKind.JOB: has_job,
        HeldKind.FOOTAGE: lambda held: _exists(services.playback.media(held.camera_id, held.id)),
        HeldKind.INIT: lambda held: _exists(
            services.playback.init(held.camera_id, held.id.removesuffix(".mp4"))
        ),
    }


async def _exists(look: Awaitable[object]) -> bool:
    try:
        _ = await look
    except NotFound:
        return False
    return True
