"""A node that does nothing but find others, as a program: until its input ends, then it stops.

`python -m tests.peers.finding_node JSON`, with id, name, and what of `NodeSettings` is to be set.
Each change is a line of JSON: announced_as, found, suspects, own, addresses (as they were told),
unknown.
A line of input is another name for it.
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from falconeye.base.clock import SystemClock
from falconeye.config.settings import NodeSettings
from falconeye.discovery.interface_watch import InterfaceWatch
from falconeye.discovery.mdns import Mdns
from falconeye.federation import peer_finding
from falconeye.federation.peer_finding import PeerFinding

PEER_PORT, WEB_PORT = 8901, 8900


async def main(what: dict[str, Any]) -> None:
    own_id, name, quiet = what.pop("id"), what.pop("name"), what.pop("quiet", False)
    peer_finding.AGAIN_S = what.pop("again_s", peer_finding.AGAIN_S)  # type: ignore[misc]
    settings = NodeSettings(
        **{"data_dir": Path("/"), "media_dir": Path("/"), "host": "0.0.0.0", **what}  # noqa: S104
    )
    mdns = Mdns(SystemClock())
    watch = InterfaceWatch(SystemClock(), mdns.use, settle_s=0.05)
    addresses: list[tuple[str, str]] = []
    unknown: list[str] = []
    own: list[list[str]] = []
    finding = PeerFinding(
        own_id,
        None if quiet else mdns,
        settings,
        lambda node_id, address: addresses.append((node_id, address)),
        SystemClock(),
        on_unknown=unknown.append,
        on_own_addresses=own.append,
    )
    if not quiet:
        watch.start()
        await mdns.start(watch.current)
    await finding.start(name, PEER_PORT, WEB_PORT)
    own.append(finding.own_addresses(PEER_PORT))

    def state() -> str:
        return json.dumps({
            "announced_as": finding._announcement.name if finding._announcement else "",
            "found": [each.as_json() for each in finding.found()],
            "suspects": [each.as_json() for each in finding.duplicate_suspects()],
            "own": own[-1],
            "addresses": addresses,
            "unknown": sorted(set(unknown)),
        })  # fmt: skip

    ended = asyncio.create_task(follow_input(finding))
    told = ""
    while not ended.done():
        if (now := state()) != told:
            told = now
            sys.stdout.write(f"{now}\n")
            sys.stdout.flush()
        await asyncio.wait([ended], timeout=0.02)
    await finding.stop()
    await mdns.stop()
    await watch.stop()


async def follow_input(finding: PeerFinding) -> None:
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        finding.rename(line.strip())


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
