"""RESULTS.md and results.json: what was measured last, benchmark by benchmark."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from tests.benchmarks.figures import Result, Row, number

_HEAD = """\
# What FalconEye costs, measured

Made by `python -m tests.benchmarks`; do not edit. Each figure is the median of its runs, with the
least and the most in brackets. Everything ran on one machine, over loopback or between network
namespaces: FalconEye and ffmpeg pinned to one core, camera servers, browser and the measuring
program to the other, all at nice −10 where that is allowed. Ratios come from pairs measured in
alternation in one run. CPU is user + system time of the whole process; private memory is what would
be free without it (Private_* of `smaps_rollup`).

**Not measured on ARM.** Not measured with real cameras or over a real network either.
"""


class Report:
    """The stored results, with those of this run in place of older ones of the same name."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._results: dict[str, Result] = {}
        stored = directory / "results.json"
        if stored.exists():
            found = json.loads(stored.read_text(encoding="utf-8"))["results"]
            self._results = {name: Result.from_json(result) for name, result in found.items()}

    def put(self, result: Result, facts: Mapping[str, str], order: Iterable[str]) -> None:
        """Store one result and write both files anew."""
        self._results[result.name] = result
        known = [self._results[name] for name in order if name in self._results]
        content = {"facts": dict(facts), "results": {each.name: each.as_json() for each in known}}
        (self._directory / "results.json").write_text(
            json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
        )
        (self._directory / "RESULTS.md").write_text(_markdown(facts, known), encoding="utf-8")


def as_text(result: Result) -> str:
    """A result for the terminal."""
    lines = [f"\n{result.title}", *(_plain(row) for row in result.rows)]
    lines += [f"  {note}" for note in result.notes]
    return "\n".join([*lines, f"  {_conditions(result)}", ""])


def _plain(row: Row) -> str:
    budget = "" if row.budget is None else f"budget {number(row.budget)}: {row.verdict}"
    return f"  {row.name:<58} {_value(row):<34} {budget}".rstrip()


def _markdown(facts: Mapping[str, str], results: Iterable[Result]) -> str:
    parts = [_HEAD, "\n".join(f"- {name}: {words}" for name, words in facts.items())]
    return "\n".join([*parts, *(_section(result) for result in results)])


def _section(result: Result) -> str:
    lines = [
        f"\n## {result.title}\n",
        "| what | measured | budget | verdict | runs |",
        "|---|---|---|---|---|",
    ]
    for row in result.rows:
        name = f"{row.name} ({row.note})" if row.note else row.name
        budget = "–" if row.budget is None else f"≤ {number(row.budget)} {row.unit}".rstrip()
        lines.append(f"| {name} | {_value(row)} | {budget} | {row.verdict} | {len(row.values)} |")
    lines += ["", *(f"- {note}" for note in result.notes), f"- {_conditions(result)}", ""]
    return "\n".join(lines)


def _value(row: Row) -> str:
    middle = f"{number(row.median)} {row.unit}".rstrip()
    if len(row.values) == 1:
        return middle
    return f"{middle} ({number(min(row.values))}–{number(max(row.values))})"


def _conditions(result: Result) -> str:
    before, after = (
        " ".join(f"{v:.1f}" for v in x) for x in (result.load_before, result.load_after)
    )
    quick = ", quick run" if result.is_quick else ""
    return (
        f"{result.started_at}, {result.took_s:.0f} s{quick}; load average before {before}, "
        f"after {after} (1, 5, 15 min)."
    )
