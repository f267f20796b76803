"""Measured figures: runs, their median and range, and the verdict against a budget."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from statistics import median
from typing import Any


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the results: a value per run, smaller is better where there is a budget."""

    name: str
    unit: str
    values: tuple[float, ...]
    budget: float | None = None
    note: str = ""

    def __post_init__(self) -> None:
        if not self.values:
            msg = f"{self.name}: no run was measured"
            raise ValueError(msg)

    @property
    def median(self) -> float:
        return median(self.values)

    @property
    def verdict(self) -> str:
        """Met, or missed by how much; a dash without a budget. Judged by the median."""
        if self.budget is None:
            return "–"
        over = self.median - self.budget
        if over <= 0:
            return "met"
        share = f" ({over / self.budget:.0%})" if self.budget else ""
        return f"missed by {number(over)}{share}"


@dataclass(slots=True)
class Result:
    """What one benchmark measured, when, and how busy the machine was."""

    name: str
    title: str
    rows: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    started_at: str = field(default_factory=lambda: datetime.now(UTC).strftime("%Y-%m-%d %H:%MZ"))
    load_before: tuple[float, float, float] = (0.0, 0.0, 0.0)
    load_after: tuple[float, float, float] = (0.0, 0.0, 0.0)
    took_s: float = 0.0
    is_quick: bool = False

    def add(
        self,
        name: str,
        unit: str,
        values: Sequence[float],
        *,
        budget: float | None = None,
        note: str = "",
    ) -> None:
        """Append a row of one value per run."""
        self.rows.append(Row(name, unit, tuple(values), budget, note))

    def note(self, words: str) -> None:
        """Append a sentence that stands below the table."""
        self.notes.append(words)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> "Result":
        rows = [Row(**{**row, "values": tuple(row["values"])}) for row in stored["rows"]]
        return cls(**{**stored, "rows": rows})


Measure = Callable[["Plan"], Result]


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and how often: the full run, or the quick one that is good for a first look."""

    is_quick: bool = False

    def runs(self, full: int, quick: int = 1) -> int:
        return quick if self.is_quick else full

    def seconds(self, full: float, quick: float) -> float:
        return quick if self.is_quick else full


def number(value: float) -> str:
    """Three significant digits, without an exponent."""
    size = abs(value)
    if size >= 100:
        return f"{value:.0f}"
    if size >= 10:
        return f"{value:.1f}"
    if size >= 1:
        return f"{value:.2f}"
    return f"{value:.3f}"


def percentile(values: Sequence[float], share: float) -> float:
    """The value at `share` (0–1) of the ordered values; the larger one between two."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
