"""What a camera may lack after the faults, and what it lacks. Pure; times are UTC (µs)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from falconeye.base.times import SECOND_US, rfc3339
from falconeye.storage.ledger.coverage import MIN_GAP_US, GapReason
from falconeye.storage.ledger.union import Missing, Piece, Recorded, Untold
from tests.chaos.plan import Fault, Kind

Time = tuple[int, int]  # from, to

FAILOVER_S: Final = 20.0  # DESIGN 8: node death → recording elsewhere
# An owner that gets no pictures tries for 30 s before another takes over (`placement.ability`);
# before, it has to notice that none come (10 s), and the other has to connect (5 s).
BLIND_S: Final = 45.0
LOST_S: Final = 2.0  # of what was recorded before a fault: kill -9 may take 1 s, and a GOP is 1 s
STALL_S: Final = 10.0  # until a camera that fell silent is noticed
# Camera back → recording again: 3 s, the wait between two tries (2 s), a GOP, a try that had begun
BACK_S: Final = 10.0
LEAST_US: Final = int(1.5 * SECOND_US)  # shorter holes lie within a GOP and what times are exact to
# How often somebody waits for a timer from a fault to the first new picture, each time late:
# the last beat, 15 s of silence, the look, the connection, the first keyframe.
WAITS: Final = 5


@dataclass(frozen=True, slots=True)
class Done:
    """A fault as it was: when it began and ended."""

    fault: Fault
    begun_us: int
    ended_us: int


@dataclass(frozen=True, slots=True)
class Cause:
    """In that time a camera may lack footage."""

    from_us: int
    to_us: int
    why: str


def causes(
    done: Sequence[Done], camera: int, margin_s: float, of_nodes: Sequence[Sequence[Time]]
) -> list[Cause]:
    """When that camera may lack footage. `of_nodes`: of the camera, what each node has.

    A fault of a node excuses something where the node recorded the camera, or may have been about
    to, because that was excused already. Partitions, one-way cuts and slow links excuse nothing:
    whoever sees the camera records it.
    """
    found: list[Cause] = []
    for one in sorted(done, key=lambda each: each.begun_us):
        excused_s = _excused_s(one, done, camera)
        from_us = one.begun_us - int((LOST_S + 1 + margin_s) * SECOND_US)
        if not excused_s:
            continue
        if one.fault.kind is not Kind.CAMERA:
            recorded = without((from_us, one.begun_us), of_nodes[one.fault.target])
            is_its = recorded != [(from_us, one.begun_us)]
            if not is_its and not any(each.from_us <= one.begun_us < each.to_us for each in found):
                continue
        to_us = one.begun_us + int((excused_s + margin_s) * SECOND_US)
        found.append(Cause(one.begun_us - int(LOST_S * SECOND_US), to_us, str(one.fault)))
    return found


def _excused_s(one: Done, done: Sequence[Done], camera: int) -> float:
    """For how long after its begin a fault may cost footage of a camera that it concerns."""
    fault = one.fault
    if fault.ends_process:
        blind = (other for other in done if other.fault.kind is Kind.BLIND)
        # Who takes over first may be the one that sees nothing.
        return FAILOVER_S + (BLIND_S if any(_overlap(one, each, BLIND_S) for each in blind) else 0)
    if fault.kind is Kind.BLIND:
        return BLIND_S
    if fault.kind is Kind.CAMERA and fault.target == camera:
        return max(STALL_S, (one.ended_us - one.begun_us) / SECOND_US) + BACK_S
    return 0.0


def _overlap(one: Done, other: Done, after_s: float) -> bool:
    after_us = int(after_s * SECOND_US)
    return one.begun_us < other.ended_us + after_us and other.begun_us < one.ended_us + after_us


def joined(times: Iterable[Time]) -> list[Time]:
    """In order, without overlap."""
    found: list[Time] = []
    for begin, end in sorted(times):
        if found and begin <= found[-1][1]:
            found[-1] = found[-1][0], max(end, found[-1][1])
        else:
            found.append((begin, end))
    return found


def without(time: Time, covered: Iterable[Time]) -> list[Time]:
    """What of the time none of the others covers."""
    begin, end = time
    found: list[Time] = []
    for one, other in joined(covered):
        if other > begin and one < end:
            if one > begin:
                found.append((begin, one))
            begin = max(begin, other)
    if begin < end:
        found.append((begin, end))
    return found


def unexcused(hole: Time, excuses: Iterable[Cause]) -> list[Time]:
    """What of a hole no fault excuses, where it is more than times are exact to."""
    left = without(hole, [(one.from_us, one.to_us) for one in excuses])
    return [one for one in left if one[1] - one[0] >= LEAST_US]


def holes(footage: Iterable[Time], span: Time) -> list[Time]:
    """What of the time lacks footage."""
    return [one for one in without(span, footage) if one[1] - one[0] >= LEAST_US]


def ledger_faults(
    pieces: Sequence[Piece], span: Time, footage: Mapping[str, Sequence[Time]]
) -> list[str]:
    """What is wrong with the union of the ledgers; `footage`: of the files, by node.

    Every second has a piece, each says that there is footage (and there is, on a disk of each of
    the nodes that it names), or why there is none.
    """
    found = [
        f"{told(one)}: no piece at all"
        for one in without(span, [(piece.from_us, piece.to_us) for piece in pieces])
        if one[1] - one[0] >= MIN_GAP_US  # what times are exact to; answers are cut at milliseconds
    ]
    anywhere = joined(time for of_node in footage.values() for time in of_node)
    for piece in pieces:
        time = piece.from_us, piece.to_us
        match piece:
            case Recorded(nodes=nodes):
                claimed = [time for node in nodes for time in footage[node]]
                found += [
                    f"{told(one)}: recorded, it says, by {', '.join(nodes)}, and no file has it"
                    for one in holes(claimed, time)
                ]
            case Missing(reason=GapReason.UNKNOWN | GapReason.ELSEWHERE | GapReason.INTERNAL):
                found.append(f"{told(time)}: {piece.reason} of {piece.node_id or 'nobody'}")
            case Untold():
                found.append(f"{told(time)}: {piece.node_id} has not told")
            case _:
                has = time[1] - time[0] - sum(end - begin for begin, end in without(time, anywhere))
                if has >= LEAST_US:
                    seconds = has / SECOND_US
                    found.append(f"{told(time)}: {piece.reason}, and files have {seconds:.1f} s")
    return found


def told(time: Time) -> str:
    begin, end = time
    return f"{rfc3339(begin)[11:-1]} for {(end - begin) / SECOND_US:.1f} s"
