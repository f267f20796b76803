"""A whole node where ports, directories, disks, databases or requests are not as they should be."""

import asyncio
import contextlib
import json
import os
import sqlite3
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.end_to_end.players import decodes, download
from tests.nodes import RunningNode, running_node
from tests.peers.media_samples import video_clip
from tests.peers.replay_rtsp import ReplayServer

pytestmark = [pytest.mark.timeout(90), pytest.mark.fault]
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounts file systems: needs root")
MEGABYTE = 1_000_000


@contextlib.contextmanager
def file_system(path: Path, size_bytes: int, *options: str) -> Iterator[Path]:
    """A small file system of its own at `path`."""
    path.mkdir(parents=True)
    words = ",".join((f"size={size_bytes}", *options))
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", words, "tmpfs", str(path)], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip(f"cannot mount here: {made.stderr.decode().strip()}")
    try:
        yield path
    finally:
        subprocess.run(["umount", "-l", str(path)], check=True)


async def fails_to_start(data_dir: Path, *options: str) -> tuple[int | None, str]:
    """`falconeye serve`: the exit code and what it said."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "falconeye", "serve", "--data-dir", str(data_dir), *options,
        stdin=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(30):
        _, err = await process.communicate()
    return process.returncode, err.decode()


async def test_a_port_in_use_and_a_database_of_tomorrow(tmp_path: Path) -> None:
    async with running_node(tmp_path) as node:
        port = node.url.rsplit(":", 1)[1]
        code, err = await fails_to_start(tmp_path / "other", "--port", port)
        assert code == 4
        assert f"port {port}" in err or f":{port}" in err
        assert "Traceback" not in err
        assert not (tmp_path / "other").exists()  # the port comes first: nothing was touched
        code, err = await fails_to_start(node.data_dir, "--port", "0")
        assert code == 4
        assert str(node.data_dir) in err
        assert "Traceback" not in err
        await node.terminate()
        path = node.data_dir / "falconeye.sqlite3"
        with contextlib.closing(sqlite3.connect(path)) as database:
            database.execute("UPDATE alembic_version SET version_num = '9999'")
            database.commit()
        before = path.read_bytes()
        code, err = await fails_to_start(node.data_dir, "--port", "0")
        assert code == 4
        assert "newer" in err
        assert "Traceback" not in err
        assert path.read_bytes() == before


@as_root
@pytest.mark.root
async def test_directories_that_cannot_be_written(tmp_path: Path) -> None:
    with file_system(tmp_path / "fixed", MEGABYTE, "ro") as fixed:
        for data_dir in (fixed / "data", fixed):
            code, err = await fails_to_start(data_dir, "--port", "0")
            assert code == 4, err
            assert "Read-only file system" in err
            assert str(data_dir) in err
            assert "Traceback" not in err
        code, err = await fails_to_start(
            tmp_path / "data", "--port", "0", "--media-dir", str(fixed / "media")
        )
        assert code == 4, err
        assert "Read-only file system" in err
        assert str(fixed / "media") in err
        assert "Traceback" not in err


async def rename(node: RunningNode, camera: str) -> httpx.Response:
    """Something that the database has to store."""
    body = {"location": uuid.uuid4().hex * 7}
    return await node.client.patch(f"/api/cameras/{camera}", json=body)


def fill(filler: Path) -> Path:
    """A file that takes all that is left."""
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(64 * 1024))
    return filler


def newest_bytes(media: Path) -> tuple[str, int]:
    """The file that is written now, and its size."""
    files = [(path.stat().st_mtime_ns, path) for path in media.rglob("*.mp4")]
    path = max(files)[1]
    return path.name, path.stat().st_size


@as_root
@pytest.mark.root
async def test_a_full_disk_of_footage_costs_the_oldest(tmp_path: Path) -> None:
    """Footage goes on being written when the disk is full; pages and API answer throughout."""
    with ReplayServer() as server, file_system(tmp_path / "media", 12 * MEGABYTE) as media:
        clip = video_clip(gop=25, bit_rate=8_000_000, noise=True)
        door = server.add("door", video=clip)
        async with running_node(tmp_path) as node:
            camera = await node.add("Door", server.url("door"))
            path = f"/api/cameras/{camera}"
            await node.until(path, lambda c: c["online"])
            start = door.pictures_sent
            async with asyncio.timeout(60):  # 1 MB/s: more than the disk holds
                while door.pictures_sent < start + 25 * 16:
                    for page in ("/", "/recordings", "/about", f"/cameras/{camera}", "/readyz"):
                        answer = await node.client.get(page)
                        assert answer.status_code in {200, 503}, answer.text
                        assert page == "/readyz" or answer.status_code == 200
                    await asyncio.sleep(0.5)
            assert (await node.json(path))["online"]
            await node.line("not recorded: disk_full|No space left")
            await node.line("deleted .* of the oldest footage")
            await node.until(f"{path}/recording/status", lambda r: r["status"] == "recording")
            newest = await asyncio.to_thread(newest_bytes, media)
            async with asyncio.timeout(20):
                while await asyncio.to_thread(newest_bytes, media) == newest:  # noqa: ASYNC110
                    await asyncio.sleep(0.1)
            await node.client.post(f"{path}/stop")
            listed = await node.until(
                f"/api/recordings/?camera_id={camera}",
                lambda r: all(one["status"] != "recording" for one in r["recordings"]),
            )
            assert sum(one["file_size_bytes"] for one in listed["recordings"]) > 0
            for one in listed["recordings"]:
                if one["file_size_bytes"]:
                    await decodes(await download(node, one["id"], tmp_path / "out.mp4"))
            code, out, err = await node.command(
                "check", "--json", "--media-dir", str(node.media_dir)
            )
            assert code == 0, out + err


async def protected_recording(node: RunningNode, camera: str) -> str:
    """The recording of the camera, from now on never deleted for room; its id."""
    listed = await node.until(
        f"/api/recordings/?camera_id={camera}",
        lambda r: r["recordings"] and r["recordings"][0]["duration_seconds"] > 1,
    )
    recording: str = listed["recordings"][0]["id"]
    answer = await node.client.patch(f"/api/recordings/{recording}", json={"protected": True})
    assert answer.status_code == 200, answer.text
    return recording


@as_root
@pytest.mark.root
async def test_a_disk_full_of_what_may_not_go_leaves_a_gap_with_its_reason(tmp_path: Path) -> None:
    """Nothing can be deleted: recording stops, and goes on by itself once there is room."""
    with ReplayServer() as server, file_system(tmp_path / "media", 40 * MEGABYTE) as media:
        server.add("door", video=video_clip(gop=25))
        async with running_node(tmp_path) as node:
            camera = await node.add("Door", server.url("door"))
            recording = f"/api/recordings/{await protected_recording(node, camera)}"
            control = f"/api/cameras/{camera}/recording/status"
            filler = await asyncio.to_thread(fill, media / "filler")
            await node.line("not recorded: disk_full")
            await node.until(control, lambda r: r["status"] == "idle")
            kept_s = (await node.json(recording))["duration_seconds"]
            await asyncio.to_thread(filler.unlink)
            await node.until(control, lambda r: r["status"] == "recording")
            await node.until(recording, lambda r: r["duration_seconds"] > kept_s + 1)
            await node.client.post(f"/api/cameras/{camera}/stop")
            whole = await node.until(recording, lambda r: r["status"] != "recording")
            (gap,) = whole["gaps"]
            assert gap["reason"] == "disk_full"
            assert whole["start_time"] < gap["from"] < gap["to"] < whole["end_time"]
            page = await node.client.get(recording.removeprefix("/api"))
            assert "the disk was full" in page.text
            code, out, err = await node.command(
                "check", "--json", "--media-dir", str(node.media_dir)
            )
            found = {problem["fault"] for problem in json.loads(out)["problems"]}
            assert (code, found) == (0, set()), err


@as_root
@pytest.mark.root
async def test_a_full_data_directory(tmp_path: Path) -> None:
    """First the ballast goes; then what cannot be stored is said, and all else works."""
    with (
        ReplayServer() as server,
        file_system(tmp_path / "data", 200 * MEGABYTE, "mode=0700"),
    ):
        server.add("door", video=video_clip(gop=25))
        async with running_node(tmp_path) as node:
            camera = await node.add("Door", server.url("door"))
            await node.until(f"/api/cameras/{camera}", lambda c: c["online"])
            fillers = [await asyncio.to_thread(fill, node.data_dir / "1")]
            async with asyncio.timeout(20):
                while not any("gave up" in line for line in node.lines):
                    answer = await rename(node, camera)
                    assert answer.status_code == 200, answer.text
            fillers.append(await asyncio.to_thread(fill, node.data_dir / "2"))
            async with asyncio.timeout(20):
                while (answer := await rename(node, camera)).status_code == 200:
                    pass
            assert answer.status_code == 503, answer.text
            assert answer.json()["detail"] == "the disk of the data directory is full"
            for page in ("/", "/recordings", f"/cameras/{camera}", "/api/cameras/"):
                assert (await node.client.get(page)).status_code == 200
            snapshot = await node.client.get(f"/api/cameras/{camera}/snapshot.jpg")
            assert snapshot.status_code == 200
            for filler in fillers:
                filler.unlink()
            answer = await rename(node, camera)
            assert answer.status_code == 200, answer.text
            assert await node.terminate() < 3.0


def deep(levels: int) -> bytes:
    return b'{"a":' * levels + b"1" + b"}" * levels


BODIES: list[tuple[str, bytes, str, set[int]]] = [
    ("cut", b'{"name": "x"', "not JSON: ", {400}),
    ("text", b"hello", "not JSON: ", {400}),
    ("latin", b'{"name": "\xff\xfe"}', "not JSON: ", {400}),
    ("deep", deep(100_000), "", {400, 422}),
    ("list", b"[1, 2]", "", {400, 422}),
    ("number", b"1e999999", "", {400, 422}),
    ("empty", b"", "", {400, 422}),
    ("null name", b'{"name": "a\\u0000b", "protocol": "rtsp"}', "", {422}),
    ("unknown", b'{"name": "x", "protocol": "smoke"}', "", {400, 422}),
    ("surrogate", b'{"name": "\\ud800", "protocol": "demo"}', "", {400, 422}),
    ("huge", b'{"name": "' + b"x" * 2_000_000 + b'"}', "larger", {413}),
]
PATHS = [
    "/api/cameras/..%2f..%2fetc%2fpasswd", "/api/cameras/%00", "/api/cameras/" + "9" * 3000,
    "/api/recordings/..%2f..%2f..%2fetc%2fpasswd/download", "/api/recordings/%2e%2e/download",
    "/static/..%2f..%2fpyproject.toml", "/static/%2e%2e/%2e%2e/pyproject.toml",
    "/static//etc/passwd", "/static/..%5c..%5cpyproject.toml", "/recordings/..%2f..%2f/media",
    "/cameras/%3Cscript%3E", "/api/recordings/a%00b", "/schema/..%2f..%2fetc/passwd",
]  # fmt: skip
QUERIES = [
    "limit=-1", "limit=abc", "limit=99999999999999999999", "offset=-5", "from=yesterday",
    "camera_id=%27%20OR%201=1--", "status=nothing", "from=2026-13-99T00:00:00Z",
]  # fmt: skip


async def test_no_request_breaks_it(tmp_path: Path) -> None:
    async with running_node(tmp_path) as node:
        for name, body, words, wanted in BODIES:
            for path in ("/api/cameras/", "/api/settings/"):
                method = "POST" if "cameras" in path else "PATCH"
                answer = await node.client.request(
                    method, path, content=body, headers={"content-type": "application/json"}
                )
                assert answer.status_code in wanted | {422}, (name, path, answer.text[:200])
                if "cameras" in path and words:
                    detail: Any = answer.json()["detail"]
                    assert words in detail, (name, detail)
        for path in PATHS:
            answer = await node.client.get(path)
            assert answer.status_code in {400, 404, 414, 422}, (path, answer.status_code)
            assert "root:" not in answer.text
            assert "[project]" not in answer.text
            assert "<script>" not in answer.text.partition("<main")[2]
        for query in QUERIES:
            answer = await node.client.get(f"/api/recordings/?{query}")
            assert answer.status_code in {200, 422}, (query, answer.text)
            assert answer.status_code == 422 or not answer.json()["recordings"]
        made = {"camera_id": "x", "file_path": "/etc/passwd", "start_time": "2026-01-01T00:00:00Z"}
        answer = await node.client.post("/api/recordings/", json=made)
        assert answer.status_code == 422, answer.text
        assert not any("Traceback" in line or " error " in line for line in node.lines)
