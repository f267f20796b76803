"""A whole node and cameras that do not work: the reason in words, no lock-out, no credential."""

import asyncio
import base64
import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.nodes import RunningNode, running_node
from tests.peers.media_samples import audio_clip, video_clip
from tests.peers.mjpeg_http import MjpegServer
from tests.peers.replay_rtsp import ReplayServer

pytestmark = [pytest.mark.timeout(90), pytest.mark.fault]

WRONG = "wr0ng-s3cret/with?all#of@it"
SECRET = "unguessable-0ne"


@dataclass(slots=True)
class Peers:
    """One server for each fault that concerns a whole address."""

    good: ReplayServer = field(default_factory=ReplayServer)
    mute: ReplayServer = field(default_factory=ReplayServer)
    page: ReplayServer = field(default_factory=ReplayServer)
    mjpeg: MjpegServer = field(default_factory=MjpegServer)


@pytest.fixture
def peers() -> Iterator[Peers]:
    with ExitStack() as stack:
        found = Peers()
        for server in (found.good, found.mute, found.page, found.mjpeg):
            stack.enter_context(server)
        found.mute.add("a", video=video_clip()).faults.mute_on_connect = True
        html = b"HTTP/1.0 400 Bad Request\r\nContent-Type: text/html\r\n\r\n<html></html>"
        found.page.add("a", video=video_clip()).faults.greeting = html
        yield found


def closed_port() -> int:
    """A port where nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(frozen=True, slots=True)
class Case:
    """A camera's address, and what must be said about it."""

    name: str
    url: str
    code: str
    words: str
    protocol: str = "rtsp"


def cases(peers: Peers) -> list[Case]:
    good, mjpeg = peers.good, peers.mjpeg
    good.add("sound", audio=audio_clip("pcm_mulaw"))
    for name, location in (
        ("to-file", "file:///etc/passwd"),
        ("to-http", "http://127.0.0.1:1/"),
        ("to-zero", "rtsp://0.0.0.0/"),
    ):
        good.add(name, video=video_clip()).faults.redirect = location
    good.add("busy", video=video_clip()).faults.statuses = {"SETUP": (453, "No")}
    good.add("named", video=video_clip(), login="basic")
    mjpeg.redirect = "file:///etc/passwd"
    port = closed_port()
    return [
        Case("dead", f"rtsp://127.0.0.1:{port}/a", "connection_refused", f":{port} refuses"),
        Case("name", "rtsp://camera.invalid/a", "name_not_found", "no host named camera.invalid"),
        Case("mute", peers.mute.url("a"), "no_answer", "but does not answer"),
        Case("page", peers.page.url("a"), "not_a_camera", ""),
        Case("path", good.url("nothing-here"), "not_found", "no stream at this path"),
        Case("sound", good.url("sound"), "no_video", "audio only"),
        Case("to-file", good.url("to-file"), "address_forbidden", "redirects"),
        Case("to-http", good.url("to-http"), "address_forbidden", "redirects"),
        Case("to-zero", good.url("to-zero"), "address_forbidden", ""),
        Case("busy", good.url("busy"), "too_many_sessions", "no further connection"),
        Case("named", good.url("named"), "password_needed", "a user and a password"),
        Case("web", mjpeg.url("page"), "not_a_camera", "a web page", "http"),
        Case("one", mjpeg.url("snapshot"), "not_a_camera", "one picture", "http"),
        Case("gone", mjpeg.url("missing"), "not_found", "no stream at this path", "http"),
        Case("file", mjpeg.url("redirect"), "address_forbidden", "redirects", "http"),
        Case("bad", mjpeg.url("garbage"), "camera_error", "cannot be read", "http"),
        Case("slow", mjpeg.url("mute"), "no_answer", "does not answer in time", "http"),
    ]


async def test_each_of_them_says_why(tmp_path: Path, peers: Peers) -> None:
    expected = cases(peers)
    async with running_node(tmp_path) as node:
        ids = {
            case.name: await node.add(case.name, case.url, protocol=case.protocol)
            for case in expected
        }
        for case in expected:
            path = f"/api/cameras/{ids[case.name]}"
            found = await node.until(path, lambda c: c["status"] == "error", 30)
            assert (found["reason_code"], found["online"]) == (case.code, False), case
            assert case.words in found["reason"], case
            await nothing_to_see(node, ids[case.name], found["reason"])
        answer = await node.client.post(
            "/api/cameras/",
            json={"name": "again", "protocol": "rtsp", "source_url": expected[0].url},
        )
        assert answer.status_code == 409, answer.text
        assert "already" in answer.json()["detail"]
        # All of them hang, wait or try again now: the end does not wait for any.
        assert await node.terminate() < 3.0


async def nothing_to_see(node: RunningNode, camera: str, reason: str) -> None:
    """Whoever wants pictures is told why there are none."""
    for what in ("stream", "live.mp4"):
        answer = await node.client.get(f"/api/cameras/{camera}/{what}")
        assert answer.status_code == 503, (what, answer.text)
        assert answer.json()["detail"]
    assert (await node.client.get(f"/api/cameras/{camera}/snapshot.jpg")).status_code == 503
    answer = await node.client.post(f"/api/cameras/{camera}/recording/start")
    assert answer.status_code == 400, answer.text
    page = await node.client.get(f"/cameras/{camera}")
    assert page.status_code == 200
    assert reason[1:20] in page.text  # pages begin it with a capital


