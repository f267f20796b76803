"""Codes that screens show until somebody types them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from falconeye.accounts.pairings import (
    ALPHABET,
    CODE_LENGTH,
    FREE_TRIES,
    LIFE_S,
    MAX_OPEN,
    MAX_PER_ADDRESS,
    Pairings,
    read_code,
    shown_code,
)
from falconeye.base.errors import InvalidInput, TooManyAttempts, Unavailable
from tests.clock import FakeClock


@pytest.fixture
def pairings(clock: FakeClock) -> Pairings:
    return Pairings(clock)


def test_a_code_makes_one_screen_a_display_once(pairings: Pairings) -> None:
    secret, screen = pairings.open("10.0.0.7", "a tablet")
    other, _ = pairings.open("10.0.0.8", "another")
    assert pairings.find(secret) == screen
    assert pairings.take(secret) is None
    assert pairings.claim(screen.code, "kitchen") == screen
    assert pairings.claim(screen.code, "hall") is None
    assert pairings.showing(screen.code) is None
    assert pairings.take(other) is None
    assert pairings.take("no secret") is None
    assert pairings.take(secret) == "kitchen"
    assert pairings.take(secret) is None
    pairings.done(secret)
    assert pairings.find(secret) is None


def test_what_could_not_be_used_can_be_taken_again_while_the_code_lives(
    pairings: Pairings, clock: FakeClock
) -> None:
    secret, screen = pairings.open("10.0.0.7", "a tablet")
    pairings.claim(screen.code, "kitchen")
    for _ in range(3):
        clock.advance(LIFE_S / 4)
        assert pairings.take(secret) == "kitchen"
        pairings.give_back(secret)
    clock.advance(LIFE_S / 4)
    assert pairings.take(secret) is None
    assert pairings.find(secret) is None


def test_a_code_lasts_ten_minutes(pairings: Pairings, clock: FakeClock) -> None:
    secret, screen = pairings.open("10.0.0.7", "a tablet")
    clock.advance(LIFE_S - 1)
    assert pairings.showing(screen.code)
    clock.advance(1)
    assert pairings.showing(screen.code) is None
    assert pairings.claim(screen.code, "kitchen") is None
    assert pairings.find(secret) is None


def test_an_address_has_few_codes_and_all_together_are_bounded(
    pairings: Pairings, clock: FakeClock
) -> None:
    first, _ = pairings.open("10.0.0.7", "a tablet")
    for _ in range(MAX_PER_ADDRESS):
        newest, _ = pairings.open("10.0.0.7", "a tablet")
    assert pairings.find(first) is None
    assert pairings.find(newest)
    for number in range(MAX_OPEN - MAX_PER_ADDRESS):
        pairings.open(f"10.0.1.{number}", "a tablet")
    with pytest.raises(Unavailable):
        pairings.open("10.0.2.1", "a tablet")
    assert pairings.find(newest)
    clock.advance(LIFE_S)
    assert pairings.open("10.0.2.1", "a tablet")


def test_wrong_codes_have_to_wait(pairings: Pairings, clock: FakeClock) -> None:
    for _ in range(FREE_TRIES):
        pairings.check_tries("anna")
        pairings.wrong("anna")
    with pytest.raises(TooManyAttempts) as caught:
        pairings.check_tries("anna")
    assert 0 < caught.value.retry_after_s <= LIFE_S
    pairings.check_tries("otto")
    clock.advance(LIFE_S)
    pairings.check_tries("anna")


def test_codes_are_read_as_people_type_them() -> None:
    assert len(set(ALPHABET)) == len(ALPHABET)
    assert not set(ALPHABET) & set("0O1IL5S8B2ZUV")
    assert read_code(" acdE-fghj ") == "ACDEFGHJ"
    assert shown_code("ACDEFGHJ") == "ACDE-FGHJ"
    assert read_code(shown_code("ACDEFGHJ")) == "ACDEFGHJ"


@given(st.text(max_size=20))
def test_whatever_is_typed_is_a_code_or_refused(typed: str) -> None:
    try:
        code = read_code(typed)
    except InvalidInput:
        return
    assert len(code) == CODE_LENGTH
    assert set(code) <= set(ALPHABET)
    assert read_code(shown_code(code)) == code
    for wrong in ("", "ACDE", "ACDEFGH0", "ACDEFGHJK", "ACDEFGHß", "é" * CODE_LENGTH):
        with pytest.raises(InvalidInput) as caught:
            read_code(wrong)
        assert caught.value.field == "code"
