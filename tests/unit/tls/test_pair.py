"""What is wrong with a certificate and its key, in words that say what to do."""

import datetime as dt
import os
import ssl
from pathlib import Path
from typing import Any

import pytest

from falconeye.base.errors import StartError
from falconeye.tls.condition import Condition, State
from falconeye.tls.names import Names
from falconeye.tls.own_files import read_own, write_own
from falconeye.tls.pair import make_pair, read_pair
from tests.certificates import NOW, Files, encrypted, files, self_signed


@pytest.fixture
def pair(tmp_path: Path) -> Files:
    made = files(tmp_path)
    made.write(*self_signed())
    return made


def refused(pair: Files) -> str:
    with pytest.raises(StartError) as caught:
        read_pair(pair.certificate, pair.key)
    return str(caught.value)


def test_a_good_pair_tells_its_names_and_dates(pair: Files) -> None:
    pair.write(*self_signed(begins=NOW))
    read = read_pair(pair.certificate, pair.key)
    assert read.names == Names(("cams.example.org",), ())
    assert read.condition(NOW) == Condition(State.GOOD, "", read.not_after)
    assert "2027-02-21" in read.condition(NOW + dt.timedelta(days=91)).words
    assert "clock" in read.condition(NOW - dt.timedelta(days=9)).words
    assert read.context.minimum_version == ssl.TLSVersion.TLSv1_2


def test_an_ended_certificate_is_a_pair_all_the_same(pair: Files) -> None:
    pair.write(*self_signed(days=10, begins=dt.datetime(2020, 1, 1, tzinfo=dt.UTC)))
    assert "ended on 2020-01-11" in read_pair(pair.certificate, pair.key).condition(NOW).words


def test_a_chain_and_words_around_it_are_taken(pair: Files) -> None:
    leaf, key = self_signed()
    other, _ = self_signed("ca.example.org")
    pair.write(b"Bag Attributes\n" + leaf + other, key)
    assert read_pair(pair.certificate, pair.key).names.dns == ("cams.example.org",)


def test_a_missing_file_is_named(pair: Files) -> None:
    pair.key.unlink()
    assert refused(pair) == f"there is no key {pair.key}"
    pair.certificate.unlink()
    assert refused(pair) == f"there is no certificate {pair.certificate}"


def test_a_key_of_another_certificate_does_not_fit(pair: Files) -> None:
    pair.replace(pair.key, self_signed()[1])
    assert (
        refused(pair) == f"the key {pair.key} does not belong to the certificate {pair.certificate}"
    )


def test_an_encrypted_key_asks_nobody(pair: Files) -> None:
    pair.replace(pair.key, encrypted(pair.key.read_bytes()))
    assert "is encrypted" in refused(pair)
    assert "openssl pkey" in refused(pair)


def test_files_in_each_others_place_are_seen(pair: Files) -> None:
    swapped = Files(pair.key, pair.certificate)
    assert "holds no certificate" in refused(swapped)
    pair.replace(pair.key, pair.certificate.read_bytes())
    assert "holds no private key" in refused(pair)


def test_half_a_file_is_damaged(pair: Files) -> None:
    whole = pair.certificate.read_bytes()
    pair.replace(pair.certificate, whole[: len(whole) // 2])
    assert "damaged" in refused(pair)
    pair.replace(pair.certificate, whole)
    pair.replace(pair.key, pair.key.read_bytes()[:90])
    assert "cannot be used" in refused(pair)


def test_a_directory_is_no_file(pair: Files) -> None:
    pair.key.unlink()
    pair.key.mkdir()
    assert "Is a directory" in refused(pair)


def test_who_may_not_read_it_is_named(pair: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "falconeye")
    if os.geteuid() != 0:
        pair.key.chmod(0)
    else:  # root reads everything
        opened: Any = Path.open

        def forbidden(self: Path, mode: str) -> object:
            if self == pair.key:
                raise PermissionError(13, "Permission denied", str(self))
            return opened(self, mode)

        monkeypatch.setattr(Path, "open", forbidden)
    assert "cannot be read by the user falconeye" in refused(pair)


def test_what_is_in_memory_leaves_no_file_open() -> None:
    certificate, key = self_signed()
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        make_pair(certificate, key)
    with pytest.raises(ssl.SSLError):
        make_pair(certificate, self_signed()[1])
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_own_files_are_for_their_owner_and_whole(tmp_path: Path) -> None:
    write_own(tmp_path, b"one", b"key")
    write_own(tmp_path, b"two", b"other")
    assert read_own(tmp_path) == (b"two", b"other")
    assert (tmp_path / "tls.key").stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tls.crt", "tls.key"]
