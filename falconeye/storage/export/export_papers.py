"""What lies beside the pictures of an export: a sidecar for programs, a sheet for people.

Both say the same. The sheet is plain English text with local and UTC times, to be printed and
signed; it is the same in every language, because its hash is.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any

from falconeye.base.clock import KernelClock
from falconeye.base.times import SECOND_US, rfc3339, to_datetime
from falconeye.storage.export.export_layout import ExportOrder
from falconeye.storage.export.export_result import ExportedFile, ExportRequest
from falconeye.storage.export.export_stretches import Stretch
from falconeye.storage.ledger.clocks import ClockCorrection
from falconeye.storage.ledger.coverage import Gap
from falconeye.storage.ledger.seams import ClockSeam

_REASONS = {"unknown": "for a reason that is not known"}


@dataclass(frozen=True, slots=True)
class ExportedCamera:
    """A camera's share of an export; without files nothing of it was recorded in that time."""

    order: ExportOrder
    files: Sequence[ExportedFile]
    holes: Sequence[Gap]
    unset: Sequence[tuple[int, int]] = ()  # recorded while NTP had not set the clock; UTC
    corrections: Sequence[ClockCorrection] = ()  # times that were put right since
    left_out: Sequence[ExportedFile] = ()  # of the original, by a copy in H.264: they are in it
    seams: Sequence[ClockSeam] = ()  # where the node's clock was set
    overlaps: Sequence[tuple[int, int]] = ()  # what is in it twice: the clock was set back; UTC
    stretches: Sequence[Stretch] = ()  # which node it comes from, as it plays
    silent: Sequence[str] = ()  # names of nodes that may have more of it and did not answer


@dataclass(frozen=True, slots=True)
class Circumstances:
    """Where, when and for whom an export was made."""

    node_id: str  # "" where it is not known
    node_name: str
    zone: tzinfo
    made_us: int
    request: ExportRequest
    clock: KernelClock | None  # of the node while it was made


@dataclass(frozen=True, slots=True)
class WholeFile:
    """What is downloaded: the only MP4 file, or the zip."""

    name: str
    size_bytes: int
    sha256: str


def camera_sidecar(camera: ExportedCamera, told: Circumstances, whole: WholeFile | None) -> bytes:
    """The JSON of one camera. `whole`: not within a zip, whose own hash it cannot hold."""
    return _json(_circumstances(told) | _whole(whole) | _camera(camera, told))


def sidecar(cameras: Sequence[ExportedCamera], told: Circumstances, whole: WholeFile) -> bytes:
    """The JSON beside an export: of its only camera, or of all under `cameras`."""
    if len(cameras) == 1:
        return camera_sidecar(cameras[0], told, whole)
    every = [_camera(camera, told) for camera in cameras]
    return _json(_circumstances(told) | _whole(whole) | {"cameras": every})


def _circumstances(told: Circumstances) -> dict[str, Any]:
    clock = told.clock
    return {
        "node": told.node_name,
        "made_at": rfc3339(told.made_us),
        "asked_by": told.request.asked_by,
        "asked_at": rfc3339(told.request.asked_us),
        "time_zone": str(told.zone),
        "clock": None
        if clock is None
        else {
            "synchronised": clock.is_synchronised,
            "offset_seconds": round(clock.offset_us / SECOND_US, 6),
            "max_error_seconds": round(clock.max_error_us / SECOND_US, 6),
        },
    }


def _whole(whole: WholeFile | None) -> dict[str, Any]:
    if whole is None:
        return {}
    return {"file": whole.name, "size_bytes": whole.size_bytes, "sha256": whole.sha256}


