"""Builds an ONVIF server of other people's making, once for all clones: `make onvif-peer`.

It is that of the Rust crate `oxvif`, started by the few lines in `peer/`. About 2 minutes on two
cores, nothing but the program is kept (and cargo's own cache of what it loaded).

All crates are pinned, by version and checksum, in `peer/Cargo.lock.in`. It is cargo's lock file
but for one thing: where the crates come from is what this machine's cargo writes into a lock of its
own making. That, and loading them, is all that needs the network: where it fails, the tests are
skipped.

A newer one: change the version in `Cargo.toml`, `cargo generate-lockfile`, and keep of each
`source` no more than "registry".
"""

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

PROJECT: Final = Path(__file__).with_name("peer")
PROGRAM: Final = "onvif_peer"
_NEEDED: Final = (1, 88)  # the crate's own `rust-version`
_RUST: Final = f"Rust {_NEEDED[0]}.{_NEEDED[1]} or newer"
_PARTS: Final = ("Cargo.toml", "Cargo.lock.in", "src/main.rs")
_BUILD: Final = ("nice", "-n", "15", "cargo", "build", "--quiet", "--locked", "--offline")
_SOURCE: Final = re.compile(r'^source = ".*"$', re.MULTILINE)


def program() -> Path:
    """Where it is, or will be: by what it is made of."""
    parts = [(PROJECT / name).read_bytes() for name in _PARTS]
    made_of = hashlib.sha256(b"".join([*parts, " ".join(_BUILD).encode()])).hexdigest()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    version = f"{platform.machine()}-{made_of[:16]}"
    return cache / "falconeye" / "onvif-peer" / version / PROGRAM


def missing() -> str:
    """What keeps the tests from running, in words; empty where nothing does."""
    if program().exists():
        return ""
    return _lacks() or f"needs the server of `make onvif-peer` ({_RUST}, and its crates)"


def build() -> tuple[str, bool]:
    """Make it where it is missing; why it is not there, in words, and whether that is a failure.

    No fitting Rust, or crates that cannot be had, are none: nobody's tests fail for that.
    """
    made = program()
    if made.exists():
        return "", False
    if reason := _lacks():
        return reason, False
    made.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=made.parent, prefix=".build-") as name:
        project = Path(name)
        for part in _PARTS:
            (project / part).parent.mkdir(exist_ok=True)
            shutil.copy(PROJECT / part, project / part)
        if not _pin(project):
            return "its crates cannot be had here", False
        if _cargo(project, *_BUILD):
            return "cargo build failed", True
        (project / "target" / "debug" / PROGRAM).replace(made)
    return "", False


def _lacks() -> str:
    """What is wrong with this machine's Rust."""
    if shutil.which("cargo") is None:
        return f"needs {_RUST} (no cargo)"
    if shutil.which("cc") is None:
        return "needs a C compiler, for its crates of cryptography"
    asked = subprocess.run(["cargo", "--version"], capture_output=True, text=True, check=False)
    found = re.match(r"cargo (\d+)\.(\d+)", asked.stdout)
    if found is None or (int(found[1]), int(found[2])) < _NEEDED:
        return f"needs {_RUST} ({asked.stdout.strip() or 'cargo does not say which it is'})"
    return ""


def _pin(project: Path) -> bool:
    """The lock file, and all that it names; whether these are at hand now."""
    lock = project / "Cargo.lock"
    if _cargo(project, "cargo", "generate-lockfile", "--quiet"):
        return False
    source = _SOURCE.search(lock.read_text())
    assert source is not None, "each crate but our own has one"
    pinned = (project / "Cargo.lock.in").read_text()
    lock.write_text(_SOURCE.sub(lambda _: source[0], pinned))
    return not _cargo(project, "cargo", "fetch", "--quiet", "--locked")


def _cargo(project: Path, *program: str) -> int:
    """Its exit code. What it is to build is beside it, whatever the environment says."""
    environment = os.environ | {"CARGO_TARGET_DIR": str(project / "target")}
    return subprocess.run(program, cwd=project, env=environment, check=False).returncode


if __name__ == "__main__":
    reason, is_failure = build()
    sys.stderr.write(f"The tests against another ONVIF server: {reason or program()}\n")
    sys.exit(1 if is_failure and os.environ.get("CI") == "true" else 0)
