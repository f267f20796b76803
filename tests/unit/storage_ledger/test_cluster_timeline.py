"""A time line over nodes: who has what, what is untold, and where the line ends."""

import random

from falconeye.base.times import MINUTE_US, SECOND_US
from falconeye.media.samples import StreamKind
from falconeye.storage.ledger.coverage import Gap, GapReason, Span
from falconeye.storage.ledger.told_coverage import NodeTold, Told
from falconeye.storage.reading.cluster_timeline import ClusterTimeline, UntoldGap, over_nodes
from falconeye.storage.reading.timeline import KindSpan, Timeline

MAIN, SUB = StreamKind.MAIN, StreamKind.SUB
ELSEWHERE, OFFLINE = GapReason.ELSEWHERE, GapReason.CAMERA_OFFLINE


def at(minutes: float) -> int:
    return int(minutes * MINUTE_US)


def span(begin: float, end: float, stream: StreamKind = MAIN) -> Span:
    return Span(at(begin), at(end), stream)


def gap(begin: float, end: float, reason: GapReason = ELSEWHERE) -> Gap:
    return Gap(at(begin), at(end), reason)


def line(*pieces: Span | Gap, to: float, kind: str | None = "continuous") -> Timeline:
    spans = [KindSpan(one, kind) for one in pieces if isinstance(one, Span)]
    return Timeline(0, at(to), spans, [one for one in pieces if isinstance(one, Gap)])


def told(node_id: str, *pieces: Span | Gap) -> NodeTold:
    footage = [one for one in pieces if isinstance(one, Span)]
    gaps = [one for one in pieces if isinstance(one, Gap)]
    return NodeTold(node_id, Told("c", 0, at(1e6), footage, gaps))


def test_footage_of_another_node_is_footage_with_its_node() -> None:
    own = line(gap(0, 5), span(5, 10), to=10)
    peer = told("pi-2", span(0, 6), span(0, 6, SUB), gap(6, 10))
    found = over_nodes(own, "pi-1", [peer], at(10), owner_id="pi-2")
    shown = [(one.span, one.kind, one.nodes) for one in found.spans]
    assert shown == [
        (span(0, 5), None, ("pi-2",)),
        (span(0, 6, SUB), None, ("pi-2",)),
        (span(5, 6), "continuous", ("pi-1", "pi-2")),
        (span(6, 10), "continuous", ("pi-1",)),
    ]
    assert (found.gaps, found.untold, found.to_us) == ([], [], at(10))
    assert found.reachable == [span(0, 10)]


def test_where_nobody_recorded_the_owners_reason_counts() -> None:
    own = line(gap(0, 10), to=10)
    peer = told("pi-2", gap(0, 10, OFFLINE))
    found = over_nodes(own, "pi-1", [peer], at(10), owner_id="pi-2")
    assert found.gaps == [gap(0, 10, OFFLINE)]


def test_a_silent_node_is_named_with_what_it_holds() -> None:
    own = line(gap(0, 10), to=10)
    peer = told("pi-2", gap(0, 1, OFFLINE), span(1, 3), span(4, 6), gap(3, 4, OFFLINE))
    found = over_nodes(own, "pi-1", [peer], at(10), owner_id="pi-2", silent={"pi-2": at(6)})
    holds = ((at(1), at(3)), (at(4), at(6)))
    assert found.untold == [UntoldGap(at(6), at(10), "pi-2", at(6), holds)]
    assert found.gaps == [gap(0, 1, OFFLINE), gap(3, 4, OFFLINE)]
    assert found.reachable == []
    assert found.away == [(span(1, 3), "pi-2"), (span(4, 6), "pi-2")]


