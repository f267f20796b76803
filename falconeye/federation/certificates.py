"""The certificates of nodes, read and made: all of it that needs X.509 itself.

A module of its own, because a node without peers does without it, which spares 4 MB: `node_keys`
loads it when it is asked for more than what OpenSSL tells.
"""

import datetime as dt
import hashlib
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.x509.oid import NameOID

from falconeye.base.errors import InvalidInput

MAX_CERTIFICATE_LETTERS: Final = 4096  # ours have about 500
_NOT_BEFORE: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
# RFC 5280 4.1.2.5: the date of a certificate without a well-defined end.
_NOT_AFTER: Final = dt.datetime(9999, 12, 31, 23, 59, 59, tzinfo=dt.UTC)


def public_key_of(certificate: str) -> Ed25519PublicKey:
    """The key of a member's certificate (PEM); InvalidInput for anything but one of ours."""
    return _parse(certificate)[1]


def fingerprint_bytes(certificate: str) -> bytes:
    """SHA-256 of the certificate's DER; InvalidInput for what is no certificate of a node."""
    der = _parse(certificate)[0].public_bytes(serialization.Encoding.DER)
    return hashlib.sha256(der).digest()


def named_node(certificate: str) -> str:
    """The node id that a certificate carries as its common name; InvalidInput as `public_key_of`.

    Whoever holds the key chose it: it tells nothing about who that is.
    """
    names = _parse(certificate)[0].subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else ""


def new_key() -> bytes:
    """An Ed25519 key (PKCS #8, PEM)."""
    return Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def read_key(content: bytes) -> Ed25519PrivateKey:
    """InvalidInput, with words that follow "holds", for what is no key of a node."""
    try:
        key = serialization.load_pem_private_key(content, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise InvalidInput("no key of a node") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise InvalidInput("a key of another kind than Ed25519")
    return key


def certificate_of(key: Ed25519PrivateKey, node_id: str) -> bytes:
    """Self-signed, for TLS servers, of no authority; PEM."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, node_id)])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_NOT_BEFORE)
        .not_valid_after(_NOT_AFTER)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, algorithm=None)
    )
    return made.public_bytes(serialization.Encoding.PEM)


def _parse(certificate: str) -> tuple[x509.Certificate, Ed25519PublicKey]:
    """What another node has sent: exactly one certificate with a key of our kind."""
    wrong = "this is not the certificate of a FalconEye node"
    if len(certificate) > MAX_CERTIFICATE_LETTERS or certificate.count("-----BEGIN") != 1:
        raise InvalidInput(wrong)
    try:
        found = x509.load_pem_x509_certificate(certificate.encode("ascii"))
        key = found.public_key()
        found.subject  # noqa: B018 - parsed when it is asked for
    except (ValueError, UnsupportedAlgorithm) as error:
        raise InvalidInput(wrong) from error
    if not isinstance(key, Ed25519PublicKey):
        raise InvalidInput(wrong)
    return found, key
