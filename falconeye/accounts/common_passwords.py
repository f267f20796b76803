"""Passwords that anybody would try first: a list of the commonest, and what people do with them.

The list (`common_passwords.txt.gz`, see `common_passwords.LICENSE.txt`) has those of ten characters
and more, and the shorter words that people put digits behind. It is read when it is asked and not
kept: passwords are chosen a few times a year.
"""

import gzip
import itertools
import string
from collections.abc import Iterable, Iterator
from importlib.resources import files
from typing import Final

FILE: Final = "common_passwords.txt.gz"  # lines, casefolded, sorted
_BESIDE: Final = string.digits + string.punctuation + string.whitespace
# As people write letters to please a rule: p@ssw0rd.
_AS_LETTERS: Final = str.maketrans({
    "@": "a", "4": "a", "3": "e", "1": "l", "!": "i", "0": "o", "$": "s", "5": "s", "7": "t",
})  # fmt: skip
_SHORT_UNIT: Final = 4
_RUN: Final = 6  # characters in a row that count as one: 123456


def why_common(folded: str, names: Iterable[str] = ()) -> str | None:
    """Why a casefolded password is one of the first to be tried, in words; None: it is not.

    `names`: casefolded ones of the user and the site. Blocks: reads the list.
    """
    bases = set(_bases(folded))
    if any(name and name in bases for name in names):
        return "a name with little beside it is one of the first that anybody would try"
    if len(set(folded)) <= 2 or _unit(folded) <= _SHORT_UNIT or _is_run(folded):
        return "repetitions and rows such as 1234567890 are among the first that anybody would try"
    if _in_list(bases):
        return "this password is one of the first that anybody would try, also with digits behind"
    return None


def _bases(folded: str) -> Iterator[str]:
    """The password itself, without digits and signs around it, once of what repeats, as letters."""
    for text in (folded, folded[: _unit(folded)]):
        for bare in (text, text.rstrip(_BESIDE), text.strip(_BESIDE)):
            yield bare
            yield bare.translate(_AS_LETTERS)


def _unit(text: str) -> int:
    """How many characters repeat, as 3 of "abcabcabcabc"; the length of what does not."""
    again = (text + text).find(text, 1)
    return again if again > 0 else len(text)


def _is_run(text: str) -> bool:
    """Whether it is made of rows of the alphabet or of digits, up or down: abcdef123456."""
    steps = [ord(second) - ord(first) for first, second in itertools.pairwise(text)]
    lengths = [
        len(list(group)) + 1 for step, group in itertools.groupby(steps) if step in {1, -1, 0}
    ]
    return sum(length for length in lengths if length >= _RUN) >= len(text) - 1


def _in_list(words: Iterable[str]) -> bool:
    packed = files(__package__).joinpath(FILE).read_bytes()
    lines = b"\n" + gzip.decompress(packed) + b"\n"
    return any(b"\n" + word.encode() + b"\n" in lines for word in words if word)
