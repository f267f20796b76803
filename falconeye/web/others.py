"""This node among the others, in the application's state."""

from typing import Any, Final
from urllib.parse import parse_qs, urlencode

from litestar import Litestar
from litestar.connection import ASGIConnection
from litestar.types import Scope

from falconeye.base.errors import Unavailable
from falconeye.federation.federation import Federation
from falconeye.web.security.peer import came_from_peer

STATE_KEY: Final = "federation"
NODE: Final = "node"  # in a query: the node whose thing it is


def federation_or_none(app: Litestar) -> Federation | None:
    """None while the node starts, and where nothing was set."""
    found: Federation | None = app.state.get(STATE_KEY)
    return found


def federation_of(app: Litestar) -> Federation:
    """Unavailable while the node starts."""
    found = federation_or_none(app)
    if found is None:
        raise Unavailable("the node is starting")
    return found


def named_node(scope: Scope) -> str:
    """The node that the query names; empty where it names none."""
    query = scope.get("query_string", b"")
    if NODE.encode() not in query:
        return ""
    return parse_qs(query.decode("latin-1")).get(NODE, [""])[0]


def own_query(connection: ASGIConnection[Any, Any, Any, Any], node_id: str) -> str:
    """What leads back to this node from a page that another one shows: "?node=..."; else empty."""
    return f"?{urlencode({NODE: node_id})}" if came_from_peer(connection) else ""
