"""Which overlap a seam tells of on the page."""

from falconeye.media.samples import StreamKind
from falconeye.storage.ledger.coverage import Span
from falconeye.storage.ledger.seams import ClockSeam
from falconeye.storage.reading.timeline import Timeline
from falconeye.web import views
from falconeye.web.day_contexts import SeamRow

S = 1_000_000


def rows(seams: tuple[ClockSeam, ...], overlaps: tuple[Span, ...]) -> tuple[SeamRow, ...]:
    return views.seams(Timeline(0, 100 * S, (), (), (), seams, overlaps))


def span(from_s: int, to_s: int, stream: StreamKind = StreamKind.MAIN) -> Span:
    return Span(from_s * S, to_s * S, stream)


def test_what_was_recorded_twice_stands_at_the_seam_that_made_it() -> None:
    back, ahead = ClockSeam(40 * S, 30 * S), ClockSeam(50 * S, 60 * S)
    both = (span(31, 40), span(30, 39, StreamKind.SUB))
    found = rows((back, ahead), tuple(sorted(both, key=lambda one: one.from_us)))
    assert found == (
        SeamRow(40 * S, 30 * S, ((30 * S, 40 * S),)),
        SeamRow(50 * S, 60 * S),
    )
    assert [row.was_set_back for row in found] == [True, False]


def test_no_overlap_is_told_of_a_clock_that_was_set_ahead() -> None:
    """It was made by a step that nobody noted: the node did not run, or the index was made anew."""
    assert rows((ClockSeam(40 * S, 45 * S),), (span(35, 50),)) == (
        SeamRow(40 * S, 45 * S),
        SeamRow(None, None, ((35 * S, 50 * S),)),
    )
