"""Pages of the help, as a node shows them."""

from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from falconeye.web.contexts import Frame
from falconeye.web.help.book import HelpBook, link_of
from falconeye.web.help.contexts import HelpPage, TopicPage
from falconeye.web.help.searching import find
from falconeye.web.help.topics import BY_KEY, TOPICS, beside
from falconeye.web.rendering import build_environment

TEMPLATES: Final = Path(__file__).resolve().parents[2] / "templates"
SHOWN: Final = ("gaps", "keys", "settings", "programs", "words")


@lru_cache(maxsize=1)
def _book() -> HelpBook:
    return HelpBook(build_environment(TEMPLATES, str), TEMPLATES)


def topic_page(key: str, frame: Frame) -> TopicPage:
    """One topic."""
    topic = BY_KEY[key]
    body, sections = _book().read(topic, frame)
    before, after = beside(topic)
    return TopicPage(
        link_of(topic),
        body,
        sections,
        link_of(before) if before else None,
        link_of(after) if after else None,
    )


def help_pages(frame: Frame) -> dict[str, tuple[str, Frame, Any]]:
    """The contents, what was found, nothing found, and some topics."""
    at = replace(frame, path="/help")
    topics = tuple(link_of(topic) for topic in TOPICS)
    found = find(_book().index(frame), "disk")
    return {
        "help": ("pages/help.html", at, HelpPage(topics)),
        "help-found": ("pages/help.html", at, HelpPage(topics, "disk", found)),
        "help-nothing": ("pages/help.html", at, HelpPage(topics, "xylophone", ())),
        **{
            f"help-{key}": (
                "pages/help_topic.html",
                replace(frame, path=f"/help/{key}"),
                topic_page(key, frame),
            )
            for key in SHOWN
        },
    }
