"""The audit log as files: JSON lines for programs, CSV for spreadsheets; some hundred rows at once.

What people typed (a name, an address at a refused sign-in) stands in it, so no cell may begin a
formula (OWASP, CSV injection): such a one gets an apostrophe before it, which spreadsheets hide.
"""

import csv
import io
import json
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import Any, Final

from falconeye.web.range_response import Chunks

ROWS_AT_ONCE: Final = 500
BYTE_ORDER_MARK: Final = "\ufeff"  # without it spreadsheets take UTF-8 for something else
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
Answers = AsyncGenerator[Mapping[str, Any], None]


async def json_lines(rows: Answers) -> Chunks:
    """One object a line."""
    async for some in _batches(rows):
        lines = (json.dumps(row, ensure_ascii=False) for row in some)
        yield "".join(f"{line}\n" for line in lines).encode()


async def csv_lines(
    rows: Answers, columns: Sequence[str], more: Mapping[str, Callable[[Mapping[str, Any]], str]]
) -> Chunks:
    """RFC 4180 with a header; `more`: further columns, made of a row."""
    names = (*columns, *more)
    yield (BYTE_ORDER_MARK + _csv([names])).encode()
    async for some in _batches(rows):
        cells = [
            [safe(more[name](row) if name in more else row[name]) for name in names] for row in some
        ]
        yield _csv(cells).encode()


def safe(value: object) -> str:
    """A cell that no spreadsheet takes for a formula."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _csv(rows: Sequence[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


async def _batches(rows: Answers) -> AsyncGenerator[list[Mapping[str, Any]], None]:
    some: list[Mapping[str, Any]] = []
    try:
        async for row in rows:
            some.append(row)
            if len(some) >= ROWS_AT_ONCE:
                yield some
                some = []
    finally:
        await rows.aclose()
    if some:
        yield some
