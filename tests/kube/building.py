"""Builds what the tests run of Kubernetes, once for all of a user's clones: `make kube-assets`.

Only the Go module proxy is asked. About 6 minutes on two cores, 3 GB of Go's own cache; a second
run finds what the first one made. `KUBEBUILDER_ASSETS` names another directory with the three.
"""

import hashlib
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

MODULE: Final = Path(__file__).with_name("assets")
PROGRAMS: Final = ("kube-apiserver", "kube-controller-manager", "kubectl")
_VERSION: Final = "v1.37.2"  # as in go.mod
# Without what a debugger needs: that is a good part of the time.
BUILD: Final = ("go", "build", "-p", "2", "-trimpath", "-gcflags=all=-dwarf=false", "-ldflags",
                f"-s -w -X k8s.io/component-base/version.gitVersion={_VERSION}")  # fmt: skip


def directory() -> Path:
    """Where the programs are, or will be: by what they are made of."""
    if given := os.environ.get("KUBEBUILDER_ASSETS"):
        return Path(given)
    parts = [(MODULE / name).read_bytes() for name in ("go.mod", "go.sum", "main.go")]
    made_of = hashlib.sha256(b"".join([*parts, " ".join(BUILD).encode()])).hexdigest()
    version = f"{platform.machine()}-{made_of[:16]}"
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "falconeye" / "kube-assets" / version


def missing() -> str:
    """What keeps the tests from running, in words; empty where nothing does."""
    found = directory()
    if not all((found / name).exists() for name in PROGRAMS):
        return f"needs {', '.join(PROGRAMS)} (make kube-assets)"
    if shutil.which("etcd") is None:
        return "needs etcd (Debian: etcd-server)"
    return ""


def build() -> str:
    """Make them where they are missing; what was not possible, in words, else nothing."""
    into = directory()
    if all((into / name).exists() for name in PROGRAMS):
        return ""
    if shutil.which("go") is None:
        return "needs Go (Debian: golang-go)"
    into.mkdir(parents=True, exist_ok=True)
    unfinished = into / f".kube.{os.getpid()}"
    environment = os.environ | {"CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly"}
    built = subprocess.run(
        ["nice", "-n", "15", *BUILD, "-o", str(unfinished), "."],
        cwd=MODULE, env=environment, check=False,
    )  # fmt: skip
    if built.returncode:
        return "go build failed"
    unfinished.replace(into / "kube")
    for name in PROGRAMS:
        link = into / f".{name}.{os.getpid()}"
        link.symlink_to("kube")
        link.replace(into / name)
    return ""


if __name__ == "__main__":
    reason = build()
    sys.stderr.write(f"The tests of Kubernetes: {reason or directory()}\n")
    sys.exit(1 if reason and os.environ.get("CI") == "true" else 0)
