"""The cluster key, what is derived of it, and what nodes prove by it."""

import base64
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest

from falconeye.base.errors import InvalidInput
from falconeye.config.settings import NodeSettings
from falconeye.federation.cluster_key import ClusterKey, NoClusterKey, open_cipher
from falconeye.federation.key_words import Introduction, Proved, WrongKey
from falconeye.storage.stores.credentials import KEY_NAME, add_keys, load_cipher, new_key

KEY = ClusterKey(b"kV0r1vGJm8i0m0b8b4q0x2Yb3d1l5n7p9r1t3v5x7z8=")
OTHER = ClusterKey(b"another key of the same length, or nearly so")
SAID = Introduction(node_id="n", certificate="PEM", to="ab" * 32, nonce="0" * 32, changes=[])


def test_white_space_around_the_key_is_none_of_it(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_bytes(b"\n " + KEY.secret + b" \n")
    assert ClusterKey.read(path) == KEY
    assert KEY.secret.decode() not in repr(KEY)


@pytest.mark.parametrize("text", ["", "  \n", "changeme", "x" * 23])
def test_what_could_be_guessed_is_no_key(tmp_path: Path, text: str) -> None:
    path = tmp_path / "key"
    path.write_text(text)
    with pytest.raises(NoClusterKey, match="too short"):
        ClusterKey.read(path)
    with pytest.raises(NoClusterKey, match="No such file"):
        ClusterKey.read(tmp_path / "none")
    with pytest.raises(NoClusterKey, match="directory"):
        ClusterKey.read(tmp_path)


def test_what_is_derived_is_always_the_same_and_of_no_other_purpose() -> None:
    # Fixed: nodes of another release must derive the same, or they lose the camera passwords.
    assert KEY.data_key == b"PzY3LdnXwPGwC3XVVIdHmsW9Qbr1j-lPkOWEKtA_XQ8="
    assert KEY.admin_salt.hex() == "9371b59d52a80fbc257306b77ccbcdf5"
    assert (
        KEY.proof("ask", "x") == "70a7dfa2a66735329b599f47d129f2645e616523819e714a12a69d2362ae208f"
    )
    assert len(base64.urlsafe_b64decode(KEY.data_key)) == 32
    assert OTHER.data_key != KEY.data_key


def test_a_proof_holds_for_exactly_what_was_said_by_whom_and_how() -> None:
    proved = Proved.by(KEY, "ask", SAID)
    assert Proved.parse(proved.model_dump()).opened(KEY, "ask") == SAID
    assert KEY.secret.decode() not in proved.model_dump_json()
    wrongs: tuple[tuple[Proved, ClusterKey, Literal["ask", "answer"]], ...] = (
        (proved, OTHER, "ask"),
        (proved, KEY, "answer"),  # what was asked is no answer to it
        (proved.model_copy(update={"said": proved.said + " "}), KEY, "ask"),
        (proved.model_copy(update={"proof": "0" * 64}), KEY, "ask"),
    )
    for wrong, key, purpose in wrongs:
        with pytest.raises(WrongKey):
            _ = wrong.opened(key, purpose)
    assert proved.claimed_id == "n"


@pytest.mark.parametrize("said", ["", "{}", "[]", "nothing", '{"node_id": 7}', "\ud800"])
def test_what_is_proved_and_makes_no_sense_is_refused(said: str) -> None:
    if said == "\ud800":
        with pytest.raises(InvalidInput):
            Proved.parse({"said": said, "proof": "0" * 64})
        return
    proved = Proved(said=said, proof=KEY.proof("ask", said))
    with pytest.raises(InvalidInput):
        proved.opened(KEY, "ask")
    assert isinstance(proved.claimed_id, str)


@pytest.mark.parametrize("told", [None, [], {}, {"said": 1, "proof": "0" * 64}, {"said": "{}"},
                                  {"said": "{}", "proof": "Ä" * 64}])  # fmt: skip
def test_what_is_no_introduction_is_refused(told: object) -> None:
    with pytest.raises(InvalidInput):
        Proved.parse(told)


def test_nodes_with_one_key_begin_with_one_data_key_and_keep_to_a_newer_one(tmp_path: Path) -> None:
    file = tmp_path / "cluster-key"
    for name in ("pi-1", "pi-2"):
        (tmp_path / name).mkdir()
    one, two = (
        NodeSettings(tmp_path / name, tmp_path, cluster_key_file=file) for name in ("pi-1", "pi-2")
    )
    file.write_bytes(KEY.secret)
    assert open_cipher(one, {}).keys == open_cipher(two, {}).keys == [KEY.data_key]
    # A member was removed: the key that was made then stays the newest, over restarts.
    newer = new_key()
    add_keys(one.data_dir, [newer], load_cipher(one.data_dir, None, {}))
    assert open_cipher(one, {}).keys == [newer, KEY.data_key]
    # Another cluster key: its data key is the newest, all others go on decrypting.
    file.write_bytes(OTHER.secret)
    assert open_cipher(one, {}).keys == [OTHER.data_key, newer, KEY.data_key]
    assert open_cipher(one, {}).keys == [OTHER.data_key, newer, KEY.data_key]


def test_a_node_without_the_key_goes_on_with_its_own(tmp_path: Path) -> None:
    settings = NodeSettings(tmp_path, tmp_path, cluster_key_file=tmp_path / "none")
    own = open_cipher(settings, {}).keys
    assert own == open_cipher(replace(settings, cluster_key_file=None), {}).keys
    assert len(own) == 1
    (tmp_path / "none").write_bytes(KEY.secret)
    assert open_cipher(settings, {}).keys == [KEY.data_key, *own]


def test_a_given_key_file_stays_as_it_is(tmp_path: Path) -> None:
    given, file = tmp_path / "given", tmp_path / "cluster-key"
    given.write_bytes(new_key())
    file.write_bytes(KEY.secret)
    settings = NodeSettings(tmp_path, tmp_path, cluster_key_file=file, data_key_file=given)
    before = given.read_bytes()
    assert open_cipher(settings, {}).keys == [KEY.data_key, before]
    assert given.read_bytes() == before
    assert (tmp_path / KEY_NAME).read_bytes().split() == [KEY.data_key]
