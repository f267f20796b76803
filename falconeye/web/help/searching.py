"""The search of the help: all words must be there, and count most in a heading. Pure functions."""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from falconeye.web.help.contexts import Found, TopicLink

MAX_QUERY: Final = 100  # letters; what is beyond is left out
MAX_WORDS: Final = 8
MAX_FOUND: Final = 30
_LEAD: Final = 160


@dataclass(frozen=True, slots=True)
class Entry:
    """One section, or a topic as a whole (`anchor` empty). `words`: all it says, folded."""

    topic: TopicLink
    anchor: str
    title: str
    text: str
    words: str


def folded(text: str) -> str:
    """Without case and accents, so that "Gerat" finds "Gerät"."""
    spread = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in spread if not unicodedata.combining(letter))


def clean_query(typed: str) -> str:
    """What somebody typed, bounded and on one line."""
    return " ".join(typed[: MAX_QUERY * 4].split())[:MAX_QUERY].rstrip()


def find(entries: Iterable[Entry], query: str) -> tuple[Found, ...]:
    """The sections that have all words of `query`, the best first, at most `MAX_FOUND`."""
    words = folded(clean_query(query)).split()[:MAX_WORDS]
    if not words:
        return ()
    scored = []
    for place, entry in enumerate(entries):
        title, topic = folded(entry.title), folded(entry.topic.title)
        if not all(word in entry.words or word in title or word in topic for word in words):
            continue
        in_title = sum(word in title for word in words)
        in_topic = sum(word in topic for word in words)
        # A topic as a whole is found by its name; its sections say the rest.
        if not entry.anchor and not in_title:
            continue
        scored.append((-in_title, -in_topic, place, entry))
    scored.sort(key=lambda one: one[:3])
    return tuple(
        Found(entry.topic, entry.anchor, entry.title, _lead(entry.text))
        for _title, _topic, _place, entry in scored[:MAX_FOUND]
    )


def _lead(text: str) -> str:
    if len(text) <= _LEAD:
        return text
    return text[:_LEAD].rsplit(" ", 1)[0] + " …"
