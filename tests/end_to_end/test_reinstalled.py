"""A node whose disk is gone: installed anew, restored, its index made from the files."""

import shutil
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.test_recovery import grown
from tests.nodes import RunningNode, running_node
from tests.peers.media_samples import video_clip
from tests.peers.replay_rtsp import ReplayServer

pytestmark = [pytest.mark.timeout(180), pytest.mark.fault]
PASSPHRASE = "four words in a row\n"


async def recordings(node: RunningNode) -> dict[str, Any]:
    """What the node lists, by id."""
    found = (await node.json("/api/recordings/"))["recordings"]
    kept = ("camera_id", "camera_name", "start_time", "duration_seconds", "file_size_bytes",
            "protected")  # fmt: skip
    return {one["id"]: {name: one[name] for name in kept} for one in found}


async def gaps(node: RunningNode, camera: str, until: str) -> list[tuple[str, Any]]:
    """The reasons of the ledger up to a moment, and how many seconds each lasted.

    To a second: the end of the last picture of all is not in its file.
    """
    path = f"/api/cameras/{camera}/timeline"
    begin = (datetime.fromisoformat(until) - timedelta(days=1)).isoformat()
    found = await node.json(path, **{"from": begin, "to": until})
    return [(gap["reason"], pytest.approx(_length_s(gap), abs=1.0)) for gap in found["gaps"]]


def _length_s(gap: Any) -> float:
    begin, end = (datetime.fromisoformat(gap[name]) for name in ("from", "to"))
    return (end - begin).total_seconds()


@pytest.mark.parametrize("by", ["check", "start"])
async def test_the_same_node_after_a_restore_on_an_empty_disk(tmp_path: Path, by: str) -> None:
    file = tmp_path / "node.backup"
    with ReplayServer() as server:
        server.add("door", video=video_clip())
        async with running_node(tmp_path) as node:
            camera = await node.add("Door", server.url("door"))
            await grown(node, camera, 60_000)
            [recording] = await recordings(node)
            answer = await node.client.patch(
                f"/api/recordings/{recording}", json={"protected": True}
            )
            assert answer.status_code == 200, answer.text
            stopped = await node.client.post(f"/api/cameras/{camera}/stop")
            assert stopped.status_code == 200, stopped.text
            before = await node.until(
                "/api/recordings/", lambda found: found["recordings"][0]["status"] != "recording"
            )
            line = f"/api/cameras/{camera}/timeline"
            until = (await node.until(line, _has_gap))["to"]
            listed = await recordings(node)
            assert listed[recording]["protected"] is True
            assert before["recordings"][0]["file_size_bytes"] > 50_000
            reasons = await gaps(node, camera, until)
            assert [reason for reason, _ in reasons] == ["camera_stopped"]
            await node.terminate()
            code, out, err = await node.command(
                "backup", str(file), "--passphrase-stdin", stdin=PASSPHRASE
            )
            assert code == 0, out + err

            # The disk of the data directory is gone; that of the footage is not.
            shutil.rmtree(node.data_dir)
            code, _, err = await node.command(
                "restore", str(file), "--passphrase-stdin", stdin="another passphrase\n"
            )
            assert (code, "the passphrase is wrong" in err) == (2, True)
            code, out, err = await node.command(
                "restore", str(file), "--passphrase-stdin", stdin=PASSPHRASE
            )
            assert code == 0, out + err
            if by == "check":
                code, out, err = await node.command(
                    "check", "--rebuild", "--media-dir", str(node.media_dir)
                )
                assert code == 0, out + err
                assert "0 cannot be read" in out
            await node.start()
            node.client = await signed_in(node)
            # By a start it is made beside whatever the node does.
            await node.until("/api/storage", lambda found: found["index"] is None)
            assert await recordings(node) == listed
            assert await gaps(node, camera, until) == reasons
            code, out, err = await node.command("check", "--media-dir", str(node.media_dir))
            assert code == 0, out + err


def _has_gap(timeline: Any) -> bool:
    """One that is long enough to be a gap wherever the time line is asked to end."""
    return any(_length_s(gap) > 3 for gap in timeline["gaps"])


async def signed_in(node: RunningNode) -> Any:
    """The token of before the loss still counts: accounts are in the backup."""
    await node.client.aclose()
    node.setup_link = ""
    client = type(node.client)(
        base_url=node.url, headers={"authorization": f"Bearer {node._token}"}, timeout=20,
        trust_env=False,
    )  # fmt: skip
    assert (await client.get("/api/cameras/")).status_code == 200
    return client
