"""systemd's own programs, asked by the commands that install the service."""

import subprocess
from pathlib import Path
from typing import Final

from falconeye.base.errors import FalconEyeError

# A start waits for READY=1, and a recovery may ask for more time (`long_start`).
_LIMIT_S: Final = 600.0
_BOOTED: Final = Path("/run/systemd/system")  # sd_booted(3)


def require_systemd() -> None:
    """FalconEyeError where systemd does not run the machine."""
    if not _BOOTED.is_dir():
        message = "systemd does not run this machine; --root DIR only writes the files"
        raise FalconEyeError(message)


def run(*words: str) -> str:
    """What it prints. FalconEyeError with what it complains about."""
    try:
        said = subprocess.run(  # noqa: S603 - fixed programs of the system, as root
            words, capture_output=True, text=True, errors="replace", timeout=_LIMIT_S, check=False
        )
    except (OSError, subprocess.SubprocessError) as error:
        message = f"{words[0]}: {error}"
        raise FalconEyeError(message) from error
    if said.returncode:
        why = said.stderr.strip() or said.stdout.strip() or f"exit code {said.returncode}"
        message = f"{' '.join(words)}: {why}"
        raise FalconEyeError(message)
    return said.stdout.strip()


def is_active() -> bool:
    """Whether the service runs, or is just starting or ending."""
    state = run("systemctl", "show", "--value", "--property=ActiveState", "falconeye.service")
    return state not in {"inactive", "failed"}
