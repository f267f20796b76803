"""A file system in user space that hands everything on to a directory, until it is told not to.

`python -m tests.faults.fuse BACKING MOUNTPOINT [LOG]`, root, Linux. It speaks the kernel's FUSE
protocol itself (linux/fuse.h, 7.31): no library is needed. On standard input it is told: `fail N`
(every call ends with that errno), `slow S` (writes and syncs take so long), `hang` (nothing is
answered until `well`), `well`, `gone` (the connection is cut as when a disk is pulled).

With LOG each write and sync of the file `disk.img` is appended to it: what a real disk below a loop
device would have had at each moment (`tests.faults.power`).
"""

import contextlib
import ctypes
import errno
import os
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

_IN = struct.Struct("<IIQQIIII")  # len, opcode, unique, nodeid, uid, gid, pid, padding
_OUT = struct.Struct("<IiQ")  # len, error, unique
_ATTR = struct.Struct("<QQQQQQIIIIIIIIII")
LOG_ENTRY = struct.Struct("<dBQI")  # monotonic, 0: write | 1: sync, offset, bytes that follow
MAX_WRITE = 128 << 10
_FORGETS = {2, 42}  # they are not answered
_LOGGED = "disk.img"


@dataclass
class Mood:
    """How the disk feels."""

    error: int = 0
    slow_s: float = 0.0
    well: threading.Event = field(default_factory=threading.Event)

    def show(self, opcode: int) -> None:
        """OSError where it refuses; writes and syncs (16, 20, 30) take their time."""
        if self.error:
            raise OSError(self.error, os.strerror(self.error))
        if self.slow_s and opcode in {16, 20, 30}:
            time.sleep(self.slow_s)


