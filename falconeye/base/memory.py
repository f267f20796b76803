"""The node-wide memory budget of media, and what keeps the rest of the process small.

The budget is for GOP buffers, pre-roll and what waits for a disk.
"""

import ctypes
import importlib
import os
import sys
import threading
import warnings
from pathlib import Path
from types import ModuleType

from typing_extensions import override

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


_OPTIONAL_PARTS = ("httpx._main", "charset_normalizer")
_MISSED = "Unable to find acceptable character detection dependency"


def forgo_optional_parts() -> None:
    """Have libraries do without parts that they can be installed without, and no node uses.

    The command line of httpx brings rich and pygments, 3 MB; charset_normalizer, with which
    requests guesses at texts of unknown encoding, brings tables of every alphabet, 3 MB. An import
    of what is None in `sys.modules` fails (Python reference, 5.3.1); then they do without. Call it
    before they are loaded.
    """
    modules: dict[str, object] = sys.modules  # type: ignore[assignment]  # as typed, holds no None
    for name in _OPTIONAL_PARTS:
        modules.setdefault(name, None)
    warnings.filterwarnings("ignore", message=_MISSED)  # requests would tell each start of it


_PARTS_FOR_LATER = ("attr", "attrs", "pdb", "yaml")
_making_way = threading.Lock()


def load_parts_later() -> None:
    """Have modules that libraries import, and a node hardly ever uses, loaded at their first use.

    Litestar imports yaml for a form of the API's contract that is not served, attrs for classes of
    it that there are none of, and pdb for a debugger that is off: 2 MB and 60 ms of each start.
    Until somebody asks for a name of it, a module without any stands in its place, and asks for
    the real one then. Call it before they are loaded; one that is loaded already stays.
    """
    for name in _PARTS_FOR_LATER:
        sys.modules.setdefault(name, _PartForLater(name))


class _PartForLater(ModuleType):
    """Has what the module of its name has, which is loaded with the first name that is asked for.

    Threads may ask side by side: the interpreter's own lock of the module has one of them load it.
    """

    @override
    def __getattr__(self, attribute: str) -> object:
        with _making_way:
            if sys.modules.get(self.__name__) is self:
                del sys.modules[self.__name__]
        return getattr(importlib.import_module(self.__name__), attribute)


def return_free_memory() -> None:
    """Have glibc give back what lies free among what is used; other C libraries do so themselves.

    For after a large piece of work that is done once. Blocks for some milliseconds.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


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
