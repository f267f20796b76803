"""Certificates of the cluster's own authority: one for all, and each certificate stays fresh."""

import os
import ssl
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.fernet import Fernet

from falconeye.base.secret import Secret
from falconeye.config.settings import NodeSettings
from falconeye.discovery.interfaces import Interface
from falconeye.storage.index.database import Database
from falconeye.storage.stores.authority_store import AuthorityStore
from falconeye.storage.stores.credentials import CredentialCipher
from falconeye.storage.stores.encrypting_anew import encrypt_anew
from falconeye.tls.authority import names_of
from falconeye.web.https import own_names
from falconeye.web.https.own import OwnCertificates
from falconeye.web.https.own_names import Called
from tests.clock import FakeClock

DAY_S = 86_400


class Machine:
    """What the kernel tells of interfaces, and a node on it."""

    def __init__(self, folder: Path, database: Database, clock: FakeClock) -> None:
        self.addresses = ["192.168.1.5"]
        self.settings = NodeSettings(folder, folder / "media", host="0.0.0.0", tls="auto")  # noqa: S104
        self.cipher = CredentialCipher([Fernet.generate_key()], "the test")
        self.database, self.clock, self.name = database, clock, "pi-1"

    def look(self) -> tuple[Interface, ...]:
        return tuple(
            Interface("eth0", 2, IPv4Address(each), IPv4Network("10.0.0.0/8"), default_route=True)
            for each in self.addresses
        )

    @property
    def store(self) -> AuthorityStore:
        return AuthorityStore(self.database, self.cipher)

    async def node(self) -> OwnCertificates:
        own = OwnCertificates(self.store, Called(self.settings, lambda: self.name), self.clock)
        await own.open()
        return own

    def shown(self) -> x509.Certificate:
        return x509.load_pem_x509_certificate((self.settings.data_dir / "tls.crt").read_bytes())

    def named(self) -> set[str]:
        names = names_of(self.shown())
        return {*names.dns, *map(str, names.addresses)}


@pytest.fixture
def machine(
    tmp_path: Path, database: Database, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> Machine:
    made = Machine(tmp_path, database, clock)
    monkeypatch.setattr(own_names, "look_at_interfaces", made.look)
    monkeypatch.setattr("socket.gethostname", lambda: "raspberrypi")
    return made


async def test_the_first_start_makes_authority_and_certificate(machine: Machine) -> None:
    own = await machine.node()
    assert own.authority
    assert machine.named() == {
        "raspberrypi", "raspberrypi.local", "pi-1", "pi-1.local", "localhost", "192.168.1.5",
        "127.0.0.1", "::1",
    }  # fmt: skip
    root = x509.load_pem_x509_certificate(own.authority.certificate.encode())
    machine.shown().verify_directly_issued_by(root)
    stored = await machine.store.load()
    assert stored
    assert "PRIVATE" not in stored.sealed_key


async def test_another_start_shows_the_same(machine: Machine) -> None:
    first = await machine.node()
    shown = machine.shown()
    second = await machine.node()
    assert machine.shown() == shown
    assert second.authority == first.authority
    assert not await second.check()


async def test_another_address_or_name_makes_another_certificate(machine: Machine) -> None:
    own = await machine.node()
    before, authority = own.context, own.authority
    machine.addresses.append("10.0.0.7")
    assert await own.check()
    assert own.context is not before
    assert "10.0.0.7" in machine.named()
    machine.name = "garage"
    assert await own.check()
    assert "garage.local" in machine.named()
    # One that is gone is no reason: a cable that is out comes back.
    machine.addresses.pop(0)
    assert not await own.check()
    assert own.authority == authority


async def test_it_is_renewed_before_its_end(machine: Machine) -> None:
    own = await machine.node()
    ends = machine.shown().not_valid_after_utc
    machine.clock.advance(100 * DAY_S)
    assert not await own.check()
    machine.clock.advance(25 * DAY_S)
    assert await own.check()
    assert machine.shown().not_valid_after_utc > ends


async def test_a_clock_that_was_set_right_makes_another(machine: Machine) -> None:
    machine.clock.step_utc(-50 * 365 * DAY_S)
    own = await machine.node()
    machine.clock.step_utc(50 * 365 * DAY_S)
    assert await own.check()
    assert machine.shown().not_valid_after_utc.year >= 2027


async def test_an_authority_that_a_member_brought_signs_from_then_on(machine: Machine) -> None:
    own = await machine.node()
    other = Called(replace(machine.settings), lambda: "pi-9").make_authority()
    await machine.store.add(other.certificate, other.key_pem)
    assert not await own.check()  # there is one: it stays
    await machine.store.add(other.certificate, other.key_pem, instead=True)
    assert await own.check()
    assert own.authority
    assert own.authority.certificate == other.certificate
    machine.shown().verify_directly_issued_by(
        x509.load_pem_x509_certificate(other.certificate.encode())
    )


async def test_names_that_it_may_not_name_are_told(
    machine: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    _ = await machine.node()
    machine.settings = replace(machine.settings, tls_names=("cams.example.org",))
    _ = await machine.node()
    assert "cams.example.org" not in machine.named()
    assert any("may not name cams.example.org" in each for each in caplog.messages)


async def test_a_lost_data_key_keeps_the_certificate_and_says_so(machine: Machine) -> None:
    first = await machine.node()
    shown = machine.shown()
    machine.cipher = CredentialCipher([Fernet.generate_key()], "another file")
    again = await machine.node()
    assert "another key" in again.problem
    assert machine.shown() == shown
    assert isinstance(again.context, ssl.SSLContext)
    assert again.authority is None
    assert first.problem == ""


async def test_without_either_one_of_the_moment_stands_in(machine: Machine) -> None:
    await machine.store.add("nothing", Secret("nothing"))
    own = await machine.node()
    assert "damaged" in own.problem
    assert isinstance(own.context, ssl.SSLContext)
    with pytest.raises(FileNotFoundError):
        machine.shown()


async def test_damaged_files_are_made_anew(machine: Machine) -> None:
    _ = await machine.node()
    key = machine.settings.data_dir / "tls.key"
    key.write_bytes(key.read_bytes()[:50])
    own = await machine.node()
    assert own.problem == ""
    assert b"END PRIVATE KEY" in key.read_bytes()


async def test_a_full_disk_does_not_keep_it_from_serving(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(_: int) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr("falconeye.tls.own_files.os.fsync", full)
    own = await machine.node()
    assert own.problem == ""
    assert any("is not kept" in each for each in caplog.messages)
    assert not list(machine.settings.data_dir.glob("*tls.*"))


async def test_a_rotated_data_key_seals_it_anew(machine: Machine) -> None:
    own = await machine.node()
    old = machine.cipher.keys
    machine.cipher.adopt([Fernet.generate_key(), *old])
    assert await encrypt_anew(machine.database, machine.cipher) == 1
    machine.cipher.adopt(machine.cipher.keys[:1])  # the one that a removed node knew is gone
    again = await machine.node()
    assert again.problem == ""
    assert again.authority == own.authority
