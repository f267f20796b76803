"""Which node a request came from, when it came by the door for other nodes (`web.peers`)."""

from typing import Any, Final

from litestar.connection import ASGIConnection

from falconeye.accounts.model import Principal, PrincipalKind
from falconeye.base.errors import NotAuthenticated

PEER_KEY: Final = "peer"  # in the scope's state, which no client can fill

Connection = ASGIConnection[Any, Any, Any, Any]


def came_from_peer(connection: Connection) -> bool:
    """Whether it came by that door."""
    return PEER_KEY in connection.scope["state"]


def peer_of(connection: Connection) -> str:
    """The id of the member that signed it; NotAuthenticated where nobody did."""
    peer: str = connection.scope["state"].get(PEER_KEY, "")
    if not peer:
        raise NotAuthenticated("only a member of this cluster may ask this")
    return peer


def acting_of(who: Principal) -> str | None:
    """For whom another node is asked: "session=ID", "token=ID" or "display=ID"; None: nobody.

    Never a secret.
    """
    if who.kind in {PrincipalKind.TOKEN, PrincipalKind.DISPLAY}:
        return f"{who.kind}={who.id}"
    return None if who.session_id is None else f"session={who.session_id}"
