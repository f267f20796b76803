"""A site of our own: network namespaces, a switch, hosts, interfaces nobody may touch; needs root.

The node's namespace has `lan0` on the switch, and what a container host has besides. A test enters
it with `inside`; hosts are processes in their own namespaces (`network_host.py`).
"""

import ctypes
import json
import os
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

HOST = Path(__file__).with_name("network_host.py")
_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


class Site:
    """Everything is named after one random word, and removed by `close`."""

    def __init__(self, subnet: str = "192.168.77") -> None:
        self.subnet = subnet
        self._word = f"fe{uuid.uuid4().hex[:8]}"
        self._namespaces: list[str] = []
        self._hosts: list[subprocess.Popen[bytes]] = []
        self.node = self._namespace("node")
        self._switch = self._namespace("switch")
        run("ip", "-n", self._switch, "link", "add", "sw", "type", "bridge")
        run("ip", "-n", self._switch, "link", "set", "sw", "up")
        self.plug(self.node, "lan0", f"{subnet}.1/24")

    def close(self) -> None:
        """End the hosts, then remove the namespaces with all that is in them."""
        for host in list(self._hosts):
            self.end(host)
        for name in self._namespaces:
            run("ip", "netns", "del", name)

    def plug(self, namespace: str, name: str, address: str) -> None:
        """Another interface of `namespace`, with a cable to the switch."""
        port = f"p{uuid.uuid4().hex[:8]}"
        run(
            "ip",
            "-n",
            namespace,
            "link",
            "add",
            name,
            "type",
            "veth",
            "peer",
            port,
            "netns",
            self._switch,
        )
        run("ip", "-n", self._switch, "link", "set", port, "master", "sw", "up")
        self.configure(namespace, name, address)
        self.wait_for(namespace, name)

    def stub(self, name: str, address: str) -> str:
        """An interface of the node that is up and has a cable; the namespace where that ends."""
        pods = self._namespace(f"of-{name}"[:20])
        run(
            "ip",
            "-n",
            self.node,
            "link",
            "add",
            name,
            "type",
            "veth",
            "peer",
            "eth0",
            "netns",
            pods,
        )
        self.configure(pods, "eth0", "")
        self.configure(self.node, name, address)
        self.wait_for(self.node, name)
        return pods

    def configure(self, namespace: str, name: str, address: str) -> None:
        """Give an interface its address, and switch it on."""
        if address:
            run("ip", "-n", namespace, "address", "add", address, "dev", name)
        run("ip", "-n", namespace, "link", "set", name, "up")

    def wait_for(self, namespace: str, name: str) -> None:
        """Until the kernel knows of the cable: it looks after that once a second at the most."""
        until = time.monotonic() + 4
        while time.monotonic() < until:
            (link,) = json.loads(run("ip", "-n", namespace, "-j", "link", "show", "dev", name))
            if link["operstate"] == "UP":
                return
            time.sleep(0.02)
        raise TimeoutError(f"{name} has no cable")

    def namespace(self, name: str) -> str:
        """The full name of a host's namespace ("h20")."""
        return f"{self._word}-{name}"

    def sent(self, name: str) -> int:
        """How many packets the node sent on one of its interfaces."""
        shown = run("ip", "-n", self.node, "-s", "-j", "link", "show", "dev", name)
        return int(json.loads(shown)[0]["stats64"]["tx"]["packets"])

    def place(self, number: int) -> str:
        """A namespace at `subnet.number` in which nobody is yet."""
        namespace = self._namespace(f"h{number}")
        self.plug(namespace, "eth0", f"{self.subnet}.{number}/24")
        return namespace

    def host(self, number: int, **parts: object) -> subprocess.Popen[bytes]:
        """A host at `subnet.number` that does what `parts` say (see `network_host`)."""
        there = {"address": f"{self.subnet}.{number}", **parts}
        return self.begin(self.place(number), there)

    def begin(self, namespace: str, what: Mapping[str, object]) -> subprocess.Popen[bytes]:
        """The same within a namespace that is there already."""
        program = ["ip", "netns", "exec", namespace, sys.executable, str(HOST), json.dumps(what)]
        host = subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._hosts.append(host)
        assert host.stdout is not None
        assert host.stdout.readline() == b"ready\n", f"the host did not start: {what}"
        return host

    def end(self, host: subprocess.Popen[bytes]) -> None:
        """Switch a host off: it says goodbye where it does that."""
        if host in self._hosts:
            self._hosts.remove(host)
        assert host.stdin is not None
        host.stdin.close()
        try:
            host.wait(timeout=5)
        except subprocess.TimeoutExpired:
            host.kill()
            host.wait()
        assert host.stdout is not None
        host.stdout.close()

    def _namespace(self, name: str) -> str:
        full = self.namespace(name)
        run("ip", "netns", "add", full)
        self._namespaces.append(full)
        with inside(full):
            # What IPv6 sends by itself when an interface comes up would be counted, too.
            for which in ("all", "default"):
                Path(f"/proc/sys/net/ipv6/conf/{which}/disable_ipv6").write_text("1")
        run("ip", "-n", full, "link", "set", "lo", "up")
        return full


@contextmanager
def inside(namespace: str) -> Iterator[None]:
    """This thread, and the threads and sockets that it makes, are in the namespace meanwhile."""
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    there = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
    try:
        _enter(there)
        yield
    finally:
        _enter(before)
        os.close(there)
        os.close(before)


def _enter(descriptor: int) -> None:
    if _libc.setns(descriptor, _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


def run(*program: str) -> str:
    return subprocess.run(program, check=True, capture_output=True, text=True).stdout


@contextmanager
def site_beside_test() -> Iterator[Site]:
    """A network of its own for one test, which stays where it is."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.skip("network namespaces need root and iproute2")
    site = Site()
    try:
        yield site
    finally:
        site.close()


@contextmanager
def site_of_test() -> Iterator[Site]:
    """A network of its own for one test, which runs in the namespace of the site's node."""
    with site_beside_test() as site, inside(site.node):
        yield site
