"""`falconeye discover`: looks for cameras by itself, beside a node that runs or without one."""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import Any, Final

from falconeye.base.clock import SystemClock
from falconeye.cameras.found.plugged import evidence_of
from falconeye.cli.arguments import Arguments
from falconeye.cli.configuration import load_quietly
from falconeye.cli.exit_codes import ExitCode
from falconeye.cli.output import note, print_json_line, print_rows
from falconeye.devices.present import USB_DEVICES
from falconeye.discovery.candidates import Candidate
from falconeye.discovery.evidence import Way
from falconeye.discovery.service import Discovery

PORTS_S: Final = 2.0  # between two looks at what is plugged in


class DiscoverArguments(Arguments):
    """The words of `discover`."""

    watch: bool
    seconds: float


class _NobodyIgnored:
    """Nothing is hidden here; what a node hides stands in its database."""

    async def load(self) -> frozenset[str]:
        return frozenset()

    async def add(self, ids: Collection[str]) -> None:
        """Nothing to remember."""

    async def remove(self, ids: Collection[str]) -> None:
        """Nothing to forget."""


def discover(arguments: DiscoverArguments) -> ExitCode:
    """All that was found within some seconds, or each as it is found until Ctrl+C."""
    _ = load_quietly(arguments, log_level="error")
    if arguments.watch:
        asyncio.run(_watch(as_json=arguments.json))
    else:
        found = asyncio.run(look(arguments.seconds))
        rows = [row_of(candidate) for candidate in found]
        print_rows(rows, as_json=arguments.json, empty="no camera was found")
    return ExitCode.OK


async def look(seconds: float, *, loopback: bool = False) -> list[Candidate]:
    """What is found within so many seconds; `loopback`: also on this machine, for tests."""
    async with _looking(asyncio.Event(), loopback=loopback) as discovery:
        await asyncio.sleep(seconds)
        await _look_at_ports(discovery)
        return discovery.candidates.list()


async def _watch(*, as_json: bool) -> None:
    """Each camera once, when it is found or when another way tells more of it."""
    changed, shown = asyncio.Event(), set[tuple[Any, ...]]()
    if not as_json:
        note("looks for cameras until Ctrl+C")
    async with _looking(changed, loopback=False) as discovery:
        while True:
            changed.clear()
            for candidate in discovery.candidates.list():
                row = row_of(candidate)
                key = tuple(row.values())
                if key not in shown:
                    shown.add(key)
                    if as_json:
                        print_json_line(row)
                    else:
                        print("  ".join(str(value) for value in row.values() if value), flush=True)
            try:
                async with asyncio.timeout(PORTS_S):
                    await changed.wait()
            except TimeoutError:
                await _look_at_ports(discovery)


@asynccontextmanager
async def _looking(changed: asyncio.Event, *, loopback: bool) -> AsyncIterator[Discovery]:
    discovery = Discovery(SystemClock(), _NobodyIgnored(), on_change=changed.set, loopback=loopback)
    await discovery.start()
    try:
        await _look_at_ports(discovery)
        yield discovery
    finally:
        await discovery.stop()


async def _look_at_ports(discovery: Discovery) -> None:
    plugged = await asyncio.to_thread(USB_DEVICES.look)
    found = list(evidence_of(plugged, SystemClock().utc_us()))
    keys = {(each.way, each.key) for each in found}
    for way in (Way.USB, Way.CSI):
        discovery.candidates.drop(way, lambda one: (one.way, one.key) not in keys)
    for evidence in found:
        _ = discovery.candidates.note(evidence)


def row_of(candidate: Candidate) -> dict[str, Any]:
    """For people and scripts; no login is in it."""
    return {
        "name": candidate.name,
        "make": candidate.make,
        "where": candidate.device_path or candidate.address,
        "found_by": ", ".join(dict.fromkeys(one.way.value for one in candidate.evidence)),
        "mac": candidate.mac,
        "url": candidate.url,
        "note": candidate.note,
    }
