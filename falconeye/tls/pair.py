"""A server's certificate and key as OpenSSL takes them, with words for what is wrong with them."""

import datetime as dt
import getpass
import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cryptography import x509

from falconeye.base.errors import StartError
from falconeye.tls.authority import names_of
from falconeye.tls.condition import Condition, by_dates
from falconeye.tls.names import Names

MAX_BYTES: Final = 1 << 20  # of either file: chains have a few kB
_BEGIN: Final = b"-----BEGIN CERTIFICATE-----"
_ENCRYPTED: Final = (b"ENCRYPTED PRIVATE KEY", b"Proc-Type: 4,ENCRYPTED")


class UnusablePair(StartError):
    """Files that no port can be served with. Its words are read on pages, too."""


@dataclass(frozen=True, slots=True)
class Pair:
    """What new connections are served with, and what is to be known of the certificate."""

    context: ssl.SSLContext = field(repr=False)
    names: Names
    not_before: dt.datetime
    not_after: dt.datetime

    def condition(self, now: dt.datetime) -> Condition:
        """What its dates are worth."""
        return by_dates(self.not_before, self.not_after, now)


def read_pair(certificate_file: Path, key_file: Path) -> Pair:
    """What lies in two PEM files, the certificate with its chain; blocks.

    UnusablePair in words, with a way out: missing, not to be read by this user, not PEM, a key that
    is encrypted or does not fit. An ended certificate is none: see `Pair.condition`.
    """
    certificate = _content(certificate_file, is_key=False)
    key = _content(key_file, is_key=True)
    if _BEGIN not in certificate:
        msg = f"{certificate_file} holds no certificate in PEM (“-----BEGIN CERTIFICATE-----”)"
        raise UnusablePair(msg)
    if b"PRIVATE KEY-----" not in key:
        msg = f"{key_file} holds no private key in PEM (“-----BEGIN PRIVATE KEY-----”)"
        raise UnusablePair(msg)
    if any(sign in key for sign in _ENCRYPTED):
        msg = (
            f"the key {key_file} is encrypted, and nobody would enter its passphrase at a start: "
            f"write it without one (openssl pkey -in {key_file.name} -out plain.key), mode 0600"
        )
        raise UnusablePair(msg)
    try:
        return make_pair(certificate, key)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            msg = f"the key {key_file} does not belong to the certificate {certificate_file}"
        else:
            reason = (error.reason or str(error)).replace("_", " ").lower()
            msg = f"{certificate_file} and {key_file} cannot be used: {reason}"
        raise UnusablePair(msg) from error
    except ValueError as error:
        msg = f"the certificate {certificate_file} is damaged"
        raise UnusablePair(msg) from error


def make_pair(certificate: bytes, key: bytes) -> Pair:
    """Of PEM in memory; ssl.SSLError where the two do not fit, ValueError for no certificate.

    OpenSSL reads files only: these never touch a disk, and are what was looked at, whatever becomes
    of the files meanwhile. Blocks for a moment.
    """
    found = x509.load_pem_x509_certificate(certificate[certificate.index(_BEGIN) :])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    with _in_memory(certificate) as certificate_path, _in_memory(key) as key_path:
        # Without a function OpenSSL would ask for a passphrase on the terminal.
        context.load_cert_chain(certificate_path, key_path, password=lambda: "")
    return Pair(context, names_of(found), found.not_valid_before_utc, found.not_valid_after_utc)


@contextmanager
def _in_memory(content: bytes) -> Iterator[str]:
    """The path of an unnamed file that holds it, as long as the context lasts (memfd_create(2))."""
    with os.fdopen(os.memfd_create("falconeye-tls", os.MFD_CLOEXEC), "wb") as file:
        file.write(content)
        file.flush()
        yield f"/proc/self/fd/{file.fileno()}"


def _content(path: Path, *, is_key: bool) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES)
    except FileNotFoundError as error:
        msg = f"there is no {'key' if is_key else 'certificate'} {path}"
        raise UnusablePair(msg) from error
    except PermissionError as error:
        msg = (
            f"the {'key' if is_key else 'certificate'} {path} cannot be read by the "
            f"user {_user()}: give that user a copy, or the right to read it and to enter its "
            "directories"
        )
        raise UnusablePair(msg) from error
    except OSError as error:
        msg = f"the {'key' if is_key else 'certificate'} {path} cannot be read: {error.strerror}"
        raise UnusablePair(msg) from error


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return str(os.getuid())
