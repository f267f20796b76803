"""Datagrams to a socket as systemd's, by path and abstract."""

import asyncio
import errno
import os
import socket
from pathlib import Path

import pytest

from falconeye.base.sd_notify import STOP_EXTEND_S, STOP_EXTENSIONS, ServiceNotifier
from falconeye.config.settings import NodeSettings
from falconeye.node import Node


@pytest.mark.parametrize("abstract", [False, True])
def test_states_arrive(tmp_path: Path, abstract: bool) -> None:
    name = f"@falconeye-test-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(name.replace("@", "\0", 1))
        manager.settimeout(5)
        notifier = ServiceNotifier({"NOTIFY_SOCKET": name})
        assert notifier.ready("serving on port 8900")
        assert manager.recv(1024) == b"READY=1\nSTATUS=serving on port 8900"
        assert notifier.alive()
        assert manager.recv(1024) == b"WATCHDOG=1"
        assert notifier.status("2 cameras")
        assert manager.recv(1024) == b"STATUS=2 cameras"


def test_who_is_started_again_after_its_end(tmp_path: Path) -> None:
    """A terminal in a pod, or on a desktop that systemd started, starts nothing again."""
    assert ServiceNotifier({"NOTIFY_SOCKET": str(tmp_path / "notify")}).is_managed
    assert not ServiceNotifier({}).is_managed
    assert not ServiceNotifier({"INVOCATION_ID": "0123", "JOURNAL_STREAM": "8:1"}).is_managed
    assert not ServiceNotifier({"KUBERNETES_SERVICE_HOST": "10.43.0.1"}).is_managed


async def test_a_long_start_asks_for_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a restore every file is read: systemd would end the node meanwhile."""
    monkeypatch.setattr("falconeye.base.sd_notify.EXTEND_S", 0.01)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(5)
        notifier = ServiceNotifier({"NOTIFY_SOCKET": str(tmp_path / "notify")})
        async with notifier.long_start("looking at the footage"):
            for _ in range(3):
                said = await asyncio.to_thread(manager.recv, 1024)
                assert said == b"EXTEND_TIMEOUT_USEC=20000\nSTATUS=looking at the footage"


async def test_a_stop_asks_for_time_while_it_has_to_do_and_not_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("falconeye.base.sd_notify.STOP_EXTEND_S", 0.01)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(5)
        notifier = ServiceNotifier({"NOTIFY_SOCKET": str(tmp_path / "notify")})
        async with notifier.stopping():
            said = [await asyncio.to_thread(manager.recv, 1024) for _ in range(6)]
            assert said == [b"STOPPING=1"] + [b"EXTEND_TIMEOUT_USEC=20000"] * 5
            manager.settimeout(0.1)
            with pytest.raises(TimeoutError):
                await asyncio.to_thread(manager.recv, 1024)
        assert await asyncio.to_thread(manager.recv, 1024) == b"EXTEND_TIMEOUT_USEC=20000"


def test_the_unit_leaves_a_stop_its_15_s_and_no_more_to_the_kernel() -> None:
    unit = (Path(__file__).parents[3] / "systemd" / "falconeye.service").read_text()
    (limit_s,) = (
        float(line.partition("=")[2])
        for line in unit.splitlines()
        if line.startswith("TimeoutStopSec=")
    )
    assert limit_s == 2 * STOP_EXTEND_S  # one lost message is no end
    assert (STOP_EXTENSIONS - 1) * STOP_EXTEND_S + limit_s == 15


async def test_a_migration_may_take_its_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It copies the database first: ended meanwhile, the node would begin anew with it for ever."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        node = Node(NodeSettings(tmp_path / "data", tmp_path / "media", discovery=False))
        await node._open_database()
        said = await asyncio.to_thread(manager.recv, 1024)
        await node.stop()
        assert said.startswith(b"EXTEND_TIMEOUT_USEC=")


def test_without_a_manager_nothing_happens(tmp_path: Path) -> None:
    assert not ServiceNotifier({}).ready()
    assert not ServiceNotifier({"NOTIFY_SOCKET": str(tmp_path / "gone")}).ready()


def test_a_process_without_descriptors_left_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left(*_what: object) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr("socket.socket", none_left)
    assert not ServiceNotifier({"NOTIFY_SOCKET": "/run/systemd/notify"}).alive()


def test_the_watchdog_counts_only_for_this_process() -> None:
    period = {"WATCHDOG_USEC": "20000000"}
    assert ServiceNotifier(period).watchdog_s == 20.0
    assert ServiceNotifier(period | {"WATCHDOG_PID": str(os.getpid())}).watchdog_s == 20.0
    assert ServiceNotifier(period | {"WATCHDOG_PID": "1"}).watchdog_s is None
    assert ServiceNotifier({"WATCHDOG_USEC": "soon"}).watchdog_s is None
    assert ServiceNotifier({}).watchdog_s is None
