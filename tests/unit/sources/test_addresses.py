"""Which addresses a camera may have, and how connecting ends."""

import socket
import threading
from pathlib import Path

import pytest

from falconeye.base.peers import Peer, is_allowed
from falconeye.sources import demuxer_socket
from falconeye.sources.addresses import connect, is_own, peer_of, resolve
from falconeye.sources.demuxer_socket import opening
from falconeye.sources.failures import SourceFailure, Stopped
from falconeye.sources.interrupt import Interrupt


@pytest.mark.parametrize(
    "address", ["10.0.0.9", "192.168.1.4", "8.8.8.8", "fd00::5", "2001:470::1"]
)
def test_allowed(address: str) -> None:
    assert is_allowed(address, allow_local=False)


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "127.9.9.9", "::1", "169.254.169.254", "fe80::1%eth0", "::ffff:127.0.0.1"],
)
def test_local_ones_need_an_admin(address: str) -> None:
    assert not is_allowed(address, allow_local=False)
    assert is_allowed(address, allow_local=True)


@pytest.mark.parametrize(
    "address",
    ["0.0.0.0", "0.1.2.3", "::", "224.0.0.1", "ff02::1", "255.255.255.255", "::ffff:0.0.0.0"],  # noqa: S104
)
def test_never_allowed(address: str) -> None:
    assert not is_allowed(address, allow_local=True)


def test_6to4_is_judged_by_what_is_inside() -> None:
    assert not is_allowed("2002:7f00:1::", allow_local=False)


def test_forbidden_address_is_told_by_its_name() -> None:
    with pytest.raises(SourceFailure, match="localhost"):
        resolve("localhost", 554, Interrupt(), allow_local=False)


def test_resolve_stops() -> None:
    interrupt = Interrupt()
    interrupt.stop()
    with pytest.raises(Stopped):
        resolve("localhost", 554, interrupt, allow_local=True)


def test_connect_and_recognise_own_sockets() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        peer = Peer("127.0.0.1", server.getsockname()[1])
        with connect([peer], Interrupt()) as own, socket.create_connection(peer) as other:
            assert peer_of(own) == peer
            assert is_own(own)
            with own.dup() as duplicate:
                assert is_own(duplicate)
            assert not is_own(other)


def test_next_address_is_tried() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_server(("127.0.0.2", 0)) as closed:
            dead = Peer("127.0.0.2", closed.getsockname()[1])
        with connect([dead, Peer("127.0.0.1", port)], Interrupt()) as connection:
            assert peer_of(connection) == ("127.0.0.1", port)
        with pytest.raises(SourceFailure, match="refuses"):
            connect([dead], Interrupt())


def test_finds_only_what_appeared_and_leads_there() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_server(("127.0.0.1", 0)) as elsewhere,
    ):
        peer = Peer("127.0.0.1", server.getsockname()[1])
        with socket.create_connection(peer), opening(peer, Interrupt()) as one:
            assert one.find() == []
            with (
                connect([peer], Interrupt()),
                socket.create_connection(elsewhere.getsockname()),
                socket.create_connection(peer) as wanted,
            ):
                (found,) = one.find()
                with found:
                    assert found.getsockname() == wanted.getsockname()


def test_a_descriptor_that_became_a_file_meanwhile_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opening(Peer("127.0.0.1", 1), Interrupt()) as one, (tmp_path / "a").open("w") as file:
        monkeypatch.setattr(demuxer_socket, "_sockets", lambda: [(file.fileno(), 0)])
        before = set(Path("/proc/self/fd").iterdir())
        assert one.find() == []
        assert set(Path("/proc/self/fd").iterdir()) == before


def test_interrupt_ends_a_read_of_the_opened_socket() -> None:
    interrupt = Interrupt()
    with socket.create_server(("127.0.0.1", 0)) as server:
        peer = Peer("127.0.0.1", server.getsockname()[1])
        reading, ended = threading.Event(), threading.Event()

        def read() -> None:
            with opening(peer, interrupt), socket.create_connection(peer) as connection:
                reading.set()
                connection.recv(1)
            ended.set()

        thread = threading.Thread(target=read)
        thread.start()
        assert reading.wait(5)
        interrupt.stop()  # looks at no descriptors: it may be the loop that stops
        assert not ended.wait(0.05)
        interrupt.fire()
        assert ended.wait(5)
        thread.join()


def test_turns_at_one_peer_and_none_at_others() -> None:
    interrupt = Interrupt()
    order: list[str] = []
    here, there = Peer("127.0.0.1", 1), Peer("127.0.0.1", 2)

    def second() -> None:
        with opening(here, interrupt):
            order.append("second")

    thread = threading.Thread(target=second)
    with opening(here, interrupt):
        thread.start()
        with opening(there, interrupt):
            order.append("other")
        order.append("first")
    thread.join()
    assert order == ["other", "first", "second"]


def test_the_turn_passes_once_the_connection_is_there() -> None:
    """Each finds its own; the first still awaits its camera's answer while the second connects."""
    interrupt = Interrupt()
    with socket.create_server(("127.0.0.1", 0)) as server:
        peer = Peer("127.0.0.1", server.getsockname()[1])
        with (
            opening(peer, interrupt) as first,
            socket.create_connection(peer) as first_connection,
            opening(peer, interrupt) as second,
        ):
            assert second.find() == []
            with socket.create_connection(peer) as second_connection:
                for one, connection in ((first, first_connection), (second, second_connection)):
                    (found,) = one.find()
                    with found:
                        assert found.getsockname() == connection.getsockname()


def test_waiting_for_a_turn_stops() -> None:
    interrupt = Interrupt()
    here = Peer("127.0.0.1", 1)
    waiting, ended = threading.Event(), threading.Event()

    def wait() -> None:
        waiting.set()
        with pytest.raises(Stopped), opening(here, interrupt):
            pass
        ended.set()

    thread = threading.Thread(target=wait)
    with opening(here, Interrupt()):
        thread.start()
        assert waiting.wait(5)
        interrupt.stop()
        assert ended.wait(5)
    thread.join()
