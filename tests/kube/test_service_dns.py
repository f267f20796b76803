"""Pods find each other by the name of the headless service alone.

The machines are namespaces on one switch. The name server answers what the API server's
EndpointSlices say, as Kubernetes' own does, and resolv.conf is as a kubelet writes it.
"""

import asyncio
import json
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import httpx
import pytest

from falconeye.base.clock import SystemClock
from falconeye.cluster.api import Access, ApiRefused, ApiServer, ApiUnreachable
from tests.end_to_end.keyed_nodes import secret
from tests.kube.cluster import Cluster
from tests.kube.conftest import add_nodes
from tests.kube.hands import Hands
from tests.nodes import NO_TLS, RunningNode
from tests.peers.name_server import NameServer, name_server
from tests.peers.site import Site, inside, site_beside_test

pytestmark = [pytest.mark.timeout(180), pytest.mark.root]
SUBNET, PEER_PORT = "192.168.77", 8901
NAME = "falconeye-peers.falconeye.svc.cluster.local."
SLICES = "/apis/discovery.k8s.io/v1/namespaces/falconeye/endpointslices"
LOOK_S = 0.1
RESOLV = f"""\
search falconeye.svc.cluster.local svc.cluster.local cluster.local
nameserver {SUBNET}.1
options ndots:5 timeout:1 attempts:1
"""


class Machines:
    """`start` begins a pod's container, as a kubelet does; all of it ends with the stack."""

    def __init__(self, folder: Path, site: Site, kube: Cluster, stack: AsyncExitStack) -> None:
        self._folder, self._site, self._kube, self._stack = folder, site, kube, stack
        self._secrets = secret(folder / "secret")
        (folder / "resolv.conf").write_text(RESOLV)
        self.namespaces: dict[str, str] = {}
        self.addresses: dict[str, str] = {}

    def plug(self, name: str, number: int) -> str:
        """A machine of the cluster; its address, which its pod has, too."""
        self.namespaces[name] = self._site.place(number)
        self.addresses[name] = f"{SUBNET}.{number}"
        add_nodes(self._kube, name)
        return self.addresses[name]

    def remove(self, name: str) -> None:
        """The machine is none of the cluster any more."""
        self._kube.kubectl("delete", "node", name)
        of_it = (
            f"--field-selector=spec.nodeName={name}"  # what the pods' collector does in a minute
        )
        self._kube.kubectl("delete", "pod", "-n", "falconeye", of_it, "--wait=false")

    async def start(self, name: str) -> RunningNode:
        node = RunningNode(
            self._folder / name, "--node-name", name, "--host", "0.0.0.0",  # noqa: S104
            "--peer-port", str(PEER_PORT),
        )  # fmt: skip
        bind = f'mount --bind {self._folder}/resolv.conf /etc/resolv.conf && exec "$@"'
        node.program = (
            "ip", "netns", "exec", self.namespaces[name], "sh", "-c", bind, "sh",
            sys.executable, "-m", "tests.peers.quick_node",
        )  # fmt: skip
        node.environment = {
            "FALCONEYE_CLUSTER_KEY_FILE": str(self._secrets / "cluster-key"),
            "FALCONEYE_ADMIN_PASSWORD_FILE": str(self._secrets / "admin-password"),
            "FALCONEYE_PEER_SERVICE": "falconeye-peers",
            "QUICK_AGAIN_S": "1",
        }
        self._stack.push_async_callback(node.client.aclose)
        self._stack.push_async_callback(node.stop)
        await node.start()
        return node

    async def readiness(self, node: RunningNode) -> httpx.Response:
        """Asked in the node's namespace."""
        name = node.data_dir.parent.name
        url = f"http://127.0.0.1:{node.url.rpartition(':')[2]}/readyz"

        def ask() -> httpx.Response:
            with inside(self.namespaces[name]):
                return httpx.get(url, timeout=20, trust_env=False, verify=NO_TLS)

        return await asyncio.to_thread(ask)

    async def until_ready(self, node: RunningNode) -> None:
        while (await self.readiness(node)).status_code != 200:  # noqa: ASYNC110 - as below
            await asyncio.sleep(LOOK_S)


@pytest.fixture
def site() -> Iterator[Site]:
    with site_beside_test() as made:
        yield made