async def test_a_wrong_password_is_shown_once_and_nowhere_else(
    tmp_path: Path, peers: Peers
) -> None:
    main = peers.good.add("main", video=video_clip(), login="digest", password=SECRET)
    sub = peers.good.add("sub", video=video_clip(), login="digest", password=SECRET)
    login = {"username": "admin", "password": WRONG, "sub_url": peers.good.url("sub")}
    async with running_node(tmp_path, "--log-level", "debug") as node:
        camera = await node.add("Door", peers.good.url("main"), **login)
        path = f"/api/cameras/{camera}"
        found = await node.until(path, lambda c: c["reason_code"] == "password_refused")
        assert found["status"] == "error"
        assert "refused the password" in found["reason"]
        answer = await node.client.post(f"{path}/restart")  # somebody asks: one more try
        assert answer.status_code == 200
        found = await node.until(path, lambda c: c["reason_code"] == "password_refused")
        assert main.gate.attempts + sub.gate.attempts == 2
        answer = await node.client.patch(path, json={"location": "hall"})
        assert answer.status_code == 200
        assert (await node.json(path))["reason_code"] == "password_refused"
        assert main.gate.attempts + sub.gate.attempts == 2

        await everything_is_free_of(node, camera, WRONG)
        answer = await node.client.patch(path, json={"password": SECRET})
        assert answer.status_code == 200, answer.text
        await node.until(path, lambda c: c["online"])
        await until_both_play(node, camera)
        assert main.gate.refused + sub.gate.refused == 2
        await everything_is_free_of(node, camera, SECRET)
        await node.terminate()
        log = "".join(node.lines)
        for password in (WRONG, SECRET):
            assert left_of(password, log) == []
            assert await asyncio.to_thread(files_with, tmp_path, password) == []


async def until_both_play(node: RunningNode, camera: str) -> None:
    def both(text: str) -> bool:
        lines = [line for line in text.splitlines() if "stream_fps{" in line and camera in line]
        return sum(float(line.rsplit(" ", 1)[1]) > 0 for line in lines) == 2

    async with asyncio.timeout(20):
        while not both((await node.client.get("/metrics")).text):  # noqa: ASYNC110
            await asyncio.sleep(0.1)


def left_of(password: str, text: str) -> list[str]:
    """What stands of a password in a text: itself, as a URL has it, in Base64, in JSON."""
    plain = f"admin:{password}".encode()
    forms = [
        password, json.dumps(password)[1:-1], base64.b64encode(plain).decode(),
        password.replace("/", "%2F").replace("?", "%3F").replace("#", "%23").replace("@", "%40"),
        *(password[at : at + 8] for at in range(len(password) - 7)),
    ]  # fmt: skip
    return [form for form in forms if form in text]


def files_with(folder: Path, password: str) -> list[Path]:
    """Files that hold a password in clear."""
    return [
        path
        for path in folder.rglob("*")
        if path.is_file() and password.encode() in path.read_bytes()
    ]


async def everything_is_free_of(node: RunningNode, camera: str, password: str) -> None:
    """No answer of the API and no page shows it."""
    paths = [
        "/api/cameras/", f"/api/cameras/{camera}", f"/api/cameras/{camera}/stream-info",
        f"/api/cameras/{camera}/recording/status", "/api/recordings/", "/api/settings/",
        "/api/nodes/", "/metrics", "/", f"/cameras/{camera}", f"/cameras/{camera}/edit",
        f"/cameras/{camera}/streams", "/recordings", "/settings", "/about", "/api/audit/",
    ]  # fmt: skip
    for path in paths:
        answer = await node.client.get(path)
        assert answer.status_code < 500, path
        assert left_of(password, answer.text) == [], path


@pytest.mark.parametrize("how", ["typed", "encoded"])
async def test_a_login_in_the_address_is_taken_out_of_it(
    tmp_path: Path, peers: Peers, how: str
) -> None:
    camera = peers.good.add("a", video=video_clip(), login="digest", password="abcd/ef#gh")
    password = "abcd/ef#gh" if how == "typed" else "abcd%2Fef%23gh"
    url = peers.good.url("a", host=f"admin:{password}@127.0.0.1")
    body: dict[str, Any] = {"name": "A", "protocol": "rtsp", "source_url": url, "start": True}
    async with running_node(tmp_path, "--log-level", "debug") as node:
        answer = await node.client.post("/api/cameras/", json=body)
        assert left_of("abcd/ef#gh", answer.text) == []
        if how == "typed":  # not a URL; the words say what to do
            assert answer.status_code == 422
        else:
            assert answer.status_code == 201
            path = f"/api/cameras/{answer.json()['id']}"
            await node.until(path, lambda c: c["online"])
            assert camera.gate.refused == 0
        await node.terminate()
        assert left_of("abcd/ef#gh", "".join(node.lines)) == []
