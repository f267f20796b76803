"""A whole node whose camera goes away: what leaves the node, and what stays away."""

import json
import re
from pathlib import Path

import pytest

from tests.nodes import running_node
from tests.peers.http_receiver import http_receiver
from tests.peers.media_samples import video_clip
from tests.peers.replay_rtsp import ReplayServer

# A start gives cameras a minute, and a camera is tried again after up to half of one.
pytestmark = [pytest.mark.timeout(240), pytest.mark.fault]


async def test_a_camera_that_goes_away_is_told_and_the_heartbeat_stays_away(tmp_path: Path) -> None:
    async with http_receiver() as receiver, http_receiver() as monitor:
        camera_away = ReplayServer()
        camera_away.add("door", video=video_clip())
        async with running_node(tmp_path) as node:
            with camera_away:
                url = camera_away.url("door")
                camera = await node.add("Door", url)
                await node.until(f"/api/cameras/{camera}", lambda found: found["recording"])
                answer = await node.client.patch(
                    "/api/settings/",
                    json={
                        "notify_urls": [receiver.url("/apprise", "json")],
                        "webhook_url": receiver.url("/hook"),
                        "heartbeat_url": monitor.url("/beat"),
                        "notify_allow_local": True,
                    },
                )
                assert answer.status_code == 200, answer.text
            told = await receiver.until(2)
            assert {got.path for got in told} == {"/apprise", "/hook"}
            (hook,) = (json.loads(got.body) for got in told if got.path == "/hook")
            (notice,) = hook["notices"]
            assert (notice["camera_id"], notice["turn"]) == (camera, "began")
            assert (notice["reason"], notice["until"]) == ("camera_offline", None)
            assert monitor.received == []
            found = await node.until(
                "/api/notices/?active=true", lambda found: found["notices"][0]["sent"]
            )
            assert [each["id"] for each in found["notices"]] == [notice["id"]]
            await node.line(rf"camera {camera} \(Door\) is not recorded: the camera is offline")
            metrics = (await node.client.get("/metrics")).text
            assert re.search(
                r"^falconeye_camera_recording_expected\{.*\} 1\.0$", metrics, re.MULTILINE
            )
            assert re.search(r"^falconeye_camera_recorded\{.*\} 0\.0$", metrics, re.MULTILINE)
            # The camera comes back at its address: that is told, and the heartbeat begins.
            back = ReplayServer(int(url.split(":")[2].split("/")[0]))
            back.add("door", video=video_clip())
            with back:
                got = (await receiver.until(4))[2:]
                (hook,) = (json.loads(each.body) for each in got if each.path == "/hook")
                assert [(n["id"], n["turn"]) for n in hook["notices"]] == [
                    (notice["id"], "records")
                ]
                assert [each.path for each in await monitor.until(1)] == ["/beat"]
                found = await node.json("/api/notices/?active=true")
                assert found["total"] == 0
