"""The network of the test: a namespace for each node and each camera, on one switch; needs root.

Where the test itself stands (`Site.node`) no fault reaches: the browser asks from there.
"""

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path

from tests.chaos.chaos_camera import PORT
from tests.chaos.plan import Fault, Kind
from tests.peers.site import Site, inside, run

ROOT = Path(__file__).parents[2]
MULTICAST = "224.0.0.0/4"
# More than all cameras of a node need; less than a page with pictures would like.
SLOW = ("tbf", "rate", "4mbit", "burst", "16kb", "latency", "400ms")


class Network:
    """Of so many nodes and cameras; `close` removes all of it."""

    def __init__(self, nodes: int, cameras: int) -> None:
        self._site = Site()
        self._numbers = count()
        self.nodes = [self._plugged("n", 11 + number) for number in range(nodes)]
        self.cameras = [
            Camera(self._plugged("c", 101 + number), f"{self._site.subnet}.{101 + number}")
            for number in range(cameras)
        ]

    def close(self) -> None:
        for camera in self.cameras:
            camera.switch_off()
        self._site.close()

    def inside(self) -> contextlib.AbstractContextManager[None]:
        """This thread stands there, and what it starts."""
        return inside(self._site.node)

    def address(self, node: int) -> str:
        return f"{self._site.subnet}.{11 + node}"

    @contextlib.contextmanager
    def fault(self, fault: Fault) -> Iterator[None]:
        """One of the network, as long as the context lasts."""
        if fault.kind is Kind.SLOW:
            with self._slow(fault.target):
                yield
            return
        if fault.kind is Kind.BLIND:
            inward = outward = [camera.address for camera in self.cameras]
        else:
            others = [self.address(one) for one in range(len(self.nodes)) if one != fault.target]
            outward = [*others, MULTICAST]
            inward = [] if fault.kind is Kind.ONE_WAY else others
        with self._dropping(self.nodes[fault.target], inward, outward):
            yield

    @contextlib.contextmanager
    def _dropping(
        self, namespace: str, inward: Sequence[str], outward: Sequence[str]
    ) -> Iterator[None]:
        """Without an answer to anybody, as where a cable is out behind a switch."""
        table = f"fault{next(self._numbers)}"
        rules = f"table inet {table} {{\n"
        for hook, which, addresses in (("input", "saddr", inward), ("output", "daddr", outward)):
            if addresses:
                rules += (
                    f"chain {hook} {{ type filter hook {hook} priority 0;"
                    f" ip {which} {{ {', '.join(addresses)} }} drop; }}\n"
                )
        nft(namespace, rules + "}")
        try:
            yield
        finally:
            nft(namespace, f"delete table inet {table}")

    @contextlib.contextmanager
    def _slow(self, node: int) -> Iterator[None]:
        """In both directions: what leaves the node, and what leaves the switch for it."""
        namespace, switch = self.nodes[node], self._site._switch
        ends = [(namespace, "eth0"), (switch, self._port(namespace))]
        for where, device in ends:
            run("tc", "-n", where, "qdisc", "add", "dev", device, "root", *SLOW)
        try:
            yield
        finally:
            for where, device in ends:
                run("tc", "-n", where, "qdisc", "del", "dev", device, "root")

    def _port(self, namespace: str) -> str:
        """Where on the switch the cable of a namespace ends."""
        (link,) = json.loads(run("ip", "-n", namespace, "-j", "link", "show", "dev", "eth0"))
        ports = json.loads(run("ip", "-n", self._site._switch, "-j", "link"))
        return next(str(one["ifname"]) for one in ports if one["ifindex"] == link["link_index"])

    def _plugged(self, letter: str, number: int) -> str:
        namespace = self._site._namespace(f"{letter}{number}")
        self._site.plug(namespace, "eth0", f"{self._site.subnet}.{number}/24")
        return namespace


def nft(namespace: str, rules: str) -> None:
    run("ip", "netns", "exec", namespace, "nft", rules)


class Camera:
    """One camera: a process in a namespace, which has hardware of its own."""

    def __init__(self, namespace: str, address: str) -> None:
        self.namespace, self.address = namespace, address
        self.url = f"rtsp://{address}:{PORT}/main"
        self._process: subprocess.Popen[bytes] | None = None

    def switch_on(self) -> None:
        """It serves when this returns."""
        run("ip", "-n", self.namespace, "link", "set", "eth0", "up")
        program = [sys.executable, "-m", "tests.chaos.chaos_camera", self.address]
        self._process = subprocess.Popen(
            ["ip", "netns", "exec", self.namespace, *program],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT,
        )  # fmt: skip
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"ready\n", f"camera {self.address}"

    def switch_off(self) -> None:
        """As a power cut: nobody is told."""
        if self._process is not None:
            run("ip", "-n", self.namespace, "link", "set", "eth0", "down")
            self._process.kill()
            self._process.communicate()
            self._process = None
