"""The journal's own protocol: log entries with fields, as datagrams. Nothing here ever waits.

Source: systemd.io, "Native Journal Protocol", and sd_journal_send(3).
"""

import errno
import fcntl
import os
import socket
import struct
from collections.abc import Mapping
from enum import Enum
from typing import Final

SOCKET: Final = "/run/systemd/journal/socket"
_LENGTH: Final = struct.Struct("<Q")
_TOO_LARGE: Final = frozenset({errno.EMSGSIZE, errno.ENOBUFS})
_SEALS: Final = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL


class Sent(Enum):
    """What became of an entry."""

    TAKEN = "taken"
    FULL = "full"  # the journal's queue is; whoever waited for it would hold up the node
    AWAY = "away"  # nobody takes it


class JournalSocket:
    """Sends entries to the journal. Not for several threads at once: a handler has a lock."""

    def __init__(self, path: str = SOCKET) -> None:
        self._path = path
        kind = socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
        self._socket = socket.socket(socket.AF_UNIX, kind)

    def close(self) -> None:
        self._socket.close()

    def is_there(self) -> bool:
        """Whether somebody listens at the address."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as trial:
            try:
                trial.connect(self._path)
            except OSError:
                return False
        return True

    def send(self, fields: Mapping[str, str]) -> Sent:
        """One entry. The names are upper case letters, digits and underscores."""
        entry = encoded(fields)
        try:
            self._socket.sendto(entry, self._path)
        except BlockingIOError:
            return Sent.FULL
        except OSError as error:
            return self._send_file(entry) if error.errno in _TOO_LARGE else Sent.AWAY
        return Sent.TAKEN

    def _send_file(self, entry: bytes) -> Sent:
        """What is too large for a datagram: a sealed file in memory, whose descriptor is sent."""
        try:
            memory = os.memfd_create("journal", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        except OSError:
            return Sent.AWAY
        try:
            with os.fdopen(memory, "wb", closefd=False) as file:
                file.write(entry)
            fcntl.fcntl(memory, fcntl.F_ADD_SEALS, _SEALS)
            rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack("i", memory))
            self._socket.sendmsg([], [rights], 0, self._path)
        except BlockingIOError:
            return Sent.FULL
        except OSError:
            return Sent.AWAY
        finally:
            os.close(memory)
        return Sent.TAKEN


def encoded(fields: Mapping[str, str]) -> bytes:
    """An entry: `NAME=value` lines; a value of several lines has its length before it."""
    parts = []
    for name, value in fields.items():
        data = value.encode("utf-8", "backslashreplace")
        if b"\n" in data:
            parts.append(b"%s\n%s%s\n" % (name.encode(), _LENGTH.pack(len(data)), data))
        else:
            parts.append(b"%s=%s\n" % (name.encode(), data))
    return b"".join(parts)
