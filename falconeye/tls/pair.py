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
from falconeye.tls.names import Names

MAX_BYTES: Final = 1 << 20  # of either file: chains have a few kB
_BEGIN: Final = b"-----BEGIN CERTIFICATE-----"
_ENCRYPTED: Final = (b"ENCRYPTED PRIVATE KEY", b"Proc-Type: 4,ENCRYPTED")


@dataclass(frozen=True, slots=True)
class Pair:
    """What new connections are served with, and what is to be known of the certificate."""

    context: ssl.SSLContext = field(repr=False)
    names: Names
    not_before: dt.datetime
    not_after: dt.datetime

    def trouble(self, now: dt.datetime) -> str:
        """What browsers will say against its dates; "" for nothing."""
        if now >= self.not_after:
            return f"the certificate ended on {self.not_after:%Y-%m-%d}: browsers refuse it"
        if now < self.not_before:
            return f"the certificate begins on {self.not_before:%Y-%m-%d}: is the clock right?"
        return ""


def read_pair(certificate_file: Path, key_file: Path) -> Pair:
    """What lies in two PEM files, the certificate with its chain; blocks.

    StartError in words, with a way out: missing, not to be read by this user, not PEM, an encrypted
    key, a key that does not fit. An ended certificate is none: see `Pair.trouble`.
    """
    certificate = _content(certificate_file, "certificate")
    key = _content(key_file, "key")
    if _BEGIN not in certificate:
        msg = f"{certificate_file} holds no certificate in PEM (“-----BEGIN CERTIFICATE-----”)"
        raise StartError(msg)
    if b"PRIVATE KEY-----" not in key:
        msg = f"{key_file} holds no private key in PEM (“-----BEGIN PRIVATE KEY-----”)"
        raise StartError(msg)
    if any(sign in key for sign in _ENCRYPTED):
        msg = (
            f"the key {key_file} is encrypted, and nobody would enter its passphrase at a start: "
            f"write it without one (openssl pkey -in {key_file.name} -out plain.key), mode 0600"
        )
        raise StartError(msg)
    try:
        return make_pair(certificate, key)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            msg = f"the key {key_file} does not belong to the certificate {certificate_file}"
        else:
            reason = (error.reason or str(error)).replace("_", " ").lower()
            msg = f"{certificate_file} and {key_file} cannot be used: {reason}"
        raise StartError(msg) from error
    except ValueError as error:
        msg = f"the certificate {certificate_file} is damaged"
        raise StartError(msg) from error


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


def _content(path: Path, what: str) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES)
    except FileNotFoundError as error:
        msg = f"there is no {what} {path}"
        raise StartError(msg) from error
    except PermissionError as error:
        msg = (
            f"the {what} {path} cannot be read by the user {_user()}: give that user a copy, or "
            "the right to read it and to enter its directories"
        )
        raise StartError(msg) from error
    except OSError as error:
        msg = f"the {what} {path} cannot be read: {error.strerror}"
        raise StartError(msg) from error


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return str(os.getuid())
