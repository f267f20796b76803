"""Pure parts: paths, names, the fragment blob, buffers, floors."""

import os
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import override

from falconeye.media.random_access import RandomAccess
from falconeye.media.samples import StreamKind
from falconeye.media.segment_file import FragmentPlace
from falconeye.storage.segments import fragment_table
from falconeye.storage.segments.fragment_table import FragmentTable
from falconeye.storage.segments.histogram import Histogram
from falconeye.storage.segments.layout import (
    SegmentName,
    parse_segment_path,
    recording_file_name,
    recording_id,
    segment_path,
)
from falconeye.storage.volumes.disk_calls import DiskCalls, write_all
from falconeye.storage.volumes.volume_facts import DiskKind, free_floor_bytes
from tests.clock import START_US

_IDS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", fullmatch=True)


@given(_IDS, st.sampled_from(StreamKind), st.integers(0, 253_402_300_799_999_999))
def test_a_path_comes_back(camera_id: str, stream: StreamKind, start_us: int) -> None:
    name = SegmentName(camera_id, stream, start_us)
    assert parse_segment_path(segment_path(name)) == name


def test_a_path_is_by_utc_hour() -> None:
    path = segment_path(SegmentName("cam", StreamKind.SUB, START_US))
    assert path == f"cam/sub/2026-09-21/14/{START_US}.mp4"


@pytest.mark.parametrize(
    "path",
    [
        f"cam/main/2026-09-21/15/{START_US}.mp4",  # another hour
        f"../main/2026-09-21/14/{START_US}.mp4",
        f"cam/main/2026-09-21/14/0{START_US}.mp4",
        f"cam/main/2026-09-21/14/{START_US}.mp4\n",
        f"cam/main/2026-09-21/14/{START_US}.jpg",
        f"cam/main/2026-09-21/14/{10**18 - 1}.mp4",
        "falconeye-volume.json",
    ],
)
def test_other_paths_are_refused(path: str) -> None:
    with pytest.raises(ValueError, match="is no segment"):
        parse_segment_path(path)


@pytest.mark.parametrize("camera_id", ["", "..", "a/b", "-x", "x" * 65, "a\n"])
def test_an_id_that_is_no_directory_is_refused(camera_id: str) -> None:
    with pytest.raises(ValueError, match="cannot name"):
        segment_path(SegmentName(camera_id, StreamKind.MAIN, 0))


def test_names_of_recordings() -> None:
    assert recording_id("cam", START_US) == "cam_20260921141320"
    name = recording_file_name("Front door", START_US)
    assert name == "Front-door_2026-09-21_14-13-20Z.mp4"
    assert recording_file_name("../../etc", START_US).startswith("etc_")
    assert recording_file_name("Tür 1", START_US).startswith("Tür-1_")
    assert recording_file_name("///", START_US).startswith("camera_")


_ACCESS = st.none() | st.builds(
    RandomAccess, st.integers(1, 3), st.integers(0, 1 << 30), st.integers(0, 1 << 30)
)
_PLACES = st.builds(
    FragmentPlace,
    st.integers(1, 1 << 31),
    _ACCESS,
    st.integers(0, 1 << 40),
    st.integers(0, 1 << 32),
    st.integers(1, 1 << 20),
    st.integers(1, 1 << 20),
    st.integers(0, 1 << 40),
) | st.builds(
    FragmentPlace,
    st.integers(1, 1 << 31),
    _ACCESS,
    st.integers(0, 1 << 40),
    st.integers(0, 1 << 32),
    st.integers(1, 1 << 20),
    st.just(0),
    st.just(0),
)
_TABLES = st.builds(
    FragmentTable,
    st.integers(0, 1 << 20),
    st.integers(-(1 << 40), 1 << 40),
    st.integers(0, 1 << 40),
    st.lists(_PLACES, max_size=20).map(tuple),
)


@given(_TABLES)
def test_a_fragment_table_comes_back(table: FragmentTable) -> None:
    assert fragment_table.decode(fragment_table.encode(table)) == table


@given(_TABLES, st.data())
def test_a_cut_fragment_table_is_refused(table: FragmentTable, data: st.DataObject) -> None:
    blob = fragment_table.encode(table)
    cut = data.draw(st.integers(0, len(blob) - 1))
    with pytest.raises(ValueError, match="fragment table"):
        fragment_table.decode(blob[:cut])


@given(st.lists(st.binary(max_size=40), max_size=30), st.integers(1, 50))
def test_all_buffers_are_written_however_short_the_writes(
    buffers: list[bytes], at_once: int
) -> None:
    got = bytearray()

    class Short(DiskCalls):
        @override
        def writev(self, fd: int, buffers: Sequence[bytes | memoryview]) -> int:
            assert fd == -1
            part = b"".join(buffers)[:at_once]
            got.extend(part)
            return len(part)

    assert write_all(Short(), -1, buffers) == len(got)
    assert bytes(got) == b"".join(buffers)


def test_more_buffers_than_one_call_takes() -> None:
    read, write = os.pipe()
    try:
        buffers = [b"ab"] * 2500
        assert write_all(DiskCalls(), write, buffers) == 5000
        assert os.read(read, 6000) == b"ab" * 2500
    finally:
        os.close(read)
        os.close(write)


def test_the_floor() -> None:
    plain = DiskKind("ext4", is_root_fs=False, is_sd_card=False)
    root = DiskKind("ext4", is_root_fs=True, is_sd_card=False)
    assert free_floor_bytes(1_000_000_000_000, plain, None) == 50_000_000_000
    assert free_floor_bytes(1_000_000_000_000, root, None) == 120_000_000_000
    assert free_floor_bytes(10_000_000_000, plain, None) == 2_000_000_000
    assert free_floor_bytes(10_000_000_000, root, 5) == 5


def test_a_histogram() -> None:
    histogram = Histogram()
    for value in (0.0005, 0.002, 0.002, 99.0):
        histogram.add(value)
    assert histogram.count == 4
    assert histogram.counts[:2] == [1, 2]
    assert histogram.counts[-1] == 1
