"""`falconeye storage …`: works while the node runs (it notices within a second) or not."""

import getpass
import os
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from falconeye.accounts.audit import AuditLog
from falconeye.base.clock import SystemClock
from falconeye.base.words import counted
from falconeye.cli.arguments import Arguments
from falconeye.cli.exit_codes import ExitCode
from falconeye.cli.opened import with_database
from falconeye.cli.output import done, note, print_json, print_rows
from falconeye.cli.service_drop_ins import DropIns
from falconeye.config.loading import load_settings
from falconeye.config.settings import NodeSettings
from falconeye.storage.index.database import Database
from falconeye.storage.segments.volume_changes import Added, Known, VolumeChanges, held_words
from falconeye.storage.stores.audit_store import AuditStore
from falconeye.storage.volumes import places
from falconeye.storage.volumes.mount_lines import MountLines, drop_in_path, mount_lines
from falconeye.storage.volumes.mounts import Against, MountFacts, Mounts, uuid_of
from falconeye.storage.volumes.places import Caution
from falconeye.storage.volumes.volume_facts import Role

T = TypeVar("T")
_AGAINST = {
    Against.READ_ONLY: "read-only",
    Against.NOT_WRITABLE: "this user may not write there",
    Against.NO_ANSWER: "does not answer",
    Against.ROOT: "the system's own",
    Against.IN_MEMORY: "gone when the machine stops",
    Against.SD_CARD: "an SD card wears out",
    Against.SMALL: "small",
    Against.NO_JOURNAL: "a power cut may cost files on FAT",
    Against.IN_USE: "holds footage already",
}
_CAUTIONS = {
    Caution.ON_ROOT: "it shares the space of the system",
    Caution.SAME_FILE_SYSTEM: "it lies on the same file system as another volume: no more room",
    Caution.IN_MEMORY: "it lies in memory: its footage is gone when the machine stops",
    Caution.SMALL: "it is smaller than 8 GB",
    Caution.OTHER_FILES: "other files lie there, too; FalconEye leaves them alone",
    Caution.NOT_THE_SERVICES: "the owner of the data directory cannot write there: chown it",
}


class AddArguments(Arguments):
    """The words of `storage add`."""

    path: str | None
    list: bool
    role: str
    on_root: bool


class RoleArguments(Arguments):
    """The words of `storage role`."""

    path: str
    role: str


class RemoveArguments(Arguments):
    """The words of `storage remove`."""

    path: str
    forget: bool


def show(arguments: Arguments) -> ExitCode:
    """All volumes: the media directory first."""

    async def work(changes: VolumeChanges, _audit: AuditLog) -> list[dict[str, Any]]:
        return [await _row(one) for one in await changes.known()]

    rows = _with_changes(arguments, work)
    print_rows(rows, as_json=arguments.json, empty="there is no volume: the first start makes one")
    return ExitCode.OK


def mounts(arguments: Arguments) -> ExitCode:
    """The mounted file systems, the best first."""
    rows = [_mount_row(one) for one in Mounts().look()]
    print_rows(rows, as_json=arguments.json, empty="no disk is mounted")
    return ExitCode.OK


def add(arguments: AddArguments) -> ExitCode:
    """Make a directory a volume, and say how its disk is mounted at each start.

    Without one, say where one may lie.
    """
    path = arguments.path
    if path is None or arguments.list:
        code = mounts(arguments)
        note("one of these becomes a volume by: falconeye storage add PATH")
        return code
    role = Role(arguments.role)

    async def work(changes: VolumeChanges, audit: AuditLog) -> tuple[Added, str | None]:
        added = await changes.add(path, role, on_root=arguments.on_root)
        words = f"{added.row.path}, {role.value}"
        await audit.record(None, "volume.added", "volume", added.row.volume_id, words)
        mount = added.place.mount
        uuid = None if mount is None else await places.on_that_disk(partial(uuid_of, mount))
        return added, uuid

    added, uuid = _with_changes(arguments, work)
    lines = mount_lines(added.place.path, added.place.mount, uuid)
    told = _drop_ins(arguments).write(added.place.path, lines.drop_in)
    cautions = [_CAUTIONS[caution] for caution in added.place.cautions]
    if arguments.json:
        print_json({**_added_facts(added, lines), "service": told})
        return ExitCode.OK
    print(f"{added.row.path} is a volume now ({role.value}); a running node uses it within seconds")
    for words in cautions:
        note(f"careful: {words}")
    print(_explained(lines, None if told else drop_in_path(added.place.path)))
    if told:
        print(f"\n{told}")
    return ExitCode.OK


