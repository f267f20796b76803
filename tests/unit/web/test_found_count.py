"""The number of new found cameras is counted once for all, and never told when it has changed."""

from falconeye.base.times import SECOND_US
from falconeye.web.found_count import KEPT_US, FoundCount
from falconeye.web.sse import SETTLE_S
from tests.clock import FakeClock


def test_it_is_counted_once_for_all_pages_and_anew_after_a_change() -> None:
    clock, count = FakeClock(), FoundCount()
    answers = iter((2, 3))
    assert [count.now(clock, lambda: next(answers)) for _page in range(40)] == [2] * 40
    clock.advance(SETTLE_S)  # a change is told to pages after this
    assert count.now(clock, lambda: next(answers)) == 3
    assert KEPT_US <= SETTLE_S * SECOND_US
