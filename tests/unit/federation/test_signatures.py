"""Signed requests: what passes, and each way in which one does not."""

import base64
import datetime as dt
import hashlib
import re
import secrets

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from http_message_signatures import HTTPMessageSigner, MappingKeyResolver, algorithms

from falconeye.base.errors import InvalidInput
from falconeye.federation.body_digest import content_digest
from falconeye.federation.nonces import MAX_OF_NODE, REMEMBER_S, Nonces
from falconeye.federation.refusals import Refused
from falconeye.federation.signatures import WINDOW_S, Signer, Verifier
from falconeye.federation.signed_requests import (
    RequestRefused,
    Verified,
)
from tests.clock import FakeClock
from tests.unit.federation.signing import RECEIVER, SENDER, Pair, Sent

ACTING = "session=0f6c1ed2-7d5e-4c2a-9a55-4a2b4a1d9f10"
# RFC 9421 B.1.4 and B.2.6.
RFC_PRIVATE = "n4Ni+HpISpVObnQMW0wOhCKROaIKqKtW/2ZYb2p9KcU="
RFC_PUBLIC = b"""\
-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=
-----END PUBLIC KEY-----
"""
RFC_BASE = """\
"date": Tue, 20 Apr 2021 02:07:55 GMT
"@method": POST
"@path": /foo
"@authority": example.com
"content-type": application/json
"content-length": 18
"@signature-params": ("date" "@method" "@path" "@authority" "content-type" "content-length")\
;created=1618884473;keyid="test-key-ed25519"\
"""
RFC_SIGNATURE = (
    "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw=="
)


@pytest.fixture
def pair(clock: FakeClock) -> Pair:
    return Pair(clock)


def verified(pair: Pair, sent: Sent) -> Verified:
    return pair.verifier.verify(sent.method, sent.target, sent.headers)


def refused(pair: Pair, sent: Sent) -> Refused:
    with pytest.raises(RequestRefused) as caught:
        verified(pair, sent)
    return caught.value.why


class RfcRequest:
    method = "POST"
    url = "https://example.com/foo?param=Value&Pet=dog"
    headers = {  # noqa: RUF012 - the message of the RFC
        "Date": "Tue, 20 Apr 2021 02:07:55 GMT",
        "Content-Type": "application/json",
        "Content-Length": "18",
    }


def test_the_library_signs_the_example_of_the_rfc() -> None:
    key = Ed25519PrivateKey.from_private_bytes(base64.b64decode(RFC_PRIVATE))
    keys = MappingKeyResolver(public_keys={}, private_keys={"test-key-ed25519": key})
    signer = HTTPMessageSigner(signature_algorithm=algorithms.ED25519, key_resolver=keys)
    prepared = signer.prepare(
        RfcRequest(),
        key_id="test-key-ed25519",
        created=dt.datetime.fromtimestamp(1618884473, dt.UTC),
        include_alg=False,
        covered_component_ids=(
            "date", "@method", "@path", "@authority", "content-type", "content-length",
        ),
    )  # fmt: skip
    assert prepared.signature_base.decode() == RFC_BASE
    assert base64.b64encode(key.sign(prepared.signature_base)).decode() == RFC_SIGNATURE
    public = load_pem_public_key(RFC_PUBLIC)
    assert public == key.public_key()


def test_ours_is_what_the_rfc_says_counted_by_hand(pair: Pair) -> None:
    sent = pair.sent("POST", "/peer/beat?a=1&b[]=%20", acting=ACTING, client="10.0.0.7", body="{}")
    label, params = sent.value("signature-input").split("=", 1)
    digest = base64.b64encode(hashlib.sha256(b"{}").digest()).decode()
    base = (
        '"@method": POST\n"@path": /peer/beat\n"@query": ?a=1&b[]=%20\n'
        f'"falconeye-to": {RECEIVER}\n"falconeye-acting": {ACTING}\n'
        f'"falconeye-client": 10.0.0.7\n"content-digest": sha-256=:{digest}:\n'
        f'"@signature-params": {params}'
    )
    assert params.endswith(';tag="falconeye"')
    assert f';created={pair.now_s};keyid="{SENDER}";alg="ed25519";nonce="' in params
    signature = sent.value("signature").removeprefix(f"{label}=").strip(":")
    pair.key.public_key().verify(base64.b64decode(signature), base.encode())
    with pytest.raises(InvalidSignature):
        pair.key.public_key().verify(base64.b64decode(signature), base.encode() + b" ")


