"""Contexts of every page with plausible values: to look at the pages and to check them with axe."""

import base64
import io
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import av

from falconeye.alerts.channel import ChannelState
from falconeye.cameras.found.found_pictures import PictureState
from falconeye.cameras.onvif.ptz_sessions import PtzState
from falconeye.cameras.views import Camera, StreamStats, TestResult
from falconeye.config.camera import CameraConfig, Protocol, RecordMode
from falconeye.config.schedule import DAYS
from falconeye.config.settings import NodeSettings
from falconeye.devices.v4l2_controls import Control
from falconeye.doctor.finding import Finding, Level
from falconeye.events.camera_state import CameraState, CameraStatus, ReasonCode
from falconeye.jobs.system_work import Act, Amount, SystemWork, WorkKind, WorkState
from falconeye.media.samples import StreamKind
from falconeye.onvif.ptz import OnvifPreset
from falconeye.storage.backups.nightly import KEPT, KeptBackup
from falconeye.storage.stores.audit_store import AuditEntry, AuditWords
from falconeye.storage.stores.settings_store import StoredSettings
from falconeye.web import (
    audit_contexts,
    backup_contexts,
    contexts,
    day_contexts,
    device_contexts,
    footage_contexts,
    found_contexts,
    job_contexts,
    notice_contexts,
    ptz_contexts,
    recording_contexts,
    schedule_contexts,
    settings_contexts,
    settings_form,
    storage_contexts,
    wall_contexts,
    work_views,
)
from falconeye.web.authority_contexts import AuthorityPage
from falconeye.web.doctor_contexts import DoctorPage
from falconeye.web.node_choice import NodeChoice
from falconeye.web.peers.lists import OfNode
from tests.browser import display_samples, node_samples, wall_samples
from tests.browser.found_samples import claims, imported, refused
from tests.browser.help_samples import help_pages
from tests.browser.people_samples import people_pages

NOW_US = 1_795_000_000_000_000
HOUR_US = 3_600_000_000

FRAME = contexts.Frame(
    path="/",
    language="en",
    zone=ZoneInfo("Europe/Berlin"),
    zone_name="Europe/Berlin",
    node_name="pi-1",
    version="0.1.0",
    csrf_token="sample",
    user="anna",
    role="admin",
    may_control=True,
    may_export=True,
    may_change=True,
    may_delete_footage=True,
    may_see_footage=True,
    may_download=True,
    may_see_jobs=True,
    may_set=True,
    may_test=True,
    found_new=2,
)
NOBODY = replace(
    FRAME,
    user=None,
    role="",
    may_control=False,
    may_export=False,
    may_change=False,
    may_delete_footage=False,
    may_see_footage=False,
    may_download=False,
    may_see_jobs=False,
    may_set=False,
    may_test=False,
    found_new=0,
)
HELP_PAGES = help_pages(FRAME)  # read at import: it blocks
WEEK = tuple(f"2026-11-{day}" for day in range(14, 21))
NAMES = ("Front door", "Yard", "Garage", "Stairs, second floor", "Parking", "Workshop", "Gate")


def state(number: int, status: CameraStatus = CameraStatus.RUNNING, **more: Any) -> CameraState:
    online = status is CameraStatus.RUNNING
    values: dict[str, Any] = {
        "camera_id": f"camera-{number}",
        "status": status,
        "online": online,
        "reason_code": ReasonCode.NONE,
        "reason": "",
        "since_us": NOW_US - 3 * HOUR_US,
        "recording": online,
    }
    return CameraState(**{**values, **more})


def states() -> list[CameraState]:
    return [
        state(0),
        state(1),
        state(
            2,
            CameraStatus.ERROR,
            reason_code=ReasonCode.PASSWORD_REFUSED,
            reason="The camera refused the password.",
        ),
        state(3, recording=False),
        state(
            4,
            CameraStatus.CREATING,
            reason_code=ReasonCode.RECONNECTING,
            reason="No answer from 10.0.0.9:554, trying again.",
        ),
        state(5),
        state(
            6,
            CameraStatus.STOPPED,
            reason_code=ReasonCode.STOPPED_BY_USER,
            reason="Stopped by anna.",
        ),
    ]


def tiles(count: int) -> tuple[wall_contexts.Tile, ...]:
    every = states()
    return tuple(
        wall_contexts.Tile(
            id=f"camera-{n}",
            name=NAMES[n % len(NAMES)] + ("" if n < len(NAMES) else f" {n}"),
            state=replace(every[n % len(every)], camera_id=f"camera-{n}"),
        )
        for n in range(count)
    )


def camera() -> Camera:
    main = StreamStats(
        kind=StreamKind.MAIN,
        connected=True,
        video="H.264 1920×1080",
        audio="AAC 16 kHz",
        codecs="avc1.640029,mp4a.40.2",
        width=1920,
        height=1080,
        fps=24.98,
        bits_per_second=4.1e6,
        drops=0,
        reconnects=2,
        viewers=1,
        bytes_written=43_200_000_000,
    )
    sub = replace(
        main,
        kind=StreamKind.SUB,
        video="H.264 640×360",
        audio=None,
        fps=14.99,
        bits_per_second=4.2e5,
        viewers=3,
        bytes_written=4_100_000_000,
    )
    config = CameraConfig(
        id="camera-0",
        name="Front door",
        protocol=Protocol.RTSP,
        source_url="rtsp://192.168.1.64:554/Streaming/Channels/101",
        created_at_us=NOW_US - 90 * 24 * HOUR_US,
        updated_at_us=NOW_US,
        location="Main entrance, under the roof",
        record=RecordMode.CONTINUOUS,
        audio=False,
    )
    return Camera(config, state(0), (main, sub), "camera-0_20261120140000", NOW_US)


def rows(count: int, *, name: str = "Front door") -> tuple[recording_contexts.RecordingRow, ...]:
    made = []
    for n in range(count):
        start = NOW_US - NOW_US % HOUR_US - n * HOUR_US
        made.append(
            recording_contexts.RecordingRow(
                id=f"camera-0_{n}",
                camera_id="camera-0",
                camera_name=name,
                start_us=start,
                end_us=None if n == 0 else start + HOUR_US,
                duration_us=1_322_000_000 if n == 0 else HOUR_US,
                size_bytes=660_000_000 if n == 0 else 1_812_000_000 - n * 7_000_000,
                status="recording" if n == 0 else "completed",
            )
        )
    if count > 3:
        made[2] = replace(made[2], protected=True)
        made[3] = replace(made[3], status="failed", error_message="The disk was full.")
    return tuple(made)


