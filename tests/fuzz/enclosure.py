"""A place without a network and with one folder that can be written to: what is fuzzed runs there.

`enter` begins a program in namespaces of its own; there `close_in` makes everything but a folder
read-only. A camera's address that the fuzzing made up then leads nowhere, and a file that the node
would make elsewhere is an error that it tells. Needs root, or user namespaces.
"""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

# The kernel's own, and what programs need to run; nothing there is a file of anybody's.
_KERNELS: Final = ("/proc", "/sys", "/dev")


def can_enter() -> bool:
    """Whether this machine lets us make such a place."""
    try:
        return (
            subprocess.run([*_unshare(), "true"], capture_output=True, check=False).returncode == 0
        )
    except FileNotFoundError:  # no util-linux
        return False


def enter(program: Sequence[str], folder: Path) -> int:
    """Run it in such a place; its exit code."""
    environment = os.environ | {"HOME": str(folder), "TMPDIR": str(folder / "tmp")}
    environment["PYTHONDONTWRITEBYTECODE"] = "1"
    done = subprocess.run([*_unshare(), *program], env=environment, check=False)
    return done.returncode


def _unshare() -> list[str]:
    ours = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    return ["unshare", *ours, "--net", "--mount", "--fork", "--kill-child"]


def close_in(folder: Path) -> None:
    """Nothing outside of `folder` can be written from now on, and there is a loopback."""
    _run("mount", "--make-rprivate", "/")
    _run("mount", "--bind", str(folder), str(folder))
    for place in _mounted():
        if place != str(folder) and not place.startswith(tuple(f"{one}/" for one in _KERNELS)):
            _run("mount", "-o", "remount,bind,ro", place)
    _run("ip", "link", "set", "lo", "up")


def _mounted() -> list[str]:
    """Where something is mounted, each once, the innermost first."""
    lines = Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()
    places = {line.split(" ")[1].encode().decode("unicode_escape") for line in lines}
    return sorted(places - set(_KERNELS), reverse=True)


def _run(*program: str) -> None:
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    if done.returncode:
        msg = f"{' '.join(program)}: {done.stderr.strip()}"
        raise OSError(msg)
