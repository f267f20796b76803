"""An avahi-daemon in a namespace of the tests, which announces one service."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def running_avahi(namespace: str, directory: Path, service_type: str) -> Iterator[list[str]]:
    """On lan0, without IPv6; the service is called "By avahi". At the end: what it logged."""
    program = shutil.which("avahi-daemon")
    if program is None:
        pytest.skip("avahi-daemon is not installed")
    (directory / "services").mkdir()
    (directory / "services/one.service").write_text(
        '<?xml version="1.0"?><!DOCTYPE service-group SYSTEM "avahi-service.dtd"><service-group>'
        f"<name>By avahi</name><service><type>{service_type}</type><port>554</port></service>"
        "</service-group>"
    )
    configuration = directory / "avahi-daemon.conf"
    configuration.write_text("[server]\nenable-dbus=no\nallow-interfaces=lan0\nuse-ipv6=no\n")
    inner = (
        f"mount --bind {directory}/services /etc/avahi/services && mount -t tmpfs none /run &&"
        f" exec {program} --no-drop-root --no-chroot --no-rlimits -f {configuration}"
    )
    daemon = subprocess.Popen(
        ["ip", "netns", "exec", namespace, "sh", "-c", inner], stderr=subprocess.PIPE, text=True
    )
    assert daemon.stderr is not None
    logged: list[str] = []
    for line in daemon.stderr:
        logged.append(line)
        if "startup complete" in line:
            break
    try:
        yield logged
    finally:
        daemon.terminate()
        logged.extend(daemon.stderr)
        daemon.wait()
        daemon.stderr.close()
