"""Two whole applications: a camera and its footage are on one, who watches asks the other."""

import asyncio
import json
import random
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from falconeye.accounts.model import Role
from falconeye.base.times import SECOND_US
from falconeye.events.bus import CameraStateChanged
from falconeye.media.samples import StreamKind
from falconeye.web.peers.proxy_upstream import Elsewhere
from tests.clock import START_US
from tests.integration.api.conftest import Served, serve
from tests.integration.api.test_live import viewers_are
from tests.integration.api.test_recordings import CAMERA, footage
from tests.integration.federation.plain_peers import PlainCluster, PlainPeer

PEER = "2" * 32
pytestmark = pytest.mark.timeout(30)


@dataclass
class Two:
    """`entry` knows that the cameras are `owner`'s; `direct` asks the owner itself."""

    entry: Served
    owner: Served
    cluster: PlainCluster

    @property
    def through(self) -> httpx.AsyncClient:
        return self.entry.operator

    @property
    def direct(self) -> httpx.AsyncClient:
        return self.owner.operator


@pytest.fixture
async def two(tmp_path: Path) -> AsyncIterator[Two]:
    async with AsyncExitStack() as stack:
        for name in ("owner", "entry"):
            await asyncio.to_thread((tmp_path / name).mkdir)
        owner = await serve(stack, tmp_path / "owner")
        token = owner.operator.headers["authorization"].removeprefix("Bearer ")
        peer = PlainPeer(httpx.URL(owner.url).port or 0, token=token)
        cluster = PlainCluster(recorders={CAMERA: PEER}, members={PEER: peer})
        entry = await serve(stack, tmp_path / "entry", Elsewhere(cluster, cluster))
        yield Two(entry, owner, cluster)


@asynccontextmanager
async def started_camera(owner: Served) -> AsyncIterator[str]:
    """The owner's demo camera, running."""
    with owner.services.bus.subscribe() as events:
        body = {"name": "Demo", "protocol": "demo", "record": "manual", "start": True}
        answer = await owner.admin.post("/api/cameras/", json=body)
        assert answer.status_code == 201, answer.text
        camera_id: str = answer.json()["id"]
        async with asyncio.timeout(15):
            async for event in events:
                if isinstance(event, CameraStateChanged) and event.state.online:
                    break
    yield camera_id
    await owner.services.cameras.stop(camera_id, by="ann")


@pytest.fixture
async def camera(two: Two) -> AsyncIterator[str]:
    async with started_camera(two.owner) as camera_id:
        two.cluster.recorders[camera_id] = PEER
        yield camera_id


def shown(answer: httpx.Response) -> tuple[int, bytes, dict[str, str]]:
    """What must be the same by both ways."""
    own = {"date", "connection", "transfer-encoding"}
    return (
        answer.status_code,
        answer.content,
        {name: value for name, value in answer.headers.items() if name not in own},
    )


async def test_a_download_is_the_same_by_both_ways(two: Two) -> None:
    made = await footage(two.owner, gops=3)
    url = f"/api/recordings/{made}/download"
    whole = await two.direct.get(url)
    etag, size = whole.headers["etag"], len(whole.content)
    asked: list[dict[str, str]] = [
        {}, {"range": "bytes=0-0"}, {"range": "bytes=-7"}, {"range": f"bytes={size}-"},
        {"range": "bytes=5-2"}, {"range": "bytes=0-1,4-5"}, {"range": "lines=1-2"},
        {"range": "bytes=9-99", "if-range": etag}, {"range": "bytes=9-99", "if-range": '"x"'},
        {"if-none-match": etag}, {"if-match": '"x"'}, {"if-none-match": "*"},
        {"if-modified-since": whole.headers["last-modified"]},
        {"range": "bytes=9-", "accept-encoding": "gzip"},
    ]  # fmt: skip
    for headers in asked:
        for method in ("GET", "HEAD"):
            through = await two.through.request(method, url, headers=headers)
            direct = await two.direct.request(method, url, headers=headers)
            assert shown(through) == shown(direct), (method, headers)
    statuses = {(await two.through.get(url, headers=headers)).status_code for headers in asked}
    assert statuses == {200, 206, 304, 412, 416}


async def test_headers_by_chance_are_answered_as_without_the_entry_node(two: Two) -> None:
    made = await footage(two.owner, gops=1)
    url = f"/api/recordings/{made}/download"
    etag = (await two.direct.head(url)).headers["etag"]
    chance = random.Random(5)  # noqa: S311 - the same ones each time
    names = [
        "range", "if-range", "if-none-match", "if-match", "accept", "x-custom", "if-modified-since",
    ]  # fmt: skip
    parts = [
        etag, "bytes=", "0", "-", ",", "5", "99999999999999999999", "*", "W/", '"', " ", "\t",
        "bytes=1-2", "Fri, 20 Nov 2026 10:00:00 GMT", "\xe4", ";q=0.3", "()",
    ]  # fmt: skip
    for _ in range(60):
        headers = [
            (
                chance.choice(names).encode(),
                "".join(chance.choices(parts, k=chance.randint(1, 4))).strip().encode("latin-1"),
            )
            for _ in range(chance.randint(1, 3))
        ]
        through = await two.through.get(url, headers=headers)
        direct = await two.direct.get(url, headers=headers)
        assert shown(through) == shown(direct), headers


async def test_what_no_node_has_is_a_404_of_this_one(two: Two) -> None:
    answer = await two.through.get(f"/api/recordings/{CAMERA}_20260101000000/download")
    assert answer.status_code == 404
    two.cluster.members[PEER].unreachable_since_us = START_US
    answer = await two.through.get(f"/api/recordings/{CAMERA}_20260101000001/download")
    assert answer.status_code == 503
    assert "pi-2" in answer.json()["detail"]