def test_a_members_request_tells_who_asks_for_whom(pair: Pair) -> None:
    assert verified(pair, pair.sent()) == Verified(SENDER, None, None, None)
    found = verified(pair, pair.sent("POST", "/peer/beat", acting=ACTING, client="::1", body="x"))
    assert (found.node_id, found.acting, found.client) == (SENDER, ACTING, "::1")
    assert found.digest == content_digest(b"x") != content_digest(b"y")


@pytest.mark.parametrize(
    "target", ["/", "/?", "/a?b=?", "/a#b?c#d", "/%2e%2e//x;y|z[]{}^`\\?q=a+b%00'\"<>"]
)
def test_any_target_that_can_be_on_the_wire_can_be_signed(pair: Pair, target: str) -> None:
    assert verified(pair, pair.sent("DELETE", target))


@pytest.mark.parametrize("target", ["", "x", "http://a/", "/a b", "/ä", "/a\r\nb", "/\x7f"])
def test_no_other_target_is_signed(pair: Pair, target: str) -> None:
    with pytest.raises(InvalidInput, match="no path"):
        pair.sent("GET", target)


def test_whatever_is_bent_is_refused(pair: Pair) -> None:
    def fresh() -> Sent:
        return pair.sent("POST", "/api/x?a=1", acting=ACTING, client="10.0.0.7", body="{}")

    assert verified(pair, fresh())
    bent = [
        Sent("PUT", fresh().target, fresh().headers),
        Sent("POST", "/api/y?a=1", fresh().headers),
        Sent("POST", "/api/x?a=2", fresh().headers),
        Sent("POST", "/api/x", fresh().headers),
        fresh().with_header("falconeye-to", SENDER),
        fresh().with_header("falconeye-acting", "session=another"),
        fresh().with_header("falconeye-client", "10.0.0.8"),
        fresh().with_header("content-digest", "sha-256=:" + "A" * 43 + "=:"),
        fresh().with_header("signature", "falconeye=:" + "A" * 86 + "==:"),
        fresh().with_header("signature", "falconeye=x"),
        fresh().with_header("signature", fresh().value("signature")),
        fresh().with_header("signature-input", fresh().value("signature-input")),
        *(
            fresh().without(name)
            for name in (
                "falconeye-to", "falconeye-acting", "falconeye-client", "content-digest",
                "signature",
            )
        ),
    ]  # fmt: skip
    for sent in bent:
        assert refused(pair, sent) is Refused.SIGNATURE, sent
    assert refused(pair, fresh().without("signature-input")) is Refused.STRANGER


def test_nothing_is_added_to_a_signed_request(pair: Pair) -> None:
    added = ("falconeye-acting", "falconeye-client", "content-digest")
    for name in added:
        assert refused(pair, pair.sent().with_header(name, ACTING)) is Refused.SIGNATURE
    for name in (*added, "falconeye-to", "signature", "signature-input"):
        sent = pair.sent(acting=ACTING, client="::1", body="x")
        sent.headers.append((name.title(), sent.value(name)))
        assert refused(pair, sent) is Refused.SIGNATURE


def test_every_parameter_counts(pair: Pair) -> None:
    bends = {
        f"created={pair.now_s}": [f"created={pair.now_s + 1}", f'created="{pair.now_s}"',
                                  f"created={pair.now_s}.5", "created", f"created=@{pair.now_s}"],
        'alg="ed25519"': ['alg="rsa-pss-sha512"', "alg=ed25519", 'x="ed25519"'],
        'tag="falconeye"': ['tag="other"', "tag", 'tag="falconeye";expires=9999999999'],
        'nonce="': ['nonce="x', 'Nonce="', "nonce=\"\u00e9"],
        '"@path"': ['"@path";req', '"@target-uri"', '"@path" "@path"', '"accept"', "path", ""],
        "falconeye=(": ["falconeye=1, b=(", "(", "falconeye=((", "="],
    }  # fmt: skip
    for old, news in bends.items():
        for new in news:
            sent = pair.sent()
            value = sent.value("signature-input")
            assert old in value
            bent = sent.with_header("signature-input", value.replace(old, new, 1))
            assert refused(pair, bent) is Refused.SIGNATURE, new


def test_short_nonces_are_refused_also_when_rightly_signed(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secrets, "token_urlsafe", lambda _: "short")
    assert refused(pair, pair.sent()) is Refused.SIGNATURE


def test_two_signatures_are_one_too_many(pair: Pair) -> None:
    first, second = pair.sent(), pair.sent()
    both = first
    for name in ("signature-input", "signature"):
        other = second.value(name).replace("falconeye=", "b=", 1)
        both = both.with_header(name, f"{first.value(name)}, {other}")
    assert refused(pair, both) is Refused.SIGNATURE