def _shade(plane: int, share: float) -> int:
    """Y, Cb or Cr at a height between 0 (top) and 1."""
    if plane == 0:
        return 150 - int(60 * abs(share - 0.5))
    if plane == 1:
        return 140 if share < 0.55 else 118
    return 116 if share < 0.55 else 122


def picture(width: int = 960, height: int = 540) -> bytes:
    """A JPEG with a plain scene: sky, ground, a house with a lit window."""
    frame = av.VideoFrame(width, height, "yuvj420p")
    window = {0: 215, 1: 84, 2: 148}
    for number, plane in enumerate(frame.planes):
        lines = []
        for y in range(plane.height):
            share = y / plane.height
            line = bytearray([_shade(number, share)] * plane.line_size)
            if 0.3 < share < 0.62:
                line[int(plane.width * 0.55) : int(plane.width * 0.8)] = bytes(
                    [128 if number else 190]
                ) * (int(plane.width * 0.8) - int(plane.width * 0.55))
            if 0.4 < share < 0.5:
                line[int(plane.width * 0.62) : int(plane.width * 0.68)] = bytes(
                    [window[number]]
                ) * (int(plane.width * 0.68) - int(plane.width * 0.62))
            lines.append(bytes(line))
        plane.update(b"".join(lines))
    with io.BytesIO() as memory:
        with av.open(memory, "w", format="mjpeg") as output:
            stream = output.add_stream("mjpeg", rate=1)
            stream.width, stream.height, stream.pix_fmt = width, height, "yuvj420p"
            output.mux(stream.encode(frame))
            output.mux(stream.encode(None))
        return memory.getvalue()


def trial(*, ok: bool = True) -> contexts.TrialPage:
    if not ok:
        return contexts.TrialPage(
            TestResult(
                ok=False,
                reason_code=ReasonCode.PASSWORD_REFUSED,
                reason="The camera refused the password. It was tried once; check it before the "
                "next try, many cameras lock after a few.",
            )
        )
    return contexts.TrialPage(
        result=TestResult(
            ok=True,
            reason_code=ReasonCode.NONE,
            reason="",
            video="HEVC 2560×1440",
            audio="G.711 8 kHz",
            fps=20.0,
            bits_per_second=4e6,
            bytes_per_day=43_200_000_000,
            browser_plays=False,
        ),
        picture_base64=base64.b64encode(picture(640, 360)).decode(),
        days=11.2,
        disk=contexts.DiskRoom(
            total_bytes=512 * 10**9,
            free_bytes=480 * 10**9,
            floor_bytes=25 * 10**9,
            is_sd_card=True,
        ),
    )


def groups() -> tuple[recording_contexts.RecordingGroup, ...]:
    first = rows(5)
    second = tuple(
        replace(row, end_us=row.start_us + HOUR_US, status="completed", camera_deleted=True)
        for row in rows(3, name="Yard")
    )
    return (
        recording_contexts.RecordingGroup(NOW_US, "camera-0", "Front door", first),
        recording_contexts.RecordingGroup(NOW_US, "camera-1", "Yard", second),
    )


def about() -> contexts.AboutPage:
    health = tuple(
        contexts.CameraHealth(
            id=f"camera-{n}",
            name=NAMES[n],
            state=one,
            fps=25.0 if one.online else 0.0,
            bits_per_second=4.1e6 if one.online else 0.0,
            drops=0,
            reconnects=n,
            viewers=n % 3,
            bytes_written=43_000_000_000 // (n + 1),
        )
        for n, one in enumerate(states())
    )
    disk = contexts.DiskHealth(
        label="media",
        path="/srv/falconeye/media",
        total_bytes=512 * 10**9,
        free_bytes=130 * 10**9,
        floor_bytes=26 * 10**9,
        writable=True,
        sync_interval_s=2.0,
        queue_bytes=0,
    )
    return contexts.AboutPage(
        node_id="0d6c1f2e9a3b4c5d",
        started_at_us=NOW_US - 50 * HOUR_US,
        uptime_us=50 * HOUR_US,
        python_version="3.11.2",
        disks=(disk,),
        cameras=health,
        memory_used_bytes=41_000_000,
        memory_limit_bytes=512_000_000,
        loop_lateness_ms=1.2,
        licences=(("htmx", "4.0.1", "0BSD"), ("litestar", "2.25.0", "MIT")),
        nodes=NODES,
    )


def settings(**more: Any) -> settings_contexts.SettingsPage:
    stored = StoredSettings(site_time_zone="Europe/Berlin", keep_days=30, audit_keep_days=None)
    node = NodeSettings(Path("/var/lib/falconeye"), Path("/srv/video"), backup_dir=Path("/mnt/b"))
    origins = {"data_dir": "--data-dir", "media_dir": "FALCONEYE_MEDIA_DIR"}
    return settings_contexts.SettingsPage(
        groups=settings_form.groups(stored, StoredSettings(), ("pi-1", "attic"), {}),
        zones=("Europe/Berlin", "UTC"),
        node_rows=settings_form.node_rows(node, origins),
        node_name="pi-1",
        **more,
    )


def notice_rows() -> tuple[notice_contexts.NoticeRow, ...]:
    since_us = NOW_US - HOUR_US
    row = notice_contexts.NoticeRow(
        "camera-0", "Front door", since_us, None, "the camera was offline: no answer", NOW_US
    )
    other = replace(row, camera_name=NAMES[3], until_us=NOW_US, reason="the disk was full")
    disk = replace(row, volume="The disk of /mnt/nas is missing.", reason="is the disk mounted?")
    row = replace(row, node_name="pi-1")
    disk = replace(disk, node_name="garage-pi-2", node_id="2")
    return row, replace(other, sent_us=None, node_name="garage-pi-2"), disk


def destinations() -> notice_contexts.DestinationsPage:
    hook = ChannelState("webhook", "https://ha.example:8123/***", NOW_US, NOW_US)
    return notice_contexts.DestinationsPage(
        values={
            "notify_urls": "tgram://***\nntfys://***",
            "webhook_url": hook.address,
            "webhook_secret": "***",
            "heartbeat_url": "",
            "notify_cooldown_minutes": "15",
            "notify_allow_local": "",
        },
        channels=(
            ChannelState("notify-1", "tgram://***"),
            replace(
                hook, problem="it answered 503 Service Unavailable", waiting=3, dropped=1, refused=2
            ),
        ),
        tested="The test arrived: it answered 200 OK.",
    )


