"""A person says which device a camera is, where nothing proves it.

What a device tells of itself any other can repeat, so the node follows nobody by that alone, and
another device at a camera's address gets nothing. A person who knows better says so by one click;
the camera's login goes to that device then, and what the kernel sees of its hardware is kept.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from falconeye.base.errors import Conflict
from falconeye.cameras.identity.neighbours import NEIGHBOURS, Neighbours
from falconeye.cameras.registry import CameraRegistry
from falconeye.cameras.views import Camera
from falconeye.cameras.whereabouts.following import moved_changes
from falconeye.config.camera import CameraConfig, Protocol
from falconeye.discovery.candidates import Candidate
from falconeye.discovery.recognition import Moved
from falconeye.events.camera_state import ReasonCode

_CHANGED = "that has changed meanwhile: look at it again"


@dataclass(frozen=True, slots=True)
class Claim:
    """A found device at another address tells of itself that it is the camera."""

    camera_id: str
    candidate_id: str
    moved: Moved

    @property
    def place(self) -> str:
        """Where it is: "192.168.1.80:554"."""
        return _place(self.moved.to_address, self.moved.to_port)


def claims(camera: Camera, candidates: Sequence[Candidate]) -> list[Claim]:
    """Those that a person may accept: none while the camera delivers where it is."""
    return [
        Claim(camera.config.id, candidate.id, moved)
        for candidate in candidates
        for moved in candidate.moved
        if moved.camera_id == camera.config.id
        and moved.to_address is not None
        and not (camera.state.online and moved.to_address != moved.from_address)
        and moved_changes(camera.config, moved)
    ]


def is_replaced(camera: Camera) -> bool:
    """Whether another device is at the address of this network camera."""
    conflict = camera.state.reason_code is ReasonCode.DEVICE_CONFLICT
    return conflict and camera.config.protocol is not Protocol.USB


async def accept_claim(
    cameras: CameraRegistry,
    candidates: Sequence[Candidate],
    camera_id: str,
    candidate_id: str,
    place: str,
    neighbours: Neighbours = NEIGHBOURS,
) -> str:
    """The camera is that device at `place`, as a page showed it; words for the audit log.

    Conflict where the device is elsewhere by now, or the camera delivers.
    """
    camera = cameras.get(camera_id)
    for claim in claims(camera, candidates):
        if (claim.candidate_id, claim.place) != (candidate_id, place):
            continue
        moved = claim.moved
        seen = await asyncio.to_thread(_seen, neighbours, camera.config, moved.to_address or "")
        _ = await cameras.update(camera_id, {**moved_changes(camera.config, moved), **seen})
        return f"from {_place(moved.from_address, moved.from_port)} to {claim.place}"
    raise Conflict(_CHANGED)


async def accept_replacement(
    cameras: CameraRegistry, camera_id: str, neighbours: Neighbours = NEIGHBOURS
) -> str:
    """Whatever is at the camera's address now is the camera; words for the audit log."""
    camera = cameras.get(camera_id)
    if not is_replaced(camera):
        raise Conflict(_CHANGED)
    config = camera.config
    host = urlsplit(config.source_url or "").hostname or ""
    mac = await asyncio.to_thread(neighbours.own_mac_of, host)
    metadata = {name: value for name, value in config.metadata.items() if name != "serial"}
    changes = {"mac_address": mac, "endpoint_reference": None, "metadata": metadata}
    _ = await cameras.update(camera_id, changes)
    return f"replaced by another device: {config.mac_address} is now {mac or 'not known yet'}"


def _seen(neighbours: Neighbours, config: CameraConfig, address: str) -> Mapping[str, Any]:
    """Its hardware address there, where that is another one than the stored."""
    there = neighbours.mac_of(address)
    if config.mac_address is None or there is None or there == config.mac_address:
        return {}
    return {"mac_address": neighbours.own_mac_of(address)}


def _place(address: str | None, port: int | None) -> str:
    host = f"[{address}]" if address and ":" in address and port else address
    return f"{host}:{port}" if port else str(host)
