"""What a node proves by that it is itself: an Ed25519 key and a certificate that never ends.

Members know each other by this certificate and by nothing else: no authority signs it, no host name
is looked at, and its dates say nothing, because a Pi without a clock chip starts in 1970.
"""

import contextlib
import logging
import os
import secrets
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from falconeye.base.errors import InvalidInput, StartError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )

log = logging.getLogger(__name__)

KEY_NAME: Final = "node.key"
CERTIFICATE_NAME: Final = "node.crt"
_GROUP: Final = 4
# RFC 8410, 7: how the PEM of an Ed25519 key begins, up to the key itself.
_ED25519: Final = b"-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEI"


@dataclass(frozen=True, slots=True)
class NodeKeys:
    """The node's own key and certificate; the key is never printed."""

    node_id: str
    certificate: str  # PEM
    server_context: ssl.SSLContext = field(repr=False)  # for the peer listener, TLS 1.3
    _key: bytes = field(repr=False)  # PEM

    @property
    def private_key(self) -> "Ed25519PrivateKey":
        """Read anew each time: a node without peers signs nothing and spares what reads it."""
        return _read_key(self._key)


def load_node_keys(data_dir: Path, node_id: str) -> NodeKeys:
    """The keys of this node, made at its first start; blocks: call it in a thread.

    `data_dir/node.key` (PKCS #8, mode 0600) and `data_dir/node.crt` (X.509, self-signed, the node's
    id as common name), both PEM. StartError, with a way out, when they cannot be made or read, do
    not belong together, or belong to another node.
    """
    key_file, certificate_file = data_dir / KEY_NAME, data_dir / CERTIFICATE_NAME
    way_out = (
        f"restore both files from a copy, or remove {KEY_NAME} and {CERTIFICATE_NAME} so that new "
        "ones are made: a cluster this node belongs to must then be joined again"
    )
    try:
        key = _load_key(key_file)
        if not certificate_file.exists():
            _create(certificate_file, _new_certificate(key, node_id, key_file, way_out), 0o644)
        text = certificate_file.read_text("ascii")
    except OSError as error:
        msg = f"the node's key in {data_dir} cannot be made or read: {error.strerror}"
        raise StartError(msg) from error
    except UnicodeDecodeError as error:
        msg = f"{certificate_file} is damaged: {way_out}"
        raise StartError(msg) from error
    if not _is_good(key, text, node_id):
        _check(text, _checked_key(key, key_file, way_out), node_id, certificate_file, way_out)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    try:
        context.load_cert_chain(certificate_file, key_file)
    except ssl.SSLError:  # what is wrong is told in words
        _check(text, _checked_key(key, key_file, way_out), node_id, certificate_file, way_out)
        raise
    return NodeKeys(node_id, text, context, key)


def own_certificate(data_dir: Path) -> str | None:
    """The certificate that lies here, unchecked (PEM); None without one. Blocks; OSError."""
    try:
        return (data_dir / CERTIFICATE_NAME).read_text("ascii", errors="replace")
    except FileNotFoundError:
        return None


def set_aside_node_keys(data_dir: Path) -> None:
    """As `forget_node_keys`, of a node that a restore replaced: they stay as `….replaced`."""
    for name in (KEY_NAME, CERTIFICATE_NAME):
        with contextlib.suppress(FileNotFoundError):
            (data_dir / name).replace(data_dir / f"{name}.replaced")


def forget_node_keys(data_dir: Path) -> None:
    """The next start makes others, of another node; blocks."""
    for name in (KEY_NAME, CERTIFICATE_NAME):
        (data_dir / name).unlink(missing_ok=True)