def footage() -> contexts.FootagePage:
    """A day with holes of every kind, seen at 18:00."""
    start_us = NOW_US - NOW_US % 24 * HOUR_US
    hours = (
        (0, 6, True, "", False),
        (6, 6.5, False, "the camera was offline: no answer", False),
        (6.5, 12, True, "", False),
        (12, 14, False, "ann stopped the recording", True),
        (14, 18, True, "", False),
    )
    parts = tuple(
        day_contexts.DayPart(
            start_us + int(begin * HOUR_US), start_us + int(end * HOUR_US), recorded, why, wanted
        )
        for begin, end, recorded, why, wanted in hours
    )
    return contexts.FootagePage(
        camera_id="camera-0",
        camera_name="Front door",
        start_us=start_us,
        end_us=start_us + 24 * HOUR_US,
        day="2026-11-20",
        earlier="2026-11-19",
        later=None,
        range=contexts.DayRange("2026-11-01", "2026-11-20", WEEK),
        parts=parts,
        recordings=rows(4),
        corrections=(
            day_contexts.ClockRow(start_us, start_us + HOUR_US, 92 * 24 * HOUR_US, was_behind=True),
            day_contexts.ClockRow(
                start_us + 2 * HOUR_US, start_us + 3 * HOUR_US, 40_000_000, was_behind=False
            ),
        ),
        protections=(
            recording_contexts.ProtectionRow(
                1, start_us + 7 * HOUR_US, start_us + 9 * HOUR_US, "anna", "The fence was cut"
            ),
            recording_contexts.ProtectionRow(
                2, start_us + 20 * HOUR_US, start_us + 30 * HOUR_US, "eve", ""
            ),
        ),
        seams=(
            day_contexts.SeamRow(
                start_us + 8 * HOUR_US,
                start_us + 7 * HOUR_US,
                ((start_us + 7 * HOUR_US, start_us + 8 * HOUR_US),),
            ),
            day_contexts.SeamRow(start_us + 15 * HOUR_US, start_us + 30 * HOUR_US),
            day_contexts.SeamRow(
                None, None, ((start_us + 16 * HOUR_US, start_us + 16 * HOUR_US + 9_000_000),)
            ),
        ),
        events=(
            contexts.EventRow(start_us + 16 * HOUR_US, "Somebody rings", "2026-11-20T15:00:00Z"),
            contexts.EventRow(start_us + 9 * HOUR_US, "motion.person", "2026-11-20T08:00:00Z"),
        ),
    )


def cluster_footage() -> contexts.FootagePage:
    """The same day with a node that nobody hears since 14:02."""
    one = footage()
    begin = one.start_us
    away = "recorded by pi-2, unreachable since 14:02"
    untold = "unknown, pi-2 unreachable since 14:02; it holds 09:10–14:02"
    parts = (
        day_contexts.DayPart(begin, begin + 9 * HOUR_US, recorded=True),
        day_contexts.DayPart(begin + 9 * HOUR_US, begin + 14 * HOUR_US, recorded=True, untold=away),
        day_contexts.DayPart(
            begin + 14 * HOUR_US, begin + 18 * HOUR_US, recorded=False, untold=untold
        ),
    )
    return replace(one, parts=parts, corrections=(), seams=(), events=())


def many_footage(count: int) -> footage_contexts.ManyFootagePage:
    """That day of some cameras."""
    days = tuple(
        replace(footage(), camera_id=f"camera-{index}", camera_name=name, recordings=())
        for index, name in enumerate(NAMES[:count])
    )
    one = footage()
    return footage_contexts.ManyFootagePage(
        day=one.day,
        start_us=one.start_us,
        end_us=one.end_us,
        earlier=one.earlier,
        later=None,
        range=one.range,
        days=days,
        choices=tuple(
            footage_contexts.FootageChoice(f"camera-{index}", name, is_chosen=index < count)
            for index, name in enumerate(NAMES)
        ),
    )


def cluster_days() -> footage_contexts.FootageDaysPage:
    """Some of it only on a node that nobody hears."""
    page = footage_days(2)
    away = tuple(
        replace(day, lanes=(day.lanes[0], ()), away=((), day.lanes[1])) for day in page.days
    )
    return replace(page, days=away, silent=(("pi-2", NOW_US),))


def footage_days(count: int) -> footage_contexts.FootageDaysPage:
    """Weeks of some cameras: whole days, a broken one, one with a few events, an empty one."""
    last_us = footage().start_us
    days = []
    for ago in range(20):
        start_us = last_us - ago * 24 * HOUR_US
        broken = (
            (start_us, start_us + 7 * HOUR_US),
            (start_us + 9 * HOUR_US, start_us + 17 * HOUR_US),
        )
        few = tuple(
            (start_us + at * HOUR_US, start_us + at * HOUR_US + 90_000_000)
            for at in (3, 11, 12, 20)
        )
        kinds = {0: broken, 4: few, 9: ()}
        lanes = tuple(
            kinds.get((ago + lane) % 10, ((start_us, start_us + 24 * HOUR_US),))
            for lane in range(count)
        )
        day = f"2026-11-{20 - ago:02}"
        days.append(footage_contexts.FootageDay(day, start_us, start_us + 24 * HOUR_US, lanes))
    return footage_contexts.FootageDaysPage(
        cameras=tuple((f"camera-{index}", name) for index, name in enumerate(NAMES[:count])),
        month="2026-11",
        months=("2026-11", "2026-10", "2026-09"),
        days=tuple(days) if count else (),
    )


def exports() -> job_contexts.ExportsPage:
    """The form, with a second camera."""
    form = job_contexts.ExportForm(
        "camera-0", ("camera-1",), NOW_US - HOUR_US, NOW_US - HOUR_US // 2
    )
    return job_contexts.ExportsPage(form, (("camera-0", "Front door"), ("camera-1", "Yard")))


def _works() -> tuple[job_contexts.WorkRow, ...]:
    """Each kind of what the recorder does by itself, as its words are made."""
    move = SystemWork(
        "move-1", WorkKind.MOVE, WorkState.PENDING, "/var/lib/falconeye/media",
        Amount(1204), Amount(31_000_000_000), NOW_US - HOUR_US, trouble="/mnt/archive is full",
        acts=(Act.RETRY, Act.PAUSE),
    )  # fmt: skip
    return tuple(
        work_views.work_row(work, lambda camera_id: camera_id)
        for work in (
            SystemWork(
                "index", WorkKind.INDEX, WorkState.PROCESSING, "", Amount(84211, 200502),
                since_us=NOW_US - HOUR_US, acts=(Act.CANCEL,),
            ),
            move,
            replace(
                move, id="move-2", subject="/mnt/usb", state=WorkState.PAUSED, by="anna",
                trouble="", files=Amount(204, 1000), acts=(Act.RESUME,),
                size_bytes=Amount(6_000_000_000, 30_000_000_000),
            ),
            SystemWork(
                "deletion-1", WorkKind.DELETION, WorkState.PROCESSING, "Front door",
                Amount(300, 1440), Amount(3_000_000_000), NOW_US, by="anna: asked for by Bert",
                acts=(Act.CANCEL,),
            ),
            SystemWork(
                "redating", WorkKind.REDATING, WorkState.PENDING, since_us=NOW_US,
                shift_us=30 * HOUR_US,
            ),
            SystemWork("move-3", WorkKind.MOVE, WorkState.COMPLETE, "/mnt/old", Amount(12),
                       Amount(900_000_000), ended_us=NOW_US, acts=(Act.PAUSE,)),
            SystemWork(
                "backup", WorkKind.BACKUP, WorkState.FAILED, "/var/lib/falconeye/backups",
                size_bytes=Amount(12_000_000), ended_us=NOW_US - 24 * HOUR_US,
                trouble="the directory of backups /mnt/usb does not answer: see its disk",
                acts=(Act.RETRY,),
            ),
        )
    )  # fmt: skip


