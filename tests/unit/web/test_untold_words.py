"""What is said of time that a silent node may know of."""

from datetime import UTC

from falconeye.base.times import MINUTE_US, SECOND_US
from falconeye.storage.reading.cluster_timeline import UntoldGap
from falconeye.web.untold_words import untold_words

NOON_US = 1_795_000_000_000_000 // (1440 * MINUTE_US) * (1440 * MINUTE_US) + 720 * MINUTE_US


def words(*holds: tuple[int, int]) -> str:
    gap = UntoldGap(NOON_US, NOON_US + MINUTE_US, node_id="n", silent_since_us=NOON_US, holds=holds)
    return untold_words(gap, {"n": "pi-2"}, UTC)


def test_stretches_are_told_in_minutes_and_short_ones_in_seconds() -> None:
    long = (NOON_US - 60 * MINUTE_US, NOON_US - 10 * MINUTE_US)
    short = (NOON_US - 5 * MINUTE_US + 5 * SECOND_US, NOON_US - 5 * MINUTE_US + 40 * SECOND_US)
    assert words(long).endswith("; it holds 11:00–11:50")
    assert words(long, short).endswith("; it holds 11:00–11:50, 11:55:05–11:55:40")
