"""Every page in a language made up for it: what no catalogue knows is found.

Each text of the catalogue is put between ⟦ ⟧, its values without. What is read outside of these is
data of the samples (names, addresses, words of a camera), or English that a German would see.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from falconeye.web import i18n
from falconeye.web.rendering import build_environment, render
from tests.browser import samples
from tests.browser.live_server import ROOT

LANGUAGE = "xx"
VALUES = re.compile(r"(%\(\w+\)[a-z]|%%|\{\w+\})")
INNERMOST = re.compile(r"⟦[^⟦⟧]*⟧")
WORD = re.compile(r"[^\W\d_]{3,}")
READ = ("title", "aria-label", "alt")
UNREAD = frozenset({"script", "style", "code", "kbd", "textarea", "svg"})
WITHIN_A_LINE = frozenset({"a", "b", "em", "span", "strong", "time"})
# What is the same in all languages: names, protocols, licences' parts, zones, and files by name.
ALIKE = re.compile(
    r"\b(?:FalconEye|Python|Apprise|Kubernetes|TCP|UDP|SHA-256|CES?T|cat\.jpg)\b"
    r"|\b(?:nightly-\w+\.sqlite3|falconeye-volume\.json|rtsp://\S+|tls =)"
)


class Words(HTMLParser):
    """What a page says, in its order; and what is read of what is no text."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self._within: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in UNREAD:
            self._within.append(tag)
        self.parts += [f"\n{value}\n" for name, value in attrs if name in READ]
        self.parts.append(" " if tag in WITHIN_A_LINE else "\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in UNREAD and tag in self._within:
            self._within.remove(tag)

    def handle_data(self, data: str) -> None:
        if not self._within:
            self.parts.append(data)


def outside(html: str) -> list[str]:
    """The lines that hold a word which is no part of a translated text."""
    words = Words()
    words.feed(html)
    text, before = "".join(words.parts), ""
    while text != before:
        text, before = INNERMOST.sub("\n", text), text
    return [line.strip() for line in text.splitlines() if WORD.search(line)]


def strings(value: Any) -> set[str]:
    """All texts that a page is given: it shows them as they are, or by the filter `said`."""
    if isinstance(value, str):
        return {value}
    if isinstance(value, Mapping):
        return strings(list(value.values())) | strings(list(value))
    if is_dataclass(value):
        return strings([getattr(value, field.name) for field in fields(value)])
    if isinstance(value, list | tuple | set | frozenset):
        return set().union(*map(strings, value))
    return set()


def left(line: str, data: list[str]) -> str:
    """What of a line is no data; a rest of a text of which `said` knew a part is data, too."""

    def is_data(text: str) -> bool:
        return any(text.casefold() in one.casefold() for one in data)

    if is_data(line):
        return ""
    for one in data:
        if WORD.search(one):
            line = line.replace(one, " ").replace(one[:1].upper() + one[1:], " ")
    rest = ALIKE.sub(" ", line).strip()
    return rest if WORD.search(rest) and not is_data(rest) else ""


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The templates, and a language whose every text is between ⟦ ⟧."""
    with (ROOT / "falconeye" / "locale" / "falconeye.pot").open("rb") as file:
        catalogue = read_po(file, locale="en")
    for message in catalogue:
        if message.id:
            forms = message.id if isinstance(message.id, tuple) else (message.id,)
            told = tuple("⟦" + VALUES.sub(r"⟧\1⟦", str(form)) + "⟧" for form in forms)
            message.string = told if isinstance(message.id, tuple) else told[0]
    path = tmp_path / LANGUAGE / "LC_MESSAGES" / "falconeye.mo"
    path.parent.mkdir(parents=True)
    with path.open("wb") as file:
        write_mo(file, catalogue)
    monkeypatch.setattr(i18n, "LOCALE_DIR", tmp_path)
    before = i18n.current_language.set(LANGUAGE)
    yield build_environment(ROOT / "templates", lambda name: f"/static/{name}")
    i18n.current_language.reset(before)


@pytest.mark.timeout(60)
def test_every_word_of_every_page_is_of_the_catalogue(environment: Any) -> None:
    found: dict[str, list[str]] = {}
    for name, (template, frame, page) in samples.pages().items():
        if name.startswith("help"):
            continue  # read at import, in English; `tests/unit/web/test_help.py` has the help
        html = render(environment, template, replace(frame, language=LANGUAGE), page)
        data = sorted(strings((frame, page)), key=len, reverse=True)
        for line in outside(html):
            if rest := left(line, data):
                found.setdefault(rest, []).append(name)
    assert found == {}


def test_what_is_said_below_is_of_the_catalogue(environment: Any) -> None:
    """A reason, a trial's result and a finding of the doctor, each of which a page is given."""
    shown = samples.pages()
    for name, text in (
        ("wall", "⟦No answer from ⟧"),
        ("usb-edit", "⟦the camera is not plugged in⟧"),
        ("jobs", "⟦there is no room left on the disk⟧"),
    ):
        template, frame, page = shown[name]
        html = render(environment, template, replace(frame, language=LANGUAGE), page)
        assert text.casefold() in html.casefold()
