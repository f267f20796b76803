"""The node-wide memory budget of media: GOP buffers, pre-roll and what waits for a disk."""

import ctypes
import os
import threading
from pathlib import Path

MAX_BUDGET_BYTES = 512 * 1024 * 1024


def default_budget_bytes(root: Path = Path("/")) -> int:
    """min(25 % of the memory that this process may use, 512 MB). `root` stands for "/" in tests."""
    ram = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min(min([ram, *_cgroup_limits(root)]) // 4, MAX_BUDGET_BYTES)


def _cgroup_limits(root: Path) -> list[int]:
    """Bytes beyond which the kernel slows or ends us: of our control group and those above it.

    MemoryMax= of a unit, a container's limit (cgroups(7), version 2 and 1). What cannot be read
    limits nothing.
    """
    try:
        lines = (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return []
    found = []
    for line in lines:
        _, controllers, group = line.split(":", 2)
        if controllers not in {"", "memory"}:
            continue
        top = root / "sys/fs/cgroup" / controllers
        names = ("memory.limit_in_bytes",) if controllers else ("memory.max", "memory.high")
        here = top / group.lstrip("/")
        # A container may see its own group as the top one, whatever its name is outside.
        for directory in {top, here, *(above for above in here.parents if top in above.parents)}:
            found += [limit for name in names if (limit := _limit(directory / name)) is not None]
    return found


def _limit(file: Path) -> int | None:
    """None for "max", and where there is no such file."""
    try:
        return int(file.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h of glibc
_M_ARENA_MAX, _ARENAS = -8, 2
_MALLOC_THRESHOLD_BYTES = 128 * 1024


def tame_malloc() -> bool:
    """Keep glibc from holding freed memory; False where the C library has no such settings.

    By default its thresholds grow with the first large block that is freed, and then pictures of
    all cameras stay in heaps: 5.6 MB of private memory per 1080p camera instead of 2.4 MB. And it
    makes a heap for each of the first dozen threads: two do, and a node of four cameras has 6 MB
    less (Python's own small blocks come from elsewhere). Call it before there are threads.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    settings = {
        _M_TRIM_THRESHOLD: _MALLOC_THRESHOLD_BYTES,
        _M_MMAP_THRESHOLD: _MALLOC_THRESHOLD_BYTES,
        _M_ARENA_MAX: _ARENAS,
    }
    return all(mallopt(name, value) == 1 for name, value in settings.items())


class MemoryBudget:
    """A number of bytes that threads take from and give back; never blocks."""

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self._used = 0
        self._lock = threading.Lock()

    @property
    def used_bytes(self) -> int:
        return self._used

    def take(self, amount: int, *, keep_free: int = 0) -> bool:
        """Take `amount` bytes; False (and nothing taken) when fewer than `keep_free` would be left.

        What can be done without leaves room for what cannot.
        """
        with self._lock:
            if self._used + amount + keep_free > self.limit_bytes:
                return False
            self._used += amount
            return True

    def give_back(self, amount: int) -> None:
        with self._lock:
            self._used -= amount