def test_what_another_has_too_is_not_away() -> None:
    own = line(gap(0, 2), span(2, 5), gap(5, 10), to=10)
    peer = told("pi-2", span(1, 6))
    found = over_nodes(own, "pi-1", [peer], at(10), silent={"pi-2": at(6)})
    assert found.reachable == [span(2, 5)]
    assert found.away == [(span(1, 2), "pi-2"), (span(5, 6), "pi-2")]
    nodes = [(one.nodes, found.is_reachable(one)) for one in found.spans]
    assert nodes == [(("pi-2",), False), (("pi-1", "pi-2"), True), (("pi-2",), False)]


def test_the_line_ends_with_what_a_node_that_is_heard_told_last() -> None:
    own = line(gap(0, 10), to=10)
    peer = told("pi-2", span(0, 9.8))
    found = over_nodes(own, "pi-1", [peer], at(10), owner_id="pi-2")
    assert (found.to_us, found.untold, found.gaps) == (at(9.8), [], [])


def test_what_a_node_that_is_heard_has_not_told_for_long_is_said() -> None:
    own = line(gap(0, 10), to=10)
    peer = told("pi-2", span(0, 5))
    found = over_nodes(own, "pi-1", [peer], at(10), owner_id="pi-2")
    assert found.untold == [UntoldGap(at(5), at(10), "pi-2", None)]
    assert found.to_us == at(10)


def test_this_node_is_never_untold() -> None:
    """Its own line ends with its last fragment on the disk."""
    own = line(span(0, 5), to=5)
    found = over_nodes(own, "pi-1", [told("pi-2", gap(0, 5))], at(10), owner_id="pi-1")
    assert (found.to_us, found.untold) == (at(5), [])


def test_holes_that_no_wall_time_is_exact_to_are_no_gaps() -> None:
    own = line(span(0.005, 5), to=5)
    found = over_nodes(own, "pi-1", [told("pi-2", gap(0, 5))], at(5))
    assert (found.gaps, found.untold) == ([], [])


def test_alone_is_the_own_line() -> None:
    own = line(gap(0, 5), span(5, 10), to=10)
    found = ClusterTimeline.alone(own, "pi-1")
    assert [(one.span, one.nodes) for one in found.spans] == [(span(5, 10), ("pi-1",))]
    assert (found.gaps, found.to_us, found.away) == (own.gaps, at(10), [])


def test_at_every_second_exactly_those_who_have_it_are_named() -> None:
    chance = random.Random(7)  # noqa: S311 - the same each time
    for _ in range(60):
        nodes = [told(f"pi-{number}", *_random_spans(chance)) for number in range(2, 5)]
        own = line(*_random_spans(chance), to=100)
        silent = {"pi-3": 0} if chance.random() < 0.5 else {}
        found = over_nodes(own, "pi-1", nodes, at(100), silent=silent)
        everyone = [NodeTold("pi-1", Told("", 0, 1, [one.span for one in own.spans])), *nodes]
        for us in range(0, at(100), 17 * SECOND_US):
            for stream in StreamKind:
                have = {one.node_id for one in everyone if _has(one.told.footage, stream, us)}
                shown = [one for one in found.spans if _has([one.span], stream, us)]
                assert {node for one in shown for node in one.nodes} == have
                assert len(shown) <= 1
            is_here = any(one.from_us <= us < one.to_us for one in found.reachable)
            is_away = any(one.from_us <= us < one.to_us for one, _ in found.away)
            has_it = [one for one in everyone if _has(one.told.footage, None, us)]
            assert is_here == any(one.node_id not in silent for one in has_it)
            assert is_away == (bool(has_it) and not is_here)


def _random_spans(chance: random.Random) -> list[Span]:
    found: list[Span] = []
    for stream in StreamKind:
        edges = sorted(chance.sample(range(100), 6))
        found += [span(a, b, stream) for a, b in zip(edges[::2], edges[1::2], strict=True)]
    return found


def _has(spans: object, stream: StreamKind | None, us: int) -> bool:
    assert isinstance(spans, list | tuple)
    return any(one.from_us <= us < one.to_us and stream in {None, one.stream} for one in spans)
