"""Bytes of media: whatever they are, they are read or refused by the one error that is told."""

import struct
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from falconeye.media.boxes import BadBox, box_at, child_boxes, make_box
from falconeye.media.movie import Movie, movie_of, parse_moof, parse_movie
from falconeye.media.nal import (
    NalRules,
    join_annex_b,
    join_length_prefixed,
    split_annex_b,
    split_length_prefixed,
)
from falconeye.media.random_access import read_access
from falconeye.media.samples import Codec
from falconeye.recording.held_gop import decode
from tests.examples import examples
from tests.unit.storage_footage.footage import init_segment, segment_fragments

pytestmark = pytest.mark.timeout(60)
# Units as encoders make them: emulation prevention keeps zeros from meaning something else.
UNITS = st.lists(st.binary(min_size=1, max_size=40).filter(lambda unit: b"\0" not in unit))
KINDS = st.text("abcxyz019 ", min_size=4, max_size=4).map(str.encode)


def _init() -> bytes:
    return init_segment(audio=True).data


def _moof() -> bytes:
    first = next(iter(segment_fragments(1, audio=True)))
    whole = b"".join(first.buffers)
    return whole[: box_at(whole).end]


INIT, MOOF = _init(), _moof()
MOVIE: Movie = movie_of(INIT)


@st.composite
def bent(draw: st.DrawFn, whole: bytes) -> bytes:
    """With some bytes exchanged, taken out or put in."""
    at = draw(st.integers(0, len(whole)))
    gone = draw(st.integers(0, 12))
    return whole[:at] + draw(st.binary(max_size=12)) + whole[at + gone :]


@given(UNITS)
def test_units_behind_start_codes_come_back(units: list[bytes]) -> None:
    assert split_annex_b(join_annex_b(units)) == units


@given(st.lists(st.binary(min_size=1, max_size=60)))
def test_units_behind_their_lengths_come_back(units: list[bytes]) -> None:
    assert split_length_prefixed(join_length_prefixed(units)) == units


@given(st.binary(max_size=400) | st.lists(st.sampled_from([b"\0", b"\1", b"\x65a"])).map(b"".join))
def test_any_bytes_are_units_or_none(data: bytes) -> None:
    units = split_annex_b(data)
    assert sum(map(len, units)) <= len(data)
    assert all(unit and unit[-1] for unit in units)
    try:
        found = split_length_prefixed(data)
    except ValueError:
        return
    assert join_length_prefixed(found) == data


@given(st.sampled_from(Codec), st.binary(min_size=1, max_size=12))
def test_a_unit_that_is_valid_can_be_asked_anything(codec: Codec, unit: bytes) -> None:
    rules = NalRules(codec)
    if not rules.is_valid(unit):
        return
    asked: list[Callable[[bytes], object]] = [
        rules.is_picture, rules.starts_picture, rules.is_keyframe, rules.is_open, rules.is_rasl,
        rules.is_radl, rules.is_parameter_set, rules.is_sequence_parameter_set, rules.is_delimiter,
    ]  # fmt: skip
    assert all(isinstance(ask(unit), bool) for ask in asked)
    assert len(rules.broken_link(unit)) == len(unit)
    number = rules.picture_set_id(unit)
    assert number is None or number >= -1


@given(st.lists(st.tuples(KINDS, st.binary(max_size=50))))
def test_boxes_come_back(boxes: list[tuple[bytes, bytes]]) -> None:
    data = b"".join(make_box(kind, body) for kind, body in boxes)
    found = [(box.kind, data[box.body : box.end]) for box in child_boxes(data, 0, len(data))]
    assert found == boxes


@settings(max_examples=examples(400), deadline=None)
@given(bent(INIT[box_at(INIT).end :]) | st.binary(max_size=300))
def test_a_bent_moov_is_read_or_a_bad_box(data: bytes) -> None:
    try:
        movie = parse_movie(data)
    except BadBox:
        return
    assert movie.video.timescale
    assert movie.timescale


@settings(max_examples=examples(400), deadline=None)
@given(bent(INIT))
def test_a_bent_init_segment_is_read_or_a_bad_box(data: bytes) -> None:
    try:
        _ = movie_of(data)
    except BadBox:
        return


@settings(max_examples=examples(600), deadline=None)
@given(bent(MOOF) | st.binary(max_size=300), st.sampled_from(["avc1", "hvc1"]))
def test_a_bent_moof_is_read_or_a_bad_box(data: bytes, codecs: str) -> None:
    try:
        video, audio = parse_moof(data, MOVIE)
    except BadBox:
        return
    for part in (video, audio):
        if part is not None:
            assert 0 < len(part.shown) == len(part.sample_bytes) <= len(data)
    _ = read_access(lambda offset, size: data[max(offset, 0) :][:size], 0, video, codecs)


@given(st.binary(max_size=300))
def test_what_is_no_held_gop_is_told_so(data: bytes) -> None:
    try:
        samples = decode(data)
    except struct.error:
        return
    assert len(samples) <= len(data)
