"""Which gaps of a day the wall counts."""

import pytest

from falconeye.alerts.faults import RAISE_US
from falconeye.base.times import SECOND_US
from falconeye.storage.ledger.coverage import Gap, GapReason
from falconeye.web.today import unwanted_gaps

ADDED_US = 1_795_000_000_000_000


def gap(after_s: float, long_s: float, reason: GapReason = GapReason.CAMERA_OFFLINE) -> Gap:
    from_us = ADDED_US + round(after_s * SECOND_US)
    return Gap(from_us, from_us + round(long_s * SECOND_US), reason)


@pytest.mark.parametrize(
    ("gaps", "count"),
    [
        ([gap(0, 4)], 0),
        ([gap(0.2, 4)], 0),  # the ledger hears of it a moment later
        ([gap(0, RAISE_US / SECOND_US)], 1),  # longer than a camera needs to connect
        ([gap(0, 4), gap(60, 4)], 1),  # it was there, and went
        ([gap(0, 4, GapReason.DISK_FULL)], 1),
        ([gap(0, 90, GapReason.PAUSED), gap(90, 4)], 1),
        ([gap(-3600, 4)], 1),
    ],
)
def test_the_first_connection_is_no_gap(gaps: list[Gap], count: int) -> None:
    assert unwanted_gaps(gaps, ADDED_US) == count
