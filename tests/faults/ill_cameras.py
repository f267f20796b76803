"""Cameras that stall, truncate or change what they send, over and over, against a whole node.

A spell is one such fault of one camera. What counts as lost is the time without footage from its
begin to the next one's, less the time in which the camera itself sent no picture.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.faults.camera_footage import footage, lost_s
from tests.faults.footage_on_disk import unplayable
from tests.faults.outcome import Holdings, Outcome
from tests.faults.reconnects import (
    MAY_MB,
    all_online,
    all_recorded,
    problems,
    steady_node,
    wrong_gaps,
)
from tests.nodes import RunningNode
from tests.peers.media_samples import audio_clip, video_clip
from tests.peers.replay_camera import ReplayCamera
from tests.peers.replay_rtsp import ReplayServer
from tests.peers.rtp import sdp

CAMERAS = 20
STALLED_S = 12.0  # beyond what the node waits for a silent camera
SHORT_S = 2.0
WELL_S = 2.0  # of pictures between spells: a GOP
BACK_S = 5.0  # the camera is back: 3 s, and up to a GOP of 2 s
STAYS_S = 0.2  # the connection lives: no picture that was sent is lost
FPS = 25


@dataclass
class Patient:
    """A camera, and its spells as (begin, when it sent pictures again, seconds of the epoch)."""

    camera: ReplayCamera
    camera_id: str = ""
    spells: list[tuple[float, float]] = field(default_factory=list)
    widths: list[tuple[float, int]] = field(default_factory=list)  # of its pictures, and when


Spell = Callable[[ReplayCamera], Awaitable[float]]  # when it sends, or would send, pictures again


async def _until(good: Callable[[], bool]) -> None:
    """The server's thread tells nobody."""
    async with asyncio.timeout(60):
        while not good():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def _sent(camera: ReplayCamera, seconds: float) -> None:
    goal = camera.pictures_sent + seconds * FPS
    await _until(lambda: camera.pictures_sent >= goal)


async def _cut(camera: ReplayCamera) -> float:
    """The connection ends within a picture."""
    played = camera.played
    camera.faults.cut = True
    await _until(lambda: camera.sessions == 0 or camera.played > played)
    camera.faults.cut = False
    return time.time()


async def _silent(camera: ReplayCamera) -> float:
    """It hangs until the node has given it up."""
    camera.faults.silent = True
    await asyncio.sleep(STALLED_S)
    camera.faults.silent = False
    return time.time()


async def _skipping(camera: ReplayCamera) -> float:
    """Pictures fail to come for less than that; the connection lives."""
    camera.faults.skipping = True
    await asyncio.sleep(SHORT_S)
    camera.faults.skipping = False
    return time.time()


async def _mute(camera: ReplayCamera) -> float:
    """It ends the connection and takes the next one, but says nothing there."""
    asked = camera.requests["DESCRIBE"]
    camera.faults.mute_methods = frozenset({"DESCRIBE"})
    await _cut(camera)
    await _until(lambda: camera.requests["DESCRIBE"] > asked)
    camera.faults.mute_methods = frozenset()
    await _until(lambda: camera.open_connections == 0)
    return time.time()


async def _short(camera: ReplayCamera) -> float:
    """Pictures lack their second half for a while: they are recorded as they came."""
    begun = time.time()
    camera.faults.short = True
    await _sent(camera, SHORT_S)
    camera.faults.short = False
    return begun  # it sent pictures all the time


async def _half_answer(camera: ReplayCamera) -> float:
    """It ends the connection; what it says of itself to the next one breaks off."""
    asked = camera.requests["DESCRIBE"]
    whole = sdp(camera.video, camera.audio)
    camera.faults.sdp = whole[: whole.index("m=video") + 5]
    await _cut(camera)
    await _until(lambda: camera.requests["DESCRIBE"] > asked)
    camera.faults.sdp = None
    return time.time()


async def _size(camera: ReplayCamera) -> float:
    """The next keyframe has other parameter sets."""
    at, small = time.time(), video_clip(width=320, height=176)
    was_small = camera.video is not None and camera.video.width == small.width
    camera.video = camera.next_video = video_clip() if was_small else small
    await _until(lambda: camera.next_video is None)
    return at


async def _sound(camera: ReplayCamera) -> float:
    """Its sound stays away, or comes back."""
    at = time.time()
    camera.faults.audio_silent = not camera.faults.audio_silent
    return at


async def _clock(camera: ReplayCamera) -> float:
    """It sets its clock."""
    at = time.time()
    camera.faults.clock_step_s = -30.0 if camera.faults.clock_step_s > 0 else 30.0
    return at


