"""What is sealed comes back, and every change of it is seen."""

import io

import pytest

from falconeye.base.errors import InvalidInput
from falconeye.base.secret import Secret
from falconeye.storage.backups.sealed_file import (
    PIECE_BYTES,
    NotABackup,
    SealedReader,
    SealedWriter,
    check_passphrase,
)

PASSPHRASE = Secret("correct horse battery")


def sealed(content: bytes) -> bytes:
    target = io.BytesIO()
    writer = SealedWriter(target, PASSPHRASE)
    writer.write(content)
    writer.finish()
    return target.getvalue()


def opened(content: bytes, passphrase: Secret = PASSPHRASE) -> bytes:
    return io.BufferedReader(SealedReader(io.BytesIO(content), passphrase)).read()


@pytest.mark.parametrize("size", [0, 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES])
def test_it_comes_back(size: int) -> None:
    content = bytes(index * 7 % 251 for index in range(1000)) * (size // 1000 + 1)
    made = sealed(content[:size])
    assert opened(made) == content[:size]
    assert content[:100] not in made


@pytest.mark.usefixtures("full_cost")
def test_a_key_costs_what_it_should() -> None:
    """At least what OWASP's cheat sheet of password storage asks of scrypt: N 2^15, r 8, p 3."""
    made = sealed(b"dear")
    assert tuple(made[17:20]) == (15, 8, 3)
    assert opened(made) == b"dear"


def test_two_of_the_same_differ() -> None:
    assert sealed(b"same") != sealed(b"same")


def test_another_passphrase_is_said_at_once() -> None:
    with pytest.raises(NotABackup, match="the passphrase is wrong"):
        opened(sealed(b"secret"), Secret("correct horse batterY"))


@pytest.mark.parametrize("place", [17, 18, 20, 40, 50, 70, 500, PIECE_BYTES + 100, -1])
def test_a_changed_bit_is_seen(place: int) -> None:
    made = bytearray(sealed(bytes(2 * PIECE_BYTES)))
    made[place] ^= 1
    with pytest.raises(NotABackup):
        opened(bytes(made))


@pytest.mark.parametrize("cut", [1, 16, 17, PIECE_BYTES, PIECE_BYTES + 16])
def test_a_cut_end_is_seen(cut: int) -> None:
    made = sealed(bytes(3 * PIECE_BYTES + 5))
    with pytest.raises(NotABackup):
        opened(made[:-cut])


def test_pieces_in_another_order_and_more_at_the_end_are_seen() -> None:
    made = sealed(bytes(2 * PIECE_BYTES + 5))
    head, piece = 59, PIECE_BYTES + 16
    first, second = made[head : head + piece], made[head + piece : head + 2 * piece]
    assert first != second
    swapped = made[:head] + second + first + made[head + 2 * piece :]
    for changed in (swapped, made + b"x", made + made[-21:]):
        with pytest.raises(NotABackup):
            opened(changed)


def test_other_files_and_newer_formats_are_told_apart() -> None:
    with pytest.raises(NotABackup, match="no backup of FalconEye"):
        opened(b"PK\x03\x04" + bytes(100))
    newer = bytearray(sealed(b""))
    newer[16] = 2
    with pytest.raises(NotABackup, match="newer FalconEye"):
        opened(bytes(newer))


def test_a_head_cannot_ask_for_all_memory() -> None:
    greedy = bytearray(sealed(b""))
    greedy[17] = 40
    with pytest.raises(NotABackup, match="damaged"):
        opened(bytes(greedy))


def test_a_short_passphrase_is_refused() -> None:
    with pytest.raises(InvalidInput, match="12 characters"):
        check_passphrase(Secret("short       "))
