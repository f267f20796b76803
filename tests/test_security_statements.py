"""What SECURITY.md says and can be tested is so."""

import re
import stat
from pathlib import Path

import pytest
from litestar import Litestar

from falconeye.accounts import attempts, setup
from falconeye.accounts import sessions as accounts_sessions
from falconeye.accounts import tokens as accounts_tokens
from falconeye.accounts.directory import secret_hash
from falconeye.accounts.passwords import default_parameters
from falconeye.base.secret import Secret
from falconeye.base.times import MINUTE_US
from falconeye.config.settings import NodeSettings
from falconeye.federation import node_keys, signatures
from falconeye.sources import rtsp
from falconeye.storage.backups import sealed_file
from falconeye.storage.stores import join_offers
from falconeye.storage.stores.credentials import KEY_NAME, load_cipher
from falconeye.web.app import _routes
from falconeye.web.headers import content_security_policy
from falconeye.web.peers.authentication import UNSIGNED
from falconeye.web.security.access import access_of, routes_of
from falconeye.web.security.credentials import session_cookie

ROOT = Path(__file__).parents[1]
TEXT = " ".join((ROOT / "SECURITY.md").read_text(encoding="utf-8").split())

# What is open to everybody, by the words that SECURITY.md has for it.
OPEN = {
    "/static": "static files",
    "/login": "the sign-in",
    "/setup": "set-up pages",
    "/healthz": "`/healthz`",
    "/readyz": "`/readyz`",
    "/invitation": "invitations and pairing",
    "/display": "invitations and pairing",
    "/ca": "`/ca` with the certificate",
    "/ca.crt": "`/ca` with the certificate",
    "/ca.pem": "`/ca` with the certificate",
    "/offline": "the page for when nothing is reached",
    "/worker.js": "the page for when nothing is reached",
}


def says(words: str) -> None:
    assert words in TEXT, words


def test_it_listens_on_this_machine_alone_unless_told_otherwise() -> None:
    settings = NodeSettings(data_dir=Path("/d"), media_dir=Path("/m"))
    assert (settings.host, settings.port, settings.peer_port) == ("127.0.0.1", 8900, 8901)
    says("pages and API, TCP 8900 | on 127.0.0.1 only; on all addresses with `--lan`")
    says("other nodes, TCP 8901")
    unit = (ROOT / "systemd" / "falconeye.service").read_text(encoding="utf-8")
    image = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert "serve --lan" in unit
    assert '"--host", "0.0.0.0"' in image
    says("which the systemd unit and the images have")


def test_only_what_is_named_is_open_to_everybody() -> None:
    app = Litestar(_routes(), logging_config=None)
    found: dict[str, str] = {}
    for _method, path, handler in routes_of(app):
        declared = access_of(handler)
        if declared is not None and declared.public:
            named = [one for one in OPEN if path == one or path.startswith(f"{one}/")]
            found[path] = named[0] if named else ""
    unnamed = [path for path, name in found.items() if not name]
    assert not unnamed, "to be named in SECURITY.md, and in OPEN here"
    assert set(found.values()) == set(OPEN)
    for words in OPEN.values():
        says(words)


def test_other_nodes_answer_nothing_unsigned_but_joining() -> None:
    paths = {path for method, path in UNSIGNED if method == "POST"}
    assert paths == {"/peer/join", "/peer/join/look", "/peer/key"}
    assert len(UNSIGNED) == 3
    says("without a member's signature but joining: `/peer/join` and `/peer/join/look`, which want")
    says("`/peer/key`, which wants the cluster key")
    assert signatures.WINDOW_S == 60
    says("sixty seconds and one use")
    assert join_offers.VALID_US == 10 * MINUTE_US
    says("A code for joining is good once, for ten minutes")


def test_peers_speak_tls_1_3() -> None:
    source = Path(node_keys.__file__).read_text(encoding="utf-8")
    assert source.count("minimum_version = ssl.TLSVersion.TLSv1_3") == source.count(
        "ssl.SSLContext("
    )
    says("TLS 1.3 pinned to the certificate")


def test_secrets_have_the_bits_that_are_promised() -> None:
    assert setup._LINK_BYTES * 8 == 128
    assert setup.LINK_US == 60 * MINUTE_US
    says("the set-up link: 128 random bits, once, within an hour")
    assert accounts_tokens._RANDOM_BYTES * 8 == 256
    assert accounts_sessions._COOKIE_BYTES * 8 == 256
    assert len(secret_hash("x")) == 32
    says("tokens and sessions are SHA-256 hashes of 256 random bits")
    assert default_parameters().type.name == "ID"
    says("Argon2id hashes")


def test_wrong_passwords_cost_waits_and_lock_nobody_out() -> None:
    assert attempts.LAST_WAIT_S == 60
    assert attempts.FORGET_S < 3600
    says("ever longer waits, up to a minute, by user and by address; nobody is locked out")


def test_cookies_and_the_policy_are_as_strict_as_told() -> None:
    cookie = session_cookie("x", secure=False)
    assert (cookie.httponly, cookie.samesite) == (True, "lax")
    says("cookies are `HttpOnly` and `SameSite=Lax`")
    policy = dict(part.strip().split(" ", 1) for part in content_security_policy().split(";"))
    assert (policy["default-src"], policy["script-src"]) == ("'none'", "'self'")
    assert policy["frame-ancestors"] == "'none'"
    says("allows no script but our files, and no framing")


def test_nothing_changes_the_audit_log() -> None:
    app = Litestar(_routes(), logging_config=None)
    methods = {
        method for method, path, _ in routes_of(app) if re.match(r"/(api/)?audit(/|$)", path)
    }
    assert methods <= {"GET", "HEAD"}
    says("No page and no API changes or deletes entries")


def test_libav_gets_rtsp_alone() -> None:
    source = Path(rtsp.__file__).read_text(encoding="utf-8")
    assert re.search(r'"format_whitelist": "rtsp"', source)
    assert '"codec_whitelist": "' in source
    assert '"protocol_whitelist": ' in source
    says("libav gets only RTSP with a list of codecs")


def test_the_data_key_lies_beside_the_database_and_is_the_owners_alone(tmp_path: Path) -> None:
    cipher = load_cipher(tmp_path, None, {})
    key = tmp_path / KEY_NAME
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    stored = cipher.encrypt(Secret("camera password"))
    assert b"camera password" not in stored
    # A thief with the whole directory reads it, as SECURITY.md says.
    assert load_cipher(tmp_path, None, {}).decrypt(stored).reveal() == "camera password"
    says("`data.key` in the data directory, mode 0600")
    says("So a thief with the whole disk has both")


def test_a_key_of_another_place_is_not_copied_beside_the_database(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    load_cipher(elsewhere, None, {})
    data = tmp_path / "data"
    data.mkdir()
    load_cipher(data, elsewhere / KEY_NAME, {})
    assert not list(data.iterdir())
    says("`data_key_file` or systemd's `LoadCredential=data-key:…`")


def test_backups_are_sealed_as_told() -> None:
    source = Path(sealed_file.__file__).read_text(encoding="utf-8")
    assert "hashlib.scrypt(" in source
    assert "AESGCM" in source
    says("sealed by its passphrase (scrypt, AES-256-GCM)")


@pytest.mark.parametrize("name", ["README.md", "templates/help/troubleshooting.html"])
def test_it_is_led_to(name: str) -> None:
    assert "SECURITY.md" in (ROOT / name).read_text(encoding="utf-8")
