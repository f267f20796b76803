"""One time line of all nodes, against a model that asks each second."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from falconeye.base.times import SECOND_US
from falconeye.media.samples import StreamKind
from falconeye.storage.ledger.coverage import Gap, GapReason, Span
from falconeye.storage.ledger.told_coverage import NodeTold, Told, replaced
from falconeye.storage.ledger.union import Missing, Piece, Recorded, Untold, unite
from tests.examples import examples

LENGTH = 40  # seconds
NODES = ("here", "pi-2", "pi-3")
# What a node said of a second: a stream or two, a reason, or nothing yet (None, only at the end).
Said = str | None
words = st.sampled_from(("main", "sub", "both", "elsewhere", "camera_offline", "disk_full"))


@st.composite
def lines(draw: st.DrawFn) -> list[Said]:
    said: list[Said] = []
    while len(said) < LENGTH:
        said += [draw(words)] * draw(st.integers(3, 15))
    told = draw(st.integers(0, LENGTH))
    first = draw(st.sampled_from((0, 0, 5)))  # it was no member before
    return [said[second] if first <= second < told else None for second in range(LENGTH)]


def node_told(name: str, said: list[Said], had_it: bool | None) -> NodeTold:
    footage: list[Span] = []
    gaps: list[Gap] = []
    for second, word in enumerate(said):
        times = second * SECOND_US, (second + 1) * SECOND_US
        footage += [Span(*times, kind) for kind in StreamKind if word in (kind.value, "both")]
        if word not in (None, "main", "sub", "both"):
            gaps.append(Gap(*times, GapReason(word)))
    return NodeTold(name, Told("c", 0, LENGTH * SECOND_US, footage, gaps), had_it)


def at(
    second: int, said: dict[str, list[Said]], had: dict[str, bool | None],
    owner: str | None, silent: dict[str, int],
) -> object:  # fmt: skip
    """The rule, as a person would say it."""
    if nodes := tuple(name for name in NODES if said[name][second] in ("main", "sub", "both")):
        return nodes
    order = sorted(NODES, key=lambda name: name != owner)
    ended = [
        name for name in order
        if all(word is None for word in said[name][second:])
    ]  # fmt: skip
    for name in ended:
        told = [word for word in said[name] if word is not None]
        had_it = told[-1] != "elsewhere" if told else had[name]
        if had_it or (name == owner and name in silent):
            return name, silent.get(name)
    for name in order:
        if said[name][second] not in (None, "elsewhere"):
            return name, said[name][second]
    for name in ended:
        if name in silent:
            return name, silent[name]
    for name in order:
        if said[name][second] == "elsewhere":
            return name, "elsewhere"
    return "", "unknown"


def answer(piece: Piece) -> object:
    if isinstance(piece, Recorded):
        return piece.nodes
    if isinstance(piece, Missing):
        return piece.node_id, piece.reason.value
    return piece.node_id, piece.silent_since_us


@pytest.mark.timeout(60)
@settings(max_examples=examples(100), deadline=None)
@given(
    st.fixed_dictionaries({name: lines() for name in NODES}),
    st.fixed_dictionaries({name: st.sampled_from((None, True, False)) for name in NODES}),
    st.sampled_from((None, *NODES)),
    st.dictionaries(st.sampled_from(NODES[1:]), st.integers(1, 9)),
)
def test_each_second_is_as_the_rule_says(
    said: dict[str, list[Said]], had: dict[str, bool | None],
    owner: str | None, silent: dict[str, int],
) -> None:  # fmt: skip
    told = [node_told(name, said[name], had[name]) for name in NODES]
    pieces = unite(told, 0, LENGTH * SECOND_US, owner_id=owner, silent=silent)
    assert [piece.from_us for piece in pieces] == [0, *(piece.to_us for piece in pieces[:-1])]
    assert pieces[-1].to_us == LENGTH * SECOND_US
    seconds = [
        answer(piece) for piece in pieces for _ in range((piece.to_us - piece.from_us) // SECOND_US)
    ]
    assert seconds == [at(second, said, had, owner, silent) for second in range(LENGTH)]
    assert len(pieces) == 1 + sum(one != other for one, other in pairwise(seconds))


@pytest.mark.timeout(60)
@settings(max_examples=examples(100), deadline=None)
@given(lines(), lines(), st.integers(0, LENGTH - 1), st.integers(1, LENGTH))
def test_what_is_told_again_replaces_what_was_known(
    known: list[Said], told: list[Said], begin: int, length: int
) -> None:
    end = min(LENGTH, begin + length)
    part = [told[second] if begin <= second < end else None for second in range(LENGTH)]
    piece = node_told("n", part, None).told
    piece = Told("c", begin * SECOND_US, end * SECOND_US, piece.footage, piece.gaps)
    found = replaced(node_told("n", known, None).told, piece)
    both = [told[second] if begin <= second < end else known[second] for second in range(LENGTH)]
    assert [said_of(found, second) for second in range(LENGTH)] == [
        said_of(node_told("n", both, None).told, second) for second in range(LENGTH)
    ]
    for kind in StreamKind:
        spans = [span for span in found.footage if span.stream is kind]
        assert all(one.to_us < other.from_us for one, other in pairwise(spans))
    assert all(
        one.to_us < other.from_us or one.reason is not other.reason
        for one, other in pairwise(found.gaps)
    )


def said_of(told: Told, second: int) -> set[str]:
    at_us = second * SECOND_US
    found = {span.stream.value for span in told.footage if span.from_us <= at_us < span.to_us}
    return found | {gap.reason.value for gap in told.gaps if gap.from_us <= at_us < gap.to_us}


def test_a_dead_owner_leaves_an_honest_hole() -> None:
    owner = NodeTold("pi-2", Told("c", 0, 100, [Span(0, 60, StreamKind.MAIN)], []))
    mine = NodeTold(
        "here",
        Told("c", 0, 100, [Span(2_000_000, 9_000_000, StreamKind.MAIN)],
             [Gap(0, 2_000_000, GapReason.ELSEWHERE)]),
    )  # fmt: skip
    pieces = unite([mine, owner], 0, 9_000_000, owner_id="pi-2", silent={"pi-2": 60})
    assert pieces == [
        Recorded(0, 60, ("pi-2",)),
        Untold(60, 2_000_000, "pi-2", 60),
        Recorded(2_000_000, 9_000_000, ("here",)),
    ]


def test_a_member_that_was_never_heard_is_said_where_nobody_explains() -> None:
    mine = NodeTold("here", Told("c", 0, 10, [], [Gap(0, 5_000_000, GapReason.ELSEWHERE)]))
    pieces = unite([mine], 0, 5_000_000, owner_id="here", silent={"pi-9": 3})
    assert pieces == [Untold(0, 5_000_000, "pi-9", 3)]


def test_a_hole_that_wall_times_cannot_tell_is_none() -> None:
    one = NodeTold("a", Told("c", 0, 10, [Span(0, 1_000_000, StreamKind.MAIN)], []))
    two = NodeTold("b", Told("c", 0, 10, [Span(1_400_000, 3_000_000, StreamKind.MAIN)], []))
    assert [type(piece) for piece in unite([one, two], 0, 3_000_000)] == [Recorded, Recorded]