async def test_own_footage_asks_nobody(two: Two) -> None:
    made = await footage(two.entry)
    answer = await two.through.get(f"/api/recordings/{made}/download")
    assert answer.status_code == 200
    assert two.cluster.members[PEER].asked == []


async def test_who_holds_it_is_remembered_until_it_is_gone(two: Two) -> None:
    made = await footage(two.owner)
    asked = two.cluster.members[PEER].asked
    for _ in range(3):
        assert (await two.through.get(f"/api/recordings/{made}")).status_code == 200
    assert len(asked) == 4  # one question, three requests
    assert (await two.owner.admin.delete(f"/api/recordings/{made}")).status_code == 200
    assert (await two.through.get(f"/api/recordings/{made}")).status_code == 404
    asked.clear()
    assert (await two.through.get(f"/api/recordings/{made}/download")).status_code == 404
    assert [one.path for one in asked] == [f"/api/recordings/{made}"]  # the question alone


async def test_media_of_a_playlist_comes_from_who_has_it(two: Two) -> None:
    await footage(two.owner)
    rows = await two.owner.services.playback.playlist(
        CAMERA, StreamKind.MAIN, START_US, START_US + 2 * SECOND_US, grows=False
    )
    found = re.findall(r"(?:footage|inits)/[^\s\"?]+", rows)
    assert {name.split("/")[0] for name in found} == {"footage", "inits"}
    for name in set(found):
        url = f"/api/cameras/{CAMERA}/{name}"
        headers = {"range": "bytes=10-99"}
        direct = await two.direct.get(url, headers=headers)
        assert direct.status_code == 206
        assert shown(await two.through.get(url, headers=headers)) == shown(direct)


async def test_mjpeg_and_mp4_are_live_and_end_with_the_viewer(two: Two, camera: str) -> None:
    for path, mark in (("stream", b"\xff\xd8\xff"), ("live.mp4", b"moof")):
        read = b""
        async with two.through.stream("GET", f"/api/cameras/{camera}/{path}") as answer:
            assert answer.status_code == 200
            assert answer.headers["cache-control"] == "no-store"
            async for chunk in answer.aiter_raw():
                read += chunk
                if read.count(mark) > 5:
                    break
            await viewers_are(two.owner, camera, 1)
        await viewers_are(two.owner, camera, 0)
    picture = await two.through.get(f"/api/cameras/{camera}/snapshot.jpg?height=90")
    assert (picture.status_code, picture.headers["content-type"]) == (200, "image/jpeg")


def live(two: Two, camera: str, login: str) -> connect:
    headers = {"authorization": login}
    url = f"{two.entry.url}/api/cameras/{camera}/live?stream=main".replace("http:", "ws:")
    return connect(url, additional_headers=headers, proxy=None, max_size=None)


async def control(viewer: ClientConnection, kind: str) -> dict[str, Any]:
    async with asyncio.timeout(10):
        while True:
            message = await viewer.recv()
            if isinstance(message, str) and json.loads(message)["type"] == kind:
                found: dict[str, Any] = json.loads(message)
                return found


async def test_the_live_socket_is_live(two: Two, camera: str) -> None:
    async with live(two, camera, two.through.headers["authorization"]) as viewer:
        assert (await control(viewer, "hello"))["stream"] == "main"
        init = await viewer.recv()
        assert isinstance(init, bytes)
        assert init[4:8] == b"ftyp"
        for _ in range(5):
            fragment = await viewer.recv()
            assert isinstance(fragment, bytes)
            assert fragment[4:8] == b"moof"
        await viewers_are(two.owner, camera, 1)
        await viewer.send("{")
        with pytest.raises(ConnectionClosed):
            await control(viewer, "never")
        assert viewer.close_code == 4422
    await viewers_are(two.owner, camera, 0)


async def test_a_right_that_ends_here_ends_the_pictures_at_once(two: Two, camera: str) -> None:
    plain, token = await two.entry.services.accounts.tokens.add("wall", Role.VIEWER)
    async with live(two, camera, f"Bearer {plain}") as viewer:
        await control(viewer, "hello")
        await two.entry.services.accounts.tokens.remove(token.id)
        with pytest.raises(ConnectionClosed):
            await control(viewer, "never")
        assert viewer.close_code == 4401
    await viewers_are(two.owner, camera, 0)


async def test_the_owner_decides_again(two: Two, camera: str) -> None:
    peer = two.cluster.members[PEER]
    peer.token = two.owner.viewer.headers["authorization"].removeprefix("Bearer ")
    answer = await two.through.post(f"/api/cameras/{camera}/recording/start")
    assert answer.status_code == 403
    assert "may not" in answer.json()["detail"]
    assert (await two.through.get(f"/api/cameras/{camera}/snapshot.jpg")).status_code == 200
    peer.token = "nobody"
    answer = await two.through.get(f"/api/cameras/{camera}/snapshot.jpg")
    assert answer.status_code == 401


async def test_recording_starts_and_stops_on_the_owner(two: Two, camera: str) -> None:
    url = f"/api/cameras/{camera}/recording"
    begun = await two.through.post(f"{url}/start")
    assert begun.status_code == 200, begun.text
    assert begun.json()["status"] == "recording"
    assert (await two.direct.get(f"{url}/status")).json()["status"] == "recording"
    assert (await two.through.post(f"{url}/stop")).json()["status"] == "idle"