def role(arguments: RoleArguments) -> ExitCode:
    """Change what a volume is for."""
    wanted = Role(arguments.role)

    async def work(changes: VolumeChanges, audit: AuditLog) -> Known:
        known = await changes.change_role(arguments.path, wanted)
        words = f"{known.row.path}, {wanted.value}"
        await audit.record(None, "volume.changed", "volume", known.row.volume_id, words)
        return known

    known = _with_changes(arguments, work)
    words = f"{known.row.path}: {wanted.value}"
    if wanted is Role.LEAVING:
        words += f"; it holds {held_words(known.held)}, which a running node moves to the others"
    facts = {"id": known.row.volume_id, "path": known.row.path, "role": wanted.value}
    done(words, as_json=arguments.json, **facts)
    return ExitCode.OK


def remove(arguments: RemoveArguments) -> ExitCode:
    """Use a volume no more."""
    who = f"{_user()} (command line)"

    async def work(changes: VolumeChanges, audit: AuditLog) -> tuple[Known, int]:
        if arguments.forget:
            known, forgotten = await changes.forget(arguments.path, who)
        else:
            known, forgotten = await changes.remove(arguments.path), 0
        action = "volume.forgotten" if arguments.forget else "volume.removed"
        words = f"{known.row.path}, {held_words(known.held)}, by {who}"
        await audit.record(None, action, "volume", known.row.volume_id, words)
        return known, forgotten

    known, forgotten = _with_changes(arguments, work)
    words = f"{known.row.path or known.row.volume_id} is not used any more"
    if arguments.forget:
        words += f"; {counted(forgotten, 'file')} of footage forgotten"
    told = _drop_ins(arguments).remove(known.path) if known.row.path else ""
    words += f"\n{told}" if told else ""
    facts = {"id": known.row.volume_id, "path": known.row.path, "forgotten": forgotten}
    done(words, as_json=arguments.json, **facts)
    return ExitCode.OK


def _with_changes(
    arguments: Arguments, work: Callable[[VolumeChanges, AuditLog], Awaitable[T]]
) -> T:
    async def on_database(database: Database, settings: NodeSettings) -> T:
        clock = SystemClock()
        changes = VolumeChanges(
            database, clock, data_dir=settings.data_dir, media_dir=settings.media_dir
        )
        return await work(changes, AuditLog(AuditStore(database), clock))

    return with_database(arguments, on_database)


def _drop_ins(arguments: Arguments) -> DropIns:
    """Of the service whose data were changed, if it is one."""
    settings = load_settings(arguments.flags(), os.environ, arguments.config).settings
    return DropIns(settings.data_dir)


async def _row(known: Known) -> dict[str, Any]:
    row, held = known.row, known.held
    path = Path(row.path)
    is_present = bool(row.path) and await places.on_that_disk_or_false(
        partial(places.is_there, path, row.volume_id)
    )
    role = "media directory" if known.is_media_dir else row.role.value or "not used"
    return {
        "path": row.path or "(another volume took its place)",
        "role": role,
        "present": is_present,
        "footage_gb": round(held.size_bytes / 1e9, 1),
        "files": held.segments,
        "exports": held.exports,
        "moves_paused_by": known.paused_by,
        "id": row.volume_id,
    }


def _mount_row(facts: MountFacts) -> dict[str, Any]:
    return {
        "path": str(facts.mount.path),
        "kind": facts.kind.value,
        "file_system": facts.mount.file_system,
        "size_gb": round(facts.total_bytes / 1e9, 1),
        "free_gb": round(facts.free_bytes / 1e9, 1),
        "source": facts.mount.source,
        "against": "; ".join(_AGAINST[reason] for reason in facts.against),
    }


def _added_facts(added: Added, lines: MountLines) -> dict[str, Any]:
    return {
        "id": added.row.volume_id,
        "path": added.row.path,
        "role": added.row.role.value,
        "cautions": [caution.value for caution in added.place.cautions],
        "fstab": lines.fstab,
        "mount_unit": {"name": lines.unit_name, "text": lines.unit},
        "drop_in": {"path": str(drop_in_path(added.place.path)), "text": lines.drop_in},
        "note": lines.note,
    }


def _explained(lines: MountLines, drop_in: Path | None) -> str:
    """`drop_in`: where a person writes it; None where it is written."""
    parts = []
    if lines.fstab:
        parts += [
            "\nSo that it is mounted at each start, in /etc/fstab:\n",
            f"  {lines.fstab}",
            f"\nor instead, as /etc/systemd/system/{lines.unit_name}:\n",
            _indented(lines.unit),
            f"\n  (then: systemctl daemon-reload && systemctl enable --now '{lines.unit_name}')",
        ]
    if lines.note:
        parts.append(f"\n{lines.note}")
    if lines.drop_in and drop_in is not None:
        parts += [f"\nFor the hardened service, as {drop_in}:\n", _indented(lines.drop_in)]
        parts.append("\n  (then: systemctl daemon-reload && systemctl restart falconeye)")
    return "\n".join(parts)


def _indented(text: str) -> str:
    return "\n".join(f"  {line}".rstrip() for line in text.rstrip().split("\n"))


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user without a name
        return "somebody"
