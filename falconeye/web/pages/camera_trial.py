"""The test before saving: a picture, the codecs, and what recording it would take."""

import base64
from typing import Final

from falconeye.base.times import DAY_US, SECOND_US
from falconeye.cameras.views import TestResult
from falconeye.config.camera import RecordMode
from falconeye.storage.reading.filling import in_line, kept_free_bytes
from falconeye.web.contexts import DiskRoom, TrialPage
from falconeye.web.services import Services

_DAY_S: Final = DAY_US // SECOND_US


async def trial_page(
    services: Services, result: TestResult, *, record: str, camera_id: str | None = None
) -> TrialPage:
    """`result` with the room that the disk has; `camera_id`: the camera itself does not count."""
    records = record == RecordMode.CONTINUOUS.value
    disk = await disk_room(services, without=camera_id)
    picture = base64.b64encode(result.picture).decode() if result.picture else ""
    days = None
    if disk and result.bytes_per_day:
        days = holds_days(disk, result.bytes_per_day)
    return TrialPage(result=result, picture_base64=picture, days=days, disk=disk, records=records)


def holds_days(disk: DiskRoom, bytes_per_day: int) -> float:
    """How long footage stays before the oldest makes room, with all cameras together."""
    room = max(0, disk.free_bytes + disk.footage_bytes - disk.floor_bytes)
    return room / (bytes_per_day + disk.other_bytes_per_day)


async def disk_room(services: Services, *, without: str | None) -> DiskRoom | None:
    """The disks that new footage fills; None when the one that it goes to first is not there."""
    first = services.volumes.for_recording()
    line = in_line(await services.volumes.facts(), first.id)
    if not line or line[0].id != first.id:
        return None
    known = await services.storage.changes.known()
    held = {one.row.volume_id: one.held.size_bytes for one in known}
    others = sum(
        stream.bits_per_second / 8 * _DAY_S
        for camera in services.cameras.list()
        if camera.config.id != without and camera.state.recording
        for stream in camera.streams
    )
    return DiskRoom(
        total_bytes=sum(one.total_bytes for one in line),
        free_bytes=sum(one.free_bytes for one in line),
        floor_bytes=sum(kept_free_bytes(one, line) for one in line),
        footage_bytes=sum(held.get(one.id, 0) for one in line),
        disks=len(line),
        is_root=line[0].is_root_fs,
        is_sd_card=line[0].is_sd_card,
        other_bytes_per_day=int(others),
    )
