"""Addresses of other nodes as people write them."""

from pathlib import Path

import pytest

from falconeye.base.errors import InvalidInput
from falconeye.config.loading import load_settings
from falconeye.config.peer_addresses import peer_address, split_host_port


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.168.1.20", "192.168.1.20:8901"),
        (" 192.168.1.20:9 ", "192.168.1.20:9"),
        ("pi-2", "pi-2:8901"),
        ("pi-2.lan:65535", "pi-2.lan:65535"),
        ("fd00::2", "[fd00::2]:8901"),
        ("[fd00::2]", "[fd00::2]:8901"),
        ("[fd00::2]:9000", "[fd00::2]:9000"),
    ],
)
def test_a_port_is_added_where_none_is_said(text: str, address: str) -> None:
    assert peer_address(text) == address
    assert peer_address(address) == address
    host, port = split_host_port(address)
    assert address in (f"{host}:{port}", f"[{host}]:{port}")


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":8901",
        "pi:0",
        "pi:65536",
        "pi:http",
        "pi:²",
        "pi:",
        "http://pi:8901",
        "pi/x",
        "192.168.1",
        "192.168.1.300",
        "fe80::1%eth0",
        "[fe80::1%eth0]:1",
        "[pi]:1",
        "-pi",
        "pi-.lan",
        "a" * 64,
        "pi..lan",
        "eve@pi",
        "pi 2",
    ],
)
def test_what_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no address of a node"):
        peer_address(text)


def test_a_list_comes_from_flag_variable_and_file(tmp_path: Path) -> None:
    wanted = ("10.0.0.2:8901", "pi-3:9000")
    text = "10.0.0.2, pi-3:9000,10.0.0.2"
    assert load_settings({"data_dir": tmp_path, "peers": text}, {}).settings.peers == wanted
    by_variable = load_settings({"data_dir": tmp_path}, {"FALCONEYE_PEERS": text})
    assert by_variable.settings.peers == wanted
    (tmp_path / "falconeye.toml").write_text('peers = ["10.0.0.2", "pi-3:9000"]\n')
    assert load_settings({"data_dir": tmp_path}, {}).settings.peers == wanted


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("FALCONEYE_PEERS", "10.0.0.2,pi:99999", r"FALCONEYE_PEERS: peers = .*'pi:99999' is no"),
        ("FALCONEYE_PEERS", ",".join(f"pi-{n}" for n in range(65)), "65 addresses are too many"),
        ("FALCONEYE_PEER_SERVICE", "10.0.0.2", "is an address, not a name: it belongs to `peers`"),
        ("FALCONEYE_PEER_SERVICE", "a b", "'a b' is no address of a node"),
    ],
)  # fmt: skip
def test_a_bad_entry_is_named(tmp_path: Path, variable: str, value: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        load_settings({"data_dir": tmp_path}, {variable: value})


@pytest.mark.parametrize("value", ["3", "true", '[1, "pi"]', '{ a = "b" }'])
def test_what_is_no_list_in_a_file_is_refused(tmp_path: Path, value: str) -> None:
    (tmp_path / "falconeye.toml").write_text(f"peers = {value}\n")
    with pytest.raises(InvalidInput, match=r"falconeye\.toml: peers = .* is not allowed"):
        load_settings({"data_dir": tmp_path}, {})


def test_a_service_gets_the_port_of_nodes(tmp_path: Path) -> None:
    def service(value: str) -> str:
        given = {"FALCONEYE_PEER_SERVICE": value}
        return load_settings({"data_dir": tmp_path}, given).settings.peer_service

    assert service("falconeye-peers") == "falconeye-peers:8901"
    assert service("peers.falconeye.svc.cluster.local.:9000").endswith("local.:9000")
    assert service("") == ""