WORKS = _works()  # before a loop runs: the catalogue is read


def jobs() -> job_contexts.JobsPage:
    """What the recorder does, and an export in each state."""
    states = ("processing", "pending", "complete", "failed", "cancelled")
    rows = tuple(
        job_contexts.ExportRow(
            id=f"job-{state}",
            camera_names=("Front door",) if state != "complete" else NAMES[:3],
            from_us=NOW_US - HOUR_US,
            to_us=NOW_US - HOUR_US // 2,
            state=state,
            is_over=state not in {"processing", "pending"},
            progress=0.42 if state == "processing" else 0,
            error="there is no room left on the disk" if state == "failed" else "",
            size_bytes=912_000_000 if state == "complete" else 0,
            sha256="9f86d081884c7d659a2feaa0c55ad015" * 2 if state == "complete" else "",
            gaps=2 if state == "complete" else 0,
            has_sheet=state == "complete",
            has_hevc=state == "complete",
            is_copy=state == "failed",
            owner="anna",
            since_us=NOW_US,
        )
        for state in states
    )
    over = [row for row in WORKS if row.is_over]
    return job_contexts.JobsPage(WORKS, rows, earlier=(*over, *over))


def storage() -> storage_contexts.StoragePage:
    days = tuple(
        storage_contexts.Bar(f"2026-11-{day:02}", day * 4_300_000_000, 100 * day / 20)
        for day in range(7, 21)
    )
    shares = tuple(
        storage_contexts.Share(name, 90_000_000_000, place * 18.0, 18.0, place % 3)
        for place, name in enumerate(("Front door", "Yard", "Exports", "Other data"))
    )
    disk = storage_contexts.VolumePanel(
        id="disk-1",
        path="/srv/video",
        role="record",
        role_words="For recording",
        is_media_dir=True,
        is_present=True,
        records=True,
        problem="",
        total_bytes=500_000_000_000,
        free_bytes=210_000_000_000,
        floor_bytes=25_000_000_000,
        footage_bytes=180_000_000_000,
        grows_by=86e9,
        full="in 4 days",
        shares=shares,
        moving="The oldest footage is being moved to an archive.",
        is_held_up=False,
        fstab="UUID=5f3c6c1a-51b0  /srv/video  ext4  defaults,noatime,nofail  0  2",
        unit_name="srv-video.mount",
        unit="[Mount]\nWhat=/dev/disk/by-uuid/5f3c6c1a-51b0\nWhere=/srv/video\n",
        drop_in='[Service]\nReadWritePaths="-/srv/video"\n',
        drop_in_path="/etc/systemd/system/falconeye.service.d/storage-srv-video.conf",
        note="",
    )
    archive = replace(
        disk,
        id="disk-2",
        path="/mnt/nas/a-rather-long-name-of-a-share/video",
        role="archive",
        role_words="Archive",
        is_media_dir=False,
        is_present=False,
        records=False,
        problem="The disk is missing: no falconeye-volume.json in it: is the disk mounted?",
        moving="Moving is held up: /mnt/nas is full",
        is_held_up=True,
        shares=shares[:2],
    )
    camera = storage_contexts.CameraStorageRow(
        id="camera-0",
        name="Front door",
        is_deleted=False,
        size_bytes=90_000_000_000,
        share=0.5,
        bytes_per_day=43e9,
        oldest_us=NOW_US,
        lasts="in 4 days, for room",
        bars=days,
    )
    cameras = (camera, replace(camera, id="gone", name="Stairs, second floor", is_deleted=True))
    return storage_contexts.StoragePage(
        volumes=(disk, archive),
        cameras=cameras,
        days=days,
        bytes_per_day=86e9,
        lasts="The room lasts for 4 days; then the oldest footage makes room.",
        mounts=(
            storage_contexts.MountRow("/srv/video", "disk, ext4", 5 * 10**11, 2 * 10**11, ""),
            storage_contexts.MountRow("/", "SD card, ext4", 10**10, 10**9, "the system's own"),
        ),
        choices=(("camera-0", "Front door"), ("camera-1", "Yard")),
        left=(
            storage_contexts.LeftProtections("gone", "Stairs, second floor", footage().protections),
        ),
        nodes=storage_nodes(),
        silent_nodes=("attic",),
    )


def storage_nodes() -> tuple[storage_contexts.NodeStorageRow, ...]:
    """Two that answer; one has a disk that is gone."""
    disk = storage_contexts.NodeDiskRow("/srv/video", "", 5 * 10**11, 2 * 10**11, 18 * 10**10)
    missing = replace(disk, path="/mnt/usb", problem="The disk is missing: does not answer")
    cameras = tuple((name, 9 * 10**10) for name in NAMES[:3])
    row = storage_contexts.NodeStorageRow
    lasts = "The room lasts for 4 days; then the oldest footage makes room."
    return (
        row("1", "pi-1", True, lasts, (disk,), cameras),
        row("2", "garage-pi-2", False, lasts, (disk, missing), cameras[:1]),
    )


