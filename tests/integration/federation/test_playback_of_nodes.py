"""Footage that lies on several nodes plays as one, through any of them."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC
from itertools import pairwise
from pathlib import Path

import httpx
import pytest

from falconeye.accounts.model import Role
from falconeye.base.times import SECOND_US, parse_rfc3339, rfc3339
from falconeye.media.samples import StreamKind
from falconeye.web.peers.holders import Holders
from tests.integration.api.test_playback import ranges, run
from tests.integration.federation.footage_nodes import (
    FootageNode,
    footage_nodes,
    shared_camera,
)
from tests.peers.programs import program

pytestmark = pytest.mark.timeout(60)
AGO_S = 600


@dataclass
class Shared:
    """One camera: twelve seconds on one node, then on the other, on both, on the first alone."""

    one: FootageNode
    two: FootageNode
    camera_id: str
    from_us: int
    to_us: int

    @property
    def path(self) -> str:
        return f"/api/cameras/{self.camera_id}"

    @property
    def window(self) -> dict[str, str]:
        return {"from": rfc3339(self.from_us), "to": rfc3339(self.to_us)}

    async def playlist(self, node: FootageNode, **query: str) -> httpx.Response:
        return await node.served.viewer.get(
            f"{self.path}/playback.m3u8", params=self.window | query
        )


@pytest.fixture
async def shared(tmp_path: Path) -> AsyncIterator[Shared]:
    async with footage_nodes(tmp_path, "pi-1", "pi-2") as (one, two):
        camera_id = await shared_camera([one, two])
        now_us = one.served.services.clock.utc_us()
        start_us = now_us // SECOND_US * SECOND_US - AGO_S * SECOND_US
        await one.record(camera_id, start_us)
        await two.record(camera_id, start_us + 12 * SECOND_US, pieces=3)  # 12 to 30 s
        await one.record(camera_id, start_us + 24 * SECOND_US, pieces=2)  # 24 to 36 s
        yield Shared(one, two, camera_id, start_us, start_us + 40 * SECOND_US)


def nodes_of(text: str) -> list[str]:
    """Who has each entry; "" is the node that was asked."""
    return [name.partition("?node=")[2] for name, _, _ in ranges(text)]


async def test_the_list_has_every_second_once(shared: Shared) -> None:
    answer = await shared.playlist(shared.one)
    assert answer.status_code == 200, answer.text
    two = shared.two.keys.node_id
    # The second node goes on for as long as it has footage: the overlap is played once.
    assert nodes_of(answer.text) == [""] * 6 + [two] * 9 + [""] * 3
    assert "falconeye-silent-nodes" not in answer.headers
    other = await shared.playlist(shared.two)
    one = shared.one.keys.node_id
    assert nodes_of(other.text) == [one] * 6 + [""] * 9 + [one] * 3
    dates = [parse_rfc3339(text, UTC) for text in re.findall(r"DATE-TIME:(\S+)", answer.text)]
    assert all(before < after for before, after in pairwise(dates))
    assert answer.text.count("#EXT-X-DISCONTINUITY") == 2


async def test_ffmpeg_plays_all_of_it_through_either_node(shared: Shared) -> None:
    for node in (shared.one, shared.two):
        query = str(httpx.QueryParams(shared.window))
        url = f"{node.served.url}{shared.path}/playback.m3u8?{query}"
        login = ("-headers", f"Authorization: {node.served.viewer.headers['authorization']}\r\n")
        said = await run(
            program("ffprobe"), "-v", "error", *login, "-of", "json", "-show_format",
            "-show_packets", "-select_streams", "v", url,
        )  # fmt: skip
        about = json.loads(said)
        assert float(about["format"]["duration"]) == pytest.approx(36, abs=1e-3)
        assert len(about["packets"]) == 36 * 10


async def test_the_small_picture_is_put_together_alike(shared: Shared) -> None:
    assert (await shared.playlist(shared.one, stream="sub")).status_code == 404
    await shared.two.record(shared.camera_id, shared.from_us, 1, StreamKind.SUB)
    answer = await shared.playlist(shared.one, stream="sub")
    assert set(nodes_of(answer.text)) == {shared.two.keys.node_id}
    name, first, size = ranges(answer.text)[0]
    headers = {"range": f"bytes={first}-{first + size - 1}"}
    media = await shared.one.served.viewer.get(f"{shared.path}/{name}", headers=headers)
    assert (media.status_code, len(media.content)) == (206, size)


async def test_a_silent_node_is_named_and_its_part_is_a_hole(shared: Shared) -> None:
    shared.one.known.who.silent.add(shared.two.keys.node_id)
    answer = await shared.playlist(shared.one)
    assert nodes_of(answer.text) == [""] * 6 + [""] * 6
    assert "#SILENT-NODE:pi-2" in answer.text.splitlines()
    assert answer.headers["falconeye-silent-nodes"] == "pi-2"
    hole_us = shared.from_us + 14 * SECOND_US
    only = {"from": rfc3339(hole_us), "to": rfc3339(hole_us + 5 * SECOND_US)}
    answer = await shared.playlist(shared.one, **only)
    assert answer.status_code == 503
    assert "pi-2" in answer.json()["detail"]


async def test_media_of_a_node_that_died_fails_at_once(shared: Shared) -> None:
    text = (await shared.playlist(shared.one)).text
    name = next(name for name, _, _ in ranges(text) if "?node=" in name)
    await shared.two.listener.stop()
    answer = await shared.one.served.viewer.get(f"{shared.path}/{name}")
    assert answer.status_code == 503, answer.text
    again = await shared.playlist(shared.one)  # who asks anew goes on after the hole
    assert "#SILENT-NODE:pi-2" in again.text
    assert set(nodes_of(again.text)) == {""}


async def test_footage_that_went_between_list_and_media(shared: Shared) -> None:
    text = (await shared.playlist(shared.one)).text
    name = next(name for name, _, _ in ranges(text) if "?node=" in name)
    media = shared.two.served.services.settings.media_dir
    files = await asyncio.to_thread(lambda: list(media.rglob("*.mp4")))
    for file in files:
        await asyncio.to_thread(file.unlink)
    answer = await shared.one.served.viewer.get(f"{shared.path}/{name}")
    assert answer.status_code == 503
    bent = name.replace("main-", "main-9")
    assert (await shared.one.served.viewer.get(f"{shared.path}/{bent}")).status_code == 404
    for node in ("nobody", "../x", ""):  # no member: it is looked for
        base = bent.partition("?")[0]
        answer = await shared.one.served.viewer.get(f"{shared.path}/{base}", params={"node": node})
        assert answer.status_code == 404


async def test_who_may_not_see_the_camera_gets_nothing_of_any_node(shared: Shared) -> None:
    client = await shared.one.served.client(Role.VIEWER, cameras=frozenset({"another"}))
    async with client:
        answer = await client.get(f"{shared.path}/playback.m3u8", params=shared.window)
    assert answer.status_code == 403
    # The other node decides again: it does not know this token, so it tells nothing.
    mine = frozenset({shared.camera_id})
    client = await shared.one.served.client(Role.OPERATOR, cameras=mine)
    async with client:
        answer = await client.get(f"{shared.path}/playback.m3u8", params=shared.window)
    assert answer.headers["falconeye-silent-nodes"] == "pi-2"


async def test_a_still_comes_from_who_has_the_moment(shared: Shared) -> None:
    for second, node in ((3, ""), (20, "pi-2"), (32, "")):
        at = {"at": rfc3339(shared.from_us + second * SECOND_US), "height": "96"}
        pictures = [
            await each.served.viewer.get(f"{shared.path}/still.jpg", params=at)
            for each in (shared.one, shared.two)
        ]
        assert [picture.status_code for picture in pictures] == [200, 200], (second, node)
        assert pictures[0].content == pictures[1].content
        assert pictures[0].content[:2] == b"\xff\xd8"
        times = {picture.headers["x-picture-time"] for picture in pictures}
        keyframe_us = shared.from_us + second // 2 * 2 * SECOND_US
        assert times == {rfc3339(keyframe_us)}
        headers = {"if-none-match": pictures[0].headers["etag"]}
        again = await shared.one.served.viewer.get(
            f"{shared.path}/still.jpg", params=at, headers=headers
        )
        assert again.status_code == 304


async def test_the_picture_beside_is_the_nearest_of_all_nodes(shared: Shared) -> None:
    at_us = shared.from_us + 12 * SECOND_US
    for beside, second in (("previous", 10), ("next", 14)):
        for node in (shared.one, shared.two):
            at = {"at": rfc3339(at_us), "beside": beside}
            picture = await node.served.viewer.get(f"{shared.path}/still.jpg", params=at)
            wanted = rfc3339(shared.from_us + second * SECOND_US)
            assert picture.headers["x-picture-time"] == wanted, beside


async def test_a_still_that_only_a_silent_node_may_have(shared: Shared) -> None:
    shared.one.known.who.silent.add(shared.two.keys.node_id)
    at = {"at": rfc3339(shared.from_us + 20 * SECOND_US)}
    answer = await shared.one.served.viewer.get(f"{shared.path}/still.jpg", params=at)
    assert answer.status_code == 503
    assert "pi-2" in answer.json()["detail"]


async def test_who_has_a_piece_is_not_asked_around(
    shared: Shared, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(*_: object) -> None:
        raise AssertionError

    text = (await shared.playlist(shared.one)).text
    monkeypatch.setattr(Holders, "holder_of", never)
    named = {name for name, _, _ in ranges(text) if "?node=" in name}
    named |= set(re.findall(r'URI="(inits/\S+\?node=[^"]+)"', text))
    assert len(named) == 4  # three segments, and an init
    for name in named:
        answer = await shared.one.served.viewer.get(f"{shared.path}/{name}")
        assert answer.status_code == 200, name
