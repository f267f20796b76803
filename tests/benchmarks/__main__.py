"""`python -m tests.benchmarks [--quick] [NAME …]`: measure, print, write RESULTS.md."""

import argparse
import logging
import signal
import sys
import time
from pathlib import Path

from tests.benchmarks import (
    discovery_finds,
    discovery_idle,
    export,
    failover,
    footprint,
    growth,
    idle_nodes,
    index_build,
    latency,
    lateness,
    machine,
    pages,
    painting,
    partition,
    playback,
    processes,
    proxied,
    relay_record,
    serving,
    sockets,
    start_stop,
    timeline,
    usb_cameras,
    viewers,
    wall_hour,
    weight,
)
from tests.benchmarks.figures import Measure, Plan, Result
from tests.benchmarks.report import Report, as_text

log = logging.getLogger(__name__)

_ALL: dict[str, Measure] = {
    relay_record.NAME: relay_record.measure,
    lateness.NAME: lateness.measure,
    latency.NAME: latency.measure,
    viewers.NAME: viewers.measure,
    proxied.NAME: proxied.measure,
    sockets.NAME: sockets.measure,
    wall_hour.NAME: wall_hour.measure,
    weight.NAME: weight.measure,
    serving.NAME: serving.measure,
    painting.NAME: painting.measure,
    pages.NAME: pages.measure,
    idle_nodes.NAME: idle_nodes.measure,
    failover.NAME: failover.measure,
    partition.NAME: partition.measure,
    start_stop.NAME: start_stop.measure,
    footprint.NAME: footprint.measure,
    growth.NAME: growth.measure,
    timeline.NAME: timeline.measure,
    playback.NAME: playback.measure,
    export.NAME: export.measure,
    index_build.NAME: index_build.measure,
    discovery_idle.NAME: discovery_idle.measure,
    discovery_finds.NAME: discovery_finds.measure,
    usb_cameras.NAME: usb_cameras.measure,
}


def main() -> None:
    """Run what was named, else everything; a missed budget is a result, not an error.

    What cannot be measured does not keep the rest from being measured.
    """
    logging.basicConfig()
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(_ALL))
    parser.add_argument("--quick", action="store_true", help="short and few runs: ≤ 6 minutes")
    options = parser.parse_args()
    if unknown := set(options.names) - set(_ALL):
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    processes.settle()
    # As Ctrl+C does: whatever was started is stopped on the way out.
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit("stopped"))
    directory = Path(__file__).parent
    report, facts = Report(directory), machine.facts()
    plan = Plan(is_quick=options.quick)
    failed: list[str] = []
    for name in options.names or _ALL:
        try:
            result = _measure(name, plan)
        except Exception:
            log.exception("%s could not be measured", name)
            failed.append(name)
            continue
        report.put(result, facts, _ALL)
        sys.stdout.write(as_text(result))
        sys.stdout.flush()
    if failed:
        sys.exit(f"not measured: {', '.join(failed)}")


def _measure(name: str, plan: Plan) -> Result:
    """One benchmark, and the machine's load around it."""
    started, load_before = time.monotonic(), machine.load()
    result = _ALL[name](plan)
    result.load_before, result.load_after = load_before, machine.load()
    result.took_s, result.is_quick = time.monotonic() - started, plan.is_quick
    return result


if __name__ == "__main__":
    main()
