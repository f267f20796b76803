"""What other programs make of a recording: ffprobe, ffmpeg, GStreamer."""

import asyncio
import json
from pathlib import Path
from typing import Any

from tests.nodes import RunningNode
from tests.peers.programs import program


async def probe(path: Path) -> dict[str, Any]:
    """Format and streams by ffprobe, with counted pictures."""
    process = await asyncio.create_subprocess_exec(
        program("ffprobe"), "-v", "error", "-count_frames", "-show_format", "-show_streams",
        "-of", "json", str(path), stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, _ = await process.communicate()
    assert process.returncode == 0
    found: dict[str, Any] = json.loads(out)
    return found


async def pictures_in(path: Path) -> int:
    """How many pictures lie in the file, decodable or not."""
    process = await asyncio.create_subprocess_exec(
        "ffprobe", "-v", "error", "-count_packets", "-select_streams", "v", "-of", "json",
        "-show_entries", "stream=nb_read_packets", str(path), stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, _ = await process.communicate()
    assert process.returncode == 0
    return int(json.loads(out)["streams"][0]["nb_read_packets"])


async def decodes(path: Path) -> None:
    """ffmpeg decodes all of it and says nothing."""
    process = await asyncio.create_subprocess_exec(
        program("ffmpeg"), "-v", "error", "-xerror", "-i", str(path),
        # Pictures at their own times: rounded to a frame rate, two of them may meet.
        "-fps_mode", "passthrough", "-enc_time_base", "1/90000", "-f", "null", "-",
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _, err = await process.communicate()
    assert (process.returncode, err) == (0, b"")


async def download(node: RunningNode, recording_id: str, path: Path) -> Path:
    answer = await node.client.get(f"/api/recordings/{recording_id}/download")
    assert answer.status_code == 200
    await asyncio.to_thread(path.write_bytes, answer.content)
    return path


async def gstreamer_plays(path: Path) -> None:
    """GStreamer demuxes and decodes all of its tracks to the end."""
    tracks = (await probe(path))["streams"]
    sinks = ["d.", "!", "queue", "!", "fakesink", "sync=false"] * len(tracks)
    process = await asyncio.create_subprocess_exec(
        program("gst-launch-1.0"), "-q", "filesrc", f"location={path}",
        "!", "decodebin", "name=d", *sinks, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _, err = await process.communicate()
    assert process.returncode == 0, err.decode()
