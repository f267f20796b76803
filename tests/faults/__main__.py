"""The fault suite in full: `make faults`, or `python -m tests.faults [NAME …]`; root.

Prints the loss budget table and writes it to `tests/faults/RESULTS.md`: a run of some faults
replaces their rows.
"""

import asyncio
import platform
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from tests.faults.clock_steps import clock_steps
from tests.faults.ext4_volumes import ext4_volumes
from tests.faults.ill_cameras import changes, other_streams, stalls, truncations
from tests.faults.kills import kills, node_kills
from tests.faults.long_time import many_rows, retention_week
from tests.faults.outcome import LEAKS, Outcome, rows_of, table
from tests.faults.power import power_cuts
from tests.faults.reconnects import reconnects
from tests.faults.vm_clock import vm_clock_steps
from tests.faults.vm_job import NotHere
from tests.faults.vm_power import vm_power_cuts
from tests.faults.volumes import failing_volumes, full_disk, slow_volumes

RESULTS = Path(__file__).parent / "RESULTS.md"
# Name → what it is, and how much of it in full: times, hours, days or seconds.
FAULTS: dict[str, tuple[Callable[[Path, int], Awaitable[Outcome]], int]] = {
    "clock": (clock_steps, 200),
    "clock-vm": (vm_clock_steps, 3),
    "full-disk": (full_disk, 300),
    "sick-disk": (failing_volumes, 15),
    "ext4": (ext4_volumes, 15),
    "slow-disk": (slow_volumes, 15),
    "power": (power_cuts, 100),
    "power-vm": (vm_power_cuts, 100),
    "kill": (kills, 200),
    "kill-node": (node_kills, 50),
    "reconnect": (reconnects, 1000),
    "camera-stall": (stalls, 120),
    "camera-truncate": (truncations, 200),
    "camera-change": (changes, 100),
    "camera-other": (other_streams, 80),
    "retention": (retention_week, 7 * 24),
    "rows": (many_rows, 55),
}


async def _meet(name: str) -> Outcome:
    fault, amount = FAULTS[name]
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix=f"falconeye-fault-{name}-") as folder:
        outcome = await fault(Path(folder), amount)
    outcome.took_s = time.monotonic() - begun
    print(outcome.line(), f"({outcome.took_s:.0f} s)", *outcome.notes, sep="\n  ", flush=True)  # noqa: T201
    return outcome


def main() -> int:
    names = sys.argv[1:] or list(FAULTS)
    good = True
    for name in names:
        try:
            outcome = asyncio.run(_meet(name))
        except NotHere as reason:  # an older row would pass for one of this run
            print(f"{name}: not measured: {reason}", flush=True)  # noqa: T201
            outcome = Outcome(reason.fault, f"not: {reason}", "–", has_files=False)
        good = good and outcome.ok
        before = rows_of(RESULTS.read_text()) if RESULTS.exists() else []
        RESULTS.write_text(
            "# Loss budget\n\nMade by `make faults` (root). The newest rows: "
            f"{time.strftime('%Y-%m-%d', time.gmtime())}, Linux {platform.release()}, "
            f"Python {platform.python_version()}.\n\n{table([outcome], before)}\n\n{LEAKS}\n"
        )
    print(f"\n{RESULTS.read_text()}")  # noqa: T201
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
