"""Files are read back whole or torn; nothing in them is trusted."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from falconeye.media.boxes import (
    BadBox,
    Box,
    ReadAt,
    box_at,
    child_boxes,
    make_box,
    top_level_boxes,
)
from falconeye.media.identity_box import Identity, make_identity_box, parse_identity_box
from falconeye.media.index_boxes import MAX_REFERENCES, Subsegment, make_sidx
from falconeye.media.movie import movie_of, parse_moof
from falconeye.media.random_access import RandomAccess
from falconeye.media.samples import StreamKind
from falconeye.media.segment_file import read_segment_file
from tests.examples import examples
from tests.unit.storage_footage.footage import init_segment, segment_fragments

IDENTITY = Identity(
    "cam", "Tür – 1", StreamKind.MAIN, 7, 1_790_000_000_000_000, 1, 90_000, 16_000, "avc1", "r", "c"
)


def reader(data: bytes) -> ReadAt:
    return lambda offset, size: data[offset : offset + size]


def file_of(gops: int, *, audio: bool = True) -> tuple[bytes, list[int]]:
    """A small file, and where each of its parts ends."""
    data = init_segment(audio=audio).data + make_identity_box(IDENTITY)
    ends = [len(data)]
    for fragment in segment_fragments(gops, audio=audio):
        data += b"".join(fragment.buffers)
        ends.append(len(data))
    return data, ends


@pytest.mark.parametrize("audio", [True, False])
def test_a_whole_file_is_read_back(audio: bool) -> None:
    data, ends = file_of(3, audio=audio)
    found = read_segment_file(reader(data), len(data), check_from=0)
    assert found.good_bytes == len(data)
    assert found.head.identity == IDENTITY
    assert found.head.init == init_segment(audio=audio).data
    written = list(segment_fragments(3, audio=audio))
    for place, fragment in zip(found.fragments, written, strict=True):
        assert place.size_bytes == fragment.size_bytes
        assert place.is_keyframe == fragment.is_keyframe
        assert place.start_90k == fragment.start_90k
        assert place.duration_90k == fragment.duration_90k
        assert place.video_tfdt_offset == fragment.video_tfdt_offset
        assert place.audio_tfdt_offset == fragment.audio_tfdt_offset
        assert place.audio_start_ticks == fragment.audio_start_ticks
    assert (found.head.movie.video.width, found.head.movie.video.height) == (160, 96)
    assert ends[-1] == found.good_bytes


@pytest.mark.timeout(60)
def test_torn_at_every_byte() -> None:
    data, ends = file_of(2)
    for size in range(len(data)):
        torn = data[:size]
        if size < ends[0]:
            with pytest.raises(BadBox):
                read_segment_file(reader(torn), size)
            continue
        found = read_segment_file(reader(torn), size)
        assert found.good_bytes == max(end for end in ends if end <= size)


def test_zeros_from_every_sector_of_the_last_fragment() -> None:
    data, ends = file_of(1)
    begin = data.index(b"mdat", ends[-2]) + 4
    for at in range(begin, len(data) - 4, 97):
        lost = data[:at] + bytes(len(data) - at)
        found = read_segment_file(reader(lost), len(lost))
        assert found.good_bytes in {ends[-2], ends[-1]}
        if len(data) - at >= 512:
            assert found.good_bytes == ends[-2]


def test_a_zero_sector_in_an_earlier_fragment_is_found_where_it_is_looked_for() -> None:
    data, ends = file_of(2)
    keyframe = ends[2]  # the second GOP's first fragment
    hole = data.index(b"mdat", keyframe) + 200
    lost = data[:hole] + bytes(600) + data[hole + 600 :]
    assert read_segment_file(reader(lost), len(lost)).good_bytes == len(data)
    assert read_segment_file(reader(lost), len(lost), check_from=0).good_bytes == keyframe


@settings(max_examples=examples(300), deadline=None)
@given(data=st.data())
def test_damage_never_raises_anything_else(data: st.DataObject) -> None:
    whole, _ = file_of(1)
    at = data.draw(st.integers(0, len(whole) - 1))
    damage = data.draw(st.binary(min_size=1, max_size=16))
    bad = (whole[:at] + damage + whole[at + len(damage) :])[: len(whole)]
    try:
        found = read_segment_file(reader(bad), len(bad), check_from=0)
    except BadBox:
        return
    assert found.good_bytes <= len(bad)


@given(st.binary(max_size=200))
def test_any_bytes_are_walked(data: bytes) -> None:
    for box in top_level_boxes(reader(data), len(data)):
        assert box.end <= len(data)


@given(
    st.text(max_size=50), st.integers(0, 1 << 60), st.integers(0, 1 << 40), st.none() | st.text()
)
def test_an_identity_comes_back(name: str, start: int, offset: int, recording: str | None) -> None:
    identity = Identity("id", name, StreamKind.SUB, 1, start, 0, offset, 3, "hvc1", recording, None)
    data = make_identity_box(identity)
    (box,) = top_level_boxes(reader(data), len(data))
    assert box.kind == b"uuid"
    assert parse_identity_box(data, box) == identity


def test_children_must_fill_their_parent() -> None:
    data = make_box(b"free", b"12") + b"\0\0\0\x20moof"
    with pytest.raises(BadBox):
        list(child_boxes(data, 0, len(data)))


def test_a_sidx_has_no_more_entries_than_fit() -> None:
    entries = [Subsegment(10, 900, RandomAccess())] * (MAX_REFERENCES + 5)
    data = make_sidx(movie_of(init_segment().data), entries)
    count = int.from_bytes(data[30:32], "big")
    assert count == -(-len(entries) // 2)
    sizes = [int.from_bytes(data[32 + 12 * n : 36 + 12 * n], "big") for n in range(count)]
    assert sum(sizes) == 10 * len(entries)


def test_a_trun_without_columns_is_refused_before_its_count_is_believed() -> None:
    data, ends = file_of(1)
    moof = bytearray(data[ends[0] : ends[0] + box_at(data, ends[0]).size])
    at = moof.index(b"trun") + 4
    moof[at : at + 8] = (1).to_bytes(4, "big") + (1 << 27).to_bytes(4, "big")
    with pytest.raises(BadBox, match="columns"):
        parse_moof(bytes(moof), movie_of(init_segment().data))


@pytest.mark.parametrize("start", ["1E90000000000000", "1E9", "-1", "9223372036854775808", "null"])
def test_an_identity_with_a_number_that_is_none(start: str) -> None:
    data = make_identity_box(IDENTITY).replace(b"1790000000000000", start.encode())
    with pytest.raises(BadBox, match="identity"):
        parse_identity_box(data, Box(b"uuid", 0, len(data), 8))
