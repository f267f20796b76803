"""Starts `reencode` as a process of its own, follows it, and ends it."""

import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import falconeye

STALL_S = 300.0  # without a picture, or a byte read or written; it has the lowest priority
_KILL_S = 2.0
LOOK_S = 0.25  # so often it is asked whether to stop, also while nothing is told


class CannotEncode(ValueError):
    """There is no picture in it that can be decoded, or the encoder has failed."""


@dataclass(frozen=True, slots=True)
class Source:
    """A part of an open file; `root_fd` is the open directory that the target's path begins at."""

    fd: int
    begin: int
    size: int
    root_fd: int


def run_reencode(
    source: Source, target: Path, most_bits_s: int, note: Callable[[float | None], None]
) -> None:
    """Encode it to `target`; blocks. CannotEncode, also after `STALL_S`; OSError of the disk.

    `note` gets the progress (0 to 1), or None when there is no news, several times a second; what
    it raises ends the process.
    """
    arguments = (source.fd, source.begin, source.size, target, most_bits_s)
    root = str(Path(falconeye.__file__).parents[1])
    process = subprocess.Popen(  # noqa: S603 - our own interpreter, numbers, a path that we made
        [sys.executable, "-P", "-m", "falconeye.media.reencode", *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        pass_fds=(source.fd, source.root_fd),
        env=os.environ | {"PYTHONPATH": root},
    )
    try:
        last = _follow(process, note)
    except BaseException:
        _end(process)
        raise
    finally:
        if process.stdout is not None:
            process.stdout.close()
    status = process.wait()
    if status:
        raise _failure(last, status)


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Kill it; one that its disk holds in the kernel is not waited for."""
    process.kill()
    try:
        _ = process.wait(_KILL_S)
    except subprocess.TimeoutExpired:
        threading.Thread(target=process.wait, name="encoder-left", daemon=True).start()


def _follow(process: "subprocess.Popen[bytes]", note: Callable[[float | None], None]) -> str:
    """Until it says no more; its last line."""
    if process.stdout is None:
        raise AssertionError  # it is a pipe
    fd, rest, last = process.stdout.fileno(), b"", ""
    moved, moved_s = _moved(process), time.monotonic()
    while True:
        ready, _, _ = select.select([fd], [], [], LOOK_S)
        before, moved = moved, _moved(process)
        if ready or moved != before or not moved:
            moved_s = time.monotonic()
        elif time.monotonic() - moved_s > STALL_S:
            raise CannotEncode(f"the encoder made no progress for {STALL_S / 60:g} minutes")
        if not ready:
            note(None)
            continue
        data = os.read(fd, 4096)
        if not data:
            return last
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            last = line.decode("utf-8", "replace")
            if not last.startswith("failed"):
                note(float(last))


def _moved(process: "subprocess.Popen[bytes]") -> str:
    """What it has read and written so far: at its end it moves the whole file without a word.

    Empty where the system does not tell, so that it cannot be judged.
    """
    try:
        return Path(f"/proc/{process.pid}/io").read_text("ascii")
    except OSError:
        return ""


def _failure(last: str, status: int) -> Exception:
    word, _, said = last.partition(" ")
    number, _, words = said.partition(" ")
    if word != "failed":
        return CannotEncode(f"the encoder ended with status {status}")
    return OSError(int(number), words) if int(number) else CannotEncode(words)
