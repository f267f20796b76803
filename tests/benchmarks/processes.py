"""Processes under measurement: pinned to a core, their CPU time and memory from the kernel."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

MEASURED_CORE = 0  # nodes and ffmpeg
OTHER_CORE = (os.cpu_count() or 1) - 1  # camera servers, browser, this harness
NICENESS = -10  # other programs of the machine shall not blur the figures
_CPUCLOCK_SCHED = 2
_STOP_LIMIT_S = 20.0


def settle() -> None:
    """Pin this process and put it before others where that is allowed; children inherit both."""
    os.sched_setaffinity(0, {OTHER_CORE})
    with contextlib.suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, NICENESS)


def start_measured(
    command: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    output: IO[bytes] | int = subprocess.DEVNULL,
    core: int = MEASURED_CORE,
) -> subprocess.Popen[bytes]:
    """Start a process on a core; `taskset` becomes the program, so its pid is right."""
    return subprocess.Popen(
        ["taskset", "-c", str(core), *command],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        env={**os.environ, **(environment or {})},
    )


def stop(process: subprocess.Popen[bytes]) -> float:
    """SIGTERM and wait; the seconds it took. TimeoutError, after SIGKILL, when it stays."""
    asked = time.perf_counter()
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(_STOP_LIMIT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        msg = f"process {process.pid} did not end within {_STOP_LIMIT_S} s of SIGTERM"
        raise TimeoutError(msg) from None
    return time.perf_counter() - asked


def cpu_s(pid: int) -> float:
    """User + system time of all threads, ended ones too, in seconds.

    The process's CPU clock: the sum that /proc/PID/stat rounds to 10 ms (clock_getcpuclockid(3)).
    """
    return time.clock_gettime((~pid << 3) | _CPUCLOCK_SCHED)


def private_bytes(pid: int) -> int:
    """Memory that would be free without this process (Private_* of smaps_rollup)."""
    return sum(
        size
        for name, size in _rollup(pid).items()
        if name in {"Private_Clean", "Private_Dirty", "Private_Hugetlb"}
    )


def resident_bytes(pid: int) -> int:
    """RSS."""
    return _rollup(pid)["Rss"]


def _rollup(pid: int) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()[1:]:
        name, value = line.split(":")
        sizes[name] = int(value.split()[0]) * 1024
    return sizes
