"""All routes that other nodes ask, in the order of what they are about."""

from typing import Final

from litestar.types import ControllerRouterHandler

from falconeye.web.peers import (
    audit,
    audit_words,
    by_key,
    coverage,
    displays,
    events,
    exchange,
    exports,
    footage,
    found,
    jobs,
    notices,
    playback,
    protections,
    recordings,
    restarting,
    stills,
)
from falconeye.web.peers.hello import hello

ROUTES: Final[list[ControllerRouterHandler]] = [
    hello,
    by_key.introduce,
    by_key.drain,
    exchange.beat,
    exchange.changes,
    exchange.keys,
    exchange.look_at_join,
    exchange.join,
    recordings.list_own,
    coverage.tell_coverage,
    playback.tell_own,
    stills.tell_own,
    exports.tell_size,
    exports.tell_sources,
    exports.read_ranges,
    notices.list_own,
    audit.list_own,
    audit_words.tell_words,
    events.list_own,
    jobs.list_own_works,
    jobs.list_own_exports,
    restarting.restart_here,
    displays.claim_here,
    protections.list_own,
    protections.add_here,
    protections.let_go_here,
    footage.total_here,
    footage.delete_here,
    found.list_own,
    found.sees,
    found.look_here,
]
