"""What was measured on: the facts that stand above every table."""

import os
import platform
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path

import av

from falconeye import __version__

_PACKAGES = ("av", "uvloop", "uvicorn", "litestar", "websockets")


def facts() -> dict[str, str]:
    """Words for machine, system and versions."""
    return {
        "machine": (
            f"{os.cpu_count()} × {_processor()}, {_memory_gb():.0f} GB, {platform.machine()}"
        ),
        "system": f"{_system()}, Linux {platform.release()}, Python {platform.python_version()}",
        "FalconEye": __version__,
        "libraries": ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
        + f", FFmpeg libraries: libavformat {'.'.join(map(str, _libavformat()))}",
        "ffmpeg command": _first_line("ffmpeg", "-version"),
        "browser": _first_line("chromium", "--version"),
    }


def load() -> tuple[float, float, float]:
    """Load average of the last 1, 5 and 15 minutes."""
    return os.getloadavg()


def _libavformat() -> tuple[int, ...]:
    return tuple(av.library_versions["libavformat"])


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith(("model name", "Model")):
            return line.partition(":")[2].strip()
    return platform.processor() or "unknown processor"


def _memory_gb() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9


def _system() -> str:
    return platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")


def _first_line(*command: str) -> str:
    if shutil.which(command[0]) is None:
        return "not installed"
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    return (done.stdout or done.stderr).strip().partition("\n")[0].partition(" Copyright")[0]
