"""One run: nodes, cameras and a browser; the faults of a plan; then the judgement."""

import asyncio
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import reduce
from itertools import chain
from pathlib import Path

import httpx

from falconeye.base.times import SECOND_US
from falconeye.storage.ledger.union import Piece, unite
from tests.browser.browsers import chromium
from tests.chaos.cluster import ChaosNode, Cluster
from tests.chaos.disks import configuration, differences, files, ledger
from tests.chaos.judging import WAITS, Done, Time, causes, holes, ledger_faults, told, unexcused
from tests.chaos.lateness import Lateness
from tests.chaos.network import Network
from tests.chaos.plan import Fault, Kind, is_too_much
from tests.chaos.union_told import told_by_node
from tests.chaos.watching import Knowledge, Watcher
from tests.faults.footage_on_disk import unplayable

NOTICED_S = 20.0  # so long after a node went each page has to know it
CALM_S = 30.0  # recorded and looked at after the last fault
TOLD_S = 12.0  # nodes tell one another of footage every ten seconds


@dataclass
class Outcome:
    """What was found; good where nothing is wrong."""

    wrong: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)  # what there is to tell besides


class Run:
    """Of one plan, in `folder`; `say` is told each thing as it happens."""

    def __init__(
        self,
        folder: Path,
        plan: Sequence[Fault],
        counts: tuple[int, int],
        say: Callable[[str], None],
    ) -> None:
        """`counts`: of nodes and of cameras."""
        self._folder, self._plan, self._counts, self._say = folder, plan, counts, say
        self._done: list[Done] = []
        self._down_since: dict[str, float] = {}  # monotonic, by name
        self._going_on: set[Fault] = set()
        self._told: dict[tuple[str, str], list[Piece]] = {}  # by name of a node, id of a camera
        self._alone: defaultdict[tuple[bool, int], asyncio.Lock] = defaultdict(asyncio.Lock)
        self._edits = 0
        self._lateness = Lateness()
        self.outcome = Outcome()
        self.cluster: Cluster | None = None

    async def run(self) -> Outcome:
        """All of it; raises where the nodes do not even come together, before or after."""
        with ExitStack() as stack:
            network = Network(*self._counts)
            stack.callback(network.close)
            stack.enter_context(network.inside())
            for camera in network.cameras:
                camera.switch_on()
            cluster = self.cluster = Cluster(self._folder, network)
            stack.enter_context(self._lateness)
            try:
                await cluster.begin()
                span, seen = await self._suffer(cluster)
                self.outcome.lines.append(seen)
                await self._ask_each(cluster, span)
            finally:
                await cluster.end()
                for node in cluster.nodes:
                    log = self._folder / f"{node.name}.log"
                    await asyncio.to_thread(log.write_text, node.whole_log())
            await self._judge(cluster, span)
        if self.outcome.wrong:
            self.outcome.lines += decisions(cluster.nodes)
        return self.outcome

    @property
    def _margin_s(self) -> float:
        return WAITS * self._lateness.worst_s

    async def _suffer(self, cluster: Cluster) -> tuple[Time, str]:
        """The faults, while somebody watches; from when to when each second is accounted for."""
        async with chromium() as browser:
            watcher = Watcher(
                await browser.new_page(), cluster.nodes[0], cluster.cameras,
                Knowledge(self._gone, self._is_calm, lambda: self._margin_s),
            )  # fmt: skip
            await watcher.sign_in()
            await asyncio.sleep(3)  # each has a file by now
            begun_us, begun, over = now_us(), time.monotonic(), asyncio.Event()
            watching = asyncio.create_task(watcher.watch(over))
            try:
                async with asyncio.TaskGroup() as group:
                    for fault in self._plan:
                        _ = group.create_task(self._meet(cluster, fault, begun))
                self._say("no more faults")
                await cluster.settled()
                await asyncio.sleep(CALM_S)
                ended_us = now_us()
            finally:
                over.set()
                await watching
            self.outcome.wrong += watcher.seen.complaints
            return (begun_us, ended_us), watcher.seen.told()

    async def _meet(self, cluster: Cluster, fault: Fault, begun: float) -> None:
        await asyncio.sleep(begun + fault.at_s - time.monotonic())
        if fault.kind is Kind.EDIT:
            self._say(f"{clock()}  {fault}")
            await self._edit(cluster, fault)
            return
        # A node that is slow to start is not ended meanwhile.
        async with self._alone[fault.kind is Kind.CAMERA, fault.target]:
            self._going_on.add(fault)
            if is_too_much(self._going_on, len(cluster.nodes)):
                self._say(f"{clock()}  left out, others took too long: {fault}")
            else:
                self._say(f"{clock()}  {fault}")
                begun_us = now_us()
                await self._break(cluster, fault)
                self._done.append(Done(fault, begun_us, now_us()))
                self._say(f"{clock()}  over: {fault.kind}, {fault.target}")
            self._going_on.remove(fault)

    async def _break(self, cluster: Cluster, fault: Fault) -> None:
        """For as long as it lasts."""
        if fault.ends_process:
            await self._end_node(cluster, cluster.nodes[fault.target], fault)
        elif fault.kind is Kind.CAMERA:
            camera = cluster.network.cameras[fault.target]
            await asyncio.to_thread(camera.switch_off)
            await asyncio.sleep(fault.lasts_s)
            await asyncio.to_thread(camera.switch_on)
        else:
            context = cluster.network.fault(fault)
            await asyncio.to_thread(context.__enter__)
            await asyncio.sleep(fault.lasts_s)
            await asyncio.to_thread(context.__exit__, None, None, None)

    async def _end_node(self, cluster: Cluster, node: ChaosNode, fault: Fault) -> None:
        self._down_since[node.name] = time.monotonic()
        await (node.kill() if fault.kind is Kind.KILL else node.terminate())
        await asyncio.sleep(fault.lasts_s)
        del self._down_since[node.name]
        await cluster.restart(node)

    async def _edit(self, cluster: Cluster, fault: Fault) -> None:
        """Where that node is down at this moment somebody else does it, at the browser's."""
        is_down = any(one.ends_process and one.target == fault.target for one in self._going_on)
        node = cluster.nodes[0 if is_down else fault.target]
        for camera_id in cluster.cameras:
            self._edits += 1
            try:
                answer = await node.client.patch(
                    f"/api/cameras/{camera_id}", json={"location": f"Place {self._edits}"}
                )
            except (httpx.TransportError, RuntimeError) as error:
                self._say(f"{clock()}  {node.name} ended amid an edit: {error!r}")
                return
            if answer.status_code != 200:
                self.outcome.wrong.append(f"{clock()} an edit at {node.name}: {answer.text}")

    def _gone(self) -> list[str]:
        """Who is down for so long that all others know it."""
        limit_s = NOTICED_S + self._margin_s
        now = time.monotonic()
        return [name for name, since in self._down_since.items() if now - since > limit_s]

    def _is_calm(self) -> bool:
        """Whether all nodes have had time to find one another again."""
        limit_us = int((NOTICED_S + self._margin_s) * SECOND_US)
        ended_us = max((one.ended_us for one in self._done), default=0)
        return not self._going_on and now_us() - ended_us > limit_us

    async def _ask_each(self, cluster: Cluster, span: Time) -> None:
        """Each node's own answer about all, where the API tells of all nodes."""
        await asyncio.sleep(TOLD_S)
        for node in cluster.nodes:
            for camera_id in cluster.cameras:
                told = await told_by_node(node, camera_id, span)
                self._told[node.name, camera_id] = told
        if not all(self._told.values()):
            self.outcome.lines.append("the API told of each node's own time alone")

    async def _judge(self, cluster: Cluster, span: Time) -> None:
        seconds = (span[1] - span[0]) / SECOND_US
        self.outcome.lines.append(
            f"{seconds:.0f} s of {len(cluster.cameras)} cameras on {len(cluster.nodes)} nodes, "
            f"{len(self._done)} faults. This machine was late by {self._lateness.worst_s:.2f} s at "
            f"worst (99 %: {self._lateness.p99_s:.3f} s): {self._margin_s:.1f} s more for all"
        )
        ledgers = {
            node.id: await ledger(node.data_dir, node.id, cluster.cameras, span)
            for node in cluster.nodes
        }
        for number, camera_id in enumerate(cluster.cameras):
            said = [of_node[camera_id] for of_node in ledgers.values() if camera_id in of_node]
            await self._judge_camera(cluster, number, span, unite(said, *span))
        for node in cluster.nodes:
            self.outcome.wrong += [f"{node.name}: {words}" for words in await ill_footage(node)]
        shared = [configuration(node.data_dir) for node in cluster.nodes]
        self.outcome.wrong += [f"configuration: {one}" for one in differences(shared)]

    async def _judge_camera(
        self, cluster: Cluster, number: int, span: Time, pieces: Sequence[Piece]
    ) -> None:
        camera_id, outcome = cluster.cameras[number], self.outcome
        footage = {node.id: files(node.data_dir, camera_id) for node in cluster.nodes}
        excuses = causes(self._done, number, self._margin_s, list(footage.values()))
        for hole in holes(chain.from_iterable(footage.values()), span):
            outcome.lines.append(f"camera {number} lacks {told(hole)}")
            outcome.wrong += [
                f"camera {number} lacks {told(left)}, and no fault excuses it"
                for left in unexcused(hole, excuses)
            ]
        names = {node.id: node.name for node in cluster.nodes}
        lines = {"the ledgers": pieces}
        lines |= {
            name: found for (name, one), found in self._told.items() if one == camera_id and found
        }
        for whose, line in lines.items():
            for words in ledger_faults(line, span, footage):
                named = reduce(lambda text, one: text.replace(*one), names.items(), words)
                outcome.wrong.append(f"camera {number} as {whose} told: {named}")


async def ill_footage(node: ChaosNode) -> list[str]:
    """What is wrong with a node's files and index."""
    found = []
    if bad := await asyncio.to_thread(unplayable, node.data_dir, node.media_dir):
        found.append(f"{bad} files do not play")
    code, out, err = await node.command("check", "--json", "--media-dir", str(node.media_dir))
    if code != 0:
        found.append(f"check: {out[:600]} {err[:200]}")
    return found


def decisions(nodes: Sequence[ChaosNode]) -> list[str]:
    """What the nodes logged of who records what, and what went wrong, in the order of time."""
    return sorted(
        f"{line.split()[0]} {node.name} {line.split(maxsplit=1)[1].rstrip()}"
        for node in nodes
        for line in node.whole_log().splitlines()
        if "federation.failover" in line or " error " in line or " warning " in line
    )


def now_us() -> int:
    return time.time_ns() // 1000


def clock() -> str:
    return time.strftime("%H:%M:%S", time.gmtime())


def print_now(words: str) -> None:
    """To those who wait."""
    _ = sys.stdout.write(words + "\n")
    sys.stdout.flush()