def test_who_is_no_member_is_a_stranger(pair: Pair) -> None:
    other = Signer("someone-else", Ed25519PrivateKey.generate())
    headers = other.headers("GET", "/", to=RECEIVER, created_s=pair.now_s)
    assert refused(pair, Sent("GET", "/", list(headers.items()))) is Refused.STRANGER
    assert refused(pair, Sent("GET", "/", [])) is Refused.STRANGER
    # Knowing a member's id is not enough.
    forged = Signer(SENDER, Ed25519PrivateKey.generate())
    headers = forged.headers("GET", "/", to=RECEIVER, created_s=pair.now_s)
    assert refused(pair, Sent("GET", "/", list(headers.items()))) is Refused.SIGNATURE


def test_what_was_signed_for_another_node_is_nothing_here(pair: Pair) -> None:
    assert refused(pair, pair.sent(to=SENDER)) is Refused.SIGNATURE
    assert refused(pair, pair.sent(to="")) is Refused.SIGNATURE


def test_who_was_removed_is_told_so_and_refused_at_once(pair: Pair) -> None:
    assert verified(pair, pair.sent())
    pair.members.removed.add(SENDER)
    assert refused(pair, pair.sent()) is Refused.REMOVED


def test_a_replay_is_refused_as_long_as_its_time_holds(pair: Pair, clock: FakeClock) -> None:
    sent = pair.sent(created_s=str(pair.now_s + WINDOW_S))  # ahead: it holds for two minutes
    assert verified(pair, sent)
    for _ in range(2 * WINDOW_S):
        assert refused(pair, sent) is Refused.REPLAY
        clock.advance(1)
    assert refused(pair, sent) is Refused.REPLAY
    clock.advance(1)
    assert refused(pair, sent) is Refused.TIME


def test_a_forged_request_uses_up_no_nonce(pair: Pair) -> None:
    sent = pair.sent()
    assert refused(pair, Sent("PUT", sent.target, sent.headers)) is Refused.SIGNATURE
    assert verified(pair, sent)


@pytest.mark.parametrize("off_s", [-WINDOW_S - 1, -WINDOW_S, WINDOW_S, WINDOW_S + 1, -(10**9)])
def test_a_minute_before_and_after_is_enough(pair: Pair, off_s: int) -> None:
    sent = pair.sent(created_s=str(pair.now_s + off_s))
    if abs(off_s) <= WINDOW_S:
        assert verified(pair, sent)
    else:
        assert refused(pair, sent) is Refused.TIME


def test_what_was_signed_before_the_process_began_may_have_counted_already(
    pair: Pair, clock: FakeClock
) -> None:
    clock.advance(0.5)
    sent = pair.sent(created_s=str(pair.now_s - 1))
    restarted = Verifier(RECEIVER, pair.members, clock)
    with pytest.raises(RequestRefused, match="time"):
        restarted.verify(sent.method, sent.target, sent.headers)
    later = pair.sent()
    assert restarted.verify(later.method, later.target, later.headers)


def test_a_clock_that_is_set_after_the_start_refuses_nobody(pair: Pair, clock: FakeClock) -> None:
    restarted = Verifier(RECEIVER, pair.members, clock)
    for step_s in (-3600, 7200):
        clock.advance(1)
        clock.step_utc(step_s)
        sent = pair.sent()
        assert restarted.verify(sent.method, sent.target, sent.headers)


def test_nonces_are_bounded_for_each_member_and_forgotten(clock: FakeClock) -> None:
    nonces = Nonces(clock, limit=3)
    assert all(nonces.add("a", str(number)) for number in range(3))
    assert not nonces.add("a", "3")
    assert nonces.is_known("a", "0")
    assert nonces.add("b", "0")  # another member is not concerned
    clock.advance(REMEMBER_S)
    assert not nonces.is_known("a", "0")
    assert nonces.add("a", "3")
    assert MAX_OF_NODE / REMEMBER_S >= 200


def test_a_member_that_sends_too_much_is_told_so(pair: Pair) -> None:
    pair.verifier._nonces = Nonces(pair.clock, limit=1)
    assert verified(pair, pair.sent())
    assert refused(pair, pair.sent()) is Refused.BUSY


def test_no_key_is_in_what_is_sent(pair: Pair) -> None:
    sent = pair.sent(acting=ACTING)
    assert re.fullmatch(r"falconeye=:[\w+/]{86}==:", sent.value("signature"))
    assert pair.key.private_bytes_raw().hex() not in str(sent)
