"""The language of the pages: gettext catalogues, and times and sizes as people read them.

Every text of a page goes through gettext. English is the source language and needs no catalogue;
translations are compiled `.mo` files under `falconeye/locale/<language>/LC_MESSAGES/`.
"""

import gettext as stdlib_gettext
import io
import zlib
from collections.abc import Iterator
from contextvars import ContextVar
from datetime import datetime, tzinfo
from functools import lru_cache
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from falconeye.base.times import to_datetime

DOMAIN: Final = "falconeye"
LOCALE_DIR: Final = Path(__file__).resolve().parent.parent / "locale"
SOURCE_LANGUAGE: Final = "en"

# One request is one task, so a handler that sets it never disturbs another request.
current_language: ContextVar[str] = ContextVar("current_language", default=SOURCE_LANGUAGE)
current_clock: ContextVar[str] = ContextVar("current_clock", default="24h")  # 24h | 12h
# Where people write the time of day in twelve hours (CLDR, preferred hour "h").
_TWELVE_HOURS: Final = frozenset({
    "en-us", "en-ca", "en-au", "en-nz", "en-in", "en-ph", "en-pk", "en-sg", "en-hk", "en-za",
    "es-us", "es-mx", "es-co", "hi", "hi-in", "ar", "ar-eg", "ar-sa", "ko", "ko-kr",
})  # fmt: skip

_COMMAS: Final = frozenset({"de", "fr"})  # languages of ours with a decimal comma (CLDR)


@lru_cache(maxsize=1)
def available_languages() -> tuple[str, ...]:
    """The source language and every language with a compiled catalogue, sorted; read once."""
    found = {path.parent.parent.name for path in LOCALE_DIR.glob(f"*/LC_MESSAGES/{DOMAIN}.mo")}
    return tuple(sorted(found | {SOURCE_LANGUAGE}))


class Catalogue(stdlib_gettext.GNUTranslations):
    """The texts of one language."""

    _catalog: dict[str | tuple[str, int], str]  # as the standard library keeps them

    def of_context(self, context: str) -> Iterator[tuple[str, str]]:
        """Each English text of that context with its translation; of none with forms of number."""
        before = self.CONTEXT % (context, "")
        for source, text in self._catalog.items():
            if isinstance(source, str) and source.startswith(before):
                yield source.removeprefix(before), text


def keep_catalogues() -> None:
    """Read them all, so that no request waits for a disk; blocks.

    They are kept packed, a hundred kilobytes each: parsed, a language takes a megabyte, and few
    houses speak more than one.
    """
    for language in available_languages():
        packed(language)


@lru_cache(maxsize=32)
def translations(language: str) -> stdlib_gettext.NullTranslations:
    """The catalogue of `language`; the English source texts where there is none."""
    kept = packed(language)
    if not kept:
        return stdlib_gettext.NullTranslations()
    return Catalogue(io.BytesIO(zlib.decompress(kept)))


@lru_cache(maxsize=32)
def packed(language: str) -> bytes:
    """The compiled catalogue, compressed; empty where there is none. Blocks the first time."""
    path = LOCALE_DIR / language / "LC_MESSAGES" / f"{DOMAIN}.mo"
    return zlib.compress(path.read_bytes()) if path.is_file() else b""


def texts_of(language: str, context: str) -> tuple[tuple[str, str], ...]:
    """Each English text of that context with its translation; none where there is no catalogue."""
    catalogue = translations(language)
    return tuple(catalogue.of_context(context)) if isinstance(catalogue, Catalogue) else ()


def gettext(message: str) -> str:
    """`message` in the language of the current request."""
    return translations(current_language.get()).gettext(message)


def ngettext(singular: str, plural: str, number: int) -> str:
    """The form of a message that goes with `number`, in the language of the current request."""
    return translations(current_language.get()).ngettext(singular, plural, number)


def pgettext(context: str, message: str) -> str:
    """`message` where `context` tells two equal English words apart."""
    return translations(current_language.get()).pgettext(context, message)


