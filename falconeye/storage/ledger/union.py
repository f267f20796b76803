"""One camera's time over all nodes: recorded where any node has it, else why not. Pure.

Each node tells what it has itself, and why it has not the rest; that another one was to record it
is a reason, too (`GapReason.ELSEWHERE`), and explains nothing here. What a node has not told yet,
or cannot because nobody hears it, may hold footage: that is said, rather than guessed.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from falconeye.storage.ledger.coverage import MIN_GAP_US, Gap, GapReason, Span
from falconeye.storage.ledger.told_coverage import NodeTold


@dataclass(frozen=True, slots=True)
class Recorded:
    """There is footage, of these nodes, in the order in which they were given."""

    from_us: int
    to_us: int
    nodes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Missing:
    """There is none, and that node said why; "": none did."""

    from_us: int
    to_us: int
    reason: GapReason
    detail: str
    node_id: str


@dataclass(frozen=True, slots=True)
class Untold:
    """That node may have footage, and has not told."""

    from_us: int
    to_us: int
    node_id: str
    silent_since_us: int | None  # since then nobody hears it; None: it is heard, and tells soon


Piece = Recorded | Missing | Untold


def unite(
    nodes: Sequence[NodeTold],
    from_us: int,
    to_us: int,
    *,
    owner_id: str | None = None,
    silent: Mapping[str, int] | None = None,
) -> list[Piece]:
    """The pieces of [from, to), in order, without a hole.

    `nodes`: what each told, this one's own first. `silent`: members that nobody hears, and since
    when (UTC). Where nobody recorded: a silent node is untold after its last word where it is the
    owner or had the camera by that word, or where no other gives a reason; else the owner's reason
    counts, then that of the others in order.
    """
    if to_us <= from_us:
        return []
    unheard = dict(silent or {})
    known = {one.node_id for one in nodes}
    never_told = [NodeTold.nothing(one, from_us, to_us) for one in unheard if one not in known]
    lines = [_Line(one) for one in (*nodes, *never_told)]
    lines.sort(key=lambda line: line.node_id != owner_id)  # stable: the owner, then as given
    order = {one.node_id: place for place, one in enumerate(nodes)}
    edges = sorted(
        {from_us, to_us, *(at for line in lines for at in line.edges if from_us < at < to_us)}
    )
    pieces = [_piece(begin, end, lines, owner_id, unheard, order) for begin, end in pairwise(edges)]
    return list(_joined(pieces))


class _Line:
    """The words of one node in the order of time: of each stretch a gap, or that it recorded."""

    def __init__(self, said: NodeTold) -> None:
        self.node_id = said.node_id
        self._had_it_before = said.had_it_before
        self._gaps = sorted(said.told.gaps, key=_begin)
        self._gap_starts = [gap.from_us for gap in self._gaps]
        self._spans: list[tuple[int, int]] = []  # of either stream, joined
        for span in sorted(said.told.footage, key=_begin):
            if self._spans and span.from_us <= self._spans[-1][1]:
                begin, end = self._spans[-1]
                self._spans[-1] = begin, max(end, span.to_us)
            else:
                self._spans.append((span.from_us, span.to_us))
        self._span_starts = [begin for begin, _ in self._spans]
        ends = [self._spans[-1][1]] if self._spans else []
        ends += [self._gaps[-1].to_us] if self._gaps else []
        self.until_us = max(ends, default=None)

    @property
    def edges(self) -> Iterator[int]:
        for begin, end in self._spans:
            yield begin
            yield end
        for gap in self._gaps:
            yield gap.from_us
            yield gap.to_us

    def recorded(self, at_us: int) -> bool:
        last = bisect_right(self._span_starts, at_us) - 1
        return last >= 0 and self._spans[last][1] > at_us

    def gap(self, at_us: int) -> Gap | None:
        """Why it has not recorded then; None where it said nothing."""
        last = bisect_right(self._gap_starts, at_us) - 1
        return self._gaps[last] if last >= 0 and self._gaps[last].to_us > at_us else None

    def is_untold(self, at_us: int) -> bool:
        """Whether the time is after its last word."""
        return self.until_us is None or at_us >= self.until_us

    @property
    def had_it(self) -> bool | None:
        """Whether it had the camera by its last word; None: it never said anything of it."""
        if self.until_us is None:
            return self._had_it_before
        last = self._gaps[-1] if self._gaps else None
        is_last = last is not None and last.to_us == self.until_us
        return not is_last or last is None or last.reason is not GapReason.ELSEWHERE


def _begin(piece: Span | Gap) -> int:
    return piece.from_us


def _piece(
    begin: int,
    end: int,
    lines: Sequence[_Line],
    owner_id: str | None,
    unheard: Mapping[str, int],
    order: Mapping[str, int],
) -> Piece:
    recorders = [line.node_id for line in lines if line.recorded(begin)]
    if recorders:
        return Recorded(begin, end, tuple(sorted(recorders, key=order.__getitem__)))
    untold = [line for line in lines if line.is_untold(begin)]
    for line in untold:
        is_silent_owner = line.node_id == owner_id and line.node_id in unheard
        if line.had_it or is_silent_owner:
            return Untold(begin, end, line.node_id, unheard.get(line.node_id))
    gaps = [(line.node_id, gap) for line in lines if (gap := line.gap(begin)) is not None]
    for node_id, gap in gaps:
        if gap.reason is not GapReason.ELSEWHERE:
            return Missing(begin, end, gap.reason, gap.detail, node_id)
    for line in untold:
        if line.node_id in unheard:
            return Untold(begin, end, line.node_id, unheard[line.node_id])
    if gaps:
        node_id, gap = gaps[0]
        return Missing(begin, end, gap.reason, gap.detail, node_id)
    return Missing(begin, end, GapReason.UNKNOWN, "", "")


def _joined(pieces: Sequence[Piece]) -> Iterator[Piece]:
    """What follows alike is one. Holes shorter than wall times are exact to are closed."""
    last: Piece | None = None
    for piece in pieces:
        is_short = piece.to_us - piece.from_us < MIN_GAP_US and not isinstance(piece, Recorded)
        if last is not None and (is_short or _says_the_same(last, piece)):
            last = replace(last, to_us=piece.to_us)
            continue
        if last is not None:
            yield last
        last = piece
    if last is not None:
        yield last


def _says_the_same(one: Piece, other: Piece) -> bool:
    return replace(one, from_us=0, to_us=0) == replace(other, from_us=0, to_us=0)
