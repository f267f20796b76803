"""Answers on standard output: aligned columns for people, JSON for scripts. Messages on stderr."""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from falconeye.base.logs import redact_log

Rows = Sequence[Mapping[str, Any]]


def print_rows(rows: Rows, *, as_json: bool, empty: str) -> None:
    """All rows, with the keys of the first as headings; `empty` says so when there is none."""
    if as_json:
        print_json(list(rows))
    elif not rows:
        note(empty)
    else:
        lines = [[name.upper().replace("_", " ") for name in rows[0]]]
        lines += [[_cell(value) for value in row.values()] for row in rows]
        widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
        for line in lines:
            cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
            print("  ".join(cells).rstrip())


def print_facts(facts: Mapping[str, Any]) -> None:
    """One thing, for people: `name  value` lines."""
    width = max(map(len, facts))
    for name, value in facts.items():
        print(f"{name.replace('_', ' '):<{width}}  {_cell(value)}")


def print_json(value: Any) -> None:
    json.dump(value, sys.stdout, ensure_ascii=False, indent=2, default=str)
    print()


def print_json_line(value: Any) -> None:
    """One of many, each on its own line, at once."""
    print(json.dumps(value, ensure_ascii=False, default=str), flush=True)


def done(message: str, *, as_json: bool, **facts: Any) -> None:
    """A change was made: words for people, the facts for scripts."""
    if as_json:
        print_json(facts)
    else:
        print(message)


def note(message: str) -> None:
    """A word to the person, not part of the answer."""
    print(f"falconeye: {message}", file=sys.stderr)


def _cell(value: Any) -> str:
    """One value on one line; names and reasons come from people and cameras: no escapes."""
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple | set | frozenset):
        return ", ".join(sorted(map(str, value))) or "-"
    return redact_log(str(value)).replace("\n", "\\n").replace("\t", "\\t")
