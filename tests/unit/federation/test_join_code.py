"""The code that a person carries from one node to another."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from falconeye.base.errors import InvalidInput
from falconeye.federation.join_code import PREFIX, JoinCode, joined_address

ADDRESSES = st.lists(
    st.builds(
        joined_address,
        st.one_of(
            st.ip_addresses(v=4).map(str),
            st.ip_addresses(v=6).map(str),
            st.sampled_from(["pi-1.local", "recorder", "a" * 200]),
        ),
        st.integers(1, 65_535),
    ),
    min_size=1,
    max_size=8,
)
CODE = JoinCode.new(["192.168.1.20:8901", "[fd00::1]:8901", "pi-1.local:8901"], bytes(range(32)))


@given(ADDRESSES, st.binary(min_size=32, max_size=32), st.binary(min_size=16, max_size=16))
def test_a_code_says_what_was_put_into_it(
    addresses: list[str], fingerprint: bytes, secret: bytes
) -> None:
    code = JoinCode(tuple(addresses), fingerprint, secret)
    assert JoinCode.parse(code.text) == code


@given(st.data())
def test_one_wrong_letter_is_noticed(data: st.DataObject) -> None:
    text = CODE.text
    at = data.draw(st.integers(len(PREFIX), len(text) - 1))
    other = data.draw(st.sampled_from("AZaz09-_").filter(lambda one: one != text[at]))
    bent = text[:at] + other + text[at + 1 :]
    with suppress(InvalidInput):
        assert JoinCode.parse(bent) == CODE  # the last letter has bits that mean nothing


@given(st.one_of(st.text(), st.binary().map(lambda raw: PREFIX + raw.hex())))
def test_anything_else_is_refused_in_words(text: str) -> None:
    with pytest.raises(InvalidInput):
        _ = JoinCode.parse(text)


def test_a_code_that_a_terminal_broke_into_lines_counts() -> None:
    text = CODE.text
    assert JoinCode.parse(f"  {text[:40]}\n   {text[40:]} \r\n") == CODE


def test_two_codes_have_two_secrets_and_tell_them_nobody() -> None:
    other = JoinCode.new(CODE.addresses, CODE.fingerprint)
    assert other.secret != CODE.secret
    assert "secret" not in repr(other)
    assert len(CODE.text) < 150
