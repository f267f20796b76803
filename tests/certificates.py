"""Certificates for tests: an authority, pairs of certificate and key in files, and TLS clients."""

import datetime as dt
import ipaddress
import ssl
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from falconeye.tls.authority import Authority
from falconeye.tls.names import Constraints, Names

NOW = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)
HERE = Names(("localhost", "pi-1.local"), (ipaddress.ip_address("127.0.0.1"),))


def authority(names: Names = HERE) -> Authority:
    return Authority.make("pi-1", Constraints.of(names))


@dataclass(frozen=True)
class Files:
    certificate: Path
    key: Path

    def write(self, certificate: bytes, key: bytes) -> None:
        """As certbot does: another file takes the name."""
        for path, content in ((self.certificate, certificate), (self.key, key)):
            self.replace(path, content)

    @staticmethod
    def replace(path: Path, content: bytes) -> None:
        aside = path.with_suffix(".aside")
        aside.write_bytes(content)
        aside.replace(path)


def files(folder: Path) -> Files:
    folder.mkdir(parents=True, exist_ok=True)
    return Files(folder / "site.crt", folder / "site.key")


def self_signed(
    name: str = "cams.example.org", *, begins: dt.datetime | None = None, days: int = 90
) -> tuple[bytes, bytes]:
    """Certificate and key, PEM; from now on where nothing else is said."""
    begins = begins or dt.datetime.now(dt.UTC)
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins - dt.timedelta(days=1))
        .not_valid_after(begins + dt.timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM), key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def encrypted(key: bytes) -> bytes:
    """The same key under a passphrase."""
    read = serialization.load_pem_private_key(key, password=None)
    return read.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )


def trusting(*certificates: str) -> ssl.SSLContext:
    """A client that trusts these (PEM) and no other, and compares names."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for certificate in certificates:
        context.load_verify_locations(cadata=certificate)
    return context
