"""Modes and privacy survive the end of a node, by SIGTERM and by SIGKILL."""

from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from falconeye.config.schedule import DAYS
from tests.nodes import RunningNode, running_node

pytestmark = [pytest.mark.timeout(120), pytest.mark.fault]
ALWAYS = {day: ["00:00-24:00"] for day in DAYS}


def never_now() -> dict[str, list[str]]:
    """A schedule that is far from now, whatever the node's zone."""
    return {DAYS[(datetime.now().astimezone() + timedelta(days=3)).weekday()]: ["12:00-12:15"]}


async def add(node: RunningNode, name: str, **fields: Any) -> str:
    """A demo camera; its path."""
    return f"/api/cameras/{await node.add(name, 'demo:', protocol='demo', **fields)}"


def ends_with(reason: str, timeline: Any) -> bool:
    return bool(timeline["gaps"]) and timeline["gaps"][-1]["reason"] == reason


async def restarted(node: RunningNode, *, hard: bool) -> None:
    if hard:
        await node.kill()
    else:
        await node.terminate()
    await node.start()
    await node.sign_in()


@pytest.mark.parametrize("hard", [False, True])
async def test_a_node_restarts_into_the_modes_of_its_cameras(tmp_path: Path, *, hard: bool) -> None:
    async with running_node(tmp_path) as node:
        inside = await add(node, "Inside", record="schedule", schedule=ALWAYS)
        outside = await add(node, "Outside", record="schedule", schedule=never_now())
        event = await add(node, "Event", record="event", pre_roll_s=2, post_roll_s=5)
        paused = await add(node, "Paused")
        await node.until(paused, lambda it: it["recording"])
        until = (datetime.now().astimezone() + timedelta(hours=1)).isoformat()
        answer = await node.client.post(f"{paused}/privacy", json={"until": until})
        assert answer.json()["paused"]["by"] == "test"
        await node.until(inside, lambda it: it["recording"])
        await node.until(event, lambda it: it["online"])
        taken = await node.client.post(f"{event}/events", json={"kind": "doorbell"})
        assert taken.json()["recorded"], taken.text
        begun = await node.until(event, lambda it: it["recording_id"])
        await node.until(f"{event}/timeline", lambda it: it["spans"])  # some of it is on the disk

        await restarted(node, hard=hard)

        await node.until(inside, lambda it: it["recording"])
        there = await node.until(outside, lambda it: it["online"])
        assert not there["recording"]
        still = await node.json(paused)
        assert (still["online"], still["reason_code"]) == (False, "paused")
        assert still["reason"].startswith("paused by test until ")
        assert not any(stream["connected"] for stream in still["streams"])
        made = await node.until(
            f"/api/recordings/{begun['recording_id']}", lambda it: it["status"] != "recording"
        )
        assert made["duration_seconds"] > 0
        waiting = await node.until(event, lambda it: it["online"])
        assert not waiting["recording"]
        assert (await node.json(f"{event}/timeline"))["events"][0]["kind"] == "doorbell"
        for path, reason in ((outside, "outside_schedule"), (paused, "paused")):
            await node.until(f"{path}/timeline", partial(ends_with, reason))
        switched = await node.client.delete(f"{paused}/privacy")
        assert switched.json()["paused"] is None
        await node.until(paused, lambda it: it["recording"])
