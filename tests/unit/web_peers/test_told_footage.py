"""What peers tell of their footage is checked: garbage makes the node a silent one, and no more."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from falconeye.media.samples import StreamKind
from falconeye.storage.reading.playback_list import (
    Entries,
    Entry,
    ListedSegment,
    lines_of,
    write_playlist,
)
from falconeye.web.peers.gathering import Answers
from falconeye.web.peers.playback import MAX_ENTRIES, ToldSegment, _read, silent_headers

NODE = "2" * 32
SEGMENT = ListedSegment(
    3, 7, 8_000_000, 90_000, "a" * 64, 700,
    Entries((Entry(0, 10, 0, 90_000), Entry(10, 20, 90_000, 45_000)), has_open_gop=True),
    is_growing=True,
)  # fmt: skip
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


def told(**changes: object) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(ToldSegment.of(SEGMENT)))
    return found | changes


def test_what_is_told_is_what_there_is() -> None:
    parts, unread = _read(Answers({NODE: {"segments": [told()]}}))
    assert unread == []
    (segment,) = parts[0]
    assert segment.node_id == NODE
    assert {name: getattr(segment, name) for name in ListedSegment.__slots__} == {
        name: getattr(SEGMENT, name) for name in ListedSegment.__slots__
    } | {"node_id": NODE}


def test_a_newer_release_may_tell_more() -> None:
    parts, unread = _read(Answers({NODE: {"segments": [told(colour="red")], "more": 1}}))
    assert (len(parts[0]), unread) == (1, [])


@pytest.mark.parametrize(
    "bent",
    [
        {"start_us": -1},
        {"init": "x\n#EXT-X-ENDLIST"},
        {"init": "A" * 64},
        {"run_id": 10**18},
        {"run_id": 0},
        {"entries": [[1, 2]]},
        {"entries": [[1, 2, 0]]},
        {"entries": [[1, 0, 90_000 * 3601]]},
        {"entries": [[1, 0, 90_000]] * (MAX_ENTRIES + 1)},
        {"media_offset_90k": None},
    ],
)
def test_what_cannot_be_played_is_not_taken(bent: dict[str, object]) -> None:
    parts, unread = _read(Answers({NODE: {"segments": [told(), told(**bent)]}}))
    assert (parts, unread) == ([], [NODE])


def test_too_much_is_not_taken() -> None:
    half = told(entries=[[1, 0, 90_000]] * (MAX_ENTRIES // 2 + 1))
    assert _read(Answers({NODE: {"segments": [half, half]}})) == ([], [NODE])
    assert _read(Answers({NODE: {"segments": [told(entries=[])] * 10_001}})) == ([], [NODE])


@given(st.dictionaries(st.sampled_from(["segments", "x"]), JSON))
def test_garbage_breaks_nothing(answer: dict[str, Any]) -> None:
    parts, unread = _read(Answers({NODE: answer, "3" * 32: {"segments": [told()]}}))
    assert parts[-1][0].node_id == "3" * 32
    assert set(unread) <= {NODE}


@given(st.dictionaries(st.sampled_from(sorted(told())), JSON))
def test_whatever_is_taken_makes_a_list(bent: dict[str, Any]) -> None:
    parts, _ = _read(Answers({NODE: {"segments": [told(**bent)]}}))
    for part in parts:
        lines = lines_of(part, 0, 2**62, is_over=True)
        text = write_playlist(lines, StreamKind.MAIN, is_over=True)
        assert text is None or text.startswith("#EXTM3U\n")


def test_names_of_any_letters_are_told_in_a_header() -> None:
    assert silent_headers(()) == {}
    found = silent_headers(["Küche, 1", "pi-2"])["falconeye-silent-nodes"]
    assert found == "K%C3%BCche%2C%201,pi-2"
