"""What a node tells others of a camera's time: exactly this is in it, and nothing else.

A piece of time is told whole, so that it may be told twice, late, or again after a deletion: what
was known of it before is replaced. Times are UTC (µs).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

from falconeye.base.errors import InvalidInput
from falconeye.base.times import LATEST_US
from falconeye.media.samples import StreamKind
from falconeye.storage.ledger.coverage import MIN_GAP_US, Gap, GapReason, Span

MAX_TOLD: Final = 20_000  # footage and gaps of one piece of time
MAX_DETAIL: Final = 500
_P = TypeVar("_P", Span, Gap)


@dataclass(frozen=True, slots=True)
class Told:
    """All that a node has of a camera in [from, to): footage by stream, and gaps for the rest."""

    camera_id: str
    from_us: int
    to_us: int
    footage: Sequence[Span] = ()
    gaps: Sequence[Gap] = ()

    def as_json(self) -> list[Any]:
        """Short: `[camera, from, to, [[stream, from, to]], [[from, to, reason, detail]]]`."""
        footage = [[span.stream.value, span.from_us, span.to_us] for span in self.footage]
        gaps = [
            [gap.from_us, gap.to_us, gap.reason.value, gap.detail[:MAX_DETAIL]] for gap in self.gaps
        ]
        return [self.camera_id, self.from_us, self.to_us, footage, gaps]

    @classmethod
    def of_json(cls, told: Any) -> "Told":
        """What another machine sent; InvalidInput where it makes no sense.

        A reason of a newer release is unknown here, a stream of one is left out.
        """
        try:
            camera_id, from_us, to_us, footage, gaps = told
            if len(footage) + len(gaps) > MAX_TOLD:
                raise InvalidInput("coverage: too much for one piece of time", field="coverage")
            kinds = set(StreamKind)
            return cls(
                _text(camera_id, 64),
                *_times(from_us, to_us, 0, LATEST_US),
                tuple(
                    Span(*_times(begin, end, from_us, to_us), StreamKind(kind))
                    for kind, begin, end in footage
                    if kind in kinds
                ),
                tuple(
                    Gap(
                        *_times(begin, end, from_us, to_us),
                        GapReason.stored(_text(reason, 64)),
                        _text(detail, MAX_DETAIL),
                    )
                    for begin, end, reason, detail in gaps
                ),
            )
        except (TypeError, ValueError) as error:
            msg = "coverage: not what a node tells of a camera's time"
            raise InvalidInput(msg, field="coverage") from error


@dataclass(frozen=True, slots=True)
class NodeTold:
    """What one node told of a camera in a time. What is neither footage nor gap it has not told."""

    node_id: str
    told: Told
    # Whether it had the camera by what it told of times before (it recorded, or was to); None: it
    # told of none.
    had_it_before: bool | None = None

    @classmethod
    def nothing(cls, node_id: str, from_us: int, to_us: int) -> "NodeTold":
        """It told nothing of that time, nor of any before."""
        return cls(node_id, Told("", from_us, to_us))

    def with_tail(self, tail: Told) -> "NodeTold":
        """With what it told last, of the present."""
        from_us, to_us = self.told.from_us, self.told.to_us
        if tail.from_us < to_us and tail.to_us > from_us:
            its = within(tail, max(from_us, tail.from_us), min(to_us, tail.to_us))
            told = within(replaced(self.told, its), from_us, to_us)
            return replace(self, told=told)
        if tail.to_us <= from_us:
            is_elsewhere = any(gap.reason is GapReason.ELSEWHERE for gap in tail.gaps)
            return replace(self, had_it_before=bool(tail.footage) or not is_elsewhere)
        return self


def _times(from_us: Any, to_us: Any, least_us: int, most_us: int) -> tuple[int, int]:
    both_are_numbers = type(from_us) is int and type(to_us) is int
    if not both_are_numbers or not least_us <= from_us < to_us <= most_us:
        raise ValueError
    return from_us, to_us


def _text(value: Any, length: int) -> str:
    if not isinstance(value, str) or len(value) > length:
        raise ValueError
    return value


def replaced(known: Told, told: Told) -> Told:
    """What is known after `told`; of one camera. Runs and gaps that touch are one.

    The time of the answer is all that either tells of.
    """
    spans = [
        span
        for stream in StreamKind
        for span in _joined(
            [span for span in _beside(known.footage, told) if span.stream is stream]
            + [span for span in told.footage if span.stream is stream]
        )
    ]
    gaps = _joined([*_beside(known.gaps, told), *told.gaps])
    from_us, to_us = min(known.from_us, told.from_us), max(known.to_us, told.to_us)
    return Told(told.camera_id, from_us, to_us, spans, gaps)


def within(told: Told, from_us: int, to_us: int) -> Told:
    """What of it lies in [from, to)."""
    footage = [_cut(span, from_us, to_us) for span in told.footage if _has(span, from_us, to_us)]
    gaps = [_cut(gap, from_us, to_us) for gap in told.gaps if _has(gap, from_us, to_us)]
    return Told(told.camera_id, from_us, to_us, footage, gaps)


def _beside(known: Sequence[_P], told: Told) -> list[_P]:
    """What of the pieces lies before or after the time that is told."""
    found: list[_P] = []
    for piece in known:
        if piece.from_us < told.from_us:
            found.append(_cut(piece, piece.from_us, told.from_us))
        if piece.to_us > told.to_us:
            found.append(_cut(piece, told.to_us, piece.to_us))
    return found


def _joined(pieces: list[_P]) -> list[_P]:
    found: list[_P] = []
    for piece in sorted(pieces, key=lambda one: (one.from_us, one.to_us)):
        last = found[-1] if found else None
        if last is not None and piece.from_us - last.to_us < MIN_GAP_US and _alike(last, piece):
            found[-1] = _cut(piece, last.from_us, max(last.to_us, piece.to_us), widen=True)
        else:
            found.append(piece)
    return found


def _alike(one: Span | Gap, other: Span | Gap) -> bool:
    """Spans of one stream are asked for one by one; gaps are alike where they say the same."""
    if isinstance(one, Gap) and isinstance(other, Gap):
        return (one.reason, one.detail) == (other.reason, other.detail)
    return True


def _has(piece: Span | Gap, from_us: int, to_us: int) -> bool:
    return piece.from_us < to_us and piece.to_us > from_us


def _cut(piece: _P, from_us: int, to_us: int, *, widen: bool = False) -> _P:
    if not widen:
        from_us, to_us = max(piece.from_us, from_us), min(piece.to_us, to_us)
    if isinstance(piece, Gap):
        return Gap(from_us, to_us, piece.reason, piece.detail)
    return Span(from_us, to_us, piece.stream)
