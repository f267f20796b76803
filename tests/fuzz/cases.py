"""Requests that fit the OpenAPI document, and such that do not, as schemathesis makes them.

Some are bent once more: an id of something that is there, so that they get beyond "no such thing",
or a word that has broken other programs, in place of one of their words.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import schemathesis
from hypothesis import strategies as st
from schemathesis import GenerationMode

KNOWN_SHARE, BAD_SHARE = 0.6, 0.15
# Deleting these ends what the others need: a disk that is known to be there is never named.
NEVER_KNOWN: Final = frozenset({("DELETE", "volume_id")})

Operation = schemathesis.APIOperation[Any, Any, Any, Any]
Case = schemathesis.Case[Any]


def bad_words(canary: str) -> tuple[str, ...]:
    """What is no good word anywhere. `canary`: the path of a file that nobody may read."""
    up = "../" * 12
    return (
        "..", "../..", up + canary[1:], canary, f"file://{canary}", up.replace("/", "%2f"),
        "%2e%2e%2f" * 8 + canary[1:], "..\\..\\", "a\r\nX-Injected: 1", "a%0d%0aX-Injected: 1",
        "a\nb", "\x00", "a\x00b", "\ud7ff\ue000", "\u202e\u200b", "\U0001f4a9" * 50, "'",
        '"><script>',
        "${7*7}", "{{7*7}}", "%s%n", "$(id)", "`id`", "; --", "' OR 1=1 --", "-1", "0",
        "NaN", "1e400",
        "9" * 40, "-" + "9" * 40, "true", "null", "[]", "a" * 5000, "rtsp://169.254.169.254/latest",
        "http://127.0.0.1:1/", "rtsp://[::1]:1/", "gopher://x/",
        "rtsp://a@b@c:99999/", "9999-12-31T23:59:59Z",
        "0000-01-01", "1970-01-01T00:00:00+99:99", "2026-11-20T14:30:00",
    )  # fmt: skip


def strategy_of(operation: Operation) -> st.SearchStrategy[tuple[Case, int]]:
    """Cases of an operation, each with a number by which it may be bent."""
    cases: st.SearchStrategy[Case] = operation.as_strategy(generation_mode=GenerationMode.POSITIVE)
    if _takes_anything(operation):
        cases |= operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)
    return st.tuples(cases, st.integers(0, 2**32))


def bend(case: Case, number: int, known: Mapping[str, Sequence[str]], words: Sequence[str]) -> None:
    """Put ids of what is there, and a bad word, in the place of what was made up."""
    chance = random.Random(number)  # noqa: S311 - hypothesis chose the number
    parameters = case.path_parameters or {}
    for name in parameters:
        ids = known.get(name)
        if ids and (case.method, name) not in NEVER_KNOWN and chance.random() < KNOWN_SHARE:
            parameters[name] = chance.choice(ids)
    if isinstance(case.body, dict):
        for name in ("camera_id", "cameras"):
            if name in case.body and known["camera_id"] and chance.random() < KNOWN_SHARE:
                one = chance.choice(known["camera_id"])
                case.body[name] = one if name == "camera_id" else [one]
    if chance.random() < BAD_SHARE:
        places = list(_places(parameters))
        places += _places(case.query) if isinstance(case.query, dict) else ()
        places += _places(case.body) if isinstance(case.body, dict | list) else ()
        if places:
            holder, key = chance.choice(places)
            holder[key] = chance.choice(words)


def _takes_anything(operation: Operation) -> bool:
    """Whether there is something that could be wrong."""
    given = (operation.path_parameters, operation.query, operation.body)
    return any(len(list(one)) for one in given)


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """(holder, key) of every text in it."""
    entries = value.items() if isinstance(value, dict) else enumerate(value)
    for key, one in list(entries):
        if isinstance(one, str):
            yield value, key
        elif isinstance(one, dict | list):
            yield from _places(one)
