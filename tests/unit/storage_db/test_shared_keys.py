"""Data keys that the members of a cluster share."""

import stat
from pathlib import Path

import pytest

from falconeye.base.errors import StartError
from falconeye.base.secret import Secret
from falconeye.storage.stores.credentials import (
    KEY_NAME,
    CredentialUnreadable,
    add_keys,
    key_version,
    load_cipher,
    new_key,
    read_keys,
)

WORD = Secret("pässword")


def test_a_clusters_key_encrypts_from_now_on_and_the_nodes_own_still_reads(tmp_path: Path) -> None:
    cipher = load_cipher(tmp_path, None, {})
    before = cipher.encrypt(WORD)
    shared = new_key()
    add_keys(tmp_path, [shared], cipher)
    assert cipher.versions[0] == key_version(shared)
    assert cipher.decrypt(before).reveal() == WORD.reveal()
    after = cipher.encrypt(WORD)
    assert (cipher.is_newest(before), cipher.is_newest(after)) == (False, True)

    again = load_cipher(tmp_path, None, {})
    assert again.keys == cipher.keys
    assert stat.S_IMODE((tmp_path / KEY_NAME).stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [KEY_NAME]

    add_keys(tmp_path, [shared], cipher)  # once more is no other key
    assert read_keys(tmp_path / KEY_NAME) == again.keys


def test_beside_a_key_that_is_given_shared_ones_lie_in_the_data_directory(tmp_path: Path) -> None:
    given, data_dir, shared = tmp_path / "given", tmp_path / "data", new_key()
    data_dir.mkdir()
    given.write_bytes(new_key() + b"\n")
    cipher = load_cipher(data_dir, given, {})
    before = cipher.encrypt(WORD)
    content = given.read_bytes()
    add_keys(data_dir, [shared], cipher)
    assert given.read_bytes() == content
    again = load_cipher(data_dir, given, {})
    assert again.versions[0] == key_version(shared)
    assert again.decrypt(before).reveal() == WORD.reveal()


def test_keys_that_cannot_be_written_are_not_used(tmp_path: Path) -> None:
    cipher = load_cipher(tmp_path, None, {})
    gone = tmp_path / "gone"
    with pytest.raises(StartError, match="cannot be written"):
        add_keys(gone, [new_key()], cipher)
    assert len(cipher.keys) == 1


def test_another_nodes_ciphertext_says_which_key_is_missing(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    one, other = (load_cipher(tmp_path / name, None, {}) for name in "ab")
    with pytest.raises(CredentialUnreadable, match=key_version(one.keys[0])):
        _ = other.decrypt(one.encrypt(WORD))
