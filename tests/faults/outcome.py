"""What a fault cost, and the table of it."""

import asyncio
import os
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

LEAKS = (
    "A leak is what a process that lives through the faults holds more of after them than before: "
    "open files, threads, tasks of its loop (where it is the measuring process itself), memory "
    "beyond 16 to 24 MB. After a crash it is also what the next start leaves on the disk: footage "
    "that neither index nor garbage knows, rows of open files, garbage or moves, and files that no "
    "node has (temporary ones, sockets)."
)

STEADY_S = 1.0  # so long nothing more has ended


@dataclass
class Outcome:
    """One fault, met so many times."""

    fault: str
    met: str  # how often, or for how long
    budget: str  # what it may cost (DESIGN 8), in words
    lost_s: list[float] = field(default_factory=list)  # of footage, each time
    budget_s: float | None = None
    unplayable: int = 0  # files in the index that no player plays
    has_files: bool = True
    wrong: int = 0  # rows: what `falconeye check` and the tests' own sums find
    leaks: list[str] | None = None  # `LEAKS`; None: not measured
    notes: list[str] = field(default_factory=list)
    took_s: float = 0.0

    @property
    def worst_s(self) -> float:
        return max(self.lost_s, default=0.0)

    @property
    def ok(self) -> bool:
        within = self.budget_s is None or self.worst_s <= self.budget_s
        return within and not (self.unplayable or self.wrong or self.leaks)

    def leaked(self, found: Sequence[str]) -> None:
        """These were looked for, and found."""
        self.leaks = [*(self.leaks or ()), *found]

    def line(self) -> str:
        """A row of the table."""
        ordered = sorted(self.lost_s)
        middle = ordered[len(ordered) // 2] if ordered else 0.0
        lost = f"{middle:.2f} / {self.worst_s:.2f} s" if ordered else "not measured"
        leaks = "not measured" if self.leaks is None else "; ".join(self.leaks) or "none"
        cells = (
            self.fault, self.met, lost, self.budget,
            str(self.unplayable) if self.has_files else "no files", str(self.wrong), leaks,
        )  # fmt: skip
        return "| " + " | ".join(cells) + " |"


HEAD = (
    "| fault | met | footage lost, median / worst | may lose "
    "| unplayable files | wrong rows | leaks |\n"
    "|---|---|---|---|---|---|---|"
)


def table(outcomes: Sequence[Outcome], before: Sequence[str] = ()) -> str:
    """The rows of a run, and those of an earlier one of other faults."""
    new = [outcome.line() for outcome in outcomes]
    known = {_fault_of(line) for line in new}
    return "\n".join([HEAD, *(line for line in before if _fault_of(line) not in known), *new])


def _fault_of(line: str) -> str:
    return line.split(" | ", 1)[0]


def rows_of(text: str) -> list[str]:
    """The rows of a table that was written."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [line for line in lines if not line.startswith("| fault |")]


def _own_threads() -> int:
    """Without the loop's own pool, which grows when it likes, up to its bound."""
    return sum(not thread.name.startswith("asyncio_") for thread in threading.enumerate())


@dataclass(frozen=True)
class Holdings:
    """What a process holds."""

    fds: int
    threads: int
    rss_mb: float
    tasks: int = 0  # those of other processes cannot be seen

    @classmethod
    async def now(cls, pid: int | str = "self") -> "Holdings":
        """Of this process, or of another one: the least of a while.

        What is leaked stays; what only ends at this moment does not: of a stream that begins its
        next file the one before is open for its last sound.
        """
        least, until_s = None, 0.0
        while least is None or time.monotonic() < until_s:
            found = await asyncio.to_thread(cls.of, pid)
            if pid == "self":
                found = replace(found, tasks=len(asyncio.all_tasks()))
            if least is None or found.is_less(least):
                until_s = time.monotonic() + STEADY_S
            least = found if least is None else least.least(found)
            await asyncio.sleep(0.05)
        return least

    @classmethod
    def of(cls, pid: int | str = "self") -> "Holdings":
        status = Path(f"/proc/{pid}/status").read_text()
        facts = dict(line.split(":", 1) for line in status.splitlines())
        return cls(
            len(os.listdir(f"/proc/{pid}/fd")),  # noqa: PTH208
            _own_threads() if pid == "self" else int(facts["Threads"]),
            int(facts["VmRSS"].split()[0]) / 1024,
        )

    def is_less(self, other: "Holdings") -> bool:
        """Of anything but memory."""
        counts = (self.fds, other.fds), (self.threads, other.threads), (self.tasks, other.tasks)
        return any(mine < others for mine, others in counts)

    def least(self, other: "Holdings") -> "Holdings":
        return Holdings(
            min(self.fds, other.fds),
            min(self.threads, other.threads),
            min(self.rss_mb, other.rss_mb),
            min(self.tasks, other.tasks),
        )

    def leaks(self, before: "Holdings", *, may_mb: float) -> list[str]:
        """What is held now and was not before."""
        found = []
        if self.fds > before.fds:
            found.append(f"{self.fds - before.fds} file descriptors")
        if self.threads > before.threads:
            found.append(f"{self.threads - before.threads} threads")
        if self.tasks > before.tasks:
            found.append(f"{self.tasks - before.tasks} tasks")
        if self.rss_mb > before.rss_mb + may_mb:
            found.append(f"{self.rss_mb - before.rss_mb:.0f} MB")
        return found