def _camera(camera: ExportedCamera, told: Circumstances) -> dict[str, Any]:
    order, files = camera.order, camera.files
    return {
        "camera_id": order.camera_id,
        "camera_name": order.camera_name,
        "asked": {"from": rfc3339(order.from_us), "to": rfc3339(order.to_us)},
        "from": rfc3339(min(file.from_us for file in files)) if files else None,
        "to": rfc3339(max(file.to_us for file in files)) if files else None,
        "parts": [
            {
                "name": file.name,
                "from": rfc3339(file.from_us),
                "to": rfc3339(file.to_us),
                "duration_seconds": round(file.duration_us / SECOND_US, 3),
                "size_bytes": file.size_bytes,
                "sha256": file.sha256,
                "codec": file.codec,
                "reencoded_from_sha256": file.copy_of or None,
            }
            for file in files
        ],
        "nodes": [
            {
                "id": (one.node_id or told.node_id) or None,
                "name": one.node_name or told.node_name,
                "from": rfc3339(one.from_us),
                "to": rfc3339(one.to_us),
            }
            for one in camera.stretches
        ],
        "unreachable_nodes": list(camera.silent),
        "clock_not_set": [
            {"from": rfc3339(begin), "to": rfc3339(end)} for begin, end in _merged(camera.unset)
        ],
        "clock_corrected": [
            {
                "from": rfc3339(one.from_us),
                "to": rfc3339(one.to_us),
                "clock_offset_seconds": round(-one.shift_us / SECOND_US, 6),
            }
            for one in camera.corrections
        ],
        "clock_set": [
            {
                "at": rfc3339(one.before_us),
                "to": rfc3339(one.after_us),
                "step_seconds": round(one.step_us / SECOND_US, 6),
            }
            for one in camera.seams
        ],
        "recorded_twice": [
            {"from": rfc3339(begin), "to": rfc3339(end)} for begin, end in camera.overlaps
        ],
        "left_out": [
            {
                "name": file.name,
                "from": rfc3339(file.from_us),
                "to": rfc3339(file.to_us),
                "sha256": file.sha256,
            }
            for file in camera.left_out
        ],
        "gaps": [
            {
                "from": rfc3339(hole.from_us),
                "to": rfc3339(hole.to_us),
                "reason": hole.reason.value,
                "detail": hole.detail,
            }
            for hole in camera.holes
        ],
    }


def _json(told: dict[str, Any]) -> bytes:
    return json.dumps(told, indent=2, ensure_ascii=False).encode() + b"\n"


def sheet(cameras: Sequence[ExportedCamera], told: Circumstances, whole: WholeFile | None) -> bytes:
    """The text for people. `whole`: not within a zip, as above."""
    request = told.request
    lines = ["Export of recorded footage", "==========================", ""]
    if whole is not None:
        lines += _file_lines(whole.name, whole.size_bytes, whole.sha256, "")
        lines.append("")
    lines += [
        f"Node      {_plain(told.node_name)}",
        f"Clock     {clock_words(told.clock)}",
        f"Zone      local times are those of {told.zone}",
        f"Asked by  {_plain(request.asked_by)}",
        *_both("Asked at", request.asked_us, told.zone),
        *_both("Made at", told.made_us, told.zone),
    ]
    for camera in cameras:
        lines += ["", *_camera_lines(camera, told)]
    lines += ["", *_HOW_TO_CHECK]
    return ("\r\n".join(lines) + "\r\n").encode()  # CRLF: also Windows' old editor shows lines


_HOW_TO_CHECK = (
    "A file is unchanged when its SHA-256 is the one above: `sha256sum FILE` on Linux,",
    "`certutil -hashfile FILE SHA256` on Windows, `shasum -a 256 FILE` on a Mac, or the page",
    "“Check a file” of the node, which keeps the hashes in its audit log.",
)


def clock_words(clock: KernelClock | None) -> str:
    """The state of the node's clock as a sentence."""
    if clock is None:
        return "its state could not be read"
    if not clock.is_synchronised:
        return "NOT set by NTP when this was made: its times may be off by any amount"
    offset, most = clock.offset_us / SECOND_US, clock.max_error_us / SECOND_US
    return f"set by NTP; offset {offset:+.6f} s, at most {most:.3f} s off when this was made"


def _camera_lines(camera: ExportedCamera, told: Circumstances) -> list[str]:
    order, zone = camera.order, told.zone
    title = f"Camera {_plain(order.camera_name)}"
    lines = [title, "-" * len(title), f"Id        {order.camera_id}"]
    lines += _both("Asked", order.from_us, zone)
    lines += _both("up to", order.to_us, zone)
    if not camera.files:
        return [
            *lines,
            "Nothing of it was recorded in that time.",
            *_node_lines(camera, told),
            "",
            *_hole_lines(camera.holes, zone),
        ]
    for file in camera.files:
        lines += ["", *_file_lines(file.name, file.size_bytes, file.sha256, "")]
        lines += _both("First", file.from_us, zone)
        lines += _both("Last", file.to_us, zone)
        lines.append(f"Plays     {file.duration_us / SECOND_US:.3f} s, pictures {file.codec}")
        if file.copy_of:
            lines += [
                "Note      a copy, encoded anew for players that need it: not the original.",
                f"          SHA-256 of the original: {file.copy_of}",
            ]
    for file in camera.left_out:
        lines += ["", "Not in this copy, because the original has it in H.264 already:"]
        lines += _file_lines(file.name, file.size_bytes, file.sha256, "  ")
        lines += _from_to(file.from_us, file.to_us, zone)
    if nodes := _node_lines(camera, told):
        lines += ["", *nodes]
    lines += ["", *_clock_lines(camera, zone)]
    if camera.left_out and not camera.holes:
        return [*lines, "No gap in it but for that."]
    return [*lines, *_hole_lines(camera.holes, zone)]