class PassThrough:
    """Answers the kernel's questions about one directory."""

    def __init__(self, backing: Path, fd: int, mood: Mood, log: int | None) -> None:
        self._root = str(backing)
        self._fd = fd
        self._mood = mood
        self._log = log
        self._lock = threading.Lock()
        self._paths = {1: ""}
        self._ids = {"": 1}
        self._next = 2
        self._handlers: dict[int, Callable[[int, bytes], bytes]] = {
            1: self._lookup, 3: self._getattr, 4: self._setattr, 9: self._mkdir, 10: self._unlink,
            11: self._rmdir, 12: self._rename, 14: self._open, 15: self._read, 16: self._write,
            17: self._statfs, 18: self._release, 20: self._fsync, 25: self._nothing,
            26: self._init, 27: self._nothing_open, 28: self._readdir, 29: self._nothing,
            30: self._fsyncdir, 35: self._create, 45: self._rename2,
        }  # fmt: skip

    def serve(self) -> None:
        """Until the connection ends."""
        while True:
            try:
                data = os.read(self._fd, MAX_WRITE + 4096)
            except OSError as error:
                if error.errno in {errno.EINTR, errno.ENOENT, errno.EAGAIN}:
                    continue
                return  # ENODEV: unmounted, or cut
            self._answer(data)

    def _answer(self, data: bytes) -> None:
        _, opcode, unique, node, *_rest = _IN.unpack_from(data)
        if opcode in _FORGETS:
            return
        reply, failure = b"", 0
        try:
            if opcode != 26:
                self._mood.well.wait()
                self._mood.show(opcode)
            handler = self._handlers.get(opcode)
            if handler is None:
                failure = errno.ENOSYS
            else:
                reply = handler(node, data[_IN.size :])
        except OSError as error:
            reply, failure = b"", error.errno or errno.EIO
        with contextlib.suppress(OSError):  # it was interrupted, or cut
            os.write(self._fd, _OUT.pack(_OUT.size + len(reply), -failure, unique) + reply)

    # -- names -----------------------------------------------------------------------------

    def _path(self, node: int) -> str:
        return f"{self._root}/{self._paths[node]}"

    def _child(self, node: int, name: bytes) -> str:
        parent = self._paths[node]
        text = os.fsdecode(name.split(b"\0", 1)[0])
        return f"{parent}/{text}" if parent else text

    def _entry(self, path: str) -> bytes:
        found = os.lstat(f"{self._root}/{path}")
        with self._lock:
            node = self._ids.get(path)
            if node is None:
                node = self._ids[path] = self._next
                self._paths[node] = path
                self._next += 1
        return struct.pack("<QQQQII", node, 0, 0, 0, 0, 0) + _attr(found, node)

    def _forget_path(self, path: str) -> None:
        with self._lock:
            self._ids.pop(path, None)

    # -- operations ------------------------------------------------------------------------

    def _init(self, _node: int, data: bytes) -> bytes:
        _major, _minor, readahead, _flags = struct.unpack_from("<IIII", data)
        big_writes = 1 << 5
        return struct.pack(
            "<IIIIHHIIHHI7I", 7, 31, readahead, big_writes, 12, 9, MAX_WRITE, 1, 0, 0, 0, *[0] * 7
        )

    def _lookup(self, node: int, data: bytes) -> bytes:
        return self._entry(self._child(node, data))

    def _getattr(self, node: int, _data: bytes) -> bytes:
        return struct.pack("<QII", 0, 0, 0) + _attr(os.lstat(self._path(node)), node)

    def _setattr(self, node: int, data: bytes) -> bytes:
        valid, _, handle, size = struct.unpack_from("<IIQQ", data)
        if valid & (1 << 3):
            if valid & (1 << 6):
                os.ftruncate(handle, size)
            else:
                os.truncate(self._path(node), size)
        if valid & 1:
            (mode,) = struct.unpack_from("<I", data, 68)
            os.chmod(self._path(node), mode & 0o7777)  # noqa: PTH101
        return self._getattr(node, b"")

    def _mkdir(self, node: int, data: bytes) -> bytes:
        mode, _umask = struct.unpack_from("<II", data)
        path = self._child(node, data[8:])
        os.mkdir(f"{self._root}/{path}", mode & 0o7777)  # noqa: PTH102
        return self._entry(path)

    def _unlink(self, node: int, data: bytes) -> bytes:
        path = self._child(node, data)
        os.unlink(f"{self._root}/{path}")  # noqa: PTH108
        self._forget_path(path)
        return b""

    def _rmdir(self, node: int, data: bytes) -> bytes:
        path = self._child(node, data)
        os.rmdir(f"{self._root}/{path}")  # noqa: PTH106
        self._forget_path(path)
        return b""

    def _rename(self, node: int, data: bytes, skip: int = 8) -> bytes:
        (target,) = struct.unpack_from("<Q", data)
        old, new, _ = data[skip:].split(b"\0", 2)
        before, after = self._child(node, old), self._child(target, new)
        os.rename(f"{self._root}/{before}", f"{self._root}/{after}")  # noqa: PTH104
        with self._lock:
            number = self._ids.pop(before, None)
            if number is not None:
                self._ids[after] = number
                self._paths[number] = after
        return b""

    def _rename2(self, node: int, data: bytes) -> bytes:
        return self._rename(node, data, 16)

    def _open(self, node: int, data: bytes) -> bytes:
        (flags,) = struct.unpack_from("<I", data)
        kept = flags & ~(os.O_CREAT | os.O_EXCL | os.O_NOCTTY | os.O_DIRECT | os.O_APPEND)
        return struct.pack("<QII", os.open(self._path(node), kept | os.O_CLOEXEC), 0, 0)

    def _create(self, node: int, data: bytes) -> bytes:
        flags, mode, _umask, _ = struct.unpack_from("<IIII", data)
        path = self._child(node, data[16:])
        kept = flags & ~(os.O_DIRECT | os.O_APPEND)
        fd = os.open(f"{self._root}/{path}", kept | os.O_CREAT | os.O_CLOEXEC, mode & 0o7777)
        return self._entry(path) + struct.pack("<QII", fd, 0, 0)

    def _read(self, _node: int, data: bytes) -> bytes:
        handle, offset, size = struct.unpack_from("<QQI", data)
        return os.pread(handle, size, offset)

    def _write(self, node: int, data: bytes) -> bytes:
        handle, offset, size = struct.unpack_from("<QQI", data)
        content = data[40 : 40 + size]
        if self._log is not None and self._paths[node] == _LOGGED:
            head = LOG_ENTRY.pack(time.monotonic(), 0, offset, size)
            os.writev(self._log, [head, content])
        return struct.pack("<II", os.pwrite(handle, content, offset), 0)

    def _fsync(self, node: int, data: bytes) -> bytes:
        (handle,) = struct.unpack_from("<Q", data)
        if self._log is not None and self._paths[node] == _LOGGED:
            os.write(self._log, LOG_ENTRY.pack(time.monotonic(), 1, 0, 0))
        else:
            os.fsync(handle)
        return b""

    def _release(self, _node: int, data: bytes) -> bytes:
        (handle,) = struct.unpack_from("<Q", data)
        os.close(handle)
        return b""

    def _fsyncdir(self, node: int, _data: bytes) -> bytes:
        fd = os.open(self._path(node), os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
        return b""

    def _statfs(self, _node: int, _data: bytes) -> bytes:
        found = os.statvfs(self._root)
        return struct.pack(
            "<QQQQQIIII6I", found.f_blocks, found.f_bfree, found.f_bavail, found.f_files,
            found.f_ffree, found.f_bsize, 255, found.f_frsize, 0, *[0] * 6,
        )  # fmt: skip

    def _readdir(self, node: int, data: bytes) -> bytes:
        _handle, offset, size = struct.unpack_from("<QQI", data)
        names = [".", "..", *sorted(os.listdir(self._path(node)))]  # noqa: PTH208
        reply = b""
        for index, name in enumerate(names[offset:], offset):
            encoded = os.fsencode(name)
            entry = struct.pack("<QQII", index + 1, index + 1, len(encoded), 0) + encoded
            entry += bytes(-len(entry) % 8)
            if len(reply) + len(entry) > size:
                break
            reply += entry
        return reply

    def _nothing(self, _node: int, _data: bytes) -> bytes:
        return b""

    def _nothing_open(self, _node: int, _data: bytes) -> bytes:
        return struct.pack("<QII", 0, 0, 0)


def _attr(found: os.stat_result, node: int) -> bytes:
    nanoseconds = (found.st_atime_ns, found.st_mtime_ns, found.st_ctime_ns)
    return _ATTR.pack(
        node, found.st_size, found.st_blocks, *(ns // 10**9 for ns in nanoseconds),
        *(ns % 10**9 for ns in nanoseconds), found.st_mode, found.st_nlink, found.st_uid,
        found.st_gid, 0, 4096, 0,
    )  # fmt: skip


@contextlib.contextmanager
def _mounted(target: Path) -> Iterator[int]:
    libc = ctypes.CDLL(None, use_errno=True)
    fd = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
    options = f"fd={fd},rootmode=40000,user_id=0,group_id=0,allow_other".encode()
    if libc.mount(b"falconeye", str(target).encode(), b"fuse.falconeye", 6, options):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(target))
    try:
        yield fd
    finally:
        libc.umount2(str(target).encode(), 2)  # MNT_DETACH: also where files are open
        with contextlib.suppress(OSError):
            os.close(fd)


def _told(line: str, mood: Mood) -> bool:
    """Do what a line says; False when the connection is to be cut."""
    word, *rest = line.split() or ["well"]
    if word == "fail":
        mood.error = int(rest[0])
    elif word == "slow":
        mood.slow_s = float(rest[0])
    elif word == "hang":
        mood.well.clear()
    elif word == "gone":
        return False
    else:
        mood.error, mood.slow_s = 0, 0.0
        mood.well.set()
    return True


def main() -> None:
    backing, target = Path(sys.argv[1]), Path(sys.argv[2])
    flags = os.O_CREAT | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC
    log = os.open(sys.argv[3], flags, 0o600) if len(sys.argv) > 3 else None
    mood = Mood()
    mood.well.set()
    with _mounted(target) as fd:
        served = PassThrough(backing, fd, mood, log)
        for _ in range(4):  # one that waits holds up no other
            threading.Thread(target=served.serve, daemon=True).start()
        print("mounted", flush=True)  # noqa: T201
        for line in sys.stdin:
            if not _told(line, mood):
                break
            print("ok", flush=True)  # noqa: T201
    os._exit(0)  # its threads read /dev/fuse


if __name__ == "__main__":
    main()
