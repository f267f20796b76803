"""Whatever anybody sends is refused with a word, and never is an error of ours."""

from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from falconeye.federation.signed_requests import (
    RequestRefused,
)
from tests.clock import FakeClock
from tests.examples import examples
from tests.unit.federation.signing import RECEIVER, SENDER, Pair

OURS: Final = (
    "signature-input", "signature", "falconeye-to", "falconeye-acting", "falconeye-client",
    "content-digest",
)  # fmt: skip
PIECES: Final = (
    "falconeye=", "(", ")", '"@method"', '"@path"', '"@query"', '"falconeye-to"', " ", ";",
    "created=", "1790000150", "-1", "99999999999999999", "keyid=", f'"{SENDER}"', '"', "alg=",
    '"ed25519"', "nonce=", '"0123456789abcdef"', "tag=", '"falconeye"', ":", "AAAA", "==", "?1",
    ",", "@5", "%", "\x00", "\xff", RECEIVER, "sha-256=:", "\t", "*",
)  # fmt: skip
latin: Final = st.text(st.characters(max_codepoint=255), max_size=60)
grammatical: Final = st.lists(st.sampled_from(PIECES), max_size=30).map("".join)
value: Final = latin | grammatical
headers: Final = st.lists(st.tuples(st.sampled_from(OURS) | latin, value), max_size=10)


@given(method=latin, target=value, sent=headers)
@settings(max_examples=examples(400), deadline=None)
def test_anything_at_all_is_refused(method: str, target: str, sent: list[tuple[str, str]]) -> None:
    pair = Pair(FakeClock())
    with pytest.raises(RequestRefused):
        pair.verifier.verify(method, target, sent)


@given(
    name=st.sampled_from(OURS),
    at=st.integers(0, 300),
    cut=st.integers(0, 4),
    put=value,
)
@settings(max_examples=examples(400), deadline=None)
def test_a_good_request_with_a_piece_exchanged_is_refused_or_the_same(
    name: str, at: int, cut: int, put: str
) -> None:
    pair = Pair(FakeClock())
    sent = pair.sent("POST", "/a?b", acting="session=x", client="10.0.0.1", body="{}")
    old = sent.value(name)
    at %= len(old)
    new = old[:at] + put + old[at + cut :]
    bent = sent.with_header(name, new)
    try:
        found = pair.verifier.verify(bent.method, bent.target, bent.headers)
    except RequestRefused:
        return
    # Another spelling of the same, such as a space between parameters: nothing signed differs.
    assert found.acting == "session=x"
    assert found.client == "10.0.0.1"
    assert found.digest == sent.value("content-digest")
    assert name in {"signature-input", "signature"} or new == old
