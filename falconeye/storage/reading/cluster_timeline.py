"""A camera's time over all nodes, of what each told: footage and who has it, gaps, what is untold.

Pure. This node's own time line is the base: what only it knows (how it recorded, where its clock
was set) stays as it is.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from falconeye.base.times import MINUTE_US
from falconeye.media.samples import StreamKind
from falconeye.storage.ledger.coverage import MIN_GAP_US, Gap, Span, merge_spans
from falconeye.storage.ledger.told_coverage import NodeTold, Told
from falconeye.storage.ledger.union import Missing, Piece, Recorded, Untold, unite
from falconeye.storage.reading.timeline import KindSpan, Timeline

# What a node that is heard tells a little later is not missed: the line ends before it.
SOON_US = MINUTE_US


@dataclass(frozen=True, slots=True)
class NodeSpan:
    """Footage of one stream, and the ids of the nodes that have it; `kind` as of `KindSpan`."""

    span: Span
    kind: str | None
    nodes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class UntoldGap:
    """That node may have footage of this time, and has not told.

    `silent_since_us`: since then nobody hears it (UTC); None: it is heard, and tells later.
    `holds`: what it told that it has, in order, within what was asked for.
    """

    from_us: int
    to_us: int
    node_id: str
    silent_since_us: int | None
    holds: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class ClusterTimeline:
    """Up to `to_us`, what there is on any node; a node without peers has its own line alone."""

    own: Timeline
    to_us: int
    spans: Sequence[NodeSpan]  # in order, by stream
    gaps: Sequence[Gap]
    untold: Sequence[UntoldGap] = ()
    silent: Mapping[str, int] = field(default_factory=dict)  # nodes nobody hears, since when (UTC)

    @classmethod
    def alone(cls, own: Timeline, own_id: str) -> "ClusterTimeline":
        """Of a node that has no peers."""
        spans = [NodeSpan(one.span, one.kind, (own_id,)) for one in own.spans]
        return cls(own, own.to_us, spans, own.gaps)

    @property
    def reachable(self) -> list[Span]:
        """Footage that can be had now, of whichever stream; in order, without overlap."""
        return _merged(one.span for one in self.spans if self.is_reachable(one))

    @property
    def away(self) -> list[tuple[Span, str]]:
        """Footage that only a silent node has, and that node's id."""
        there = [(one.from_us, one.to_us) for one in self.reachable]
        found: list[tuple[Span, str]] = []
        for node_id in self.silent:
            its = _merged(one.span for one in self.spans if one.nodes[:1] == (node_id,))
            for span in its:
                rest = without(span.from_us, span.to_us, there)
                found += [(replace(span, from_us=a, to_us=b), node_id) for a, b in rest]
        return sorted(found, key=lambda one: one[0].from_us)

    def is_reachable(self, one: NodeSpan) -> bool:
        return any(node_id not in self.silent for node_id in one.nodes)


def over_nodes(
    own: Timeline,
    own_id: str,
    told: Sequence[NodeTold],
    to_us: int,
    *,
    owner_id: str | None = None,
    silent: Mapping[str, int] | None = None,
) -> ClusterTimeline:
    """One line of this node's and of what others told; any thread.

    `to_us`: up to when something may be known, now at the latest. `silent`: see `unite`.
    """
    unheard = dict(silent or {})
    mine = Told("", own.from_us, own.to_us, [one.span for one in own.spans], own.gaps)
    lines = [NodeTold(own_id, mine), *told]
    pieces = unite(lines, own.from_us, to_us, owner_id=owner_id, silent=unheard)
    while pieces and _comes_soon(pieces[-1], own_id):
        to_us = pieces.pop().from_us
    # A hole shorter than wall times are exact to; `unite` closes those within the line.
    pieces = [one for one in pieces if one.to_us - one.from_us >= MIN_GAP_US]
    holds = {one.node_id: _holds(one) for one in told if one.node_id in unheard}
    return ClusterTimeline(
        own,
        to_us,
        _spans(own, own_id, told, unheard, to_us),
        [
            Gap(one.from_us, one.to_us, one.reason, one.detail)
            for one in pieces
            if isinstance(one, Missing)
        ],
        [
            UntoldGap(
                one.from_us,
                one.to_us,
                one.node_id,
                one.silent_since_us,
                holds.get(one.node_id, ()),
            )
            for one in pieces
            if isinstance(one, Untold)
        ],
        unheard,
    )


def _comes_soon(piece: Piece, own_id: str) -> bool:
    """At the end of the line: what is on its way to this node, or to its disk."""
    if isinstance(piece, Recorded) or not isinstance(piece, Untold):
        return False
    is_short = piece.to_us - piece.from_us <= SOON_US
    return piece.silent_since_us is None and (is_short or piece.node_id == own_id)


def _holds(told: NodeTold) -> tuple[tuple[int, int], ...]:
    return tuple((one.from_us, one.to_us) for one in _merged(iter(told.told.footage)))


def _spans(
    own: Timeline,
    own_id: str,
    told: Sequence[NodeTold],
    silent: Mapping[str, int],
    to_us: int,
) -> list[NodeSpan]:
    """Cut where other nodes begin or end to have it; those that can be had stand first."""
    found: list[NodeSpan] = []
    for kind in StreamKind:
        stretches = [(one, own_id) for one in own.spans if one.span.stream is kind]
        for node in sorted(told, key=lambda one: one.node_id in silent):
            stretches += [
                (KindSpan(span, None), node.node_id)
                for span in node.told.footage
                if span.stream is kind and span.from_us < to_us
            ]
        found += _of_stream(stretches, kind)
    return sorted(found, key=lambda one: (one.span.from_us, one.span.stream))


def _of_stream(stretches: Sequence[tuple[KindSpan, str]], stream: StreamKind) -> Iterator[NodeSpan]:
    """Sweeps once over the edges; at each few stretches are open, one a node as a rule."""
    edges = sorted({at for one, _ in stretches for at in (one.span.from_us, one.span.to_us)})
    waiting = sorted(
        range(len(stretches)), key=lambda i: stretches[i][0].span.from_us, reverse=True
    )
    present: list[int] = []
    last: NodeSpan | None = None
    for begin, end in pairwise(edges):
        while waiting and stretches[waiting[-1]][0].span.from_us <= begin:
            present.append(waiting.pop())
        present = sorted(i for i in present if stretches[i][0].span.to_us > begin)
        if not present:
            continue
        kind = next((one.kind for one, _ in (stretches[i] for i in present) if one.kind), None)
        nodes = tuple(dict.fromkeys(stretches[i][1] for i in present))
        if last and last.span.to_us == begin and (last.kind, last.nodes) == (kind, nodes):
            last = replace(last, span=replace(last.span, to_us=end))
            continue
        if last is not None:
            yield last
        last = NodeSpan(Span(begin, end, stream), kind, nodes)
    if last is not None:
        yield last


def _merged(spans: Iterator[Span]) -> list[Span]:
    return merge_spans(sorted(spans, key=lambda one: one.from_us))


def without(
    from_us: int, to_us: int, taken: Sequence[tuple[int, int]]
) -> Iterator[tuple[int, int]]:
    """What of [from, to) lies in none of `taken`, which are in order."""
    for begin, end in taken:
        if begin >= to_us:
            break
        if end <= from_us:
            continue
        if begin > from_us:
            yield from_us, begin
        from_us = max(from_us, end)
    if from_us < to_us:
        yield from_us, to_us
