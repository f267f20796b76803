"""Whole nodes that are one cluster, each in a network namespace of its own; needs root.

They are on one switch, at addresses of their own, so that a node's traffic is what its interface
counts, and a node that dies can be silent as one without power is: nobody says that its ports are
closed. The measuring program is on the switch, too. The first node has one core, all others share
the other one with the measuring program. None looks for cameras or other nodes.
"""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, Self

import httpx

from tests.benchmarks import processes
from tests.benchmarks.lan import is_possible
from tests.benchmarks.node import Node, NodeFailed
from tests.peers.site import Site, inside, run
from tests.peers.stopping import Stopping

_NOBODY = "192.168.77.250"
_FIRST = 11  # the last number of the first node's address
_LIMIT_S = 60.0
_LOOK_S = 0.1


class Place:
    """A node and where it is."""

    def __init__(self, site: Site, number: int) -> None:
        self.name = f"node-{number + 1}"
        self.address = f"{site.subnet}.{_FIRST + number}"
        self.namespace = site.place(_FIRST + number)
        self.node = Node(node_name=self.name, host=self.address)
        self.node.core = processes.OTHER_CORE if number else processes.MEASURED_CORE
        self.is_up = False

    @property
    def client(self) -> httpx.Client:
        return self.node.client

    def launch(self) -> None:
        """Start; it may not serve yet."""
        with inside(self.namespace):
            self.node.launch()

    def wait_serving(self, token: str | None = None) -> None:
        """Until it serves; `token`: one that the cluster knows."""
        self.node.wait_serving()
        self.node.token = token or self.node.token
        self.client.headers["authorization"] = f"Bearer {self.node.token}"
        self.is_up = True

    def add_cameras(self, count: int) -> None:
        """Configured and stopped: they connect to nobody."""
        for number in range(count):
            body = {
                "name": f"{self.name} camera {number}",
                "protocol": "rtsp",
                "source_url": f"rtsp://{_NOBODY}/{self.name}/{number}",
                "start": False,
            }
            self.client.post("/api/cameras", json=body).raise_for_status()

    def unplug(self) -> None:
        """Nothing reaches it, and nothing of it reaches others, from here on."""
        run("ip", "-n", self.namespace, "link", "set", "eth0", "down")

    def plug(self) -> None:
        """Undo `unplug`."""
        run("ip", "-n", self.namespace, "link", "set", "eth0", "up")

    def die(self) -> None:
        """As by a power cut: gone at once, and silent."""
        self.unplug()
        self.node.kill()
        self.is_up = False

    def traffic(self) -> tuple[int, int]:
        """Bytes and packets that its interface has sent and received."""
        shown = run("ip", "-n", self.namespace, "-s", "-j", "link", "show", "dev", "eth0")
        counted = json.loads(shown)[0]["stats64"]
        ways = (counted["tx"], counted["rx"])
        return sum(way["bytes"] for way in ways), sum(way["packets"] for way in ways)


class Cluster(Stopping):
    """Nodes that came by `grow`; a context manager."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self.places: list[Place] = []

    def __enter__(self) -> Self:
        return self

    def stop(self) -> None:
        for place in self.places:
            if place.is_up:
                place.plug()
            place.node.__exit__(None, None, None)

    @property
    def address(self) -> str:
        """Where the measuring program is; nodes reach its cameras there."""
        return f"{self._site.subnet}.1"

    @contextmanager
    def parted(self, one: Sequence[Place], other: Sequence[Place]) -> Iterator[None]:
        """Meanwhile no packet of one side gets to the other, and nobody is told."""
        for side, strangers in ((one, other), (other, one)):
            addresses = ", ".join(place.address for place in strangers)
            rules = (
                "add table ip parted; "
                "add chain ip parted arriving { type filter hook input priority 0; }; "
                f"add rule ip parted arriving ip saddr {{ {addresses} }} drop"
            )
            for place in side:
                run("ip", "netns", "exec", place.namespace, "nft", rules)
        try:
            yield
        finally:
            for place in (*one, *other):
                run("ip", "netns", "exec", place.namespace, "nft", "delete table ip parted")

    @property
    def first(self) -> Place:
        return self.places[0]

    @property
    def up(self) -> list[Place]:
        return [place for place in self.places if place.is_up]

    def grow(self, count: int, prepare: Callable[[Place], object] = lambda _: None) -> None:
        """Be so many nodes. `prepare(place)` is called for each one before it joins."""
        new = [Place(self._site, number) for number in range(len(self.places), count)]
        self.places += new
        for place in new:
            place.launch()
        for place in new:
            place.wait_serving()
            prepare(place)
            if place is not self.first:
                self._join(place)
        self.wait_whole()

    def _join(self, place: Place) -> None:
        code = self.first.node.command("node", "code").split()[-1]
        with inside(place.namespace):
            place.node.command("join", code, "--yes")
        place.wait_serving(self.first.node.token)  # the cluster's tokens are its own now

    def revive(self, place: Place) -> None:
        """What died starts again, and is heard by all."""
        place.plug()
        place.launch()
        place.wait_serving(self.first.node.token)
        self.wait_whole()

    def wait_whole(self) -> None:
        """Until every node hears every other and lists the same cameras."""
        names = {place.name for place in self.places}

        def heard(place: Place) -> bool:
            answer = place.client.get("/api/nodes/")
            if answer.status_code != 200:
                return False
            return {one["name"] for one in answer.json() if one["reachable"]} == names

        for place in self.places:
            self.wait(partial(heard, place), f"{place.name} does not hear all")

        def listed(place: Place) -> frozenset[str]:
            cameras = place.client.get("/api/cameras").raise_for_status().json()["cameras"]
            return frozenset(camera["id"] for camera in cameras)

        self.wait(lambda: len({listed(place) for place in self.places}) == 1, "cameras differ")

    @staticmethod
    def wait(condition: Callable[[], Any], failure: str, limit_s: float = _LIMIT_S) -> None:
        """Poll until the condition holds."""
        give_up = time.monotonic() + limit_s
        while not condition():
            if time.monotonic() > give_up:
                raise NodeFailed(failure)
            time.sleep(_LOOK_S)


@contextmanager
def cluster() -> Iterator[Cluster]:
    """Without nodes yet; this thread is on their network meanwhile."""
    if not is_possible():
        raise RuntimeError("network namespaces need root and iproute2")
    site = Site()
    try:
        with inside(site.node), Cluster(site) as made:
            yield made
    finally:
        site.close()
