"""The cluster's own certificate authority: made once, it signs what its nodes show to browsers.

What browsers of the last years ask of it: a key on P-256, names in the subject alternative name,
at most 398 days (the rule for public authorities; Apple takes 825 of others), the purpose "server".
"""

import datetime as dt
from dataclasses import dataclass, field
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from falconeye.base.errors import InvalidInput
from falconeye.base.secret import Secret
from falconeye.tls.names import Constraints, Names

# Fixed dates, the node's clock has no part in them: a Pi without a clock chip starts in 1970, and
# an authority that ends has to be brought to every phone of the house again.
_NOT_BEFORE: Final = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
_NOT_AFTER: Final = dt.datetime(2049, 12, 31, tzinfo=dt.UTC)  # the last year of a UTCTime
VALID: Final = dt.timedelta(days=180)
BACK: Final = dt.timedelta(days=2)  # for devices whose clock is behind
RENEW: Final = dt.timedelta(days=60)  # before the end
_MAX_SUBJECT: Final = 64  # letters of a common name (RFC 5280, upper bounds)
_SERVER: Final = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])


@dataclass(frozen=True, slots=True)
class Issued:
    """A server's certificate and its key, both PEM; the key is never printed."""

    certificate: bytes
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Authority:
    """Signs for what its constraints allow; the key is never printed."""

    certificate: str  # PEM
    _read: x509.Certificate = field(repr=False)
    _key: ec.EllipticCurvePrivateKey = field(repr=False)

    @classmethod
    def make(cls, node_name: str, constraints: Constraints) -> "Authority":
        """A new one, of another key than any before it."""
        key = ec.generate_private_key(ec.SECP256R1())
        mark = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        # Devices list authorities by this: the mark tells two of one house apart.
        called = f"FalconEye {mark.digest.hex()[:6]} of {node_name}"[:_MAX_SUBJECT]
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, called)])
        allowed: list[x509.GeneralName] = [x509.DNSName(each) for each in constraints.domains]
        allowed += [x509.IPAddress(each) for each in constraints.networks]
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(_NOT_BEFORE)
            .not_valid_after(_NOT_AFTER)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs_certificates=True), critical=True)
            .add_extension(x509.NameConstraints(allowed, None), critical=True)
            .add_extension(_SERVER, critical=False)
            .add_extension(mark, critical=False)
            .sign(key, hashes.SHA256())
        )
        return cls(made.public_bytes(serialization.Encoding.PEM).decode(), made, key)

    @classmethod
    def read(cls, certificate: str, key: Secret) -> "Authority":
        """What `certificate` and `key_pem` of one gave; InvalidInput for anything else."""
        wrong = "the stored certificate authority is damaged"
        try:
            found = x509.load_pem_x509_certificate(certificate.encode("ascii"))
            private = serialization.load_pem_private_key(key.reveal().encode(), password=None)
            found.extensions.get_extension_for_class(x509.NameConstraints)
        except (ValueError, TypeError, UnsupportedAlgorithm, x509.ExtensionNotFound) as error:
            raise InvalidInput(wrong) from error
        if not isinstance(private, ec.EllipticCurvePrivateKey):
            raise InvalidInput(wrong)
        if private.public_key() != found.public_key():
            raise InvalidInput(wrong)
        return cls(certificate, found, private)

    @property
    def key_pem(self) -> Secret:
        """The key (PKCS #8, PEM): to be sealed before it is stored."""
        return Secret(_key_pem(self._key).decode())

    @property
    def constraints(self) -> Constraints:
        """What it may name."""
        found = self._read.extensions.get_extension_for_class(x509.NameConstraints).value
        permitted = found.permitted_subtrees or []
        return Constraints(
            tuple(each.value for each in permitted if isinstance(each, x509.DNSName)),
            tuple(
                each.value  # type: ignore[misc]  # of a constraint it is a network
                for each in permitted
                if isinstance(each, x509.IPAddress)
            ),
        )

    def issue(self, node_name: str, names: Names, now: dt.datetime) -> Issued:
        """A certificate for those of `names` that it may name, and a new key."""
        key = ec.generate_private_key(ec.SECP256R1())
        permitted = self.constraints.permitted(names)
        called: list[x509.GeneralName] = [x509.DNSName(each) for each in permitted.dns]
        called += [x509.IPAddress(each) for each in permitted.addresses]
        # Not a host name: what has one in its subject is compared with the constraints as well.
        subject = x509.NameAttribute(
            NameOID.COMMON_NAME, f"FalconEye on {node_name}"[:_MAX_SUBJECT]
        )
        own_mark = self._read.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        made = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([subject]))
            .issuer_name(self._read.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(max(now - BACK, _NOT_BEFORE))
            .not_valid_after(min(max(now, _NOT_BEFORE) + VALID, _NOT_AFTER))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(_SERVER, critical=False)
            .add_extension(x509.SubjectAlternativeName(called), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own_mark),
                critical=False,
            )
            .sign(self._key, hashes.SHA256())
        )
        return Issued(made.public_bytes(serialization.Encoding.PEM), _key_pem(key))

    def is_due(self, certificate: bytes, names: Names, now: dt.datetime) -> bool:
        """Whether a server needs another than `certificate` (PEM), by issuer, names or dates.

        A clock that was wrong when it was made is seen by its dates.
        """
        try:
            found = x509.load_pem_x509_certificate(certificate)
            found.verify_directly_issued_by(self._read)
        except (ValueError, TypeError, InvalidSignature):
            return True
        if names_of(found).lacks(self.constraints.permitted(names)):
            return True
        now = max(now, _NOT_BEFORE)  # an earlier clock is wrong, and stays so after another one
        return not found.not_valid_before_utc <= now < found.not_valid_after_utc - RENEW


def names_of(certificate: x509.Certificate) -> Names:
    """What a server's certificate names."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return Names((), ())
    dns = (each.lower() for each in found.get_values_for_type(x509.DNSName))
    return Names(tuple(dns), tuple(found.get_values_for_type(x509.IPAddress)))  # type: ignore[arg-type]


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )
