"""One question to all other nodes at once: what each answers, and who does not.

A node that nobody hears is not asked: it costs no wait. One that is heard has `LIMIT_S`; then the
answer goes without it, and names it. So a node that has just died costs a page one such wait.
"""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from falconeye.base.errors import FalconEyeError
from falconeye.federation.federation import Federation
from falconeye.federation.peer_errors import PeerUnreachable
from falconeye.federation.peers import Peer

LIMIT_S: Final = 0.5
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answers:
    """`by_node`: JSON objects by node id, in the order of the members. `silent`: all others."""

    by_node: Mapping[str, Mapping[str, Any]]
    silent: tuple[Peer, ...] = ()
    answered: tuple[Peer, ...] = ()  # those of `by_node`, in that order

    @property
    def silent_names(self) -> tuple[str, ...]:
        """For sentences that say whose part is not there."""
        return tuple(peer.name for peer in self.silent)

    def name_of(self, node_id: str) -> str:
        """What a node that answered is called; KeyError for one that did not."""
        return {peer.node_id: peer.name for peer in self.answered}[node_id]


async def ask_all(
    federation: Federation,
    path: str,
    body: Mapping[str, Any] | None,
    acting: str | None,
    limit_s: float | None = None,
) -> Answers:
    """POST `body` to `path` ("/peer/...") of every other node, in the name of `acting`.

    Without a body it is a GET, which a route that gathers answers to a peer with its own part.
    `acting`: `Asking.of(principal, None).acting`; None: this node itself asks. `limit_s`: where it
    is not a page that waits.
    """
    peers = list(federation.peers)
    told = await asyncio.gather(
        *(ask_one(federation, peer.node_id, path, body, acting, limit_s) for peer in peers)
    )
    pairs = list(zip(peers, told, strict=True))
    return Answers(
        {peer.node_id: answer for peer, answer in pairs if answer is not None},
        silent=tuple(peer for peer, answer in pairs if answer is None),
        answered=tuple(peer for peer, answer in pairs if answer is not None),
    )


async def ask_one(
    federation: Federation,
    node_id: str,
    path: str,
    body: Mapping[str, Any] | None,
    acting: str | None,
    limit_s: float | None = None,
) -> Mapping[str, Any] | None:
    """Its answer; None where it gives none in time, which the log says.

    One that has just been silent is asked only by who gives a limit of its own.
    """
    if federation.who.unreachable_since_us(node_id) is not None:
        return None
    if limit_s is None and federation.peers.is_silent(node_id):
        return None
    try:
        told = await federation.ways.of(node_id).request_json(
            "GET" if body is None else "POST",
            path,
            None if body is None else dict(body),
            limit_s=LIMIT_S if limit_s is None else limit_s,
            acting=acting,
        )
    except PeerUnreachable as error:  # said once already, where its beats stay away
        log.debug("node %s does not answer at %s: %s", node_id, path, error)
        federation.peers.note_silence(node_id)
        return None
    except FalconEyeError as error:
        log.warning("node %s does not answer at %s: %s", node_id, path, error)
        return None
    if not isinstance(told, dict):
        log.warning("node %s answers at %s what is no object", node_id, path)
        return None
    return told