@pytest.fixture
async def machines(
    tmp_path: Path, site: Site, kube: Cluster, at_work: Hands
) -> AsyncIterator[Machines]:
    async with AsyncExitStack() as stack:
        made = Machines(tmp_path, site, kube, stack)
        at_work.addresses = made.addresses
        yield made


@asynccontextmanager
async def service_names(site: Site, access: Access) -> AsyncIterator[NameServer]:
    """Answers with the addresses of the service's pods, ready or not."""
    with inside(site.node):
        bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        bound.bind((f"{SUBNET}.1", 53))
    api = ApiServer(access, SystemClock())

    async def follow(server: NameServer) -> None:
        wanted = {"labelSelector": "kubernetes.io/service-name=falconeye-peers"}
        while True:
            with suppress(ApiRefused, ApiUnreachable):
                found = (await api.get(SLICES, wanted)).get("items") or []
                ends = [end for one in found for end in one.get("endpoints") or []]
                server.answers[NAME] = sorted({str(ip) for end in ends for ip in end["addresses"]})
            await asyncio.sleep(LOOK_S)

    async with name_server(bound) as server:
        task = asyncio.create_task(follow(server))
        try:
            yield server
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await api.close()


@asynccontextmanager
async def knocked_at(namespace: str, address: str) -> AsyncIterator[Callable[[], int]]:
    """Somebody who hangs up at once; how often there was a knock."""
    with inside(namespace):
        door = socket.create_server((address, PEER_PORT))
    door.setblocking(False)
    count = 0

    async def hang_up() -> None:
        nonlocal count
        while True:
            caller, _ = await asyncio.get_running_loop().sock_accept(door)
            caller.close()
            count += 1

    task = asyncio.create_task(hang_up())
    try:
        yield lambda: count
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        door.close()


async def members(node: RunningNode) -> set[str]:
    code, out, err = await node.command("node", "list", "--json")
    assert code == 0, err
    return {str(one["name"]) for one in json.loads(out)}


async def hear(*nodes: RunningNode) -> None:
    """Wait until each hears each other one."""
    for node in nodes:
        for other in nodes:
            if other is not node:
                _ = await node.line(f"node {other.data_dir.parent.name} is heard$")


async def until(is_so: Callable[[], bool]) -> None:
    """The test's time limit ends it."""
    while not is_so():  # noqa: ASYNC110 - a name server tells nobody
        await asyncio.sleep(LOOK_S)


async def test_pods_with_one_secret_find_each_other_by_the_service_s_name(
    machines: Machines, site: Site, admin: Access
) -> None:
    machines.plug("pi-1", 11)
    one = await machines.start("pi-1")
    # The name leads nowhere: nobody can say that this is the first node of its cluster.
    _ = await one.line("falconeye-peers leads nowhere yet")
    assert "leads nowhere" in (await machines.readiness(one)).json()["detail"]
    async with service_names(site, admin) as names:
        machines.plug("pi-2", 12)
        two = await machines.start("pi-2")
        await hear(one, two)
        for node in (one, two):
            await machines.until_ready(node)
        # One that comes later is found, and finds the others, by the name.
        machines.plug("pi-3", 13)
        three = await machines.start("pi-3")
        await hear(one, two, three)
        await machines.until_ready(three)
        for node in (one, two, three):
            assert await members(node) == {"pi-1", "pi-2", "pi-3"}
        await _ask_no_more(machines, names)


async def _ask_no_more(machines: Machines, names: NameServer) -> None:
    """An address that the name leads to is asked, and no more once it does not."""
    asking = [machines.addresses[name] for name in ("pi-1", "pi-2", "pi-3")]

    async def each_asks_again() -> None:
        before = names.questions.copy()  # A and AAAA, twice each
        await until(lambda: all(names.questions[one] >= before[one] + 5 for one in asking))

    address = machines.plug("pi-4", 14)
    async with knocked_at(machines.namespaces["pi-4"], address) as knocks:
        await until(lambda: knocks() > 3)
        machines.remove("pi-4")
        await until(lambda: address not in names.answers[NAME])
        await each_asks_again()
        after = knocks()
        await each_asks_again()
        assert knocks() == after
