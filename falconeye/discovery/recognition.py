"""Which found rows are cameras that are configured already, and which of those have moved.

A strong identity decides alone: a camera whose endpoint reference is seen elsewhere has moved, and
whoever sits at its old address is not it. Where two rows claim that identity, only one at the
configured place can be meant. An address counts where nothing contradicts it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from falconeye.base.times import SECOND_US
from falconeye.discovery.evidence import Evidence, Way
from falconeye.discovery.merging import SUPERSEDED_US, Identity, Kind, Row

# A device with two addresses answers one round of probes at both of them within seconds.
ROUND_US: Final = 10 * SECOND_US


@dataclass(frozen=True, slots=True)
class Known:
    """What tells a configured camera from others, as far as it is known."""

    camera_id: str
    address: str | None = None  # IP address of its `source_url`
    port: int | None = None  # of its `source_url`
    endpoint_reference: str | None = None  # as `evidence.plain_reference` writes it
    mac: str | None = None  # as `evidence.mac_address` writes it
    device_identity: str | None = None
    device_path: str | None = None
    onvif_port: int | None = None  # of its device service, where it is an ONVIF camera
    is_away: bool = False  # it should deliver, and does not


@dataclass(frozen=True, slots=True)
class Moved:
    """A configured camera is at another address, or its ONVIF service at another port."""

    camera_id: str
    from_address: str | None
    from_port: int | None
    to_address: str | None
    to_port: int | None
    same_mac: bool | None  # False: whoever is there now has other hardware; None: not known


@dataclass(frozen=True, slots=True)
class Recognised:
    """The configured cameras that one row is."""

    camera_ids: tuple[str, ...] = ()
    moved: tuple[Moved, ...] = ()


def recognise(rows: Sequence[Row], known: Iterable[Known]) -> dict[int, Recognised]:
    """By the index of the row."""
    by_identity: dict[Identity, list[int]] = {}
    for number, row in enumerate(rows):
        for identity in row.identities:
            by_identity.setdefault(identity, []).append(number)
    found: dict[int, Recognised] = {}
    for camera in sorted(known, key=lambda camera: camera.camera_id):
        index = _row_of(camera, rows, by_identity)
        if index is None:
            continue
        before = found.get(index, Recognised())
        moved = _moved(camera, rows[index])
        found[index] = Recognised(
            (*before.camera_ids, camera.camera_id), (*before.moved, *([moved] if moved else []))
        )
    return found


def _row_of(
    camera: Known, rows: Sequence[Row], by_identity: dict[Identity, list[int]]
) -> int | None:
    for kind, value in (
        (Kind.USB, camera.device_identity),
        (Kind.ENDPOINT, camera.endpoint_reference),
        (Kind.MAC, camera.mac),
    ):
        claiming = by_identity.get(Identity(kind, value), []) if value else []
        if len(claiming) == 1:
            return claiming[0]
        if claiming:
            return _only(i for i in claiming if _is_at(rows[i], camera))
    if camera.address is None:
        return None
    there = by_identity.get(Identity(Kind.ADDRESS, camera.address), [])
    possible = [index for index in there if not _another(camera, rows[index])]
    if len(possible) <= 1:
        return _only(possible)
    return _only(i for i in possible if _has_port(rows[i], camera))


def _only(indexes: Iterable[int]) -> int | None:
    found = list(indexes)
    return found[0] if len(found) == 1 else None


def _evidence(row: Row) -> list[Evidence]:
    return [item.evidence for item in row.items]


def _is_at(row: Row, camera: Known) -> bool:
    if camera.device_path is not None:
        return any(one.device_path == camera.device_path for one in _evidence(row))
    return any(one.address == camera.address for one in _evidence(row) if one.address)


def _has_port(row: Row, camera: Known) -> bool:
    ports = {camera.port, camera.onvif_port} - {None}
    return any(one.address == camera.address and one.port in ports for one in _evidence(row))


def _another(camera: Known, row: Row) -> bool:
    """Whether the row claims an identity of the kind that the camera has another one of."""
    return any(
        value is not None
        and any(identity.kind is kind for identity in row.identities)
        and Identity(kind, value) not in row.identities
        for kind, value in ((Kind.ENDPOINT, camera.endpoint_reference), (Kind.MAC, camera.mac))
    )


def _moved(camera: Known, row: Row) -> Moved | None:
    """How the camera's place differs from the configured one, where it is not there any more."""
    placed = [item for item in row.items if item.evidence.address]
    if camera.address is None or not placed:
        return None
    latest = max(placed, key=lambda item: (item.noted_us, item.evidence.key))
    # It may have two addresses. One that delivers is not taken for moved by a lost answer or two.
    counts_us = ROUND_US if camera.is_away else SUPERSEDED_US
    present = {
        item.evidence.address for item in placed if latest.noted_us - item.noted_us < counts_us
    }
    here = camera.address if camera.address in present else latest.evidence.address
    ports = {
        one.port
        for one in _evidence(row)
        if one.way is Way.ONVIF and one.address == here and one.port is not None
    }
    macs = {one.mac for one in _evidence(row) if one.address == here and one.mac}
    same_mac = camera.mac in macs if camera.mac and macs else None
    port = camera.onvif_port
    if port is not None and ports and port not in ports:
        return Moved(camera.camera_id, camera.address, port, here, min(ports), same_mac)
    if here == camera.address:
        return None
    port = port or camera.port
    return Moved(camera.camera_id, camera.address, port, here, port, same_mac)
