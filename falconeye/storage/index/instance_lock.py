"""One serving process per data directory: a lock the kernel drops when the process ends."""

import contextlib
import fcntl
import os
import time
from pathlib import Path

from falconeye.base.errors import StartError

LOCK_NAME = "instance.lock"
RETRY_S = 0.05


class InstanceLock:
    """An exclusive flock(2) on a file in the data directory; never left behind by a crash."""

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / LOCK_NAME
        self._fd: int | None = None

    @property
    def held(self) -> bool:
        return self._fd is not None

    def acquire(self, wait_s: float = 2.0) -> None:
        """Take the lock; StartError naming the process that still has it after `wait_s`.

        Blocks: call it in a thread. The wait covers a predecessor that is just ending.
        """
        deadline = time.monotonic() + wait_s
        while not self.try_acquire():
            if time.monotonic() >= deadline:
                message = (
                    f"another FalconEye (process {self._holder()}) already serves from "
                    f"{self._path.parent}. Stop it, or choose another --data-dir"
                )
                raise StartError(message)
            time.sleep(RETRY_S)

    def try_acquire(self) -> bool:
        """Take the lock if nobody has it; True when it is ours."""
        if self._fd is not None:
            return True
        fd = os.open(self._path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return False
        self._fd = fd
        with contextlib.suppress(OSError):  # only to name us: a full disk must not stop the start
            os.ftruncate(fd, 0)
            os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
        return True

    def is_held_by_anyone(self) -> bool:
        """Whether this or another process has it."""
        if self.held:
            return True
        fd = os.open(self._path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:  # shared: two that look at once do not take each other for a server
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(fd)
        return False

    def release(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def server(self) -> int | None:
        """The process id of who serves; None when nobody does, or its id is not known here.

        It may be of another PID namespace: a container's.
        """
        if not self.is_held_by_anyone():
            return None
        try:
            return int(self._holder())
        except ValueError:
            return None

    def _holder(self) -> str:
        return self._path.read_text(encoding="ascii", errors="replace").strip() or "unknown"