def client_context(certificate: str) -> ssl.SSLContext:
    """TLS 1.3 to whoever holds the key of exactly this certificate (PEM), and to nobody else.

    The handshake fails before a byte of ours is sent. InvalidInput for what is no certificate.
    """
    public_key_of(certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False  # the certificate itself is pinned; addresses change
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # a leaf may be what is trusted
    context.load_verify_locations(cadata=certificate)
    return context


def public_key_of(certificate: str) -> "Ed25519PublicKey":
    """The key of a member's certificate (PEM); InvalidInput for anything but one of ours."""
    from falconeye.federation import certificates  # noqa: PLC0415 - 4 MB

    return certificates.public_key_of(certificate)


def fingerprint_bytes(certificate: str) -> bytes:
    """SHA-256 of the certificate's DER; InvalidInput for what is no certificate of a node."""
    from falconeye.federation import certificates  # noqa: PLC0415 - 4 MB

    return certificates.fingerprint_bytes(certificate)


def fingerprint(certificate: str) -> str:
    """SHA-256 of the certificate's DER in groups of four hex digits, for people to compare.

    InvalidInput for what is no certificate of a node.
    """
    digits = fingerprint_bytes(certificate).hex()
    return " ".join(digits[i : i + _GROUP] for i in range(0, len(digits), _GROUP))


def named_node(certificate: str) -> str:
    """The node id that a certificate carries as its common name; InvalidInput as `public_key_of`.

    Whoever holds the key chose it: it tells nothing about who that is.
    """
    from falconeye.federation import certificates  # noqa: PLC0415 - 4 MB

    return certificates.named_node(certificate)


def _load_key(path: Path) -> bytes:
    if not path.exists():
        from falconeye.federation import certificates  # noqa: PLC0415 - 4 MB

        _create(path, certificates.new_key(), 0o600)
    content, mode = path.read_bytes(), path.stat().st_mode
    if mode & 0o077:
        log.warning("the node's key %s can be read by others: set its mode to 0600", path)
    return content


def _read_key(content: bytes) -> "Ed25519PrivateKey":
    """InvalidInput for what is no key of a node."""
    from falconeye.federation import certificates  # noqa: PLC0415 - 4 MB

    return certificates.read_key(content)


def _checked_key(content: bytes, path: Path, way_out: str) -> "Ed25519PrivateKey":
    try:
        return _read_key(content)
    except InvalidInput as error:
        msg = f"{path} holds {error}: {way_out}"
        raise StartError(msg) from error


def _new_certificate(content: bytes, node_id: str, path: Path, way_out: str) -> bytes:
    from falconeye.federation import certificates  # noqa: PLC0415 - 4 MB

    return certificates.certificate_of(_checked_key(content, path, way_out), node_id)


def _is_good(key: bytes, text: str, node_id: str) -> bool:
    """Whether both are surely ours, as far as one sees without reading X.509.

    That the one belongs to the other OpenSSL tells, when it loads them.
    """
    try:
        der = ssl.PEM_cert_to_DER_cert(text)
    except ValueError:
        return False
    return _ED25519 in key and node_id.encode() in der and text.count("-----BEGIN") == 1


def _check(text: str, key: "Ed25519PrivateKey", node_id: str, path: Path, way_out: str) -> None:
    """A copied data directory or half a restore must not pass for this node."""
    try:
        public, named = public_key_of(text), named_node(text)
    except InvalidInput as error:
        msg = f"{path} is damaged: {way_out}"
        raise StartError(msg) from error
    if public.public_bytes_raw() != key.public_key().public_bytes_raw():
        msg = f"{path} does not belong to {path.with_name(KEY_NAME)}: {way_out}"
        raise StartError(msg)
    if named != node_id:
        msg = f"{path} belongs to the node {named}, and this is {node_id}: {way_out}"
        raise StartError(msg)


def _create(path: Path, content: bytes, mode: int) -> None:
    """A new file, whole or not at all: written aside, then linked to a name nobody has."""
    aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    fd = os.open(aside, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(fd, "wb") as file:  # unlike `os.write` it writes all, or fails
            file.write(content)
            file.flush()
            os.fsync(fd)
        os.link(aside, path)
    except FileExistsError:
        log.debug("another process has just made %s", path)
    finally:
        aside.unlink()
    directory = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
