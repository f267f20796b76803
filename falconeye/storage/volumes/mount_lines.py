"""What an administrator writes down so that a disk is mounted at each start: text, nothing done.

fstab(5), systemd.mount(5), and the drop-in for the hardened unit of FalconEye.
"""

import hashlib
import string
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from falconeye.storage.volumes.mount_options import is_whole, mount_options
from falconeye.storage.volumes.mounts import WITHOUT_OWNERS, Mount

DROP_INS = Path("/etc/systemd/system/falconeye.service.d")
_STATE_DIRECTORY = Path("/var/lib/falconeye")  # which the unit may write to by itself
_HOMES = (Path("/home"), Path("/root"), Path("/run/user"))  # which it does not see by itself
_PART = (
    "It is a part of a file system that is mounted elsewhere, too (a bind mount): see to it that "
    "what mounts it now does so at each start"
)
_PULLED = (
    "For a disk that may be pulled (USB) take the unit: with the line in fstab it is recorded to "
    "again only once somebody has unmounted and mounted it"
)
_LONGEST_NAME = 200  # of a file: 255 bytes in all
_PLAIN = frozenset(string.ascii_letters + string.digits + ":_.")


@dataclass(frozen=True, slots=True)
class MountLines:
    """Empty where there is nothing to be written down (a RAM disk, the root file system).

    The drop-in where the service may write there by itself.
    """

    fstab: str  # one line
    unit_name: str  # of the systemd mount unit: either that, or fstab
    unit: str  # its text
    drop_in: str  # a text for the service, in the file `drop_in_path`
    note: str = ""  # what else it needs, in words


def mount_lines(path: Path, mount: Mount | None, uuid: str | None) -> MountLines:
    """The lines for the volume at `path`, which lies on `mount`."""
    if mount is None or mount.path == Path("/") or mount.file_system == "tmpfs":
        return MountLines("", "", "", drop_in(path, None))
    source = f"UUID={uuid}" if uuid else mount.source
    what = f"/dev/disk/by-uuid/{uuid}" if uuid else mount.source
    found, note = mount_options(mount)
    check = "0" if mount.is_network or mount.file_system in WITHOUT_OWNERS else "2"
    unit = escaped_unit(mount.path)
    if not is_whole(mount):
        return MountLines("", "", "", drop_in(path, unit), _PART)
    where, options = _fstab_text(str(mount.path)), _fstab_text(",".join(found))
    if what.startswith("/dev/"):
        note = f"{_PULLED}; {note[:1].lower()}{note[1:]}" if note else _PULLED
    return MountLines(
        fstab=f"{_fstab_text(source)}  {where}  {mount.file_system}  {options}  0  {check}",
        unit_name=unit,
        unit=_unit(mount, what, found),
        drop_in=drop_in(path, unit),
        note=note,
    )


def drop_in(path: Path, unit: str | None) -> str:
    """The text that lets the hardened service write there, once it is mounted.

    Not RequiresMountsFor=: a disk that does not come up would keep the service from recording on
    the others. The order matters: what is mounted later the service may not see.
    """
    lines = []
    if unit is not None:
        lines += [
            "[Unit]",
            "# Start after the disk, and without it too: footage goes to another one then.",
            f"# (RequiresMountsFor={path} would keep FalconEye from starting without it.)",
            f"Wants={unit}",
            f"After={unit}",
        ]
    if not path.is_relative_to(_STATE_DIRECTORY):
        lines.append("[Service]")
        if any(path.is_relative_to(home) for home in _HOMES):
            lines.append("ProtectHome=read-only")
        lines.append(f'ReadWritePaths="-{_unit_text(str(path))}"')
    return "\n".join([*lines, ""]) if lines else ""


def drop_in_path(path: Path) -> Path:
    """Where that text belongs: each volume has a file of its own."""
    name = _escaped_path(path)
    if len(name) > _LONGEST_NAME:
        name = hashlib.sha256(name.encode()).hexdigest()
    return DROP_INS / f"storage-{name}.conf"


def escaped_unit(path: Path) -> str:
    """The name of the mount unit of a path, as systemd-escape --path makes it."""
    return f"{_escaped_path(path)}.mount"


def _escaped_path(path: Path) -> str:
    parts = [part for part in path.parts if part != "/"]
    if not parts:
        return "-"
    return "-".join(_escaped(part, is_first=index == 0) for index, part in enumerate(parts))


def _escaped(part: str, *, is_first: bool) -> str:
    return "".join(
        character
        if character in _PLAIN and not (character == "." and is_first and place == 0)
        else "".join(f"\\x{byte:02x}" for byte in character.encode())
        for place, character in enumerate(part)
    )


def _unit(mount: Mount, what: str, options: Sequence[str]) -> str:
    kept = ",".join(option for option in options if not option.startswith(("nofail", "x-systemd")))
    network, wanted_by, lazy = "", "local-fs.target", ""
    if mount.is_network:
        network = "Wants=network-online.target\nAfter=network-online.target\n"
        wanted_by = "remote-fs.target"
    elif what.startswith("/dev/"):
        # A disk that is pulled is in use then: it goes all the same, and comes when it is back.
        lazy = "LazyUnmount=yes\n"
        wanted_by += f" {_escaped_path(Path(what))}.device"
    return (
        f"[Unit]\nDescription=Footage of FalconEye\n{network}\n"
        f"[Mount]\nWhat={_unit_text(what)}\nWhere={_unit_text(str(mount.path))}\n"
        f"Type={mount.file_system}\nOptions={_unit_text(kept)}\nTimeoutSec=10\n{lazy}\n"
        f"[Install]\nWantedBy={wanted_by}\n"
    )


def _unit_text(text: str) -> str:
    """As a value in a unit: "%" is a specifier there."""
    return text.replace("\\", "\\\\").replace("%", "%%").replace('"', '\\"')


def _fstab_text(text: str) -> str:
    """As a field of fstab: no space ends it."""
    for character, code in (("\\", "134"), (" ", "040"), ("\t", "011"), ("\n", "012")):
        text = text.replace(character, f"\\{code}")
    return text
