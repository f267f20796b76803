"""The authority of a house and what it signs, as OpenSSL judges both."""

import datetime as dt
import ssl
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from falconeye.base.errors import InvalidInput
from falconeye.base.secret import Secret
from falconeye.tls import authority as made_by
from falconeye.tls.authority import Authority, Issued
from falconeye.tls.fingerprint import fingerprint
from falconeye.tls.names import Constraints, Names
from tests.certificates import HERE, NOW, authority, trusting

BANK = Names(("bank.example",), (ip_address("9.9.9.9"),))


def handshake(issued: Issued, trusted: str, name: str, folder: Path) -> None:
    """TLS in memory between who shows `issued` and who trusts `trusted`."""
    (folder / "one.crt").write_bytes(issued.certificate)
    (folder / "one.key").write_bytes(issued.key)
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(folder / "one.crt", folder / "one.key")
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = server_side.wrap_bio(to_server, to_client, server_side=True)
    client = trusting(trusted).wrap_bio(to_client, to_server, server_hostname=name)
    done: set[ssl.SSLObject] = set()
    for _ in range(6):
        for side in (client, server):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            done.add(side)
    assert len(done) == 2


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


@pytest.mark.parametrize("name", ["pi-1.local", "localhost", "127.0.0.1"])
def test_a_client_that_trusts_it_trusts_what_it_signed(tmp_path: Path, name: str) -> None:
    own = authority()
    handshake(own.issue("pi-1", HERE, now()), own.certificate, name, tmp_path)


def test_another_authority_is_not_trusted(tmp_path: Path) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match=r"issuer|self"):
        handshake(
            authority().issue("pi-1", HERE, now()), authority().certificate, "localhost", tmp_path
        )


@pytest.mark.parametrize("name", ["bank.example", "9.9.9.9"])
def test_a_stolen_key_cannot_speak_for_a_bank(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Whoever stole it signs whatever they like: it is the client that refuses."""
    own = authority()
    monkeypatch.setattr(Constraints, "permitted", lambda _self, names: names)
    stolen = own.issue("pi-1", BANK, now())
    with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree violation"):
        handshake(stolen, own.certificate, name, tmp_path)


def test_it_names_nothing_beyond_its_constraints() -> None:
    issued = authority().issue("pi-1", Names(("pi-1.local", "bank.example"), ()), NOW)
    found = x509.load_pem_x509_certificate(issued.certificate)
    assert made_by.names_of(found) == Names(("pi-1.local",), ())


def test_what_browsers_ask_of_certificates() -> None:
    own = authority()
    leaf = x509.load_pem_x509_certificate(own.issue("pi-1", HERE, NOW).certificate)
    assert (leaf.not_valid_after_utc - leaf.not_valid_before_utc) <= dt.timedelta(days=398)
    uses = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(uses) == [ExtendedKeyUsageOID.SERVER_AUTH]
    root = x509.load_pem_x509_certificate(own.certificate.encode())
    basic = root.extensions.get_extension_for_class(x509.BasicConstraints)
    assert (basic.critical, basic.value.ca, basic.value.path_length) == (True, True, 0)
    assert root.extensions.get_extension_for_class(x509.NameConstraints).critical
    assert "FalconEye" in root.subject.rfc4514_string()


def test_it_comes_back_from_what_was_stored() -> None:
    own = authority()
    again = Authority.read(own.certificate, own.key_pem)
    assert again.constraints == own.constraints
    assert "PRIVATE" not in repr(own)
    x509.load_pem_x509_certificate(
        again.issue("a", HERE, NOW).certificate
    ).verify_directly_issued_by(x509.load_pem_x509_certificate(own.certificate.encode()))


def test_what_is_damaged_or_another_ones_is_no_authority() -> None:
    own, other = authority(), authority()
    for certificate, key in (
        (own.certificate, other.key_pem),
        (own.certificate[:200], own.key_pem),
        ("", own.key_pem),
        (own.certificate, Secret("")),
        (own.issue("a", HERE, NOW).certificate.decode(), own.key_pem),
    ):
        with pytest.raises(InvalidInput, match="damaged"):
            Authority.read(certificate, key)


def test_another_certificate_is_due_by_names_dates_and_issuer() -> None:
    own = authority()
    kept = own.issue("pi-1", HERE, NOW).certificate
    assert not own.is_due(kept, HERE, NOW)
    assert not own.is_due(kept, Names(("localhost", "bank.example"), ()), NOW)  # it never may
    assert own.is_due(kept, Names(("pi-2.local",), ()), NOW)
    assert own.is_due(kept, Names((), (ip_address("10.0.0.9"),)), NOW)
    assert not own.is_due(kept, HERE, NOW + made_by.VALID - made_by.RENEW - dt.timedelta(hours=1))
    assert own.is_due(kept, HERE, NOW + made_by.VALID - made_by.RENEW)
    assert own.is_due(kept, HERE, NOW - dt.timedelta(days=30))  # it was made by a clock ahead
    assert own.is_due(b"nothing", HERE, NOW)
    assert authority().is_due(kept, HERE, NOW)


def test_a_clock_in_1970_makes_one_that_is_not_due_again_until_the_clock_is_right() -> None:
    own, then = authority(), dt.datetime(1970, 1, 1, 0, 1, tzinfo=dt.UTC)
    kept = own.issue("pi-1", HERE, then).certificate
    assert not own.is_due(kept, HERE, then)
    assert own.is_due(kept, HERE, NOW)


def test_a_fingerprint_is_as_openssl_and_devices_write_it() -> None:
    assert fingerprint(b"").startswith("E3:B0:C4:42:98:FC:1C:14")
    assert len(fingerprint(b"x").split(":")) == 32
