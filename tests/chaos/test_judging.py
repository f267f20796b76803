"""The judge lets nothing pass that no fault excuses, and excuses no more than it must."""

import pytest

from falconeye.base.times import SECOND_US
from falconeye.storage.ledger.coverage import GapReason
from falconeye.storage.ledger.union import Missing, Piece, Recorded, Untold
from tests.chaos.judging import (
    BLIND_S,
    FAILOVER_S,
    LOST_S,
    Done,
    Time,
    causes,
    holes,
    ledger_faults,
    unexcused,
)
from tests.chaos.plan import Fault, Kind

SPAN = (0, 200 * SECOND_US)


def at(begin_s: float, end_s: float) -> Time:
    return int(begin_s * SECOND_US), int(end_s * SECOND_US)


def done(kind: Kind, begin_s: float, end_s: float, target: int = 1) -> Done:
    return Done(Fault(begin_s, end_s - begin_s, kind, target), *at(begin_s, end_s))


def left(hole: Time, *faults: Done, margin_s: float = 0.0) -> list[Time]:
    """Node 1 recorded up to the hole, and nobody after."""
    return unexcused(hole, causes(faults, 0, margin_s, [[], [(0, hole[0])], []]))


def test_holes_are_what_no_file_has() -> None:
    assert holes([at(0, 50), at(40, 90), at(91, 120)], SPAN) == [at(120, 200)]
    assert holes([], SPAN) == [SPAN]
    assert holes([at(10, 20)], at(12, 25)) == [at(20, 25)]


def test_a_dead_node_excuses_its_failover_time_and_no_second_more() -> None:
    fault = done(Kind.KILL, 50, 90)
    assert left(at(50 - LOST_S, 50 + FAILOVER_S), fault) == []
    assert left(at(49, 80), fault) == [at(70, 80)]
    assert left(at(49, 80), fault, margin_s=10) == []  # a machine that is late
    assert left(at(48.5, 60), fault) == []
    # The next one dies while nobody has taken over yet.
    assert left(at(49, 80), fault, done(Kind.TERMINATE, 62, 70, 2)) == []
    assert left(at(49, 90), fault, done(Kind.BLIND, 30, 60, 2)) == []
    assert left(at(49, 80), fault, done(Kind.BLIND, 170, 180, 2)) == [at(70, 80)]
    # One that did not record the camera, nor was about to, is no excuse.
    assert left(at(49, 95), fault, done(Kind.TERMINATE, 75, 80, 2)) == [at(70, 95)]
    assert left(at(40, 60), fault) == [at(40, 60)]


@pytest.mark.parametrize("kind", [Kind.PARTITION, Kind.ONE_WAY, Kind.SLOW, Kind.EDIT])
def test_what_leaves_the_cameras_in_sight_excuses_nothing(kind: Kind) -> None:
    assert left(at(55, 60), done(kind, 50, 90)) == [at(55, 60)]


def test_a_node_that_sees_no_camera_is_waited_for() -> None:
    assert left(at(49, 50 + BLIND_S), done(Kind.BLIND, 50, 99)) == []
    assert left(at(49, 99), done(Kind.BLIND, 50, 99)) == [at(50 + BLIND_S, 99)]


def test_a_camera_excuses_its_own_time_alone() -> None:
    assert left(at(50, 78), done(Kind.CAMERA, 50, 70, target=0)) == []
    assert left(at(50, 90), done(Kind.CAMERA, 50, 70, target=0)) == [at(80, 90)]
    assert left(at(50, 60), done(Kind.CAMERA, 50, 70, target=1)) == [at(50, 60)]


def missing(begin_s: float, end_s: float, reason: GapReason) -> Missing:
    return Missing(*at(begin_s, end_s), reason, "", "a")


def test_a_ledger_says_of_each_second_what_is_on_the_disks() -> None:
    footage = {"a": [at(0, 100)], "b": [at(120, 200)]}
    crashed = missing(100, 120, GapReason.NODE_CRASHED)
    good: list[Piece] = [Recorded(*at(0, 100), ("a",)), crashed, Recorded(*at(120, 200), ("b",))]
    assert ledger_faults(good, SPAN, footage) == []
    wrongs: list[tuple[list[Piece], str]] = [
        ([good[0], good[2]], "no piece at all"),
        ([good[0], missing(100, 120, GapReason.UNKNOWN), good[2]], "unknown"),
        ([good[0], missing(100, 120, GapReason.ELSEWHERE), good[2]], "elsewhere"),
        ([good[0], Untold(*at(100, 120), "a", None), good[2]], "has not told"),
        ([*good[:2], Recorded(*at(120, 200), ("a",))], "no file has it"),
        ([*good[:2], Recorded(*at(120, 200), ("a", "b")), good[0]], ""),
        ([Recorded(*at(0, 110), ("a",)), missing(110, 120, GapReason.NODE_CRASHED), good[2]],
         "no file has it"),
        ([good[0], missing(100, 130, GapReason.NODE_CRASHED), Recorded(*at(130, 200), ("b",))],
         "files have 10.0 s"),
    ]  # fmt: skip
    for wrong, words in wrongs:
        found = ledger_faults(wrong, SPAN, footage)
        assert bool(found) is bool(words), wrong
        assert not words or words in found[0]
