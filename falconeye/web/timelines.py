"""A camera's time as this node knows it of all nodes; of a node without peers it is its own.

No other node is asked: they told before what they have (`federation.coverage_exchange`).
"""

import asyncio
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from litestar import Litestar

from falconeye.base.errors import InvalidInput
from falconeye.config.camera import CameraConfig
from falconeye.federation.federation import Federation
from falconeye.storage.ledger.coverage import Span, merge_spans
from falconeye.storage.reading.cluster_timeline import ClusterTimeline, over_nodes, without
from falconeye.storage.reading.timeline import MAX_PIECES
from falconeye.web.peers.state import federation_or_none
from falconeye.web.services import Services

TOO_MUCH: Final = "from: too much happened in this time to list it: ask for a shorter one"


@dataclass(frozen=True, slots=True)
class ClusterFootage:
    """When there is footage, on whichever node; in order, without overlap."""

    here: list[Span]  # that can be had now
    away: list[Span]  # of it only nodes that nobody hears have something
    silent: dict[str, int]  # of these: since when, by node id


async def read(
    app: Litestar, services: Services, config: CameraConfig, from_us: int, to_us: int
) -> ClusterTimeline:
    """As `Timelines.read`, over all nodes; InvalidInput where there is too much to list."""
    own = await services.timelines.read(config.id, from_us, to_us)
    federation = _with_peers(app)
    to_us = min(to_us, services.clock.utc_us())
    if federation is None or from_us >= to_us:
        return ClusterTimeline.alone(own, services.node_id)
    told = await services.coverage.told.read(config.id, from_us, to_us)
    known = sum(len(one.told.footage) + len(one.told.gaps) for one in told)
    if known + len(own.spans) + len(own.gaps) > MAX_PIECES:  # seconds of work
        raise InvalidInput(TOO_MUCH, field="from")
    unite = partial(over_nodes, owner_id=config.owner_id, silent=silent_nodes(federation))
    made = await asyncio.to_thread(unite, own, services.node_id, told, to_us)
    if len(made.spans) + len(made.gaps) + len(made.untold) > MAX_PIECES:
        raise InvalidInput(TOO_MUCH, field="from")
    return made


async def footage(
    app: Litestar, services: Services, config: CameraConfig, from_us: int, to_us: int
) -> ClusterFootage:
    """As `Timelines.footage`, over all nodes."""
    here = await services.timelines.footage(config.id, from_us, to_us)
    federation = _with_peers(app)
    if federation is None:
        return ClusterFootage(here, [], {})
    unheard = silent_nodes(federation)
    silent = {config.owner_id: unheard[config.owner_id]} if config.owner_id in unheard else {}
    away: list[Span] = []
    for node in await services.coverage.told.read(config.id, from_us, to_us):
        if node.node_id in unheard:
            silent[node.node_id] = unheard[node.node_id]
            away += node.told.footage
        else:
            here = [*here, *node.told.footage]
    here = _in_order(here)
    there = [(one.from_us, one.to_us) for one in here]
    rest = [
        replace(span, from_us=a, to_us=b)
        for span in _in_order(away)
        for a, b in without(span.from_us, span.to_us, there)
    ]
    return ClusterFootage(here, rest, silent)


def node_names(app: Litestar, services: Services) -> dict[str, str]:
    """What people call each node, by id; this node among them."""
    federation = federation_or_none(app)
    others = {} if federation is None else {one.node_id: one.name for one in federation.peers}
    return {
        **others,
        services.node_id: services.node_name if federation is None else federation.name,
    }


def silent_nodes(federation: Federation) -> dict[str, int]:
    """Members that nobody hears, and since when (UTC)."""
    since = {
        one.node_id: federation.who.unreachable_since_us(one.node_id) for one in federation.peers
    }
    return {node_id: since_us for node_id, since_us in since.items() if since_us is not None}


def _with_peers(app: Litestar) -> Federation | None:
    federation = federation_or_none(app)
    return federation if federation is not None and len(federation.peers) else None


def _in_order(spans: list[Span]) -> list[Span]:
    return merge_spans(sorted(spans, key=lambda one: one.from_us))
