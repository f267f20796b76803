"""Lists of several nodes become one page, whatever the page."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from falconeye.storage.reading.recordings import MAX_LIMIT
from falconeye.storage.segments.recording_rows import Query, Recording, RecordingStatus
from falconeye.storage.segments.segments import RecordingKind
from falconeye.web.peers.recordings import first_of, merged

STARTS = st.lists(st.integers(0, 40), max_size=12)


def recording(name: str, start_us: int) -> Recording:
    return Recording(
        name, "door", "Door", RecordingKind.CONTINUOUS, RecordingStatus.COMPLETED, start_us,
        start_us + 1, 1, 1, 1, "pi", None, False, False, None,
    )  # fmt: skip


def of_node(node: int, starts: Sequence[int]) -> list[Recording]:
    """As a node lists them: newest first, equal ones by their ids."""
    rows = [recording(f"{node}-{number}", start) for number, start in enumerate(starts)]
    return sorted(rows, key=lambda row: (-row.start_us, row.id))


@given(st.lists(STARTS, min_size=1, max_size=4), st.integers(0, 20), st.integers(0, 20))
def test_a_page_is_that_of_one_long_list(nodes: list[list[int]], offset: int, limit: int) -> None:
    lists = [of_node(number, starts) for number, starts in enumerate(nodes)]
    query = Query(limit=limit, offset=offset)
    page = merged([(rows[: offset + limit], len(rows)) for rows in lists], query)
    everything = sorted(
        (row for rows in lists for row in rows), key=lambda row: (-row.start_us, row.id)
    )
    assert list(page.rows) == everything[offset : offset + limit]
    assert page.total == len(everything)


def test_what_two_nodes_tell_of_is_listed_once_as_this_node_has_it() -> None:
    own, copied = recording("1", 5), recording("1", 6)
    page = merged([([own], 1), ([copied], 1)], Query())
    assert list(page.rows) == [own]


async def test_more_than_a_node_lists_at_once_is_asked_for_in_parts() -> None:
    rows = of_node(1, range(2 * MAX_LIMIT + 10))
    asked: list[tuple[int, int]] = []

    async def ask(query: Query) -> tuple[list[Recording], int]:
        asked.append((query.offset, query.limit))
        return rows[query.offset : query.offset + query.limit], len(rows)

    part = await first_of(ask, Query(), 2 * MAX_LIMIT + 5)
    assert part == (rows[: 2 * MAX_LIMIT + 5], len(rows))
    assert asked == [(0, MAX_LIMIT), (MAX_LIMIT, MAX_LIMIT), (2 * MAX_LIMIT, 5)]
    part = await first_of(ask, Query(), 5 * MAX_LIMIT)
    assert part == (rows, len(rows))


async def test_who_falls_silent_in_between_tells_nothing() -> None:
    async def ask(query: Query) -> tuple[list[Recording], int] | None:
        return None if query.offset else (of_node(1, range(MAX_LIMIT)), 5000)

    assert await first_of(ask, Query(), 2 * MAX_LIMIT) is None
