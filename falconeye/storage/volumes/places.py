"""Whether a directory may become a volume, and what its owner should know of it first.

Everything here touches the disk that is looked at, which may hang: run it by `on_that_disk`.
"""

import asyncio
import contextlib
import os
import pwd
import tempfile
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import NoReturn, TypeVar

from falconeye.base.errors import Conflict, InvalidInput, Unavailable
from falconeye.storage.volumes.id_file import ID_FILE, VolumeMissing, read_volume_id
from falconeye.storage.volumes.mounts import MOUNTINFO, SMALL_BYTES, Mount, mount_of, read_mounts
from falconeye.storage.volumes.volume import ANSWER_S
from falconeye.storage.volumes.work_threads import WorkThreads

T = TypeVar("T")
_FIELD = "path"
_USUAL = frozenset({ID_FILE, "lost+found", "exports", "$RECYCLE.BIN", "System Volume Information"})


class Caution(StrEnum):
    """What does not forbid a volume there, but should be known."""

    ON_ROOT = "on_root"  # it shares the space of the system
    SAME_FILE_SYSTEM = "same_file_system"  # as another volume: no more room, and one disk to fail
    IN_MEMORY = "in_memory"
    SMALL = "small"
    OTHER_FILES = "other_files"  # that are not FalconEye's
    NOT_THE_SERVICES = "not_the_services"  # the service's user cannot write there


@dataclass(frozen=True, slots=True)
class Place:
    """A directory that may become a volume."""

    path: Path  # absolute, without symbolic links
    mount: Mount | None
    cautions: tuple[Caution, ...]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a new volume must keep clear of."""

    data_dir: Path
    volumes: Sequence[Path]


async def on_that_disk(function: Callable[[], T]) -> T:
    """Run it on a thread of its own; Unavailable when the disk does not answer in `ANSWER_S`."""
    thread = WorkThreads("volume-look", 1)
    asked = thread.call(function)
    thread.stop()
    return await _answer(asked)


async def on_that_disk_or_false(function: Callable[[], bool]) -> bool:
    """The same; False when the disk does not answer."""
    try:
        return await on_that_disk(function)
    except Unavailable:
        return False


async def _answer(asked: "Future[T]") -> T:
    try:
        async with asyncio.timeout(ANSWER_S):
            return await asyncio.shield(asyncio.wrap_future(asked))
    except TimeoutError:
        msg = "the disk does not answer"
        raise Unavailable(msg) from None


def inspect(given: str, around: Surroundings, *, on_root: bool) -> Place:
    """Look at a directory; writes nothing that stays. Blocks.

    InvalidInput (field `path`) says what forbids it, Conflict that it is a volume already.
    """
    path = _resolved(given)
    data_dir = around.data_dir.resolve()
    volumes = [volume.resolve() for volume in around.volumes]
    if path in volumes:
        msg = f"{path} is a volume already"
        raise Conflict(msg)
    # A disk of its own may be mounted in it: a pod has no other directory of its node.
    is_in_it = data_dir in path.parents and _device(path) == _device(data_dir)
    if path == data_dir or path in data_dir.parents or is_in_it:
        _refuse(f"{path} and the data directory {data_dir} lie in each other")
    for volume in volumes:
        if path in volume.parents or volume in path.parents:
            _refuse(f"{path} and the volume {volume} lie in each other")
    device = path.stat().st_dev
    is_root = device == Path("/").stat().st_dev
    if is_root and not on_root:
        _refuse(
            f"{path} lies on the root file system: is the disk mounted? "
            "'falconeye storage add --on-root' takes it all the same"
        )
    _require_writable(path)
    mount = mount_of(path, read_mounts(MOUNTINFO.read_bytes()))
    cautions = {
        Caution.ON_ROOT: is_root,
        Caution.SAME_FILE_SYSTEM: device in {_device(volume) for volume in volumes},
        Caution.IN_MEMORY: mount is not None and mount.file_system == "tmpfs",
        Caution.SMALL: _total_bytes(path) < SMALL_BYTES,
        Caution.OTHER_FILES: _has_other_files(path),
        Caution.NOT_THE_SERVICES: not _owner_can_write(path, data_dir),
    }
    return Place(path, mount, tuple(caution for caution, is_so in cautions.items() if is_so))


def is_there(path: Path, volume_id: str) -> bool:
    """Whether the volume of that id lies there now. Blocks."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return read_volume_id(fd) == volume_id
    except (OSError, VolumeMissing):
        return False
    finally:
        os.close(fd)


def give_id_to_owner(path: Path, data_dir: Path) -> None:
    """As root: the id file belongs to the data directory's owner, the service. Blocks."""
    owner = data_dir.stat()
    if os.geteuid() == 0 and owner.st_uid != 0:
        os.chown(path / ID_FILE, owner.st_uid, owner.st_gid, follow_symlinks=False)


def _resolved(given: str) -> Path:
    path = Path(given)
    if not given.isprintable() or not path.is_absolute():
        _refuse("give the whole path of a directory, beginning with /")
    try:
        found = path.resolve(strict=True)
    except (OSError, RuntimeError) as error:
        words = error.strerror if isinstance(error, OSError) else "a loop of links"
        _refuse(f"{path} cannot be used: {words}", error)
    if not found.is_dir():
        _refuse(f"{path} is not a directory")
    return found


def _refuse(words: str, cause: BaseException | None = None) -> NoReturn:
    raise InvalidInput(words, field=_FIELD) from cause


def _require_writable(path: Path) -> None:
    try:
        with tempfile.TemporaryFile(dir=path, prefix=".falconeye-"):
            pass
    except OSError as error:
        _refuse(f"nothing can be written to {path}: {error.strerror}", error)


def _device(path: Path) -> int | None:
    try:
        return path.stat().st_dev
    except OSError:
        return None


def _total_bytes(path: Path) -> int:
    found = os.statvfs(path)
    return found.f_blocks * found.f_frsize


def _has_other_files(path: Path) -> bool:
    """Names that FalconEye does not make: it makes directories named after cameras' ids."""
    with os.scandir(path) as entries:
        return any(entry.name not in _USUAL and not _is_id(entry.name) for entry in entries)


def _is_id(name: str) -> bool:
    try:
        uuid.UUID(name)
    except ValueError:
        return False
    return True


def _owner_can_write(path: Path, data_dir: Path) -> bool:
    """Whether the user whose data directory this is can; root that asks can always."""
    try:
        owner = data_dir.stat()
    except OSError:
        return True  # it is made by whoever asks
    if owner.st_uid in {0, os.geteuid()}:
        return True
    there = path.stat()
    groups = {owner.st_gid}
    with contextlib.suppress(KeyError):
        user = pwd.getpwuid(owner.st_uid)
        groups |= set(os.getgrouplist(user.pw_name, user.pw_gid))
    if there.st_uid == owner.st_uid:
        return there.st_mode & 0o300 == 0o300
    if there.st_gid in groups:
        return there.st_mode & 0o030 == 0o030
    return there.st_mode & 0o003 == 0o003
