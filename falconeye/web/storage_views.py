"""Storage as the template's values: plots, words, shares."""

from collections.abc import Mapping, Sequence
from datetime import date

from falconeye.storage.ledger.coverage import GapReason
from falconeye.storage.reading.filling import Filling
from falconeye.storage.reading.storage_use import CameraUse, DayBytes, Lasting
from falconeye.storage.volumes.mount_lines import drop_in_path
from falconeye.storage.volumes.mounts import Against, MountFacts, MountKind
from falconeye.storage.volumes.places import Caution
from falconeye.storage.volumes.volume_facts import Role
from falconeye.web import i18n
from falconeye.web.i18n import gettext as _
from falconeye.web.i18n import ngettext
from falconeye.web.own_storage import CameraView, StorageView, VolumeView
from falconeye.web.storage_answers import StorageAnswer, VolumeAnswer
from falconeye.web.storage_contexts import (
    Bar,
    CameraStorageRow,
    MountRow,
    NodeDiskRow,
    NodeStorageRow,
    Share,
    VolumePanel,
)

_SHADES = 3
_LONG_DAYS = 999


def volume_panel(
    view: VolumeView, uses: Sequence[CameraUse], filling: Filling | None = None
) -> VolumePanel:
    """One disk; `uses` are of the cameras that may be named."""
    row, facts = view.known.row, view.facts
    role = Role.RECORD if view.known.is_media_dir else row.role
    moving, is_held_up = _moving(view)
    total = facts.total_bytes if facts else 0
    free = facts.free_bytes if facts else 0
    return VolumePanel(
        id=row.volume_id,
        path=row.path,
        role=role.value,
        role_words=role_words(role),
        is_media_dir=view.known.is_media_dir,
        is_present=facts is not None and facts.present,
        records=view.records,
        problem=_problem(view, role),
        total_bytes=total,
        free_bytes=free,
        floor_bytes=facts.floor_bytes if facts else 0,
        footage_bytes=view.known.held.size_bytes,
        grows_by=filling.bytes_per_day or None if filling else None,
        full=_full_words(filling),
        shares=_shares(view, uses, total, free),
        moving=moving,
        is_held_up=is_held_up,
        fstab=view.lines.fstab,
        unit_name=view.lines.unit_name,
        unit=view.lines.unit,
        drop_in=view.lines.drop_in,
        drop_in_path=str(drop_in_path(view.known.path)),
        note=view.lines.note,
    )


def _full_words(filling: Filling | None) -> str:
    if filling is None or filling.full_in_days is None:
        return ""
    if filling.full_in_days < 1 / 24:
        return _("now: its oldest footage makes room, or is moved on")
    return _("in {days}").format(days=days_words(filling.full_in_days))


def role_words(role: Role) -> str:
    """What a disk is for."""
    words = {
        Role.RECORD: _("For recording"),
        Role.ARCHIVE: _("Archive"),
        Role.LEAVING: _("Being emptied"),
        Role.NONE: _("Not used"),
    }
    return words[role]


def camera_rows(view: StorageView) -> tuple[CameraStorageRow, ...]:
    """The cameras, their days on one scale."""
    highest = max((day.size_bytes for one in view.cameras for day in one.use.days), default=0)
    total = sum(one.use.size_bytes for one in view.cameras)
    return tuple(_camera_row(one, highest, total) for one in view.cameras)


def node_rows(nodes: Sequence[StorageAnswer]) -> tuple[NodeStorageRow, ...]:
    """All nodes in short, this one first."""
    return tuple(
        NodeStorageRow(
            id=one.nodes[0].node_id,
            name=one.nodes[0].node_name,
            is_here=number == 0,
            lasts=room_words(one.nodes[0].days_left),
            disks=tuple(map(_node_disk, one.volumes)),
            cameras=tuple(
                sorted(
                    ((camera.name, camera.bytes) for camera in one.cameras if camera.bytes),
                    key=lambda each: -each[1],
                )
            ),
        )
        for number, one in enumerate(nodes)
        if one.nodes
    )


def _node_disk(one: VolumeAnswer) -> NodeDiskRow:
    problem = ""
    if not one.present and one.role != "none":
        problem = _("The disk is missing: {reason}").format(reason=one.problem)
    elif one.problem:
        problem = _("The disk is full.")
    return NodeDiskRow(one.path, problem, one.total_bytes, one.free_bytes, one.footage_bytes)


def all_days(view: StorageView) -> tuple[Bar, ...]:
    """The days of all cameras that are shown."""
    sums: dict[date, int] = {}
    for one in view.cameras:
        for day in one.use.days:
            sums[day.day] = sums.get(day.day, 0) + day.size_bytes
    highest = max(sums.values(), default=0)
    return tuple(_bar(DayBytes(day, size), highest) for day, size in sums.items())


def room_words(days: float | None) -> str:
    """How long the room lasts as all cameras grow."""
    if days is None:
        return _("Nothing grows now, or it is not known yet how fast.")
    if days < 1 / 24:
        return _("The disks are as full as they may be: the oldest footage makes room for the new.")
    return _("The room lasts for {days}; then the oldest footage makes room.").format(
        days=days_words(days)
    )


def days_words(days: float) -> str:
    """A number of days, or hours where it is less than two."""
    if days >= _LONG_DAYS:
        return _("years")
    if days >= 2:
        return ngettext("{n} day", "{n} days", round(days)).format(n=round(days))
    hours = max(1, round(days * 24))
    return ngettext("{n} hour", "{n} hours", hours).format(n=hours)


