"""What a password must not be: by length and by what everybody tries, never by its characters."""

import gzip
from importlib.resources import files

import pytest

from falconeye.accounts.common_passwords import FILE, why_common
from falconeye.accounts.password_rule import MAX_LENGTH, MIN_LENGTH
from falconeye.accounts.passwords import PasswordHasher, check_rule
from falconeye.base.errors import InvalidInput
from falconeye.base.secret import Secret

REFUSED = (
    "password123", "Password123", "PASSWORD2026", "p@ssw0rd2026!", "passwordpassword",
    "qwertyuiop", "1234567890", "0987654321", "123456789a", "abcdefghijkl", "aaaaaaaaaaaa",
    "abcabcabcabc", "1212121212", "iloveyou123", "sunshine2024!", "football123", "letmein12345",
    "welcome2026", "dragon123456", "administrator", "raspberrypi", "Falconeye2026!", "falconeye1",
    "1q2w3e4r5t", "qwerty123456", "Monkey!!!!!!", "!!!princess99", "abcdefg1234567", "1q2w3e4r5t!!",
)  # fmt: skip
TAKEN = (
    "correct horse battery staple", "vier kamele am tor", "blå tulpaner i mai", "kitchen-window-9",
    "Zk4!mPq0xR", "my dog eats socks", "パスワードではありません", "tr0ubador&3-lamps",
    "0176 3345 9821",
)  # fmt: skip


@pytest.mark.parametrize("text", REFUSED)
def test_what_everybody_tries_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="first that anybody would try"):
        check_rule(Secret(text), "anna")


@pytest.mark.parametrize("text", TAKEN)
def test_what_nobody_would_try_is_taken(text: str) -> None:
    check_rule(Secret(text), "anna")


def test_by_length() -> None:
    with pytest.raises(InvalidInput, match="at least 10 characters"):
        check_rule(Secret("kW3#x9!qp"), "anna")
    check_rule(Secret("kW3#x9!qpz"), "anna")
    with pytest.raises(InvalidInput, match="at most 1000 characters"):
        check_rule(Secret("kW3#x9!qpz" * 101), "anna")
    assert (MIN_LENGTH, MAX_LENGTH) == (10, 1000)


def test_letters_that_keyboards_compose_count_once() -> None:
    decomposed = "e\u0301" * 6  # six letters as people see them
    with pytest.raises(InvalidInput, match="at least 10"):
        check_rule(Secret(decomposed), "anna")


@pytest.mark.parametrize("text", ["annabella1", "Annabella2026!", "annabella..."])
def test_a_name_with_little_beside_it_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"name with little beside it|must not be the name"):
        check_rule(Secret(text), "Annabella")
    check_rule(Secret(text), "otto") if text != "annabella..." else None


def test_a_name_itself_is_refused() -> None:
    with pytest.raises(InvalidInput, match="must not be the name"):
        check_rule(Secret("Annabella B"), "annabella b")


async def test_it_is_looked_up_off_the_loop_and_not_kept() -> None:
    """The list is read by the thread of passwords: the guard against blocking calls looks on."""
    hasher = PasswordHasher()
    try:
        with pytest.raises(InvalidInput):
            await hasher.check(Secret("sunshine2024!"), "anna")
        await hasher.check(Secret("correct horse battery staple"), "anna")
    finally:
        hasher.close()


def test_the_list_is_what_it_says() -> None:
    lines = gzip.decompress(files("falconeye.accounts").joinpath(FILE).read_bytes()).decode()
    words = lines.split("\n")
    assert words == sorted(set(words))
    assert all(word == word.casefold().strip() and len(word) >= 4 for word in words)
    assert sum(len(word) >= MIN_LENGTH for word in words) > 500
    notice = files("falconeye.accounts").joinpath("common_passwords.LICENSE.txt").read_text()
    assert "MIT" in notice


def test_the_words_say_why() -> None:
    assert why_common("correct horse battery staple") is None
    assert "rows" in (why_common("1234567890") or "")
    assert "digits behind" in (why_common("sunshine2024") or "")