def found() -> found_contexts.FoundPage:
    """A found camera in each state."""
    row, kinds = found_contexts.FoundRow, found_contexts.FoundState
    plugged = row(
        "f0", "C270 HD WEBCAM", kinds.NEW, "Logitech", "/dev/video2, USB port 1.2",
        ("plugged in",), offers=(found_contexts.FoundOffer("camera-2", "Garage"),),
        needs_nothing=True,
    )  # fmt: skip
    by = ("answers ONVIF", "announces itself", "port 554 answers")
    dome = row("f1", "IPC-HDW2431T", kinds.NEW, "Dahua", "192.168.1.80:80", by)
    still = found_contexts.FoundStill
    plugged = replace(plugged, picture=still(PictureState.HERE, NOW_US), seen_by=("pi-1",))
    dome = replace(dome, seen_by=("pi-1", "garage-pi-2"))
    locked = still(PictureState.NONE, words="Its pictures need a login.")
    other = "Another one claims to be this camera."
    was = "It was at 192.168.1.64:554 before. Nothing proves that it is the camera."
    file = row("f6", "Gate", kinds.NEW, "", "192.168.1.70:554", ("from a file",), imported="i4")
    module = "Send its pictures to an RTSP server such as MediaMTX and add the address of that."
    return found_contexts.FoundPage(
        (
            plugged,
            replace(dome, doubt=other, picture=locked),
            replace(dome, id="f7", picture=still(PictureState.COMING)),
            file,
            replace(
                dome, id="f2", state=kinds.MOVED, cameras=(("camera-0", "Front door"),), words=was,
                claims=(replace(claims()[0], label="It is Front door: follow it to 192.168.1.80"),),
            ),
            replace(
                dome, id="f3", state=kinds.CAMERA,
                cameras=tuple((f"camera-{n}", NAMES[n]) for n in range(4)),
            ),
            row("f4", "imx708", kinds.UNUSABLE, "", "/dev/video0", ("a camera module",),
                words=module),
        ),
        (replace(dome, id="f5", state=kinds.IGNORED, found_by=("from a file",)),),
        silent_nodes=("attic",),
        other_nodes=(("2", "garage-pi-2"),),
    )  # fmt: skip


def device(**values: Any) -> device_contexts.DevicePart:
    """A webcam that offers two formats."""
    sizes = ("1920×1080", "1280×720", "640×480")
    groups = tuple(
        (
            name,
            tuple(
                device_contexts.DeviceMode(
                    f"{fourcc}:{size.replace('×', 'x')}", f"{size}, up to 30 per s"
                )
                for size in sizes
            ),
        )
        for fourcc, name in (("", "The best format"), ("MJPG", "Motion-JPEG (MJPG)"))
    )
    part = device_contexts.DevicePart(
        "/dev/video2", "usb:046d:0825:port:platform-fd500000.pcie-pci-0000:01:00.0-usb-0:1.2",
        "USB port 1.2", groups,
    )  # fmt: skip
    return replace(part, **values)


def controls(trouble: str = "") -> device_contexts.ControlsPage:
    """Of every kind, one of them governed by an automatic."""
    number = Control(1, "Brightness", "number", 0, 255, 1, 128, 140, is_active=True)
    menu = ((1, "Manual Mode"), (3, "Aperture Priority Mode"))
    every = (
        number,
        replace(number, id=2, name="Contrast", value=128),
        Control(3, "White Balance, Automatic", "switch", 0, 1, 1, 1, 1, is_active=True),
        Control(4, "White Balance Temperature", "number", 0, 9, 1, 4, 4, is_active=False),
        Control(5, "Auto Exposure", "menu", 0, 3, 1, 3, 1, True, menu),
    )
    return device_contexts.ControlsPage("camera-0", "Garage", every, trouble)


def ptz(presets: int = 12) -> ptz_contexts.PtzPage:
    """A dome that can do everything."""
    names = ("Gate", "Front door", "Parking, the row along the hedge as far as the street")
    places = tuple(
        OnvifPreset(str(n), names[n] if n < len(names) else f"Preset {n + 1}")
        for n in range(presets)
    )
    able = PtzState(pan_tilt=True, zoom=True, home=True, max_presets=16, presets=places)
    return ptz_contexts.PtzPage("camera-0", "Front door", True, able)


PAUSED = state(
    0,
    CameraStatus.STOPPED,
    reason_code=ReasonCode.PAUSED,
    reason="paused by anna until 18:00",
    recording=False,
)


WRONG_HOURS = {"record-tue": "Tue: '8 to 5' is no time such as 08:00-17:30."}


def schedules(errors: Mapping[str, str] | None = None) -> schedule_contexts.SchedulesPage:
    names = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
    hours = dict.fromkeys(DAYS, "") | dict.fromkeys(DAYS[:5], "07:30-12:00, 13:00-18:15")
    days = tuple(zip(DAYS, names, strict=True))
    never = dict.fromkeys(DAYS, "")
    return schedule_contexts.SchedulesPage(
        "camera-0", "Front door", days, hours, never, True, errors or {}
    )


def backups() -> backup_contexts.BackupsPage:
    folder = "/var/lib/falconeye/backups/nightly-2026112"
    kept = tuple(
        KeptBackup(
            Path(f"{folder}{KEPT - day}T020000Z.sqlite3"), NOW_US - day * 24 * HOUR_US, 1_400_000
        )
        for day in range(KEPT)
    )
    return backup_contexts.BackupsPage(kept, nightly=True, directory=None)


def audit(**choice: Any) -> audit_contexts.AuditPage:
    id_ = "0b7f7a52-93cd-4a3a-9d3b-3c1a9c2d7e11"
    rows = (
        ("user", "anna", "camera.changed", "camera", "camera-0", "audio, keep_days", "192.168.1.7"),
        ("token", "vlc", "recording.downloaded", "recording", id_, "Front door", "192.168.1.8"),
        ("system", "system", "user.added", "user", id_, "otto", ""),
    )
    entries = tuple(
        OfNode(
            "1",
            f"pi-{number}",
            AuditEntry(NOW_US - number * HOUR_US, row[0], None, *row[1:]),
        )
        for number, row in enumerate(rows)
    )
    return audit_contexts.AuditPage(
        entries=() if choice else entries,
        total=0 if choice else 203,
        choice=audit_contexts.AuditChoice(**choice),
        words=AuditWords(tuple(row[2] for row in rows), ("anna", "vlc"), ("camera", "user")),
        names={"camera-0": "Front door"},
        cameras=(("camera-0", "Front door"),),
        keep_days=365,
        download_query="",
        newer_query="",
        older_query="offset=200",
        silent_nodes=("attic",),
        silent_words=("attic",),
        has_others=True,
    )


def backup_look() -> backup_contexts.LookPage:
    return backup_contexts.LookPage(
        id="sample",
        name="falconeye-pi-1-20261120T020000Z.backup",
        node_name="pi-1",
        made_us=NOW_US - 24 * HOUR_US,
        cameras=("Front door", "Garden", "Yard"),
        users=("anna", "otto"),
        admins=(),
        cameras_gone=("Cellar",),
        users_gone=("eve",),
        tokens_gone=("vlc",),
        restarts=True,
    )


NODES = (
    NodeChoice("2", "garage-pi-2"),
    NodeChoice("1", "pi-1", is_shown=True),
)


