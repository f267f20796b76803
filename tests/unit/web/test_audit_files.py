"""The audit log as CSV: no cell begins a formula, and it is read back as it was."""

import csv
import io
from collections.abc import AsyncGenerator, Mapping
from typing import Any

import pytest

from falconeye.web.audit_files import ROWS_AT_ONCE, csv_lines, json_lines, safe


async def rows(count: int, detail: str = "x") -> AsyncGenerator[Mapping[str, Any], None]:
    for number in range(count):
        yield {"id": number, "detail": detail, "actor_id": None}


async def text_of(chunks: AsyncGenerator[bytes, None]) -> tuple[str, int]:
    parts = [chunk async for chunk in chunks]
    return b"".join(parts).decode(), len(parts)


@pytest.mark.parametrize(
    "typed",
    ['=HYPERLINK("http://evil","x")', "+1", "-2+3", "@SUM(1)", "\t=1", "\r=1", "\n=1", "\uff1d1"],
)
async def test_no_cell_begins_a_formula(typed: str) -> None:
    written, _ = await text_of(csv_lines(rows(1, typed), ("id", "detail"), {}))
    [_header, row] = list(csv.reader(io.StringIO(written.removeprefix("\ufeff"), newline="")))
    assert row == ["0", f"'{typed}"]


async def test_quotes_commas_and_lines_stay_in_their_cell() -> None:
    typed = 'Door, "back"\nand ünder; x'
    written, _ = await text_of(csv_lines(rows(1, typed), ("id", "detail", "actor_id"), {}))
    assert written.startswith("\ufeffid,detail,actor_id\r\n")
    read = list(csv.reader(io.StringIO(written.removeprefix("\ufeff"), newline="")))
    assert read[1] == ["0", typed, ""]


async def test_further_columns_are_safe_as_well() -> None:
    more = {"words": lambda row: f"={row['id']}"}
    written, _ = await text_of(csv_lines(rows(2), ("id",), more))
    assert written == "\ufeffid,words\r\n0,'=0\r\n1,'=1\r\n"


async def test_many_rows_come_in_pieces_and_none_is_lost() -> None:
    count = 2 * ROWS_AT_ONCE + 3
    written, pieces = await text_of(csv_lines(rows(count), ("id",), {}))
    assert written.count("\r\n") == count + 1
    assert pieces == 4  # the header, two whole ones, the rest
    lines, pieces = await text_of(json_lines(rows(count)))
    assert (lines.count("\n"), pieces) == (count, 3)


def test_nothing_is_an_empty_cell() -> None:
    assert (safe(None), safe(0), safe("")) == ("", "0", "")
