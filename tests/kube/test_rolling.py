"""A new image, one node after the other."""

import asyncio

from falconeye.cluster.api import Access
from tests.kube.cluster import Cluster
from tests.kube.conftest import add_nodes
from tests.kube.hands import Hands
from tests.kube.placing import leading
from tests.kube.test_placement import NODES, with_agents


def set_image(kube: Cluster, image: str) -> None:
    kube.kubectl("set", "image", "daemonset/falconeye", f"falconeye={image}", "-n", "falconeye")


async def test_one_node_is_away_at_a_time_and_the_leader_s_own_is_the_last(
    kube: Cluster, access: Access, at_work: Hands
) -> None:
    before = await with_agents(kube, at_work)
    async with leading(access, "pi-1") as led:
        at_work.count_away_from_now()
        set_image(kube, "falconeye:2")
        await at_work.until(lambda: set(at_work.images().values()) == {"falconeye:2"})
        await at_work.until(lambda: at_work.ready == set(NODES))
        await led.until(lambda: not led.state.rolls)
    assert led.drained == ["pi-2", "pi-3", "pi-1"]
    assert at_work.most_away == 1
    assert not set(before.values()) & set(at_work.uids().values())


async def test_an_image_that_does_not_work_takes_one_node_and_no_other(
    kube: Cluster, access: Access, at_work: Hands
) -> None:
    _ = await with_agents(kube, at_work)
    old = at_work.images()["pi-1"]
    async with leading(access, "pi-1") as led:
        set_image(kube, "falconeye:broken")
        await at_work.until(lambda: at_work.images().get("pi-2") == "falconeye:broken")
        await led.until(lambda: led.state.rolls == "pi-2")
        await led.looks(20)
        assert at_work.images() == {"pi-1": old, "pi-2": "falconeye:broken", "pi-3": old}
        # One that works replaces the broken one first, then the others.
        set_image(kube, "falconeye:3")
        await at_work.until(lambda: set(at_work.images().values()) == {"falconeye:3"})
    assert led.drained == ["pi-2", "pi-2", "pi-3", "pi-1"]


async def test_a_node_that_is_down_holds_nobody_up(
    kube: Cluster, access: Access, at_work: Hands
) -> None:
    _ = await with_agents(kube, at_work)
    kube.kubectl("patch", "node", "pi-2", "--subresource=status", "-p",
                 '{"status":{"conditions":[{"type":"Ready","status":"Unknown"}]}}')  # fmt: skip
    async with leading(access, "pi-1") as led:
        set_image(kube, "falconeye:2")
        await at_work.until(
            lambda: [at_work.images().get(name) for name in ("pi-1", "pi-3")] == ["falconeye:2"] * 2
        )
    assert led.drained == ["pi-3", "pi-1"]


async def test_what_does_not_work_is_replaced_first(
    kube: Cluster, access: Access, at_work: Hands
) -> None:
    before = await with_agents(kube, at_work)
    at_work.ill = {before["pi-3"]}
    await at_work.until(lambda: at_work.ready == {"pi-1", "pi-2"})
    async with leading(access, "pi-1") as led:
        set_image(kube, "falconeye:2")
        await at_work.until(lambda: set(at_work.images().values()) == {"falconeye:2"})
    assert led.drained == ["pi-3", "pi-2", "pi-1"]


async def test_where_kubernetes_rolls_by_itself_the_leader_does_not(
    kube: Cluster, access: Access, at_work: Hands
) -> None:
    _ = await with_agents(kube, at_work)
    change = '{"spec":{"updateStrategy":{"type":"RollingUpdate"}}}'
    kube.kubectl("patch", "daemonset", "falconeye", "-n", "falconeye", "--type=merge", "-p", change)
    kube.stop_controllers()  # it would be quicker
    async with leading(access, "pi-1") as led:
        set_image(kube, "falconeye:2")
        await led.until(lambda: led.leader.shared is not None)
        await led.looks(10)
    kube.restart_controllers()
    assert led.drained == []
    await at_work.until(lambda: set(at_work.images().values()) == {"falconeye:2"})


async def test_when_the_leader_is_gone_in_the_middle_the_next_one_goes_on(
    kube: Cluster, access: Access, at_work: Hands
) -> None:
    _ = await with_agents(kube, at_work)
    add_nodes(kube, "pi-4")
    await at_work.until(lambda: len(at_work.ready) == 4)
    async with leading(access, "pi-4") as other:
        await other.until(lambda: other.state.is_leader)
        async with leading(access, "pi-3") as next_one:
            second = asyncio.Event()

            def drained(_: str) -> None:
                if len(other.drained) == 2:
                    other.hangs = True
                    second.set()

            other.on_drain = drained
            set_image(kube, "falconeye:2")
            await second.wait()
            await other.leader.stop()
            await at_work.until(lambda: set(at_work.images().values()) == {"falconeye:2"})
            assert next_one.state.is_leader
    assert (other.drained, next_one.drained) == (["pi-1", "pi-2"], ["pi-2", "pi-4", "pi-3"])
