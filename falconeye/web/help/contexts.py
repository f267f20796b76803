"""What the templates of the help's pages get."""

from dataclasses import dataclass

from markupsafe import Markup


@dataclass(frozen=True, slots=True)
class Section:
    """One section of a topic. `text` is what it says, without marks."""

    anchor: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class TopicLink:
    """A topic, in the language of the request."""

    key: str
    title: str
    about: str


@dataclass(frozen=True, slots=True)
class Found:
    """A section that has all words of a search; `anchor` empty: the topic itself."""

    topic: TopicLink
    anchor: str
    title: str
    lead: str  # its first words


@dataclass(frozen=True, slots=True)
class HelpPage:
    """The contents, or what was found."""

    topics: tuple[TopicLink, ...]
    query: str = ""  # empty: nothing was asked for
    found: tuple[Found, ...] = ()


@dataclass(frozen=True, slots=True)
class TopicPage:
    """One topic."""

    topic: TopicLink
    body: Markup
    sections: tuple[Section, ...]
    before: TopicLink | None
    after: TopicLink | None
