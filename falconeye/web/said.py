"""Sentences from below the web layer in the language of the page.

What goes wrong is said where it happens, in English, for the log, the API and the command line.
A page looks such a text up: as it is, else among the templates that its f-string left in the
catalogue (context "said", {0} {1} for the values; `tests/said_texts.py` finds them). Values are put
back as they are, unless they are such texts themselves. What fits nothing stays English.

No regular expression reads a text: a template is its fixed pieces one after the other, found by
`str.find`, so that no text whatever, and some come from cameras, takes longer than its length.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from falconeye.web import i18n

CONTEXT: Final = "said"
MAX_LENGTH: Final = 2000
MAX_LOOKUPS: Final = 64  # of one text: its values, and theirs, and what is joined by a colon
_JOINTS: Final = ("; ", ": ", ", ")
_VALUE: Final = re.compile(r"\{(\d+)\}")
_WORD: Final = re.compile(r"[^\W\d_]{2,}")
_ENDS: Final = (".", "!", "?")


@dataclass(frozen=True, slots=True)
class _Template:
    """One text with values: the pieces around them, and the same of its translation."""

    pieces: tuple[str, ...]
    values: tuple[str, ...]  # the number of each, in their order
    told: tuple[str, ...]  # a piece, a number, a piece …
    is_count: bool  # of one word only: only a number or such a text is no name

    def read(self, text: str) -> dict[str, str] | None:
        """The values in `text`; None where it is no such text."""
        first, *middle, last = self.pieces
        begin, end = len(first), len(text) - len(last)
        if begin > end or not text.startswith(first) or not text.endswith(last):
            return None
        found = []
        for piece in middle:
            at = text.find(piece, begin, end)
            if at < 0:
                return None
            found.append(text[begin:at])
            begin = at + len(piece)
        found.append(text[begin:end])
        return dict(zip(self.values, found, strict=True))


@dataclass(frozen=True, slots=True)
class _Book:
    """What one language has of these texts."""

    whole: dict[str, str]
    templates: dict[str, list[tuple[int, _Template]]]  # each with its rank, by what it begins with

    def fitting(self, text: str) -> list[tuple[int, _Template]]:
        """Those that may fit, the most certain first: that with the most fixed letters."""
        keys = (f"{text[:2]}…", f"…{text[-2:]}", "")
        return sorted((one for key in keys for one in self.templates.get(key, ())), key=_rank)


def said(text: str) -> str:
    """`text` in the language of the current request; as it is where nothing fits."""
    language = i18n.current_language.get()
    if language == i18n.SOURCE_LANGUAGE or not text or len(text) > MAX_LENGTH:
        return text
    return _said(language, text)


@lru_cache(maxsize=1024)
def _said(language: str, text: str) -> str:
    return _Reader(_book(language)).told(text)


@lru_cache(maxsize=8)
def _book(language: str) -> _Book:
    whole, templates = {}, []
    for source, told in i18n.texts_of(language, CONTEXT):
        if _VALUE.search(source):
            templates.append(_template(source, told))
        else:
            whole[source] = told
    templates.sort(key=lambda one: (-sum(map(len, one.pieces)), one.pieces))
    sorted_in: dict[str, list[tuple[int, _Template]]] = {}
    for ranked in enumerate(templates):
        sorted_in.setdefault(_key(ranked[1]), []).append(ranked)
    return _Book(whole, sorted_in)


def _key(template: _Template) -> str:
    """Two letters that a text begins or ends with if it is one of these; empty for any."""
    first, last = template.pieces[0], template.pieces[-1]
    if len(first) > 1:
        return f"{first[:2]}…"
    return f"…{last[-2:]}" if len(last) > 1 else ""


def _rank(ranked: tuple[int, _Template]) -> int:
    return ranked[0]


def _template(source: str, told: str) -> _Template:
    parts = _VALUE.split(source)
    pieces = tuple(parts[::2])
    is_count = len(_WORD.findall(" ".join(pieces))) < 2
    return _Template(pieces, tuple(parts[1::2]), tuple(_VALUE.split(told)), is_count)


class _Reader:
    """Reads one text; what it may look up is bounded, whatever the text."""

    def __init__(self, book: _Book) -> None:
        self._book = book
        self._left = MAX_LOOKUPS

    def told(self, text: str) -> str:
        """The translation, or `text`."""
        return self._known(text) or self._joined(text) or text

    def _known(self, text: str) -> str | None:
        """As it is; or as a sentence, which has a capital and a full stop that the text has not."""
        stop = text[-1] if text.endswith(_ENDS) else ""
        small = text[:1].lower() + text[1:]
        for each, is_sentence in ((text, False), (small, True)):
            found = self._looked_up(each)
            end = ""
            if found is None and stop:
                found, end = self._looked_up(each[:-1]), stop
            if found is not None:
                begin = found[:1].upper() if is_sentence and small != text else found[:1]
                return f"{begin}{found[1:]}{end}"
            if small == text:
                return None
        return None

    def _looked_up(self, text: str) -> str | None:
        if not text.strip() or self._left <= 0:
            return None
        self._left -= 1
        if text in self._book.whole:
            return self._book.whole[text]
        for _, template in self._book.fitting(text):
            values = template.read(text)
            if values is not None and (not template.is_count or self._make_sense(values)):
                return "".join(self._filled(template.told, values))
        return None

    def _make_sense(self, values: dict[str, str]) -> bool:
        """Whether each is a number, or such a text itself: what one word alone can be about."""
        return all(
            value.replace(".", "", 1).isdecimal() or self.told(value) != value
            for value in values.values()
        )

    def _filled(self, told: tuple[str, ...], values: dict[str, str]) -> Iterable[str]:
        for number, part in enumerate(told):
            yield self.told(values[part]) if number % 2 else part

    def _joined(self, text: str) -> str | None:
        """Two texts with a joint between them; None where neither is known."""
        for joint in _JOINTS:
            head, found, tail = text.partition(joint)
            if found and self._left > 0:
                parts = self.told(head), self.told(tail)
                if parts != (head, tail):
                    return joint.join(parts)
        return None
