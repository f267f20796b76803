"""Which address a browser is given, and how other commands learn it."""

import errno
import ipaddress
import os
import socket
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from falconeye.config.serving_address import (
    reachable_url,
    read_serving_address,
    remove_serving_address,
    write_serving_address,
)


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8900/"),
        ("192.168.1.5", "http://192.168.1.5:8900/"),
        ("::1", "http://[::1]:8900/"),
        ("nvr.lan", "http://nvr.lan:8900/"),
    ],
)
def test_a_given_address_stays(host: str, url: str) -> None:
    assert reachable_url(host, 8900) == url


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])  # noqa: S104 - the case under test
def test_all_addresses_become_one_that_others_can_open(host: str) -> None:
    name = urlsplit(reachable_url(host, 8900)).hostname
    assert name
    try:
        assert not ipaddress.ip_address(name).is_unspecified
    except ValueError:
        assert "." not in name or not name.replace(".", "").isdigit()


def test_the_note_lives_from_write_to_remove(tmp_path: Path) -> None:
    assert read_serving_address(tmp_path) is None
    write_serving_address(tmp_path, "http://127.0.0.1:1/")
    write_serving_address(tmp_path, "http://127.0.0.1:2/")
    assert read_serving_address(tmp_path) == "http://127.0.0.1:2/"
    assert [path.name for path in tmp_path.iterdir()] == ["address"]
    remove_serving_address(tmp_path)
    remove_serving_address(tmp_path)
    assert read_serving_address(tmp_path) is None


def test_a_machine_without_route_and_ipv6_is_called_by_its_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refused(*_what: object) -> None:
        raise OSError(errno.EAFNOSUPPORT, os.strerror(errno.EAFNOSUPPORT))

    monkeypatch.setattr("socket.socket", refused)  # what a kernel with ipv6.disable=1 says
    assert reachable_url("0.0.0.0", 8900) == f"http://{socket.gethostname()}:8900/"  # noqa: S104
