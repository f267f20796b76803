"""The words of `falconeye storage`."""

import argparse
from pathlib import Path

from falconeye.cli.words import Commands, command, group

_WHERE = "its path or id: see 'falconeye storage list'"


def add_storage(commands: Commands) -> None:
    """`storage list | mounts | add | role | remove`."""
    storage = group(commands, "storage", "the disks where footage lies")
    listing = command(
        storage, "list", "falconeye.cli.storage:show",
        "list the disks with their roles and what lies on them",
    )  # fmt: skip
    _add_media_dir(listing)
    command(
        storage, "mounts", "falconeye.cli.storage:mounts",
        "list the mounted disks and shares, and what speaks against each",
    )  # fmt: skip
    _add_add(storage)
    role = command(
        storage, "role", "falconeye.cli.storage:role", "change what a disk is for",
        examples="""\
  falconeye storage role /srv/disk2 archive
  falconeye storage role /srv/disk2 leaving     moves its footage to the others
""",
        note=_ROLES,
    )  # fmt: skip
    _add_media_dir(role)
    role.add_argument("path", metavar="PATH", help=_WHERE)
    role.add_argument("role", metavar="ROLE", choices=("record", "archive", "leaving"))
    _add_remove(storage)


_ROLES = """\
roles:
  record   new footage goes there; the media directory first
  archive  the oldest footage is moved there when a recording disk gets full; it
           takes new footage while no recording disk can
  leaving  all its footage is moved to the others; then it can be removed"""


def _add_add(storage: Commands) -> None:
    parser = command(
        storage, "add", "falconeye.cli.storage:add",
        "use a directory of another disk for footage; never formats anything",
        examples="""\
  falconeye storage add                          lists what is mounted, to choose from
  falconeye storage add /srv/disk2 --role archive
  falconeye storage add /mnt/nas/video --role archive
""",
        note="It writes falconeye-volume.json there, and prints what to write into /etc/fstab\n"
        "or a mount unit. As root it writes the drop-in of the installed service as well,\n"
        "which lets it write there after a restart; else it prints that, too.\n\n" + _ROLES,
    )  # fmt: skip
    _add_media_dir(parser)
    parser.add_argument("path", metavar="PATH", nargs="?", help="a directory, mounted and writable")
    parser.add_argument(
        "--list", action="store_true",
        help="add nothing: list the mounted disks and shares, as without a path",
    )  # fmt: skip
    parser.add_argument("--role", choices=("record", "archive"), default="archive")
    parser.add_argument(
        "--on-root", action="store_true",
        help="even on the root file system (as where a disk is not mounted)",
    )  # fmt: skip


def _add_remove(storage: Commands) -> None:
    parser = command(
        storage, "remove", "falconeye.cli.storage:remove",
        "use a disk no more; refused while footage lies on it",
        examples="""\
  falconeye storage role /srv/disk2 leaving && falconeye storage remove /srv/disk2
  falconeye storage remove /srv/disk2 --forget      the disk is dead or gone
""",
    )  # fmt: skip
    _add_media_dir(parser)
    parser.add_argument("path", metavar="PATH", help=_WHERE)
    parser.add_argument(
        "--forget", action="store_true",
        help="take its footage out of the index: for a disk that is gone for good",
    )  # fmt: skip


def _add_media_dir(parser: argparse.ArgumentParser) -> None:
    """For those who give it to `serve` as a flag."""
    parser.add_argument(
        "--media-dir", type=Path, metavar="DIR", help="the media directory, where 'serve' has it so"
    )