async def _codec(camera: ReplayCamera) -> float:
    """It comes back with another codec, size and sound; and then as it was."""
    begun, was = time.time(), (camera.video, camera.audio)
    camera.video, camera.audio = video_clip("hevc", width=320, height=176), audio_clip("pcm_mulaw")
    await _cut(camera)
    await _sent(camera, WELL_S)
    camera.video, camera.audio = was
    await _cut(camera)
    return begun


async def stalls(folder: Path, count: int) -> Outcome:
    """Silent for longer and for shorter than the node waits; connections without an answer."""
    name = f"cameras that stall for {SHORT_S:.0f} or {STALLED_S:.0f} s, or do not answer"
    outcome = Outcome(name, f"{count} times", f"the stall + {BACK_S:.0f} s", [], BACK_S)
    return await _ward(folder, count, outcome, [_silent, _skipping, _mute])


async def truncations(folder: Path, count: int) -> Outcome:
    """Connections, pictures and answers that break off."""
    name = "cameras that truncate connections, pictures or answers"
    outcome = Outcome(name, f"{count} times", f"{BACK_S:.0f} s", [], BACK_S)
    return await _ward(folder, count, outcome, [_cut, _short, _half_answer])


async def changes(folder: Path, count: int) -> Outcome:
    """Another size, or no sound any more, while they send."""
    name = "cameras that change size or sound while they send"
    outcome = Outcome(name, f"{count} times", "nothing", [], STAYS_S)
    return await _ward(folder, count, outcome, [_size, _sound])


async def other_streams(folder: Path, count: int) -> Outcome:
    """HEVC with G.711, and H.264 with AAC again; the camera's clock set by half a minute."""
    name = "cameras that set their clock or come back with another codec"
    outcome = Outcome(name, f"{count} times", f"{BACK_S:.0f} s", [], BACK_S)
    return await _ward(folder, count, outcome, [_codec, _clock])


async def _ward(folder: Path, count: int, outcome: Outcome, spells: Sequence[Spell]) -> Outcome:
    """So many spells, in rounds in which every camera has one."""
    rounds = -(-count // CAMERAS)
    with ReplayServer() as server:
        patients = [
            Patient(server.add(f"c{index}", video=video_clip(), audio=audio_clip()))
            for index in range(-(-count // rounds))
        ]
        for patient in patients:
            patient.camera.faults.sender_report_s = 0.5
        async with steady_node(folder) as node:
            for patient in patients:
                url = server.url(patient.camera.name)
                patient.camera_id = await node.add(patient.camera.name, url)
            await _all_well(node, patients)
            # Each connects once more, and many ask at once: only then the node's pools hold what
            # they will hold, such as all connections to the database.
            await asyncio.gather(*(_once_more(patient.camera) for patient in patients))
            await _all_well(node, patients)
            await _ask_at_once(node, patients)
            before = await Holdings.now(node.process.pid)
            for number in range(rounds):
                chosen = [spells[(number + at) % len(spells)] for at in range(len(patients))]
                having = zip(patients, chosen, strict=True)
                await asyncio.gather(*(_have(patient, spell) for patient, spell in having))
                await _all_well(node, patients)
            after = await Holdings.now(node.process.pid)
            outcome.leaked(after.leaks(before, may_mb=MAY_MB))
            outcome.notes.append(f"{before} → {after}")
            for patient in patients:
                outcome.wrong += await wrong_gaps(node, patient.camera_id, "camera_offline")
            ended = time.time()
        outcome.wrong += await problems(node)
    for patient in patients:
        found = await asyncio.to_thread(footage, node.data_dir, patient.camera_id)
        outcome.lost_s += lost_s(found, patient.spells, ended)
        outcome.wrong += sum(
            begun < at < end and told != width
            for at, width in patient.widths
            for begun, end, told in found
        )
    outcome.unplayable = await asyncio.to_thread(unplayable, node.data_dir, node.media_dir)
    return outcome


async def _ask_at_once(node: RunningNode, patients: Sequence[Patient]) -> None:
    """By connections that are closed then."""
    headers = node.client.headers
    async with httpx.AsyncClient(base_url=node.url, headers=headers, trust_env=False) as client:
        asked = [
            client.get(f"/api/cameras/{patient.camera_id}/timeline", timeout=20)
            for patient in patients
        ]
        answers = await asyncio.gather(*asked)
    assert {answer.status_code for answer in answers} == {200}


async def _once_more(camera: ReplayCamera) -> None:
    await _cut(camera)
    await _sent(camera, WELL_S)


async def _have(patient: Patient, spell: Spell) -> None:
    begun = time.time()
    patient.spells.append((begun, await spell(patient.camera)))
    await _sent(patient.camera, WELL_S)
    assert patient.camera.video is not None
    patient.widths.append((time.time() - WELL_S / 4, patient.camera.video.width))


async def _all_well(node: RunningNode, patients: Sequence[Patient]) -> None:
    await all_online(node, len(patients))
    await all_recorded(node, len(patients))