def mount_row(facts: MountFacts) -> MountRow:
    """A mounted disk, with what speaks against it."""
    kinds = {
        MountKind.DISK: _("disk"),
        MountKind.USB: _("USB disk"),
        MountKind.SD_CARD: _("SD card"),
        MountKind.NETWORK: _("network"),
        MountKind.MEMORY: _("memory"),
    }
    words = _against_words()
    return MountRow(
        path=str(facts.mount.path),
        kind=f"{kinds[facts.kind]}, {facts.mount.file_system}",
        total_bytes=facts.total_bytes,
        free_bytes=facts.free_bytes,
        against=", ".join(words[reason] for reason in facts.against),
    )


def caution_words(caution: Caution) -> str:
    """What should be known of a new disk's place, as a sentence."""
    words = {
        Caution.ON_ROOT: _("It shares the space of the system."),
        Caution.SAME_FILE_SYSTEM: _(
            "It lies on the same file system as another of the disks: that gives no more room."
        ),
        Caution.IN_MEMORY: _("It lies in memory: footage is gone when the machine stops."),
        Caution.SMALL: _("It is smaller than 8 GB."),
        Caution.OTHER_FILES: _("Other files lie there, too; FalconEye leaves them alone."),
        Caution.NOT_THE_SERVICES: _("The recorder's user cannot write there."),
    }
    return words[caution]


def _against_words() -> Mapping[Against, str]:
    return {
        Against.READ_ONLY: _("read-only"),
        Against.NOT_WRITABLE: _("the recorder may not write there"),
        Against.NO_ANSWER: _("does not answer"),
        Against.ROOT: _("the system's own"),
        Against.IN_MEMORY: _("gone when the machine stops"),
        Against.SD_CARD: _("SD cards wear out"),
        Against.SMALL: _("small"),
        Against.NO_JOURNAL: _("a power cut may cost files"),
        Against.IN_USE: _("holds footage already"),
    }


def _problem(view: VolumeView, role: Role) -> str:
    if not view.known.row.path:
        return _("Another disk took its place; its footage cannot be played.")
    if view.missing:
        return _("The disk is missing: {reason}").format(reason=view.missing)
    if view.is_full:
        return _("The disk is full.")
    if role is Role.NONE:
        return _("It is not used: its footage cannot be played. Give it a role, or remove it.")
    if role is Role.ARCHIVE and view.records:
        return _("New footage goes here, because no disk for recording can take it.")
    return ""


def _moving(view: VolumeView) -> tuple[str, bool]:
    """What is moved off it, and whether something holds that up."""
    moves = view.moves
    if moves.pause is not None:
        words = _("Moving footage off it is paused by {name}, also over a restart.")
        return words.format(name=moves.pause.by), True
    if moves.trouble:
        return _("Moving is held up: {reason}").format(reason=moves.trouble), True
    return _moved(view), False


def _moved(view: VolumeView) -> str:
    moves, left = view.moves, i18n.size_text(view.known.held.size_bytes)
    if view.known.row.role is Role.LEAVING and not view.known.is_media_dir:
        if view.known.held.is_empty:
            return _("It is empty and can be removed.")
        return _("{size} are still to be moved off it.").format(size=left)
    if moves.moving:
        return _("The oldest footage is being moved to an archive.")
    if moves.moved_bytes:
        size = i18n.size_text(moves.moved_bytes)
        return _("{size} were moved off it since the start.").format(size=size)
    return ""


def _shares(
    view: VolumeView, uses: Sequence[CameraUse], total: int, free: int
) -> tuple[Share, ...]:
    """Who takes how much of the disk: the largest first, then exports and what else there is."""
    number = view.known.row.number
    parts = [(use.name, size) for use in uses if (size := use.on_volumes.get(number, 0)) > 0]
    parts.sort(key=lambda part: -part[1])
    hidden = view.known.held.size_bytes - sum(size for _name, size in parts)
    if hidden > 0:
        parts.append((_("Other cameras"), hidden))
    if exports := view.known.held.export_bytes:
        parts.append((_("Exports"), exports))
    other = total - free - sum(size for _name, size in parts)
    if total and other > 0:
        parts.append((_("Other data"), other))
    whole = max(total, sum(size for _name, size in parts), 1)
    shares, begins = [], 0.0
    for place, (name, size) in enumerate(parts):
        width = 100 * size / whole
        shares.append(Share(name, size, round(begins, 3), round(width, 3), place % _SHADES))
        begins += width
    return tuple(shares)


def _camera_row(one: CameraView, highest: int, total: int) -> CameraStorageRow:
    use = one.use
    return CameraStorageRow(
        id=use.camera_id,
        name=use.name,
        is_deleted=use.camera_deleted,
        size_bytes=use.size_bytes,
        share=use.size_bytes / total if total else 0.0,
        bytes_per_day=use.bytes_per_day,
        oldest_us=use.oldest_us,
        lasts=_lasts(one.lasting) if use.size_bytes else "",
        bars=tuple(_bar(day, highest) for day in use.days),
    )


def _lasts(last: Lasting | None) -> str:
    if last is None:
        return _("not in sight")
    rules = {
        GapReason.DELETED_BY_AGE: _("by its age"),
        GapReason.DELETED_BY_SIZE: _("by its size"),
        GapReason.DELETED_FOR_ROOM: _("for room"),
    }
    when = _("now") if last.days < 1 / 24 else _("in {days}").format(days=days_words(last.days))
    return f"{when}, {rules[last.reason]}"


def _bar(day: DayBytes, highest: int) -> Bar:
    height = 100 * day.size_bytes / highest if highest else 0.0
    return Bar(day.day.isoformat(), day.size_bytes, round(height, 2))
