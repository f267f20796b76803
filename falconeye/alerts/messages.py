"""What leaves the node: a title and a text for people, and JSON for programs."""

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any, Final

from falconeye.alerts.faults import Change, Turn
from falconeye.base.secret import Secret
from falconeye.base.times import SECOND_US, rfc3339, to_datetime
from falconeye.storage.ledger.coverage import GapReason
from falconeye.storage.stores.notice_store import Cause, CertificateCause, Notice, VolumeCause

TIMESTAMP_HEADER: Final = "X-FalconEye-Timestamp"
SIGNATURE_HEADER: Final = "X-FalconEye-Signature"
MAX_LINES: Final = 20  # the rest is counted; JSON has all

_CAUSES: Final[Mapping[Cause, str]] = {
    GapReason.CAMERA_OFFLINE: "the camera is offline",
    GapReason.DISK_FULL: "the disk is full",
    GapReason.DISK_TOO_SLOW: "the disk is too slow",
    GapReason.DISK_ERROR: "the disk fails",
    GapReason.INTERNAL: "an error inside FalconEye; see its log",
    VolumeCause.MISSING: "the disk is missing",
    VolumeCause.ARCHIVE_RECORDS: "new footage is recorded on this archive",
    CertificateCause.ENDS_SOON: "its certificate ends soon",
    CertificateCause.ENDED: "its certificate has ended",
    CertificateCause.NOT_BEGUN: "its certificate is not valid yet",
    CertificateCause.UNUSABLE: "its new certificate cannot be used",
}


@dataclass(frozen=True, slots=True)
class Message:
    """What is told at once. Without changes it is a test."""

    node_id: str
    node_name: str
    at_us: int
    changes: tuple[Change, ...] = ()

    @property
    def title(self) -> str:
        """One line: what matters most first."""
        of_cameras = [change for change in self.changes if change.notice.is_of_camera]
        began = [change for change in of_cameras if change.turn is Turn.BEGAN]
        ended = [change for change in of_cameras if change.turn is Turn.RECORDS]
        if not self.changes:
            words = "this is a test"
        elif not began and len(of_cameras) < len(self.changes):
            words = _other_title([one for one in self.changes if one not in of_cameras])
        elif began:
            words = _count(began, "is not recorded", "are not recorded")
        elif ended:
            words = _count(ended, "is recorded again", "are recorded again")
        else:
            words = _count(self.changes, "need not be recorded", "need not be recorded")
        return f"FalconEye {self.node_name}: {words}"

    def text(self, zone: tzinfo) -> str:
        """A line for each camera, volume and certificate; times in the site's zone."""
        if not self.changes:
            return "If you read this, notices arrive here."
        lines = [_line(change, zone) for change in self.changes]
        more = len(lines) - MAX_LINES
        return "\n".join([*lines[:MAX_LINES], *([f"and {more} more"] if more > 0 else [])])

    def document(self, zone: tzinfo) -> bytes:
        """The body of the webhook."""
        content = {
            "kind": "notices" if self.changes else "test",
            "node": {"id": self.node_id, "name": self.node_name},
            "at": rfc3339(self.at_us),
            "title": self.title,
            "text": self.text(zone),
            "notices": [
                {**notice_document(change.notice), "turn": change.turn.value}
                for change in self.changes
            ],
        }
        return json.dumps(content, ensure_ascii=False).encode()


def notice_document(notice: Notice) -> dict[str, Any]:
    """A notice as programs read it."""
    return {
        "id": notice.id,
        "camera_id": notice.camera_id if notice.is_of_camera else None,
        "camera_name": notice.camera_name if notice.is_of_camera else None,
        "volume_id": notice.volume_id,
        "volume_path": None if notice.volume_id is None else notice.camera_name,
        "since": rfc3339(notice.since_us),
        "until": None if notice.until_us is None else rfc3339(notice.until_us),
        "reason": notice.reason.value,
        "detail": notice.detail,
    }


