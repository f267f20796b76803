"""What is said of time that a silent node may know of, or of which it alone has footage."""

from collections.abc import Mapping
from datetime import tzinfo

from falconeye.base.times import MINUTE_US
from falconeye.storage.reading.cluster_timeline import UntoldGap
from falconeye.web.i18n import clock_text, local
from falconeye.web.i18n import gettext as _

MOST_HELD = 3  # stretches that are named; of more the first and the last moment
_SEEN_US = MINUTE_US  # what the words, of whole minutes, do not tell apart


def untold_words(gap: UntoldGap, names: Mapping[str, str], zone: tzinfo) -> str:
    """As "unknown, pi-2 unreachable since 14:02; it holds 09:10–14:02", in the site's zone."""
    node = names.get(gap.node_id, gap.node_id)
    if gap.silent_since_us is None:
        return _("unknown, {node} has not told of it yet").format(node=node)
    since = moment(gap.silent_since_us, gap.from_us, zone)
    if not gap.holds:
        return _("unknown, {node} unreachable since {since}").format(node=node, since=since)
    held = ", ".join(_stretch(begin, end, gap.from_us, zone) for begin, end in _named(gap.holds))
    words = _("unknown, {node} unreachable since {since}; it holds {held}")
    return words.format(node=node, since=since, held=held)


def away_words(node: str, since_us: int, at_us: int, zone: tzinfo) -> str:
    """Of footage that only a silent node has; `at_us`: when it begins."""
    words = _("recorded by {node}, unreachable since {since}")
    return words.format(node=node, since=moment(since_us, at_us, zone))


def moment(us: int, day_us: int, zone: tzinfo, *, seconds: bool = False) -> str:
    """14:02, with its date where that is not the one of `day_us`."""
    when, day = local(us, zone), local(day_us, zone)
    time = clock_text(when, seconds=seconds)
    return time if when.date() == day.date() else f"{when:%Y-%m-%d} {time}"


def _stretch(begin_us: int, end_us: int, day_us: int, zone: tzinfo) -> str:
    """09:10–14:02; 09:10:05–09:10:40 where whole minutes would name one moment."""
    begin, end = moment(begin_us, day_us, zone), moment(end_us, day_us, zone)
    if begin == end:
        begin, end = (moment(us, day_us, zone, seconds=True) for us in (begin_us, end_us))
    return f"{begin}–{end}"


def _named(holds: tuple[tuple[int, int], ...]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for begin, end in holds:
        if found and begin - found[-1][1] < _SEEN_US:
            found[-1] = (found[-1][0], end)
        else:
            found.append((begin, end))
    return found if len(found) <= MOST_HELD else [(found[0][0], found[-1][1])]
