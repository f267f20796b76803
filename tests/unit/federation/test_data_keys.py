"""The keys that encrypt camera passwords, shared by all members."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from falconeye.base.errors import InvalidInput, Unavailable
from falconeye.base.secret import Secret
from falconeye.federation.beat import Beat
from falconeye.federation.data_keys import DataKeys, GivenKeys
from falconeye.federation.peers import Peer
from falconeye.storage.stores.credentials import KEY_NAME, CredentialCipher, load_cipher, new_key

WORD = Secret("pässword")


class Member:
    """A node with a key file; `others` answer what it asks."""

    def __init__(self, folder: Path, others: dict[str, "Member"]) -> None:
        folder.mkdir()
        self.folder = folder
        self.others = others
        self.reloads = 0
        self.cipher: CredentialCipher = load_cipher(folder, None, {})
        self.keys = DataKeys(self.cipher, folder, lambda name: Ask(others[name]), self.reload)

    async def reload(self) -> None:
        self.reloads += 1

    def as_peer(self) -> Peer:
        name = self.folder.name
        return Peer(name, name, 0, Beat(node_id=name, data_keys=self.keys.told))


class Ask:
    def __init__(self, to: Member) -> None:
        self._to = to

    async def request_json(
        self, method: str, path: str, body: Any = None, *, limit_s: float
    ) -> Any:
        assert (method, path, body) == ("GET", "/peer/keys", None)
        assert limit_s > 0
        return self._to.keys.give().model_dump(mode="json")


@pytest.fixture
def members(tmp_path: Path) -> dict[str, Member]:
    found: dict[str, Member] = {}
    for name in ("a", "b"):
        found[name] = Member(tmp_path / name, found)
    return found


async def test_a_key_that_a_peer_has_comes_once_and_reads_what_it_encrypted(
    members: dict[str, Member],
) -> None:
    a, b = members["a"], members["b"]
    theirs = b.cipher.encrypt(WORD)
    own = a.keys.names[0]
    await a.keys.follow(b.as_peer())
    assert a.cipher.decrypt(theirs).reveal() == WORD.reveal()
    assert a.keys.names == [*b.keys.names, own]  # nobody here knew it: it is the newer one
    assert a.reloads == 1
    await a.keys.follow(b.as_peer())
    assert a.reloads == 1
    stored = await asyncio.to_thread(load_cipher, a.folder, None, {})
    assert stored.versions == a.keys.names


async def test_after_a_rotation_everybody_uses_the_new_key_and_reads_the_old(
    members: dict[str, Member],
) -> None:
    a, b = members["a"], members["b"]
    before = a.cipher.encrypt(WORD)
    await b.keys.follow(a.as_peer())
    await a.keys.follow(b.as_peer())
    known = set(a.keys.names)
    await a.keys.rotate()
    name = a.keys.names[0]
    assert name not in known
    await a.keys.follow(b.as_peer())  # who has not heard of it takes nobody back to the old one
    assert a.keys.names[0] == name
    await b.keys.follow(a.as_peer())
    assert b.keys.names == a.keys.names
    assert a.cipher.decrypt(b.cipher.encrypt(WORD)).reveal() == WORD.reveal()
    assert b.cipher.decrypt(before).reveal() == WORD.reveal()
    stored = await asyncio.to_thread(load_cipher, b.folder, None, {})
    assert stored.versions[0] == name


@pytest.mark.parametrize(
    "told", [None, {}, {"keys": "x"}, {"keys": ["short"]}, {"keys": [new_key().decode()] * 33}]
)
def test_what_is_no_key_is_refused_without_a_word_of_it(told: Any) -> None:
    with pytest.raises(InvalidInput) as refused:
        _ = GivenKeys.parse(told)
    assert str(refused.value) == "a node gave what are no data keys"
    assert refused.value.__cause__ is None


async def test_no_answer_changes_nothing(members: dict[str, Member]) -> None:
    a, b = members["a"], members["b"]

    class Silent(Ask):
        async def request_json(self, *_asked: Any, **_more: Any) -> Any:
            raise Unavailable("no answer")

    keys = DataKeys(a.cipher, a.folder, lambda name: Silent(members[name]), a.reload)
    with pytest.raises(Unavailable):
        await keys.follow(b.as_peer())
    assert len(a.cipher.keys) == 1
    assert "AAAA" not in repr(b.keys.give())
    assert b.cipher.keys[0].decode() not in repr(b.keys.give())


async def test_where_no_key_can_be_written_it_is_known_before(members: dict[str, Member]) -> None:
    a = members["a"]
    await a.keys.check_writable()
    assert {file.name for file in a.folder.iterdir()} == {KEY_NAME}
    before = (a.folder / KEY_NAME).read_bytes()
    nowhere = DataKeys(a.cipher, a.folder / KEY_NAME, lambda name: Ask(members[name]), a.reload)
    with pytest.raises(Unavailable, match="cannot be written: Not a directory"):
        await nowhere.check_writable()
    assert (a.folder / KEY_NAME).read_bytes() == before


async def test_more_keys_than_a_beat_holds_silence_nobody(members: dict[str, Member]) -> None:
    """Each node that joins brings one along, each that is removed has one made; none is ended."""
    a, b = members["a"], members["b"]
    first = a.cipher.encrypt(WORD)
    for _ in range(40):
        await a.keys.rotate()
    assert len(a.keys.names) == 41
    peer = a.as_peer()
    assert peer.beat is not None
    assert peer.beat.data_keys == a.keys.names[:32]
    await b.keys.follow(peer)
    assert b.keys.names[0] == a.keys.names[0]
    assert b.cipher.decrypt(a.cipher.encrypt(WORD)).reveal() == WORD.reveal()
    assert a.cipher.decrypt(first).reveal() == WORD.reveal()
    b.reloads = 0
    await b.keys.follow(a.as_peer())  # what it is not told of it does not ask for
    await a.keys.follow(b.as_peer())
    assert b.reloads == 0
    assert a.keys.names[0] == b.keys.names[0]