def doctor() -> DoctorPage:
    advice = "Check power, cable, address, login: falconeye camera test ADDRESS"
    media = "/srv/video"
    findings = (
        Finding("camera", "Front door", Level.OK, "nothing keeps it from recording"),
        Finding("camera", "Garage", Level.FAIL, "does not record: the camera is away", advice),
        Finding("disk", media, Level.OK, "410.2 of 960.2 GB are free, 48.0 GB are kept so"),
        Finding("disk", media, Level.WARN, "an SD card, which footage wears out", "Use an SSD"),
        Finding("database", "integrity", Level.OK, "no fault found"),
        Finding("machine", "temperature", Level.OK, "52 °C"),
    )
    return DoctorPage(NOW_US, findings, NODES)


def pages() -> Mapping[str, tuple[str, contexts.Frame, Any]]:
    """Name → (template, frame, page)."""
    one = camera()
    question = contexts.DeleteCameraPage("camera-0", "Front door", 214, 388_000_000_000)
    gaps = (
        recording_contexts.GapRow(NOW_US, NOW_US + 21_000_000, "the camera was offline"),
        recording_contexts.GapRow(
            NOW_US + HOUR_US // 2, NOW_US + HOUR_US // 2 + 4_000_000, "the disk was too slow"
        ),
    )
    recordings = replace(FRAME, path="/recordings")
    no_filter = recording_contexts.RecordingFilter()
    cameras = tuple((f"camera-{n}", name) for n, name in enumerate(NAMES))
    form = contexts.CameraForm(
        name="Front door",
        source_url="rtsp://192.168.1.64:554/Streaming/Channels/101",
        username="viewer",
    )
    adding = replace(FRAME, path="/cameras/add")
    look = found_contexts.LookIntoPage("f1", "IPC-HDW2431T", "192.168.1.80:80")
    looking = "/cameras/found/f1/add"
    importing = "/cameras/found/import"
    usb_form = contexts.CameraForm(
        name="C270 HD WEBCAM", resolution="1280x720", framerate="15", pixel_format="MJPG"
    )
    return {
        "wall": ("pages/wall.html", FRAME, wall_contexts.WallPage(tiles(7), "auto", 3, 7)),
        "wall-one": ("pages/wall.html", FRAME, wall_contexts.WallPage(tiles(1), "1", 1, 7, 1, 7)),
        "wall-16": ("pages/wall.html", FRAME, wall_contexts.WallPage(tiles(16), "16", 4, 18, 1, 2)),
        **wall_samples.pages(FRAME, tiles(14)),
        "found": ("pages/found.html", replace(FRAME, path="/cameras/found"), found()),
        "found-scanning": (
            "pages/found.html",
            replace(FRAME, path="/cameras/found"),
            replace(
                found(),
                scan=found_contexts.ScanView("192.168.1.0/24", 93, 254, 3, True, ""),
                other_scans=(
                    (
                        "2",
                        "garage-pi-2",
                        found_contexts.ScanView("10.0.7.0/24", 5, 254, 0, True, ""),
                    ),
                    (
                        "3",
                        "attic",
                        found_contexts.ScanView("10.0.8.0/24", 254, 254, 1, False, "done"),
                    ),
                ),
                networks="8.8.8.0/24",
                errors={"networks": "A network of the internet is not asked."},
            ),
        ),
        "found-viewer": (
            "pages/found.html",
            replace(FRAME, path="/cameras/found", may_change=False, role="operator"),
            found(),
        ),
        "found-add": (
            "pages/camera_form.html",
            replace(FRAME, path="/cameras/found/f0/add"),
            contexts.CameraFormPage(usb_form, device=device(), found_id="f0", trial=trial()),
        ),
        "usb-edit": (
            "pages/camera_form.html",
            replace(FRAME, path="/cameras/camera-0/edit"),
            contexts.CameraFormPage(
                usb_form,
                "camera-0",
                "Garage",
                {"framerate": "A whole number is needed here."},
                device=device(trouble="the camera is not plugged in"),
            ),
        ),
        "usb-camera": (
            "pages/camera.html",
            replace(FRAME, path="/cameras/camera-0"),
            contexts.CameraPage(
                replace(one, config=replace(one.config, protocol=Protocol.USB)), "/dev/video2"
            ),
        ),
        "controls": ("pages/controls.html", FRAME, controls()),
        "controls-away": (
            "pages/controls.html",
            FRAME,
            replace(controls("The camera is not plugged in."), controls=()),
        ),
        "ptz": ("pages/ptz.html", replace(FRAME, path="/cameras/camera-0/ptz"), ptz()),
        "ptz-refused": (
            "pages/ptz.html",
            FRAME,
            replace(
                ptz(presets=0),
                preset_trouble="The camera refuses SetPreset: too many presets.",
                typed_name="Gate",
            ),
        ),
        "ptz-away": (
            "pages/ptz.html",
            FRAME,
            replace(ptz(), state=None, trouble="The camera does not answer in time."),
        ),
        "camera-claims": (
            "pages/camera.html",
            replace(FRAME, path="/cameras/camera-0"),
            contexts.CameraPage(
                replace(
                    one,
                    state=state(
                        0,
                        CameraStatus.ERROR,
                        reason_code=ReasonCode.DEVICE_CONFLICT,
                        reason="Another device is at the address of this camera.",
                    ),
                ),
                "rtsp://192.168.1.64:554/main",
                claims=claims(),
            ),
        ),
        "look-into": ("pages/look_into.html", replace(FRAME, path=looking), look),
        "look-into-login": (
            "pages/look_into.html",
            replace(FRAME, path=looking),
            replace(
                look,
                state=found_contexts.LookState.LOGIN,
                words="The camera refuses this user name or password",
                form=found_contexts.LookIntoForm("admin"),
            ),
        ),
        "look-into-ready": (
            "pages/look_into.html",
            replace(FRAME, path=looking),
            replace(
                look,
                state=found_contexts.LookState.READY,
                proposal="sample",
                trial=trial(),
                sub=replace(trial().result, video="H.264 640×360"),
            ),
        ),
        "import": ("pages/found_import.html", replace(FRAME, path=importing), imported()),
        "import-refused": ("pages/found_import.html", replace(FRAME, path=importing), refused()),
        "found-nothing": (
            "pages/found.html",
            replace(FRAME, path="/cameras/found", found_new=0),
            found_contexts.FoundPage(),
        ),
        "wall-empty": ("pages/wall.html", FRAME, wall_contexts.WallPage((), "auto", 1, 0)),
        "camera": (
            "pages/camera.html",
            replace(FRAME, path="/cameras/camera-0"),
            contexts.CameraPage(one, "rtsp://192.168.1.64:554/Streaming/Channels/101", rows(5)),
        ),
        "camera-offline": (
            "pages/camera.html",
            replace(FRAME, path="/cameras/camera-2", notice="Camera “Front door” was saved."),
            contexts.CameraPage(
                replace(
                    one,
                    state=states()[2],
                    streams=tuple(replace(s, connected=False) for s in one.streams),
                ),
                "rtsp://10.0.0.9/1",
            ),
        ),
        "footage": (
            "pages/footage.html",
            replace(FRAME, path="/cameras/camera-0/footage"),
            footage(),
        ),
        "footage-cluster": (
            "pages/footage.html",
            replace(FRAME, path="/cameras/camera-0/footage"),
            cluster_footage(),
        ),
        "footage-many": (
            "pages/footage_many.html",
            replace(FRAME, path="/footage"),
            many_footage(4),
        ),
        "footage-many-none": (
            "pages/footage_many.html",
            replace(FRAME, path="/footage"),
            replace(many_footage(0), choices=()),
        ),
        "footage-days": (
            "pages/footage_days.html",
            replace(FRAME, path="/footage/days"),
            footage_days(1),
        ),
        "footage-days-many": (
            "pages/footage_days.html",
            replace(FRAME, path="/footage/days"),
            footage_days(3),
        ),
        "footage-days-cluster": (
            "pages/footage_days.html",
            replace(FRAME, path="/footage/days"),
            cluster_days(),
        ),
        "footage-days-none": (
            "pages/footage_days.html",
            replace(FRAME, path="/footage/days"),
            footage_days(0),
        ),
        "exports": (
            "pages/exports.html",
            replace(FRAME, path="/exports", index_percent=42, index_cancelled=True),
            exports(),
        ),
        "jobs": ("pages/jobs.html", replace(FRAME, path="/jobs", index_percent=42), jobs()),
        "export-delete": (
            "pages/export_delete.html",
            replace(FRAME, path="/jobs/job-complete/delete"),
            job_contexts.DeleteExportPage(jobs().rows[2], "3-cameras_2026-11-20_14-02-10+0100.zip"),
        ),
        "jobs-none": (
            "pages/jobs.html",
            replace(FRAME, path="/jobs", may_export=False, may_set=False),
            job_contexts.JobsPage(),
        ),
        "check-file": (
            "pages/check_file.html",
            replace(FRAME, path="/exports/check"),
            job_contexts.CheckPage(
                job_contexts.CheckedFile(
                    "9f86d081884c7d659a2feaa0c55ad015" * 2,
                    "3-cameras_2026-11-20_14-02-10+0100.zip",
                    912_000_000,
                    NAMES[:3],
                    NOW_US - HOUR_US,
                    NOW_US,
                    NOW_US,
                    is_kept=True,
                    copy_of="5feaa0c55ad0159f86d081884c7d659a" * 2,
                )
            ),
        ),
        "check-file-unknown": (
            "pages/check_file.html",
            replace(FRAME, path="/exports/check"),
            job_contexts.CheckPage(
                job_contexts.CheckedFile("9f86d081884c7d659a2feaa0c55ad015" * 2),
                errors={"sha256": "A SHA-256 has 64 digits of 0–9 and a–f."},
            ),
        ),
        "camera-delete": ("pages/camera_delete.html", FRAME, question),
        "camera-add": (
            "pages/camera_form.html",
            adding,
            contexts.CameraFormPage(contexts.CameraForm()),
        ),
        "camera-add-tested": (
            "pages/camera_form.html",
            adding,
            contexts.CameraFormPage(form, trial=trial()),
        ),
        "camera-add-errors": (
            "pages/camera_form.html",
            adding,
            contexts.CameraFormPage(
                replace(form, source_url="ftp://x"),
                errors={
                    "source_url": "The address must start with rtsp://, rtsps://, http:// or https://."
                },
                trial=trial(ok=False),
            ),
        ),
        "camera-edit": (
            "pages/camera_form.html",
            replace(FRAME, path="/cameras/camera-0/edit"),
            contexts.CameraFormPage(
                replace(form, password_stored=True, location="Roof"), "camera-0", "Front door"
            ),
        ),
        "recordings": (
            "pages/recordings.html",
            recordings,
            recording_contexts.RecordingsPage(
                groups(), 214, no_filter, cameras, 1, 8, None, "offset=50", ("pi-2", "attic")
            ),
        ),
        "recordings-none": (
            "pages/recordings.html",
            recordings,
            recording_contexts.RecordingsPage(
                (),
                0,
                recording_contexts.RecordingFilter(
                    camera_id="camera-1", errors={"from": "This is no date and time."}
                ),
                cameras,
            ),
        ),
        "recordings-empty": (
            "pages/recordings.html",
            recordings,
            recording_contexts.RecordingsPage((), 0, no_filter, ()),
        ),
        "recording": (
            "pages/recording.html",
            replace(FRAME, path="/recordings/camera-0_1"),
            recording_contexts.RecordingPage(
                rows(2)[1],
                'video/mp4; codecs="hvc1.1.6.L93.B0"',
                "",
                gaps,
                "Front-door_2026-11-20_14-00-00Z.mp4",
                "pi-1",
                "a",
                "b",
            ),
        ),
        "recording-kept": (
            "pages/recording.html",
            replace(FRAME, path="/recordings/camera-0_1"),
            recording_contexts.RecordingPage(
                rows(2)[1], "", "", (), "Yard.mp4", "pi-1", protections=footage().protections
            ),
        ),
        "recording-delete": (
            "pages/recording_delete.html",
            recordings,
            recording_contexts.DeleteRecordingPage(rows(2)[1]),
        ),
        "recording-delete-kept": (
            "pages/recording_delete.html",
            recordings,
            recording_contexts.DeleteRecordingPage(rows(2)[1], footage().protections),
        ),
        "settings": ("pages/settings.html", replace(FRAME, path="/settings"), settings()),
        "settings-restarted": (
            "pages/settings.html",
            replace(FRAME, path="/settings"),
            settings(restarted=12, silent_nodes=("attic",)),
        ),
        "settings-errors": (
            "pages/settings.html",
            replace(FRAME, path="/settings"),
            settings(errors={"keep_days": "A number is needed here."}),
        ),
        "settings-reset": (
            "pages/settings_reset.html",
            replace(FRAME, path="/settings"),
            settings_contexts.ResetPage((("Pictures per second", "25", "15"),)),
        ),
        "cameras-delete": (
            "pages/cameras_delete.html",
            replace(FRAME, path="/settings"),
            settings_contexts.DeleteAllPage(
                ("Front door", "Garden", "Yard"),
                412_000_000_000,
                {"count": "Type the number of cameras that are listed here: 3."},
            ),
        ),
        "storage": (
            "pages/storage.html",
            replace(FRAME, path="/storage", disk_troubles=("The disk of /mnt/nas is missing.",)),
            storage(),
        ),
        "storage-errors": (
            "pages/storage.html",
            replace(FRAME, path="/storage"),
            replace(
                storage(),
                errors={"path": "No disk for data is mounted there.", "reason": "Say why."},
            ),
        ),
        "storage-viewer": (
            "pages/storage.html",
            replace(FRAME, path="/storage", may_set=False, may_delete_footage=False),
            replace(storage(), cautions=("It is smaller than 8 GB.",)),
        ),
        "storage-remove": (
            "pages/storage_remove.html",
            replace(FRAME, path="/storage"),
            storage_contexts.RemoveVolumePage(storage().volumes[1], False, 1200, 1, 2),
        ),
        "storage-delete": (
            "pages/storage_delete.html",
            replace(FRAME, path="/storage"),
            storage_contexts.DeleteSpanPage(
                "camera-0",
                "Front door",
                NOW_US,
                NOW_US + HOUR_US,
                "asked to",
                61,
                10**9,
                1,
                footage().protections,
                tuple(
                    storage_contexts.SpanExport(
                        f"job-{is_made}", NAMES[:2], NOW_US, NOW_US + HOUR_US, is_made, "anna"
                    )
                    for is_made in (False, True)
                ),
                1,
            ),
        ),
        **HELP_PAGES,
        "nodes": ("pages/nodes.html", replace(FRAME, path="/nodes"), node_samples.CLUSTER),
        "nodes-alone": ("pages/nodes.html", replace(FRAME, path="/nodes"), node_samples.ALONE),
        "nodes-viewer": (
            "pages/nodes.html",
            replace(FRAME, path="/nodes", role="viewer", may_set=False),
            node_samples.CLUSTER_VIEWER,
        ),
        **{
            f"nodes-{name}": ("pages/node_agents.html", replace(FRAME, path="/nodes/x"), page)
            for name, page in node_samples.agents_pages().items()
        },
        **{
            f"nodes-{name}": (f"pages/{template}.html", replace(FRAME, path="/nodes/x"), page)
            for name, (template, page) in node_samples.action_pages().items()
        },
        **{
            name: (template, replace(FRAME, path=path), page)
            for name, (template, path, page) in display_samples.display_pages().items()
        },
        **{
            name: (template, replace(NOBODY, path=path), page)
            for name, (template, path, page) in display_samples.screen_pages(tiles(6)).items()
        },
        "about": ("pages/about.html", replace(FRAME, path="/about", plain_http=True), about()),
        "notices": (
            "pages/notices.html",
            replace(FRAME, path="/notices", not_recorded=NAMES[:5]),
            notice_contexts.NoticesPage(notice_rows(), 214, None, 100, ("attic",)),
        ),
        "notices-none": (
            "pages/notices.html",
            replace(FRAME, path="/notices", may_set=False),
            notice_contexts.NoticesPage((), 0),
        ),
        "destinations": (
            "pages/destinations.html",
            replace(FRAME, path="/settings/notices", not_recorded=NAMES[:1]),
            destinations(),
        ),
        "destinations-errors": (
            "pages/destinations.html",
            replace(FRAME, path="/settings/notices"),
            replace(
                destinations(),
                channels=(),
                errors={"webhook_url": "An address without a login is needed here."},
                tested="The test did not arrive: no answer in time.",
                tested_ok=False,
            ),
        ),
        "schedules": ("pages/schedules.html", FRAME, schedules()),
        "schedules-errors": (
            "pages/schedules.html",
            FRAME,
            schedules(WRONG_HOURS),
        ),
        "camera-paused": (
            "pages/camera.html",
            FRAME,
            contexts.CameraPage(replace(one, state=PAUSED), "rtsp://192.168.1.64:554/main"),
        ),
        "backups": ("pages/backups.html", replace(FRAME, path="/settings/backup"), backups()),
        "backups-errors": (
            "pages/backups.html",
            replace(FRAME, path="/settings/backup"),
            replace(
                backups(),
                kept=(),
                directory=Path("/mnt/backup"),
                problem="the directory of backups /mnt/backup cannot be used: No such file",
                errors={"password": "This is not your password."},
            ),
        ),
        "audit": ("pages/audit.html", replace(FRAME, path="/audit"), audit()),
        "audit-errors": (
            "pages/audit.html",
            replace(FRAME, path="/audit"),
            audit(actor="eve", to_us=NOW_US, errors={"to": "This lies before the beginning."}),
        ),
        "backups-waiting": (
            "pages/backups.html",
            replace(FRAME, path="/settings/backup"),
            replace(
                backups(),
                waits=True,
                look_errors={
                    "": "Nothing was restored: see the marked fields.",
                    "file": "The file cat.jpg is no backup of FalconEye.",
                    "passphrase": "The passphrase is wrong.",
                },
            ),
        ),
        "backup-look": ("pages/backup_look.html", FRAME, backup_look()),
        "backup-restored": (
            "pages/backup_restored.html",
            FRAME,
            backup_contexts.RestoredPage("falconeye-pi-1.backup", restarts=False),
        ),
        "doctor": ("pages/doctor.html", replace(FRAME, path="/doctor"), doctor()),
        **people_pages(FRAME, NOBODY),
        "setup": ("pages/setup.html", NOBODY, contexts.SetupPage(valid=True)),
        "setup-used": ("pages/setup.html", NOBODY, contexts.SetupPage(valid=False)),
        "login": ("pages/login.html", NOBODY, contexts.LoginPage()),
        "login-plain": (
            "pages/login.html",
            replace(NOBODY, plain_http=True),
            contexts.LoginPage(),
        ),
        "https-off": (
            "pages/authority.html",
            replace(NOBODY, path="/ca", plain_http=True),
            AuthorityPage("off"),
        ),
        "https-files": (
            "pages/authority.html",
            replace(FRAME, path="/ca"),
            AuthorityPage("files", problem="the key does not belong to the certificate"),
        ),
        "https-auto": (
            "pages/authority.html",
            replace(NOBODY, path="/ca", plain_http=True),
            AuthorityPage("auto", ":".join(["A7"] * 32), secured="https://pi-1.local:8900/"),
        ),
        "login-refused": (
            "pages/login.html",
            NOBODY,
            contexts.LoginPage(name="anna", error="Name or password is wrong.", retry_after_s=8),
        ),
        "error-404": (
            "pages/error.html",
            FRAME,
            contexts.ErrorPage(
                404, "No such page", "It may have moved, or the camera was deleted."
            ),
        ),
        "error-500": (
            "pages/error.html",
            NOBODY,
            contexts.ErrorPage(500, "Something went wrong here", "It is not your fault.", "6b1f09"),
        ),
    }
