"""The listening socket: its options, and a clear word when it cannot be had."""

import socket

import pytest

from falconeye.base.errors import StartError
from falconeye.web.listening_socket import NOTSENT_BYTES, TCP_NOTSENT_LOWAT, open_socket


def test_the_socket_listens_with_its_options() -> None:
    with open_socket("127.0.0.1", 0) as listening:
        assert listening.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) == 1
        assert listening.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR) == 1
        unsent = listening.getsockopt(socket.IPPROTO_TCP, TCP_NOTSENT_LOWAT)
        assert unsent == NOTSENT_BYTES
        with socket.create_connection(listening.getsockname()) as client:
            assert client.getpeername() == listening.getsockname()


def test_a_connection_inherits_the_limit_of_unsent_bytes() -> None:
    with open_socket("127.0.0.1", 0) as listening:
        listening.settimeout(5)
        with socket.create_connection(listening.getsockname()):
            accepted, _ = listening.accept()
            with accepted:
                unsent = accepted.getsockopt(socket.IPPROTO_TCP, TCP_NOTSENT_LOWAT)
                assert unsent == NOTSENT_BYTES


def test_a_port_in_use_is_named() -> None:
    with open_socket("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        with pytest.raises(StartError, match=f"port {port} is in use"):
            open_socket("127.0.0.1", port)


def test_an_address_of_another_machine_is_named() -> None:
    with pytest.raises(StartError, match=r"no address 192\.0\.2\.1"):
        open_socket("192.0.2.1", 0)


@pytest.mark.parametrize("host", ["no such host", "host.invalid", "\x00", "a" * 300])
def test_an_unknown_host_is_named(host: str) -> None:
    with pytest.raises(StartError, match="does not know the address"):
        open_socket(host, 0)


@pytest.mark.parametrize("port", [-1, 65536])
def test_an_impossible_port_is_named(port: int) -> None:
    with pytest.raises(StartError, match="there is no port"):
        open_socket("127.0.0.1", port)


def test_ports_below_1024_need_rights(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", refuse)  # tests may run as root, who may
    with pytest.raises(StartError, match="port 80 needs more rights"):
        open_socket("127.0.0.1", 80)


def test_localhost_is_reached_by_ipv4() -> None:
    with open_socket("localhost", 0) as listening:
        assert listening.family == socket.AF_INET
