"""What the codes of the audit log mean, in words. The codes stay beside them: programs know those.

A code that is not here, such as one of a newer release, is shown as it is.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from falconeye.base.times import LATEST_US
from falconeye.storage.stores.audit_store import KEPT_FOR_EVER, AuditEntry
from falconeye.web.i18n import gettext


def _(message: str) -> str:
    """Mark a text for the catalogue; it is translated where it is shown."""
    return message


ACTIONS: Final[Mapping[str, str]] = {
    # people
    "login": _("Signed in"),
    "login.refused": _("Sign-in was refused"),
    "logout": _("Signed out"),
    "setup": _("Made the first account"),
    "user.added": _("Added a user"),
    "user.changed": _("Changed a user"),
    "user.password_changed": _("Changed a password"),
    "user.removed": _("Removed a user"),
    "user.invited": _("Invited a person"),
    "invitation.accepted": _("Accepted an invitation"),
    "invitation.renewed": _("Renewed an invitation"),
    "invitation.withdrawn": _("Withdrew an invitation"),
    "session.ended": _("Ended a session"),
    "token.added": _("Added a token"),
    "token.changed": _("Changed a token"),
    "token.revoked": _("Revoked a token"),
    "display.added": _("Added a display"),
    "display.changed": _("Changed a display"),
    "display.removed": _("Removed a display"),
    "display.link_made": _("Made a link for a display"),
    "display.paired": _("Paired a display"),
    "display.began": _("A display began"),
    "wall.added": _("Saved a wall"),
    "wall.changed": _("Changed a wall"),
    "wall.deleted": _("Deleted a wall"),
    # what was looked at and taken away
    "live.viewed": _("Watched live"),
    "footage.viewed": _("Watched footage"),
    "footage.still_saved": _("Saved a picture of footage"),
    "recording.viewed": _("Watched a recording"),
    "recording.downloaded": _("Downloaded a recording"),
    "export.asked": _("Asked for an export"),
    "export.complete": _("An export was made"),
    "export.failed": _("An export failed"),
    "export.cancelled": _("An export was cancelled"),
    "export.stopped": _("Cancelled an export"),
    "export.deleted": _("Took an export away"),
    "export.retried": _("Began an export again"),
    "export.downloaded": _("Downloaded an export"),
    "export.hash": _("Checksum of an export"),
    "copy.asked": _("Asked for a copy in H.264"),
    "copy.complete": _("A copy in H.264 was made"),
    "copy.failed": _("A copy in H.264 failed"),
    "copy.cancelled": _("A copy in H.264 was cancelled"),
    "copy.stopped": _("Cancelled a copy in H.264"),
    "copy.deleted": _("Took a copy in H.264 away"),
    "copy.retried": _("Began a copy in H.264 again"),
    "copy.downloaded": _("Downloaded a copy in H.264"),
    # footage
    "footage.protected": _("Protected footage"),
    "footage.unprotected": _("Took the protection off footage"),
    "footage.deleted": _("Deleted footage of a time"),
    "recording.started": _("Started recording"),
    "recording.stopped": _("Stopped recording"),
    "recording.registered": _("Registered a recording"),
    "recording.changed": _("Changed a recording"),
    "recording.hidden": _("Took a recording off the list"),
    "recording.deleted": _("Deleted a recording"),
    "deletion.stopped": _("Cancelled a deletion of footage"),
    # cameras
    "camera.added": _("Added a camera"),
    "camera.changed": _("Changed a camera"),
    "camera.deleted": _("Deleted a camera"),
    "camera.tested": _("Tested a camera"),
    "camera.started": _("Started a camera"),
    "camera.stopped": _("Stopped a camera"),
    "camera.restarted": _("Had a camera connect anew"),
    "cameras.restarted": _("Had all cameras connect anew"),
    "camera.paused": _("Paused a camera for privacy"),
    "camera.switched_on": _("Switched a camera on"),
    "camera.moved": _("Moved a camera"),
    "preset.set": _("Saved a preset"),
    "preset.removed": _("Deleted a preset"),
    "camera.accepted": _("Said which device a camera is"),
    "camera.identified": _("A camera's hardware was learnt"),
    "camera.ambiguous": _("A camera's hardware is not its own any more"),
    "camera.followed": _("A camera was followed to its new address"),
    "camera.adopted": _("A node took a camera over"),
    "camera.placed": _("Moved a camera to another node"),
    "cameras.rebalanced": _("Shared the cameras among the nodes"),
    "event.told": _("Told of an event"),
    "candidate.ignored": _("Ignored a found camera"),
    "candidate.shown": _("Showed a found camera again"),
    "network.scanned": _("Scanned a network"),
    "import.read": _("Read cameras out of a file"),
    "import.dropped": _("Dropped cameras of a file"),
    # the site and its machines
    "settings.changed": _("Changed settings"),
    "notice.tested": _("Sent a test notice"),
    "volume.added": _("Added a disk"),
    "volume.changed": _("Changed what a disk is for"),
    "volume.removed": _("Removed a disk"),
    "volume.forgotten": _("Forgot a disk and its footage"),
    "move.stopped": _("Ended moving footage"),
    "move.paused": _("Paused moving footage"),
    "move.resumed": _("Let moving footage go on"),
    "move.retried": _("Began moving footage again"),
    "index.stopped": _("Ended making the index anew"),
    "index.resumed": _("Let making the index anew go on"),
    "backup.retried": _("Began the nightly backup again"),
    "backup.made": _("Made a backup"),
    "backup.downloaded": _("Downloaded a backup"),
    "backup.restore_asked": _("Asked for a restore"),
    "backup.restore_dropped": _("Dropped a restore"),
    "backup.restored": _("Restored a backup"),
    "doctor.bundle": _("Downloaded the report of the doctor"),
    "node.code": _("Made a code by which a node joins"),
    "node.code_made": _("Made a code by which a node joins"),
    "node.joining": _("Had this node join a cluster"),
    "node.joined": _("A node joined"),
    "node.renamed": _("Renamed a node"),
    "node.removed": _("Removed a node"),
    "node.replaced": _("Replaced a node"),
    "node.new_id": _("This node has another id"),
    "agents.placed": _("Chose the nodes that run FalconEye"),
    "config.conflict": _("A change was overwritten by another node's"),
    # the log itself
    "audit.downloaded": _("Downloaded the audit log"),
    "audit.pruned": _("The oldest entries were deleted"),
}
KINDS: Final[Mapping[str, str]] = {
    "audit": _("audit log"),
    "camera": _("camera"),
    "cameras": _("camera"),
    "candidate": _("found camera"),
    "database": _("data of this node"),
    "export_file": _("file of an export"),
    "display": _("display"),
    "import": _("import"),
    "invitation": _("invitation"),
    "session": _("session"),
    "wall": _("wall"),
    "network": _("network"),
    "node": _("node"),
    "members": _("node"),
    "recording": _("recording"),
    "settings": _("settings"),
    "token": _("token"),
    "tokens": _("token"),
    "user": _("user"),
    "users": _("user"),
    "sessions": _("session"),
    "volume": _("disk"),
}


def action_words(code: str) -> str:
    """What was done, in the language of the request."""
    return gettext(ACTIONS[code]) if code in ACTIONS else code


def kind_words(code: str) -> str:
    """What it was done to."""
    return gettext(KINDS[code]) if code in KINDS else code


@dataclass(frozen=True, slots=True)
class ToldFile:
    """A file of an export, as its entry tells of it."""

    name: str
    camera_name: str
    size_bytes: int
    from_us: int
    to_us: int
    is_copy: bool  # in H.264, not what the camera sent


def told_file(entry: AuditEntry) -> ToldFile | None:
    """What the entry of a checksum holds; None for other entries, and for what is not one.

    Its detail is JSON, since `export_hashes` finds files by it; people read words. It may be of
    another node, so nothing in it is taken for granted.
    """
    if entry.action != KEPT_FOR_EVER:
        return None
    try:
        told: Any = json.loads(entry.detail)
        file = ToldFile(
            name=told["file"],
            camera_name=told["camera"],
            size_bytes=told["bytes"],
            from_us=told["from_us"],
            to_us=told["to_us"],
            is_copy=bool(told["copy_of"]),
        )
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    names = isinstance(file.name, str) and isinstance(file.camera_name, str)
    numbers = all(
        type(number) is int and 0 <= number <= LATEST_US
        for number in (file.size_bytes, file.from_us, file.to_us)
    )
    return file if names and numbers else None
