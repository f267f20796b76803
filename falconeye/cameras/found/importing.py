"""What becomes of the cameras of other recorders' files: which are new, and what of them is taken.

Command line, page and API plan by the same code.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from falconeye.base.errors import InvalidInput
from falconeye.cameras.changes import new_config
from falconeye.cameras.identity.onvif_address import names_device
from falconeye.cameras.views import NewCamera
from falconeye.config.addresses import address_key
from falconeye.config.camera import CameraConfig, Protocol
from falconeye.discovery.imports.imported import ImportedCamera, ImportedFile

ADD: Final = "add"
THERE: Final = "there"  # already
LEFT_OUT: Final = "left out"


@dataclass(frozen=True, slots=True)
class Planned:
    """What becomes of one camera of the file; `detail` says why, without secrets."""

    camera: ImportedCamera
    action: str
    detail: str
    key: str | None = None  # of its address, where that is one


@dataclass(slots=True)
class ImportPlan:
    """What becomes of all of them."""

    planned: list[Planned] = field(default_factory=list)
    added: list[CameraConfig] = field(default_factory=list)


def make_plan(
    imported: ImportedFile,
    cameras: Sequence[CameraConfig],
    *,
    node_name: str,
    now_us: int,
    start: bool,
    asks: bool = False,
    elsewhere: Mapping[str, str] | None = None,
) -> ImportPlan:
    """Which cameras are new to `cameras`, checked; nothing is stored.

    They are stopped, unless `start` and they ran there: the other recorder may have them still.
    `asks`: who adds them asks ONVIF cameras for their streams; without it, these are left out.
    `elsewhere`: address keys of other files' cameras, and the words that say where they are.
    """
    plan = ImportPlan()
    known = {key: camera.name for camera in cameras if (key := address_key(camera)) is not None}
    for camera in imported.cameras:
        if (why := _why_not(camera, node_name)) is not None:
            plan.planned.append(Planned(camera, LEFT_OUT, why))
            continue
        if asks and names_device(camera.protocol, camera.source_url):
            why = f"{'started' if start and camera.enabled else 'stopped'}, asked for its streams"
            plan.planned.append(Planned(camera, ADD, why))
            continue
        try:
            config = new_config(new_camera(camera, start=start), now_us, node_name)
        except InvalidInput as error:
            plan.planned.append(Planned(camera, LEFT_OUT, str(error)))
            continue
        key = address_key(config)
        if key is not None and key in known:
            plan.planned.append(Planned(camera, THERE, f"as “{known[key]}”", key))
            continue
        if elsewhere and key is not None and key in elsewhere:
            plan.planned.append(Planned(camera, LEFT_OUT, elsewhere[key], key))
            continue
        plan.added.append(config)
        why = f"{'started' if config.started else 'stopped'}, records: {config.record.value}"
        plan.planned.append(Planned(camera, ADD, why, key))
    return plan


def _why_not(camera: ImportedCamera, node_name: str) -> str | None:
    if camera.missing:
        return "; ".join(camera.missing)
    if camera.protocol is Protocol.USB:
        return "a USB camera: add it from Found cameras"
    if camera.node_name not in {None, node_name}:
        return f"the file wants it at the node {camera.node_name!r}; this one is {node_name!r}"
    return None


def new_camera(camera: ImportedCamera, *, start: bool) -> NewCamera:
    """All that is taken over of it. It never leads to the node itself: nobody allowed that."""
    return NewCamera(
        name=camera.name,
        protocol=camera.protocol,
        source_url=camera.source_url,
        sub_url=camera.sub_url,
        username=camera.username,
        password=camera.password,
        location=camera.location,
        resolution=camera.resolution,
        framerate=camera.framerate,
        transport=camera.transport,
        record=camera.record,
        start=start and camera.enabled,
        onvif_url=camera.onvif_url,
    )
