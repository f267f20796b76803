"""Live pictures of a running camera: MJPEG, stills, MP4, the live socket; and leaving them."""

import asyncio
import io
import json
from collections.abc import AsyncIterator
from typing import Any

import av
import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from falconeye.accounts.model import Role
from falconeye.events.bus import CameraStateChanged
from falconeye.web.metrics import CONTENT_TYPE
from tests.integration.api.conftest import Served

pytestmark = pytest.mark.timeout(30)


@pytest.fixture
async def camera(served: Served) -> AsyncIterator[str]:
    """The demo camera, running."""
    with served.services.bus.subscribe() as events:
        answer = await served.admin.post(
            "/api/cameras/",
            json={"name": "Demo", "protocol": "demo", "record": "manual", "start": True},
        )
        assert answer.status_code == 201, answer.text
        camera_id: str = answer.json()["id"]
        async with asyncio.timeout(15):
            async for event in events:
                if isinstance(event, CameraStateChanged) and event.state.online:
                    break
    yield camera_id
    await served.services.cameras.stop(camera_id, by="ann")


async def viewers_are(served: Served, camera_id: str, count: int) -> None:
    """Wait until so many watch."""

    def watching() -> int:
        return sum(stats.viewers for stats in served.services.cameras.get(camera_id).streams)

    async with asyncio.timeout(5):
        while watching() != count:  # noqa: ASYNC110 - viewers are counted, not told
            await asyncio.sleep(0.02)


def size_of(jpeg: bytes) -> tuple[int, int]:
    with av.open(io.BytesIO(jpeg), mode="r", format="image2pipe") as container:
        frame = next(container.decode(video=0))
        return frame.width, frame.height


async def test_mjpeg_is_multipart_and_ends_with_the_viewer(served: Served, camera: str) -> None:
    async with served.viewer.stream("GET", f"/api/cameras/{camera}/stream") as answer:
        assert answer.status_code == 200
        kind, _, boundary = answer.headers["content-type"].partition("; boundary=")
        assert kind == "multipart/x-mixed-replace"
        assert answer.headers["cache-control"] == "no-store"
        read = b""
        async for chunk in answer.aiter_raw():
            read += chunk
            if read.count(f"--{boundary}\r\n".encode()) == 4:
                break
        await viewers_are(served, camera, 1)
    parts = read.split(f"--{boundary}\r\n".encode())
    assert parts[0] == b""
    for part in parts[1:4]:
        head, _, picture = part.partition(b"\r\n\r\n")
        length = int(head.partition(b"Content-Length: ")[2].split(b"\r\n")[0])
        assert picture[length:] == b"\r\n"
        assert await asyncio.to_thread(size_of, picture[:length])
    await viewers_are(served, camera, 0)


async def test_a_still_has_the_height_that_was_asked_for(served: Served, camera: str) -> None:
    answer = await served.viewer.get(f"/api/cameras/{camera}/snapshot.jpg")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["last-modified"].endswith("GMT")
    small = await served.viewer.get(f"/api/cameras/{camera}/snapshot.jpg?height=90")
    assert (await asyncio.to_thread(size_of, small.content))[1] == 90


async def test_live_mp4_plays_and_ends_with_the_viewer(served: Served, camera: str) -> None:
    read = b""
    async with served.viewer.stream("GET", f"/api/cameras/{camera}/live.mp4") as answer:
        assert (answer.status_code, answer.headers["content-type"]) == (200, "video/mp4")
        async for chunk in answer.aiter_raw():
            read += chunk
            if read.count(b"moof") > 12:
                break
        await viewers_are(served, camera, 1)
    assert read[4:8] == b"ftyp"
    await viewers_are(served, camera, 0)
    missing = await served.viewer.get(f"/api/cameras/{camera}/live.mp4?stream=third")
    assert missing.status_code == 422


def socket(
    served: Served, camera: str, client: httpx.AsyncClient, query: str = "", **more: str
) -> connect:
    headers = {name: value for name, value in client.headers.items() if name == "authorization"}
    headers |= {name.replace("_", "-"): value for name, value in more.items()}
    url = f"{served.url}/api/cameras/{camera}/live{query}".replace("http:", "ws:")
    return connect(url, additional_headers=headers, proxy=None)


async def control(live: ClientConnection, kind: str) -> dict[str, Any]:
    """The next control message of that type."""
    async with asyncio.timeout(10):
        while True:
            message = await live.recv()
            if isinstance(message, str):
                found: dict[str, Any] = json.loads(message)
                if found["type"] == kind:
                    return found


async def test_the_live_socket_offers_and_sends_what_is_chosen(served: Served, camera: str) -> None:
    async with socket(served, camera, served.viewer) as live:
        offer = await control(live, "offer")
        assert offer["streams"][0].keys() == {"stream", "codecs", "width", "height", "audio"}
        await live.send(json.dumps({"type": "choose", "stream": "main", "focused": True}))
        hello = await control(live, "hello")
        assert hello.keys() >= {"stream", "mime", "width", "height", "wall_us", "media_90k"}
        init = await live.recv()
        assert isinstance(init, bytes)
        assert init[4:8] == b"ftyp"
        fragment = await live.recv()
        assert isinstance(fragment, bytes)
        assert fragment[4:8] == b"moof"
        await viewers_are(served, camera, 1)
        await live.send(json.dumps({"type": "choose", "stream": "main", "focused": False}))
        assert (await control(live, "hello"))["stream"] == "main"
    await viewers_are(served, camera, 0)


