"""What a node adds to a person's request that it passes on to a peer.

Believed only of what came by the door for other nodes. From anybody else it is nothing, and the
node that they reached takes it out.
"""

from typing import Any, Final

from litestar.connection import ASGIConnection

from falconeye.web.security.peer import came_from_peer

FORM_TOKEN: Final = "x-form-token"  # noqa: S105 - a CSRF token for the forms of the answer


def form_token(connection: ASGIConnection[Any, Any, Any, Any]) -> str:
    """The token that the forms of a page for a peer carry; empty without a session there."""
    return connection.headers.get(FORM_TOKEN, "") if came_from_peer(connection) else ""