def npgettext(context: str, singular: str, plural: str, number: int) -> str:
    """`ngettext` with a context."""
    return translations(current_language.get()).npgettext(context, singular, plural, number)


def choose_language(accept_language: str, available: tuple[str, ...]) -> str:
    """The best of `available` for an Accept-Language header (RFC 9110 12.5.4)."""
    wishes: list[tuple[float, str]] = []
    for part in accept_language.split(",")[:20]:
        tag, _, quality = part.replace(" ", "").partition(";q=")
        try:
            weight = float(quality) if quality else 1.0
        except ValueError:
            continue
        wishes.append((weight, tag.split("-")[0].lower()))
    for weight, language in sorted(wishes, key=lambda wish: -wish[0]):
        if weight > 0 and language in available:
            return language
    return SOURCE_LANGUAGE


def choose_clock(wanted: str, accept_language: str) -> str:
    """24h or 12h, for the setting `clock_format`: "auto" is as the first language has it.

    Of a language without a region, as one that was chosen on the device, the next one with it.
    """
    if wanted != "auto":
        return wanted
    tags = [part.split(";")[0].strip().lower() for part in accept_language.split(",")[:20]]
    alike = [tag for tag in tags if tag.partition("-")[0] == tags[0].partition("-")[0]]
    best = next((tag for tag in alike if "-" in tag), tags[0])
    return "12h" if best in _TWELVE_HOURS else "24h"


def clock_text(when: datetime, *, seconds: bool = False) -> str:
    """The time of day as the current request has it: 14:05, or 2:05 pm."""
    if current_clock.get() != "12h":
        return when.strftime("%H:%M:%S" if seconds else "%H:%M")
    half = gettext("am") if when.hour < 12 else gettext("pm")
    text = when.strftime("%I:%M:%S" if seconds else "%I:%M").removeprefix("0")
    return f"{text} {half}"


def hour_text(hour: int) -> str:
    """An hour of the day at a scale: 14:00, or 2 pm."""
    if current_clock.get() != "12h":
        return f"{hour:02}:00"
    return f"{hour % 12 or 12} {gettext('am') if hour < 12 else gettext('pm')}"


def zone_of(name: str) -> tzinfo:
    """The time zone of that IANA name; UTC where this node's time zone data lacks it."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def local(utc_us: int, zone: tzinfo) -> datetime:
    """Epoch microseconds as an aware datetime in `zone`."""
    return to_datetime(utc_us).astimezone(zone)


def number_text(value: float, digits: int = 0) -> str:
    """A number with so many digits behind the point, or behind the comma: 2.5, in German 2,5."""
    text = f"{value:.{digits}f}"
    return text.replace(".", ",") if current_language.get() in _COMMAS else text


def size_text(size_bytes: float) -> str:
    """A size in decimal units, as disks are sold: 43 GB, 1.2 TB, 640 kB."""
    value = float(size_bytes)
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if value < 999.5:
            digits = 1 if 0 < value < 9.95 and unit != "B" else 0
            return f"{number_text(value, digits)} {unit}"
        value /= 1000
    return f"{number_text(value, 1)} PB"


def rate_text(bits_per_second: float) -> str:
    """A bit rate: 4.1 Mb/s, 640 kb/s."""
    if bits_per_second >= 999_500:
        return f"{number_text(bits_per_second / 1e6, 1)} Mb/s"
    return f"{number_text(bits_per_second / 1e3)} kb/s"


def duration_text(duration_us: int) -> str:
    """A duration as 2:03, 1:02:03 or, from two days on, 2 d 1:02 (days, hours, minutes)."""
    seconds = max(0, round(duration_us / 1e6))
    days, rest = divmod(seconds, 86_400)
    if days >= 2:
        clock = f"{rest // 3600}:{rest // 60 % 60:02}"
        return gettext("{days} d {hours_and_minutes}").format(days=days, hours_and_minutes=clock)
    hours, rest = divmod(seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def iso_duration(duration_us: int) -> str:
    """A duration for `<time datetime>` (ISO 8601): PT3723S."""
    return f"PT{max(0, round(duration_us / 1e6))}S"
