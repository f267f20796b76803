"""The key and certificate of a node: made once, never half, and never taken for another's."""

import datetime as dt
import errno
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from falconeye.base.errors import InvalidInput, StartError
from falconeye.federation.node_keys import (
    client_context,
    fingerprint,
    load_node_keys,
    named_node,
    public_key_of,
)

NODE = "6f0c1ed2-7d5e-4c2a-9a55-4a2b4a1d9f10"
OTHER = "11111111-7d5e-4c2a-9a55-4a2b4a1d9f10"


def test_they_are_made_once_and_found_again(tmp_path: Path) -> None:
    first, second = load_node_keys(tmp_path, NODE), load_node_keys(tmp_path, NODE)
    assert first.certificate == second.certificate
    assert first.private_key.private_bytes_raw() == second.private_key.private_bytes_raw()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["node.crt", "node.key"]
    assert (tmp_path / "node.key").stat().st_mode & 0o777 == 0o600
    assert str(first.private_key.private_bytes_raw()) not in repr(first)
    assert "PRIVATE" not in repr(first)


def test_the_certificate_holds_at_any_time_a_clock_can_show(tmp_path: Path) -> None:
    certificate = x509.load_pem_x509_certificate(
        load_node_keys(tmp_path, NODE).certificate.encode()
    )
    assert certificate.not_valid_before_utc == dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    assert certificate.not_valid_after_utc.year == 9999
    assert certificate.subject.rfc4514_string() == f"CN={NODE}"


def test_a_crash_between_the_two_leaves_nothing_half(tmp_path: Path) -> None:
    first = load_node_keys(tmp_path, NODE)
    (tmp_path / "node.crt").unlink()
    second = load_node_keys(tmp_path, NODE)
    assert second.private_key.private_bytes_raw() == first.private_key.private_bytes_raw()
    assert named_node(second.certificate) == NODE


def test_a_full_disk_leaves_no_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StartError, match="No space left"):
        load_node_keys(tmp_path, NODE)
    assert not list(tmp_path.iterdir())


def test_several_processes_make_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: load_node_keys(tmp_path, NODE), range(8)))
    assert len({keys.certificate for keys in made}) == 1
    assert len({keys.private_key.private_bytes_raw() for keys in made}) == 1


def test_another_nodes_files_are_not_ours(tmp_path: Path) -> None:
    load_node_keys(tmp_path, NODE)
    with pytest.raises(StartError, match=rf"belongs to the node {NODE}.*joined again"):
        load_node_keys(tmp_path, OTHER)


@pytest.mark.parametrize("name", ["node.key", "node.crt"])
@pytest.mark.parametrize("content", [b"", b"no key", b"\xff\xfe"])
def test_damage_is_told_with_a_way_out(tmp_path: Path, name: str, content: bytes) -> None:
    load_node_keys(tmp_path, NODE)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(StartError, match=rf"{re.escape(name)}.*remove node\.key and node\.crt"):
        load_node_keys(tmp_path, NODE)


def test_a_key_without_its_certificate_is_told(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    load_node_keys(tmp_path / "a", NODE)
    load_node_keys(tmp_path / "b", NODE)
    (tmp_path / "a" / "node.key").replace(tmp_path / "b" / "node.key")
    with pytest.raises(StartError, match="does not belong to"):
        load_node_keys(tmp_path / "b", NODE)


def test_a_key_of_another_kind_is_told(tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    (tmp_path / "node.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    with pytest.raises(StartError, match="another kind"):
        load_node_keys(tmp_path, NODE)


def test_a_key_that_others_can_read_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    load_node_keys(tmp_path, NODE)
    (tmp_path / "node.key").chmod(0o640)
    load_node_keys(tmp_path, NODE)
    assert "can be read by others" in caplog.text


def test_people_compare_a_fingerprint(tmp_path: Path) -> None:
    keys = load_node_keys(tmp_path, NODE)
    assert re.fullmatch(r"([0-9a-f]{4} ){15}[0-9a-f]{4}", fingerprint(keys.certificate))
    der = x509.load_pem_x509_certificate(keys.certificate.encode())
    digits = fingerprint(keys.certificate).replace(" ", "")
    assert digits == der.fingerprint(hashes.SHA256()).hex()


def test_what_is_no_certificate_of_a_node_is_refused(tmp_path: Path) -> None:
    good = load_node_keys(tmp_path, NODE).certificate
    assert public_key_of(good)
    for wrong in ("", "x", good + good, good[:-60], "é" + good, good + "\n" * 5000):
        with pytest.raises(InvalidInput):
            client_context(wrong)
        with pytest.raises(InvalidInput):
            fingerprint(wrong)


@pytest.mark.timeout(60)  # a process that imports what a node does
def test_a_lone_node_does_without_what_reads_certificates(tmp_path: Path) -> None:
    """It takes 4 MB, which the budget of a small node lacks."""
    load_node_keys(tmp_path, NODE)  # they are there: its first start makes them
    program = (
        "import sys; from pathlib import Path;"
        "import falconeye.web.federated;"
        "from falconeye.federation.node_keys import load_node_keys;"
        f"keys = load_node_keys(Path({str(tmp_path)!r}), {NODE!r});"
        "assert 'cryptography.x509' not in sys.modules, 'too early';"
        "assert keys.private_key;"
        "assert 'cryptography.x509' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_what_is_well_but_written_otherwise_is_read(tmp_path: Path) -> None:
    keys = load_node_keys(tmp_path, NODE)
    certificate = tmp_path / "node.crt"
    certificate.write_text(f"made by hand\n{keys.certificate}", encoding="ascii")
    assert load_node_keys(tmp_path, NODE).private_key.public_key() == keys.private_key.public_key()
