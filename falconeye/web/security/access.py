"""What a route needs, declared once as its `opt`, and the one guard that checks it.

    @get("/api/cameras/{camera_id:str}", opt=needs(Action.VIEW_LIVE))
    @post("/logout", opt=signed_in())
    @get("/healthz", opt=public())

A route without a declaration is refused, and the application does not start with one. A route with
a path parameter `camera_id` is checked against the scope of the asking user or token as well.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any, Final

from litestar import Litestar, Request
from litestar.connection import ASGIConnection
from litestar.handlers.base import BaseRouteHandler
from litestar.routes import ASGIRoute, HTTPRoute, WebSocketRoute

from falconeye.accounts.model import Action, Principal, PrincipalKind, may, require
from falconeye.base.errors import NotAllowed, NotAuthenticated, NotFound, StartError
from falconeye.web.security.credentials import TOKEN, Credential
from falconeye.web.security.csrf import check_csrf
from falconeye.web.security.origin import check_origin
from falconeye.web.security.paths import is_peer_path
from falconeye.web.security.peer import came_from_peer

Connection = ASGIConnection[Any, Any, Any, Any]

TRUSTED_ORIGINS: Final = "trusted_origins"  # in the application's state: a function
_OPT: Final = "access"
_CAMERA_PARAMETER: Final = "camera_id"
_LONGEST_CAMERA_ID: Final = 64  # what other nodes take; ours have 36
_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Access:
    """A route's declaration. `action` None and not `public`: anybody who is signed in."""

    action: Action | None = None
    public: bool = False
    csrf: bool = True  # False where the session plays no part, or the handler looks for the token
    peers: bool = False  # only by the door for other nodes, where nobody need act
    displays: bool = False  # by displays alone, which reach nothing else


def needs(action: Action, *, csrf: bool = True) -> dict[str, Any]:
    """`opt` of a route for those who may do `action` (and on that camera, where one is named).

    `csrf` False: the handler itself looks for the token, in a form too large to be read whole.
    """
    return {_OPT: Access(action=action, csrf=csrf)}


def signed_in() -> dict[str, Any]:
    """`opt` of a route for every user and token."""
    return {_OPT: Access()}


def public(*, csrf: bool = True) -> dict[str, Any]:
    """`opt` of a route for everybody, also those who are nobody."""
    return {_OPT: Access(public=True, csrf=csrf)}


def for_peers() -> dict[str, Any]:
    """`opt` of a route that only other nodes ask; at the web port there is no such address.

    Who asks was checked at their door (`web.peers`); `peer_of` names the node.
    """
    return {_OPT: Access(peers=True)}


def for_displays() -> dict[str, Any]:
    """`opt` of a route that screens on walls ask, of cameras that they show."""
    return {_OPT: Access(action=Action.VIEW_LIVE, displays=True)}


def access_of(handler: BaseRouteHandler) -> Access | None:
    """The declaration of a route handler; None where it is missing."""
    declared = handler.opt.get(_OPT)
    return declared if isinstance(declared, Access) else None


def principal_or_none(connection: Connection) -> Principal | None:
    """Who asks; None for nobody."""
    who = connection.scope.get("user")
    return who if isinstance(who, Principal) else None


def principal_of(connection: Connection) -> Principal:
    """Who asks; NotAuthenticated for nobody."""
    who = principal_or_none(connection)
    if who is None:
        raise NotAuthenticated("sign in first")
    return who


def require_camera(who: Principal, action: Action, camera_id: str) -> None:
    """NotAllowed unless `who` may do `action` on that camera: for ids that are not in the path."""
    require(who, action, camera_id)


def may_on(who: Principal | None, action: Action, camera_id: str | None = None) -> bool:
    """Whether `who` may: for lists, which leave out what may not be seen."""
    return who is not None and may(who, action, camera_id)


async def guard(connection: Connection, handler: BaseRouteHandler) -> None:
    """The guard of every route: origin, then who, then whether, then the CSRF token.

    Raises NotAuthenticated or NotAllowed; before a WebSocket is accepted, before a body is read.
    """
    declared = access_of(handler)
    by_peer = came_from_peer(connection)
    if declared is not None and declared.peers:
        if not by_peer:
            raise NotFound("there is nothing at this address")
        return
    # A WebSocket has no method: its upgrade is checked like an unsafe request. What another node
    # signed for a person has passed both checks at the node which that person's browser asked;
    # here there is neither its cookie nor its site to compare with.
    unsafe = not by_peer and connection.scope.get("method", "") not in _SAFE_METHODS
    if unsafe:
        check_origin(connection.headers, _trusted_origins(connection), connection.scope["scheme"])
    if declared is None or not declared.public:
        who = principal_of(connection)
        if (who.kind is PrincipalKind.DISPLAY) is not (declared is not None and declared.displays):
            raise NotAllowed("displays have addresses of their own, and no others")
        camera_id = connection.path_params.get(_CAMERA_PARAMETER)
        if declared is not None and declared.action is not None:
            require(who, declared.action, camera_id)
        if camera_id is not None and len(camera_id) > _LONGEST_CAMERA_ID:
            raise NotFound("there is no such camera")
    if unsafe and (declared is None or declared.csrf) and isinstance(connection, Request):
        await check_csrf(connection)


def _trusted_origins(connection: Connection) -> Collection[str]:
    """An admin's list, for requests with a token: a cookie is never taken from another site."""
    credential = connection.scope.get("auth")
    if not isinstance(credential, Credential) or credential.kind is not TOKEN:
        return ()
    trusted: Callable[[], Collection[str]] = connection.app.state[TRUSTED_ORIGINS]
    return trusted()


def routes_of(app: Litestar) -> Iterator[tuple[str, str, BaseRouteHandler]]:
    """Every route as (method, path, handler); method "WS" or "ASGI" for those that have none.

    Leaves out the OPTIONS answers that Litestar adds by itself; the guard refuses nobody there.
    """
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            for handler in route.route_handlers:
                if handler.http_methods == {"OPTIONS"}:
                    continue
                for method in sorted(handler.http_methods):
                    yield method, route.path, handler
        elif isinstance(route, WebSocketRoute):
            yield "WS", route.path, route.route_handler
        elif isinstance(route, ASGIRoute):
            yield "ASGI", route.path, route.route_handler


def check_declarations(app: Litestar) -> None:
    """StartError that names every route without a declaration, or with one of the other port."""
    missing, misplaced = [], []
    for method, path, handler in routes_of(app):
        declared = access_of(handler)
        if declared is None:
            missing.append(f"{method} {path}")
        elif declared.peers != is_peer_path(path):
            misplaced.append(f"{method} {path}")
    if missing:
        msg = "routes without a declared need: " + ", ".join(missing)
        raise StartError(msg)
    if misplaced:
        msg = "routes for nodes lie under /peer/, and no others: " + ", ".join(misplaced)
        raise StartError(msg)
