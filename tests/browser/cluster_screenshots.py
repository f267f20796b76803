"""Pictures of the pages of three nodes, one of which has died, into `screenshots/`.

Run as `python -m tests.browser.cluster_screenshots [OPTION …] [NAME …]`, with the options of
`tests.browser.screenshots`.
"""

import asyncio
import sys
import tempfile
from pathlib import Path
from typing import Final

from tests.browser.browsers import chromium
from tests.browser.running_site import Site, running_site
from tests.browser.screenshot_scenes import Scene
from tests.browser.screenshot_steps import poster_seen
from tests.browser.screenshots import FEW, OUT, Look, Studio, asked
from tests.end_to_end.test_cluster import joined
from tests.nodes import RunningNode, running_node

FOOTAGE_S: Final = 12.0


def scenes() -> list[Scene]:
    """What an admin sees at the first node."""
    return [
        Scene("cluster-nodes", "/nodes"),
        Scene("cluster-agents", "/nodes/agents"),
        Scene("cluster-wall", "/", whole=False),
        Scene("cluster-storage", "/storage"),
        Scene("cluster-notices", "/notices"),
        Scene("cluster-audit", "/audit"),
        Scene("cluster-found", "/cameras/found"),
        Scene("cluster-jobs", "/jobs"),
        Scene("cluster-exports", "/exports"),
        Scene("cluster-recordings", "/recordings"),
        Scene("cluster-footage", "/cameras/{Front door}/footage", poster_seen),
        Scene("cluster-footage-away", "/cameras/{Attic}/footage"),
        Scene("cluster-camera-away", "/cameras/{Attic}"),
        Scene("cluster-footage-many", "/footage?cameras={Front door},{Yard},{Attic}"),
        Scene("cluster-days", "/footage/days?cameras={Attic}"),
        Scene("cluster-move", "/nodes/move"),
        Scene("cluster-rebalance", "/nodes/rebalance"),
    ]


async def _fill(site: Site, two: RunningNode, attic: RunningNode) -> None:
    """A camera at each node, with some footage; then the attic dies."""
    rtsp = site.peers.rtsp
    await site.add("Front door", rtsp.url("door"), location="Ground floor")
    site.ids["Yard"] = await two.add("Yard", rtsp.url("parking-small"))
    # USB and demo cameras stay with their node: nobody stands in for it.
    body = {"name": "Attic", "protocol": "demo", "source_url": "demo:", "start": True}
    answer = await attic.client.post("/api/cameras/", json=body)
    site.ids["Attic"] = answer.json()["id"]
    for other in (two, attic):
        await joined(site.node, other)
    await site.node.until("/api/nodes/", lambda r: len(r) == 3 and all(n["ready"] for n in r))
    await site.node.until(
        "/api/cameras/", lambda r: [c["online"] for c in r["cameras"]] == [True] * 3, 40
    )
    await asyncio.sleep(FOOTAGE_S)
    await attic.kill()
    await site.node.until(
        "/api/nodes/", lambda r: [n["reachable"] for n in r].count(False) == 1, 40
    )
    await asyncio.sleep(FOOTAGE_S)


async def main(wanted: list[str], looks: tuple[Look, ...] = FEW) -> None:
    """Take the pictures of the scenes whose names begin with one of `wanted`, or of all."""
    OUT.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with (
            running_site(folder / "pi-1") as site,
            running_node(folder / "pi-2", "--node-name", "pi-2") as two,
            running_node(folder / "attic", "--node-name", "attic") as attic,
            chromium() as browser,
        ):
            page = await browser.new_page()
            await site.set_up(page)
            await page.close()
            await _fill(site, two, attic)
            studio = Studio(site, browser, wanted, looks)
            await studio.sign_in()
            await studio.shoot(scenes())


if __name__ == "__main__":
    asyncio.run(main(*asked(sys.argv[1:])))
