"""Pages about one node: which it is, and the way to the same page about each of the others."""

from dataclasses import dataclass
from typing import Any

from litestar.connection import ASGIConnection

from falconeye.web.others import federation_or_none
from falconeye.web.shell import shell_of


@dataclass(frozen=True, slots=True)
class NodeChoice:
    """A node that a page could be about."""

    id: str
    name: str
    is_shown: bool = False  # the page is about this one


def node_choices(connection: ASGIConnection[Any, Any, Any, Any]) -> tuple[NodeChoice, ...]:
    """All nodes by name, of which this one is shown; none where this is the only one."""
    federation = federation_or_none(connection.app)
    if federation is None or not len(federation.peers):
        return ()
    own = NodeChoice(shell_of(connection).services.node_id, federation.name, is_shown=True)
    others = [NodeChoice(peer.node_id, peer.name) for peer in federation.peers]
    return tuple(sorted((own, *others), key=lambda one: (one.name, one.id)))
