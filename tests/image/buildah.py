"""The Dockerfile, built by buildah without a daemon, on Debian in place of the official image."""

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[2]
IMAGE: Final = "falconeye"
_BASE: Final = "localhost/base"
# What pip asks of the host, where it asks anything: its settings, and whom it trusts.
_OF_THE_HOST: Final = ("/etc/pip.conf", "/etc/ssl/certs")
_CHROOT: Final = {"STORAGE_DRIVER": "vfs", "BUILDAH_ISOLATION": "chroot"}


class Buildah:
    """With all that it makes in one folder."""

    def __init__(self, folder: Path) -> None:
        self._own = ("buildah", "--root", str(folder / "root"), "--runroot", str(folder / "run"))

    def ask(self, *words: str) -> str:
        """What it prints; it must not fail."""
        done = subprocess.run(
            [*self._own, *words],
            capture_output=True, text=True, check=False, env={**os.environ, **_CHROOT},
        )  # fmt: skip
        assert done.returncode == 0, f"{' '.join(words)}:\n{done.stdout}\n{done.stderr}"
        return done.stdout.strip()

    def begin(self, *words: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [*self._own, *words],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env={**os.environ, **_CHROOT}, start_new_session=True,
        )  # fmt: skip

    def build(self, base: Path) -> None:
        """The image of this checkout."""
        container = self.ask("from", "scratch")
        self.ask("add", "--quiet", container, str(base), "/")
        self.ask("commit", "--quiet", "--rm", container, _BASE)
        volumes = [f"--volume={each}:{each}:ro" for each in _OF_THE_HOST if Path(each).exists()]
        self.ask(
            "build", "--quiet", *volumes, f"--build-arg=BASE={_BASE}", "--tag", IMAGE, str(ROOT)
        )

    def settings(self) -> dict[str, Any]:
        """What the image says of itself (OCI image specification, "config")."""
        found = json.loads(self.ask("inspect", "--type", "image", IMAGE))
        config: dict[str, Any] = found["OCIv1"]["config"]
        return config

    def run(self, container: str, *words: str, user: str = "") -> str:
        """What a command in it prints."""
        who = ["--user", user] if user else []
        return self.ask("run", *who, container, "--", *words)


def command_of(settings: dict[str, Any], arguments: Sequence[str] = ()) -> list[str]:
    """What an engine starts."""
    return [*settings["Entrypoint"], *(arguments or settings["Cmd"])]