def _node_lines(camera: ExportedCamera, told: Circumstances) -> list[str]:
    """Whose footage it is where it is not this node's alone, and who did not answer."""
    lines: list[str] = []
    if any(one.node_id not in ("", told.node_id) for one in camera.stretches):
        lines.append("It comes from these nodes:")
        for one in camera.stretches:
            words = [f"    {_plain(one.node_name or told.node_name)}"]
            if node_id := one.node_id or told.node_id:
                words = [f"{words[0]}, id {node_id}"]
            lines += [*_from_to(one.from_us, one.to_us, told.zone), *words]
    if camera.silent:
        names = _plain(", ".join(camera.silent))
        lines.append(f"These nodes did not answer, and may have more of it: {names}")
    return lines


def _clock_lines(camera: ExportedCamera, zone: tzinfo) -> list[str]:
    """What the files say of the clock while they were recorded, and what was put right since."""
    corrections = camera.corrections
    doubtful = _without(_merged(camera.unset), [(one.from_us, one.to_us) for one in corrections])
    lines: list[str] = []
    if corrections:
        lines.append("The clock was wrong while this was recorded; its times were put right since:")
    for one in corrections:
        off = f"{abs(one.shift_us) / SECOND_US:.3f} s {'behind' if one.shift_us > 0 else 'ahead'}"
        lines += [*_from_to(one.from_us, one.to_us, zone), f"    it was {off}"]
    if doubtful:
        lines.append(
            "The clock was NOT set by NTP while this was recorded; its times are doubtful:"
        )
    for begin, end in doubtful:
        lines += _from_to(begin, end, zone)
    lines = lines or ["The clock was set by NTP while it was recorded."]
    if camera.seams:
        lines.append("The clock was corrected while this was recorded; where it stood, and went:")
    for seam in camera.seams:
        way = "back" if seam.step_us < 0 else "ahead"
        step = f"{abs(seam.step_us) / SECOND_US:.3f} s"
        lines += [*_from_to(seam.before_us, seam.after_us, zone), f"    it was set {way} by {step}"]
    if camera.overlaps:
        lines.append(
            "Recorded twice, before and after it was set back; it plays as it was recorded:"
        )
    for begin, end in camera.overlaps:
        lines += _from_to(begin, end, zone)
    return lines


def _from_to(begin: int, end: int, zone: tzinfo) -> list[str]:
    return [
        f"  {_local(begin, zone)} to {_local(end, zone)}",
        f"    {rfc3339(begin)} to {rfc3339(end)}",
    ]


def _without(
    spans: Sequence[tuple[int, int]], taken: Sequence[tuple[int, int]]
) -> list[tuple[int, int]]:
    """What is left of the spans; both in order. Less than a second is what times are exact to."""
    left: list[tuple[int, int]] = []
    for begin, end in spans:
        at = begin
        for first, last in taken:
            if first < end and last > at:
                left.append((at, first))
                at = last
        left.append((at, end))
    return [(begin, end) for begin, end in left if end - begin >= SECOND_US]


def _merged(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """In order, those that touch as one."""
    found: list[tuple[int, int]] = []
    for begin, end in sorted(spans):
        if found and begin <= found[-1][1] + SECOND_US:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((begin, end))
    return found


def _file_lines(name: str, size_bytes: int, sha256: str, indent: str) -> list[str]:
    return [
        f"{indent}File      {name}",
        f"{indent}Size      {size_bytes} bytes",
        f"{indent}SHA-256   {sha256}",
    ]


def _hole_lines(holes: Sequence[Gap], zone: tzinfo) -> list[str]:
    if not holes:
        return ["No gap in it."]
    lines = [f"Gaps in it: {len(holes)} (closed up in the file)"]
    for hole in holes:
        length = (hole.to_us - hole.from_us) / SECOND_US
        why = _REASONS.get(hole.reason.value, hole.reason.value.replace("_", " "))
        if hole.detail:
            why += f" ({_plain(hole.detail)})"
        lines += [
            f"  {_local(hole.from_us, zone)} to {_local(hole.to_us, zone)}",
            f"    {rfc3339(hole.from_us)} to {rfc3339(hole.to_us)}, {length:.3f} s: {why}",
        ]
    return lines


def _both(word: str, utc_us: int, zone: tzinfo) -> list[str]:
    return [f"{word:<9} {_local(utc_us, zone)}", f"          {rfc3339(utc_us)}"]


def _local(utc_us: int, zone: tzinfo) -> str:
    return to_datetime(utc_us).astimezone(zone).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3] + (
        f" {to_datetime(utc_us).astimezone(zone):%z (%Z)}"
    )


def _plain(text: str) -> str:
    """On one line: a name cannot make lines of its own."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