async def test_the_stream_of_the_address_needs_no_choice(served: Served, camera: str) -> None:
    async with socket(served, camera, served.viewer, "?stream=main") as live:
        assert (await control(live, "hello"))["stream"] == "main"
    await viewers_are(served, camera, 0)


async def test_a_viewer_that_vanishes_is_gone(served: Served, camera: str) -> None:
    live = await socket(served, camera, served.viewer, "?stream=main")
    _ = await control(live, "hello")
    await viewers_are(served, camera, 1)
    live.transport.abort()
    await viewers_are(served, camera, 0)
    await live.wait_closed()


async def test_a_viewer_of_a_silent_camera_that_vanishes_is_gone(served: Served) -> None:
    body = {"name": "Off", "protocol": "demo"}
    camera_id = (await served.admin.post("/api/cameras/", json=body)).json()["id"]
    subscriptions = served.services.bus._subscriptions
    before = len(subscriptions)
    live = await socket(served, camera_id, served.viewer)
    assert (await control(live, "offline"))["reason"]
    assert len(subscriptions) == before + 1
    live.transport.abort()
    async with asyncio.timeout(5):
        while len(subscriptions) != before:  # noqa: ASYNC110 - nothing tells it
            await asyncio.sleep(0.02)
    await live.wait_closed()


async def test_why_there_is_no_picture_is_said_in_the_language_of_the_browser(
    served: Served,
) -> None:
    body = {"name": "Off", "protocol": "demo"}
    camera_id = (await served.admin.post("/api/cameras/", json=body)).json()["id"]
    reasons = []
    for asks in ({}, {"accept_language": "de"}, {"cookie": "falconeye_language=fr"}):
        async with socket(served, camera_id, served.viewer, **asks) as live:
            reasons.append((await control(live, "offline"))["reason"])
    assert reasons == ["stopped", "gestoppt", "arrêtée"]


async def test_a_wrong_choice_closes_with_words(served: Served, camera: str) -> None:
    for text in ("{", '{"type":"choose","stream":"third"}', '{"type":"dance"}'):
        async with socket(served, camera, served.viewer) as live:
            await live.send(text)
            with pytest.raises(ConnectionClosed) as closed:
                _ = await control(live, "hello")
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 4422
            assert closed.value.rcvd.reason


async def test_an_unknown_camera_closes_the_socket_as_404(served: Served) -> None:
    async with socket(served, "none", served.viewer) as live:
        with pytest.raises(ConnectionClosed) as closed:
            await live.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4404


async def test_the_socket_is_for_those_who_may(served: Served, camera: str) -> None:
    limited = await served.client(Role.ADMIN, cameras=frozenset({"another"}))
    async with limited:
        for client in (served.nobody, limited):
            with pytest.raises(InvalidStatus) as refused:
                async with socket(served, camera, client):
                    pass
            assert refused.value.response.status_code in {401, 403}


async def test_a_removed_token_ends_what_it_watches(served: Served, camera: str) -> None:
    accounts = served.services.accounts
    plain, token = await accounts.tokens.add("wall", Role.VIEWER, live_only=True)
    wall = httpx.AsyncClient(
        base_url=served.url, headers={"authorization": f"Bearer {plain}"}, trust_env=False
    )
    async with wall, socket(served, camera, wall, "?stream=main") as live:
        _ = await control(live, "hello")
        async with wall.stream("GET", f"/api/cameras/{camera}/stream") as mjpeg:
            assert mjpeg.status_code == 200
            await accounts.tokens.remove(token.id)
            with pytest.raises(ConnectionClosed) as closed:
                _ = await control(live, "never")
            async for _chunk in mjpeg.aiter_raw():
                pass  # it ends
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4401
    await viewers_are(served, camera, 0)


async def test_recording_is_started_and_stopped_by_hand(served: Served, camera: str) -> None:
    path = f"/api/cameras/{camera}/recording"
    assert (await served.viewer.get(f"{path}/status")).json()["status"] == "idle"
    assert (await served.viewer.post(f"{path}/start")).status_code == 403
    with served.services.bus.subscribe() as events:
        started = await served.operator.post(f"{path}/start")
        assert started.status_code == 200, started.text
        async with asyncio.timeout(10):
            async for event in events:
                if isinstance(event, CameraStateChanged) and event.state.recording:
                    break
    status = (await served.viewer.get(f"{path}/status")).json()
    assert status["status"] == "recording"
    assert status["recording_id"].startswith(camera)
    assert status["file_name"].startswith("Demo_")
    assert status["start_time"].endswith("Z")
    assert (await served.operator.post(f"{path}/start")).status_code == 409
    assert (await served.operator.post(f"{path}/stop")).status_code == 200
    assert (await served.viewer.get(f"{path}/status")).json()["status"] == "idle"


async def test_metrics_of_a_running_camera(served: Served, camera: str) -> None:
    answer = await served.viewer.get("/metrics")
    assert answer.headers["content-type"] == f"{CONTENT_TYPE}; charset=utf-8"
    lines = answer.text.splitlines()
    labels = f'{{camera="Demo",camera_id="{camera}",state="running"}} 1.0'
    assert f"falconeye_camera_state{labels}" in lines
    assert any(line.startswith("falconeye_stream_fps{") for line in lines)
    assert any(line.startswith("falconeye_volume_write_seconds_bucket{") for line in lines)
