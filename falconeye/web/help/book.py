"""The help's pages: read from the disk, compiled and rendered when somebody asks for them.

Together they are a third of what all other templates are, and most nodes are never asked. So
`compile_all` leaves them out; a few of those that were asked for stay compiled. All of this blocks:
call it in a thread (`asyncio.to_thread` hands on the language of the request).
"""

import threading
from html.parser import HTMLParser
from pathlib import Path
from typing import Final

import jinja2
from litestar.datastructures import State
from markupsafe import Markup
from typing_extensions import override

from falconeye.web import i18n
from falconeye.web.contexts import Frame
from falconeye.web.help.contexts import Section, TopicLink
from falconeye.web.help.searching import Entry, folded
from falconeye.web.help.settings_words import setting_groups
from falconeye.web.help.topics import TOPICS, Topic
from falconeye.web.i18n import gettext

_KEPT: Final = 4  # compiled topics, and what they share
_STATE_KEY: Final = "help_book"


class HelpBook:
    """One per application."""

    def __init__(self, environment: jinja2.Environment, folder: Path) -> None:
        """`environment`: that of all pages; `folder`: of all templates."""
        self._environment = environment.overlay(
            loader=jinja2.FileSystemLoader(folder), cache_size=_KEPT
        )
        self._indexing = threading.Lock()
        self._indexes: dict[str, tuple[Entry, ...]] = {}  # by language

    def read(self, topic: Topic, frame: Frame) -> tuple[Markup, tuple[Section, ...]]:
        """A topic's text and what sections it has, in the language of the request."""
        body = self._render(topic, frame)
        return body, sections_of(body)

    def index(self, frame: Frame) -> tuple[Entry, ...]:
        """What can be found, in the language of the request; made when it is first asked for.

        A hundred kilobytes a language: there are as many as catalogues.
        """
        language = i18n.current_language.get()
        with self._indexing:
            if language not in self._indexes:
                self._indexes[language] = self._make_index(frame)
            return self._indexes[language]

    def _make_index(self, frame: Frame) -> tuple[Entry, ...]:
        entries = []
        for topic in TOPICS:
            link = link_of(topic)
            entries.append(Entry(link, "", link.title, link.about, folded(link.about)))
            for section in sections_of(self._render(topic, frame)):
                words = folded(f"{section.title} {section.text}")
                entries.append(Entry(link, section.anchor, section.title, section.text, words))
        return tuple(entries)

    def _render(self, topic: Topic, frame: Frame) -> Markup:
        template = self._environment.get_template(topic.template)
        return Markup(template.render(frame=frame, groups=setting_groups(topic)))  # noqa: S704 - our own template, which escapes


def link_of(topic: Topic) -> TopicLink:
    """A topic in the language of the request."""
    return TopicLink(topic.key, gettext(topic.title), gettext(topic.about))


def book_of(state: State, environment: jinja2.Environment, folder: Path) -> HelpBook:
    """The application's book, made when it is first asked for."""
    book: HelpBook | None = state.get(_STATE_KEY)
    if book is None:
        book = state[_STATE_KEY] = HelpBook(environment, folder)
    return book


def sections_of(body: str) -> tuple[Section, ...]:
    """The sections of a rendered topic: each `<section id>`, with its first `<h2>`."""
    reader = _SectionReader()
    reader.feed(body)
    reader.close()
    return tuple(reader.sections)


class _SectionReader(HTMLParser):
    """Collects sections; they are not nested."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.sections: list[Section] = []
        self._anchor = ""
        self._title: list[str] = []
        self._text: list[str] = []
        self._in_title = False

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "section":
            self._anchor = dict(attrs).get("id") or ""
            self._title, self._text = [], []
        self._in_title = tag == "h2" or self._in_title

    @override
    def handle_endtag(self, tag: str) -> None:
        if tag == "h2":
            self._in_title = False
        elif tag == "section" and self._anchor:
            self.sections.append(Section(self._anchor, _line(self._title), _line(self._text)))
            self._anchor = ""
        elif tag in {"p", "li", "dt", "dd", "td", "th", "pre"}:
            self._text.append(" ")

    @override
    def handle_data(self, data: str) -> None:
        (self._title if self._in_title else self._text).append(data)


def _line(pieces: list[str]) -> str:
    return " ".join("".join(pieces).split())
