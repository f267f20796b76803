"""How busy the machine, this process and its disks were over the last minute."""

import os
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from falconeye.base.times import MINUTE_US, SECOND_US

WINDOW_US: Final = MINUTE_US
_IDLE, _WAITING = 3, 4  # the places of "idle" and "iowait" in the line
_KINDS: Final = 8  # the two after these, of guests, are in the first ones already
_BITS_OF_MEGABIT: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class CpuTimes:
    """Ticks of all processors since the boot."""

    busy: int
    all: int


@dataclass(frozen=True, slots=True)
class LoadSample:
    """What only grows, at one moment."""

    monotonic_us: int
    cpu: CpuTimes | None  # None: /proc does not tell
    process_ns: int
    written_bytes: int  # footage


@dataclass(frozen=True, slots=True)
class Load:
    """Shares of all processors, 0-1; None where that is not known (yet)."""

    machine: float | None = None
    process: float | None = None
    megabits_per_second: float | None = None  # of footage written


def read_cpu_times(root: Path = Path("/")) -> CpuTimes | None:
    """The first line of /proc/stat (proc(5)). Blocks: on large machines for a millisecond."""
    try:
        with (root / "proc/stat").open(encoding="ascii") as file:
            name, *words = file.readline().split()
        ticks = [int(word) for word in words[:_KINDS]]
    except (OSError, ValueError):
        return None
    if name != "cpu" or len(ticks) <= _WAITING:
        return None
    return CpuTimes(sum(ticks) - ticks[_IDLE] - ticks[_WAITING], sum(ticks))


def take_sample(monotonic_us: int, written_bytes: int, root: Path = Path("/")) -> LoadSample:
    """A sample now. Blocks."""
    return LoadSample(monotonic_us, read_cpu_times(root), time.process_time_ns(), written_bytes)


class LoadMeter:
    """Samples of the last minute, and what came of them."""

    def __init__(self, cpus: int | None = None) -> None:
        """`cpus`: how many processors there are; None: as the system says."""
        self._cpus = cpus or os.cpu_count() or 1
        self._samples: deque[LoadSample] = deque()

    def add(self, sample: LoadSample) -> None:
        """Take one more. The oldest kept is the last one that is a minute old."""
        samples = self._samples
        samples.append(sample)
        while len(samples) > 2 and sample.monotonic_us - samples[1].monotonic_us >= WINDOW_US:
            _ = samples.popleft()

    def now(self) -> Load:
        """From the oldest sample to the newest; nothing before they are a second apart."""
        if not self._samples:
            return Load()
        first, last = self._samples[0], self._samples[-1]
        elapsed_us = last.monotonic_us - first.monotonic_us
        if elapsed_us < SECOND_US:
            return Load()
        process = (last.process_ns - first.process_ns) / 1000 / elapsed_us / self._cpus
        # Fewer than before where a disk was taken away meanwhile.
        bits = max(0, last.written_bytes - first.written_bytes) * 8
        return Load(
            _busy_share(first.cpu, last.cpu),
            min(1.0, max(0.0, process)),
            bits / (elapsed_us / SECOND_US) / _BITS_OF_MEGABIT,
        )


def _busy_share(first: CpuTimes | None, last: CpuTimes | None) -> float | None:
    """Idle time may go back by a tick (proc(5)), so that the share is bounded."""
    if first is None or last is None or last.all <= first.all:
        return None
    return min(1.0, max(0.0, (last.busy - first.busy) / (last.all - first.all)))