def signed_headers(body: bytes, secret: Secret | None, at_us: int) -> dict[str, str]:
    """Headers that prove the body: HMAC-SHA256 of the timestamp (UTC seconds), a dot and the body.

    A receiver computes it anew, compares in constant time, and refuses old timestamps.
    """
    timestamp = str(at_us // SECOND_US)
    headers = {"Content-Type": "application/json", TIMESTAMP_HEADER: timestamp}
    if secret is not None:
        signed = f"{timestamp}.".encode() + body
        digest = hmac.new(secret.reveal().encode(), signed, hashlib.sha256).hexdigest()
        headers[SIGNATURE_HEADER] = f"sha256={digest}"
    return headers


def cause_words(notice: Notice) -> str:
    """Why, in English: for the log and for messages."""
    words = _CAUSES.get(notice.reason, notice.reason.value.replace("_", " "))
    return f"{words}: {notice.detail}" if notice.detail else words


def _count(changes: Sequence[Change], one: str, many: str) -> str:
    if len(changes) == 1:
        return f"{changes[0].notice.camera_name} {one}"
    return f"{len(changes)} cameras {many}"


def _other_title(changes: Sequence[Change]) -> str:
    """What became of volumes and the certificate: what is wrong before what is well again."""
    first = next((one for one in changes if one.turn is Turn.BEGAN), changes[0])
    more = f" and {len(changes) - 1} more" if len(changes) > 1 else ""
    return f"{_other_words(first)}{more}"


def _other_words(change: Change) -> str:
    if change.notice.is_of_certificate:
        return _certificate_words(change)
    path, cause = change.notice.camera_name, change.notice.reason
    match change.turn:
        case Turn.BEGAN if cause is VolumeCause.MISSING:
            return f"the disk of {path} is missing"
        case Turn.BEGAN:
            return f"new footage is recorded on the archive {path}"
        case Turn.NOT_WANTED:
            return f"{path} is not used any more"
        case _ if cause is VolumeCause.MISSING:
            return f"the disk of {path} is back"
    return f"{path} is only the archive again"


def _certificate_words(change: Change) -> str:
    cause = _CAUSES.get(change.notice.reason, "its certificate")
    match change.turn:
        case Turn.BEGAN:
            return f"HTTPS: {cause}"
        case Turn.NOT_WANTED:
            return "HTTPS is off"
        case Turn.OTHER_CAUSE:
            return f"HTTPS: no longer “{cause}”"
    return "HTTPS: its certificate is in order again"


def _other_line(change: Change, zone: tzinfo) -> str:
    notice = change.notice
    words, since = _other_words(change), _moment(notice.since_us, zone)
    if change.turn is Turn.BEGAN:
        return f"{words} since {since}" + (f" ({notice.detail})" if notice.detail else "")
    until = _moment(notice.until_us or notice.since_us, zone)
    return f"{words} since {until}; it was not from {since} on"


def _line(change: Change, zone: tzinfo) -> str:
    notice = change.notice
    if not notice.is_of_camera:
        return _other_line(change, zone)
    since = _moment(notice.since_us, zone)
    match change.turn:
        case Turn.BEGAN:
            return (
                f"{notice.camera_name}: not recorded since {since}, because {cause_words(notice)}"
            )
        case Turn.RECORDS:
            until = _moment(notice.until_us or notice.since_us, zone)
            return f"{notice.camera_name}: recorded again since {until}; it was not from {since} on"
        case Turn.NOT_WANTED:
            return f"{notice.camera_name}: need not be recorded any more"
        case Turn.OTHER_CAUSE:
            return (
                f"{notice.camera_name}: no longer because {_CAUSES.get(notice.reason, 'of that')}"
            )


def _moment(utc_us: int, zone: tzinfo) -> str:
    return to_datetime(utc_us).astimezone(zone).strftime("%Y-%m-%d %H:%M:%S %Z")
