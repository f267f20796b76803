"""Programs of the machine that tests ask for their judgement."""

import shutil

import pytest

_PACKAGES = {
    "ffmpeg": "ffmpeg",
    "ffprobe": "ffmpeg",
    "gst-launch-1.0": "gstreamer1.0-tools",
    "vlc": "vlc-bin",
}


def program(name: str) -> str:
    """Its path; the test is skipped where it is not installed."""
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"needs {name} (Debian: {_PACKAGES[name]})")
    return path
