"""A stream of bytes encrypted under a passphrase, which shows every change, cut or exchange.

    magic (16) | version (1) | log2 of scrypt's N, r, p (1 each) | salt (16) | nonce (7)
    check (16)     of HMAC-SHA256 over all above, by the second half of the derived key
    pieces         AES-256-GCM over 1 MiB each, the last shorter; 16 bytes of tag behind each

The key is scrypt's (RFC 7914) of the passphrase in UTF-8. The nonce of a piece is the file's, its
number (4 bytes) and a byte that is 1 in the last (the STREAM construction of Hoang, Reyhanitabar,
Rogaway and Vizár, 2015): pieces cannot be left out, doubled or put in another order. The head is
associated data of each.
"""

import hashlib
import hmac
import io
import secrets
import struct
from typing import IO, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from typing_extensions import override

from falconeye.base.errors import InvalidInput
from falconeye.base.secret import Secret

MAGIC: Final = b"FalconEye backup"
VERSION: Final = 1
PIECE_BYTES: Final = 1 << 20
MIN_PASSPHRASE: Final = 12
_TAG_BYTES: Final = 16
_CHECK_BYTES: Final = 16
_HEAD: Final = struct.Struct(">16s4B16s7s")
# 32 MB for a fifth of a second, three times: a Raspberry Pi has that to spare while it records.
_LOG2_N, _R, _P = 15, 8, 3
_MAX_MEMORY: Final = 512 << 20  # what a file may ask for


class NotABackup(InvalidInput):
    """The file is no backup, is damaged or cut, or the passphrase is another one."""


def check_passphrase(passphrase: Secret) -> None:
    """InvalidInput for one that a machine would guess soon."""
    if len(passphrase.reveal().strip()) < MIN_PASSPHRASE:
        msg = f"a passphrase of at least {MIN_PASSPHRASE} characters is needed"
        raise InvalidInput(msg, field="passphrase")


class SealedWriter(io.RawIOBase):
    """Encrypts what is written into `target`; only `finish` makes it whole. Blocks: a thread."""

    def __init__(self, target: IO[bytes], passphrase: Secret) -> None:
        self._target = target
        self._nonce = secrets.token_bytes(7)
        values = (VERSION, _LOG2_N, _R, _P, secrets.token_bytes(16), self._nonce)
        self._head = _HEAD.pack(MAGIC, *values)
        self._cipher, check = _keys(passphrase, self._head)
        self._waiting = bytearray()
        self._number = 0
        target.write(self._head + check)

    @override
    def writable(self) -> bool:
        return True

    @override
    def write(self, data: "bytes | bytearray | memoryview[int]", /) -> int:  # type: ignore[override]
        self._waiting += data
        while (
            len(self._waiting) > PIECE_BYTES
        ):  # the last piece is never empty but in an empty file
            piece = bytes(self._waiting[:PIECE_BYTES])
            del self._waiting[:PIECE_BYTES]
            self._put(piece, is_last=False)
        return len(data)

    def finish(self) -> None:
        """Write the last piece, which says that it is the last."""
        self._put(bytes(self._waiting), is_last=True)
        self._waiting.clear()

    def _put(self, piece: bytes, *, is_last: bool) -> None:
        nonce = _nonce(self._nonce, self._number, is_last=is_last)
        self._target.write(self._cipher.encrypt(nonce, piece, self._head))
        self._number += 1


class SealedReader(io.RawIOBase):
    """What was written, piece by piece, each checked before any of it is given out. Blocks.

    NotABackup at once for another file or passphrase, later for damage.
    """

    def __init__(self, source: IO[bytes], passphrase: Secret) -> None:
        self._source = source
        head = source.read(_HEAD.size + _CHECK_BYTES)
        self._head, given = head[: _HEAD.size], head[_HEAD.size :]
        if len(head) != _HEAD.size + _CHECK_BYTES or not head.startswith(MAGIC):
            raise NotABackup("this is no backup of FalconEye")
        self._cipher, check = _keys(passphrase, self._head)
        if not hmac.compare_digest(check, given):
            raise NotABackup("the passphrase is wrong", field="passphrase")
        self._nonce = _HEAD.unpack(self._head)[-1]
        self._number = 0
        self._ahead = source.read(PIECE_BYTES + _TAG_BYTES)
        self._open = memoryview(b"")
        self._ended = False

    @override
    def readable(self) -> bool:
        return True

    @override
    def readinto(self, buffer: "bytearray | memoryview[int]", /) -> int:  # type: ignore[override]
        if not self._open and not self._ended:
            self._next()
        count = min(len(buffer), len(self._open))
        buffer[:count] = self._open[:count]
        self._open = self._open[count:]
        return count

    def _next(self) -> None:
        piece, self._ahead = self._ahead, self._source.read(PIECE_BYTES + _TAG_BYTES)
        is_last = not self._ahead
        nonce = _nonce(self._nonce, self._number, is_last=is_last)
        try:
            self._open = memoryview(self._cipher.decrypt(nonce, piece, self._head))
        except InvalidTag as error:
            msg = (
                f"the backup cannot be used: {'it ends too early or' if is_last else 'it'} is "
                "damaged; copy it anew or take another one"
            )
            raise NotABackup(msg) from error
        self._number += 1
        self._ended = is_last


def is_sealed(start: bytes) -> bool:
    """Whether a file that begins with these 16 bytes or more is one of ours."""
    return start.startswith(MAGIC)


def _keys(passphrase: Secret, head: bytes) -> tuple[AESGCM, bytes]:
    """The cipher, and the check value of the head; NotABackup for a head that cannot be ours."""
    _, version, log2_n, r, p, salt, _ = _HEAD.unpack(head)
    if version != VERSION:
        msg = f"the backup was made by a newer FalconEye (its format is {version})"
        raise NotABackup(msg)
    if not (10 <= log2_n <= 24 and r and 1 <= p <= 16 and 128 * r << log2_n <= _MAX_MEMORY):
        raise NotABackup("the head of the backup is damaged")
    key = hashlib.scrypt(
        passphrase.reveal().encode(), salt=salt, n=1 << log2_n, r=r, p=p, dklen=64,
        maxmem=_MAX_MEMORY + (64 << 20),
    )  # fmt: skip
    check = hmac.digest(key[32:], head, "sha256")[:_CHECK_BYTES]
    return AESGCM(key[:32]), check


def _nonce(base: bytes, number: int, *, is_last: bool) -> bytes:
    return base + number.to_bytes(4, "big") + bytes([is_last])
