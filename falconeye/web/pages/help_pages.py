"""The help: contents and search, and one topic. Nothing of it comes from elsewhere."""

import asyncio
from typing import Final

from litestar import Response, get
from litestar.params import FromPath, FromQuery

from falconeye.base.errors import NotFound
from falconeye.web.assets import data_dir
from falconeye.web.frame import frame_of
from falconeye.web.help.book import HelpBook, book_of, link_of
from falconeye.web.help.contexts import HelpPage, TopicPage
from falconeye.web.help.searching import clean_query, find
from falconeye.web.help.topics import BY_KEY, TOPICS, beside
from falconeye.web.pages.asking import Asking, show
from falconeye.web.security.access import signed_in
from falconeye.web.shell import shell_of

_TEMPLATES: Final = data_dir("templates")  # asked for at import: the loop asks no disk


@get("/help", opt=signed_in(), include_in_schema=False)
async def help_page(request: Asking, q: FromQuery[str] = "") -> Response[str]:
    """The contents, or the sections that have all words of `q`."""
    topics = tuple(link_of(topic) for topic in TOPICS)
    query = clean_query(q)
    if not query:
        return show(request, "pages/help.html", HelpPage(topics))
    entries = await asyncio.to_thread(_book(request).index, frame_of(request))
    page = HelpPage(topics, query, find(entries, query))
    return show(request, "pages/help.html", page)


@get("/help/{topic:str}", opt=signed_in(), include_in_schema=False)
async def topic_page(request: Asking, topic: FromPath[str]) -> Response[str]:
    """One topic."""
    found = BY_KEY.get(topic)
    if found is None:
        raise NotFound("there is no such page of the help")
    body, sections = await asyncio.to_thread(_book(request).read, found, frame_of(request))
    before, after = beside(found)
    page = TopicPage(
        topic=link_of(found),
        body=body,
        sections=sections,
        before=link_of(before) if before else None,
        after=link_of(after) if after else None,
    )
    return show(request, "pages/help_topic.html", page)


def _book(request: Asking) -> HelpBook:
    return book_of(request.app.state, shell_of(request).templates, _TEMPLATES)
