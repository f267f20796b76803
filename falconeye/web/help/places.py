"""Which help belongs to which page: what the question mark at the top of each page leads to."""

import re
from collections.abc import Mapping
from typing import Final

# `*` stands for one part of a path; the first that fits counts, also for what is below it.
PLACES: Final[Mapping[str, str]] = {
    "/cameras/found/import": "adding#import",
    "/cameras/found": "adding#found",
    "/cameras/add": "adding",
    "/cameras/test": "adding",
    "/cameras/*/edit": "adding",
    "/cameras/*/schedules": "recording#schedule",
    "/cameras/*/footage": "footage",
    "/cameras/*/ptz": "live#move",
    "/cameras": "live#camera",
    "/footage": "footage",
    "/recordings": "footage#recordings",
    "/exports/check": "exports#whole",
    "/exports": "exports",
    "/jobs": "exports#make",
    "/storage": "storage",
    "/settings/notices": "notices#send",
    "/settings/backup": "backup",
    "/settings": "settings",
    "/notices": "notices",
    "/nodes": "nodes",
    "/doctor": "troubleshooting#doctor",
    "/about": "troubleshooting#slow",
    "/audit": "people#audit",
    "/people/tokens": "people#tokens",
    "/people": "people",
    "/account": "people#passwords",
    "/walls": "live#wall",
    "/help": "",
    "/": "live#wall",
}
_PATTERNS: Final = tuple(
    (re.compile(re.escape(path.rstrip("/")).replace(r"\*", "[^/]+") + "(/|$)"), target)
    for path, target in PLACES.items()
    if path != "/"
)


def target_of(path: str) -> str:
    """What is behind `/help` for the page at `path`: `/footage`; empty for the contents."""
    found = PLACES["/"] if path == "/" else _first(path)
    return f"/{found}" if found else ""


def _first(path: str) -> str:
    return next((target for pattern, target in _PATTERNS if pattern.match(path)), "")
