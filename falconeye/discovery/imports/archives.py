"""The files of a backup (`.tar.gz`, `.tar`, `.zip`), unpacked in memory within bounds.

motionEye's backup is a gzipped tar of its configuration directory. `tarfile` is not used: in
releases that nodes still have a negative size sends it round for ever (CVE-2025-8194).
"""

import io
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator

from falconeye.base.errors import InvalidInput
from falconeye.discovery.imports.imported import MAX_BYTES

MAX_UNPACKED_BYTES = 8 << 20
MAX_MEMBERS = 1000
_BLOCK = 512
_NAME = slice(0, 100)
_SIZE = slice(124, 136)
_CHECKSUM = slice(148, 156)
_TYPE = slice(156, 157)
_PREFIX = slice(345, 500)
_MAGIC = slice(257, 262)
_REGULAR = {b"0", b"\0", b"7"}
_NO_FILE = {b"5", b"x", b"g", b"L", b"K"}  # directories, and heads that tell more of the next

Members = list[tuple[str, bytes | None]]  # None: a link or a device


def is_gzip(data: bytes) -> bool:
    return data.startswith(b"\x1f\x8b")


def is_zip(data: bytes) -> bool:
    return data.startswith((b"PK\x03\x04", b"PK\x05\x06"))


def is_tar(data: bytes) -> bool:
    """By the magic of POSIX and GNU (POSIX.1-2017, pax, "ustar Interchange Format")."""
    return data[_MAGIC] == b"ustar"


def gunzip(data: bytes) -> bytes:
    """What is packed in `data` (RFC 1952); InvalidInput beyond 8 MB, or where it is damaged."""
    unpacker = zlib.decompressobj(wbits=31)
    try:
        unpacked = unpacker.decompress(data, MAX_UNPACKED_BYTES + 1)
    except zlib.error as error:
        raise InvalidInput("the file is damaged: it cannot be unpacked") from error
    _check_total(len(unpacked))
    if not unpacker.eof:
        raise InvalidInput("the file is damaged: its end is missing")
    if unpacker.unused_data.strip(b"\0"):
        raise InvalidInput("the file is damaged: something follows its end")
    return unpacked


def tar_members(data: bytes) -> Members:
    """(name, content) of the files, in their order; directories are not among them.

    InvalidInput where the archive is damaged, or holds too much.
    """
    found: Members = []
    position = 0
    for _ in range(MAX_MEMBERS):
        head = data[position : position + _BLOCK]
        if len(head) < _BLOCK or not head.strip(b"\0"):
            return found
        size_bytes = _octal(head[_SIZE])
        if _octal(head[_CHECKSUM]) != _checksum(head):
            raise InvalidInput("the archive is damaged: a head has a wrong checksum")
        start = position + _BLOCK
        if start + size_bytes > len(data):
            raise InvalidInput("the archive is damaged: its end is missing")
        if head[_TYPE] in _REGULAR:
            found.append((_tar_name(head), _bounded(data[start : start + size_bytes])))
        elif head[_TYPE] not in _NO_FILE:
            found.append((_tar_name(head), None))
        position = start + (size_bytes + _BLOCK - 1) // _BLOCK * _BLOCK
    raise InvalidInput(f"the archive holds more than {MAX_MEMBERS} files")


def zip_members(data: bytes) -> Members:
    """The same of a zip (stored or deflated, not encrypted)."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return list(_unzipped(archive))
    except (
        zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, struct.error, IndexError,
        NotImplementedError, RuntimeError,
    ) as error:  # fmt: skip
        raise InvalidInput("the zip is damaged, or packed in a way that is not read") from error


def _unzipped(archive: zipfile.ZipFile) -> Iterator[tuple[str, bytes | None]]:
    total_bytes = 0
    if len(archive.filelist) > MAX_MEMBERS:
        raise InvalidInput(f"the archive holds more than {MAX_MEMBERS} files")
    for member in archive.filelist:
        if member.is_dir():
            continue
        # Of Unix (APPNOTE 4.4.15, Info-ZIP): what a link holds is where it leads, and no file.
        if stat.S_IFMT(member.external_attr >> 16) not in {0, stat.S_IFREG}:
            yield member.filename, None
            continue
        if member.flag_bits & 1:
            raise InvalidInput("the zip is encrypted: unpack it first")
        if member.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
            raise InvalidInput("the zip is packed in a way that is not read: unpack it first")
        with archive.open(member) as file:
            content = _bounded(file.read(MAX_BYTES + 1))  # its head may tell a smaller size
        total_bytes += len(content)
        _check_total(total_bytes)
        yield member.filename, content


def _tar_name(head: bytes) -> str:
    parts = (head[_PREFIX], head[_NAME])
    texts = [part.split(b"\0", 1)[0].decode("utf-8", "replace") for part in parts]
    return "/".join(filter(None, texts))


def _octal(digits: bytes) -> int:
    try:
        value = int(digits.strip(b"\0 ") or b"0", 8)
    except ValueError as error:
        raise InvalidInput("the archive is damaged: a number in it cannot be read") from error
    if value < 0:
        raise InvalidInput("the archive is damaged: a number in it is negative")
    return value


def _checksum(head: bytes) -> int:
    return sum(head) - sum(head[_CHECKSUM]) + 8 * ord(" ")


def _bounded(content: bytes) -> bytes:
    """`content`; of a file that is too long just enough to see that it is."""
    return content[: MAX_BYTES + 1]


def _check_total(total_bytes: int) -> None:
    if total_bytes > MAX_UNPACKED_BYTES:
        raise InvalidInput(f"unpacked, the file has more than {MAX_UNPACKED_BYTES >> 20} MB")
