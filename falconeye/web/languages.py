"""In which language somebody is answered: the one chosen on the device, else the browser's."""

from typing import Any, Final

from litestar.connection import ASGIConnection

from falconeye.web import i18n
from falconeye.web.security.cookies import cookie_of
from falconeye.web.shell import shell_of

Connection = ASGIConnection[Any, Any, Any, Any]

LANGUAGE_COOKIE: Final = "falconeye_language"
MAX_WISH: Final = 200
# Each in its own words, as who looks for it reads them.
NAMES: Final = {"en": "English", "de": "Deutsch", "fr": "Français"}


def chosen(connection: Connection) -> str:
    """The language that was chosen on this device; empty where its browser decides."""
    language = cookie_of(connection, LANGUAGE_COOKIE)
    return language if language in shell_of(connection).languages else ""


def wish_of(connection: Connection) -> str:
    """As an Accept-Language header (RFC 9110 12.5.4), for other nodes too; bounded."""
    wish = connection.headers.get("accept-language", "")
    return ",".join(filter(None, (chosen(connection), wish)))[:MAX_WISH]


def language_of(connection: Connection) -> str:
    """One of the languages that there are."""
    return i18n.choose_language(wish_of(connection), shell_of(connection).languages)


def clock_of(connection: Connection) -> str:
    """How who asks is told the time of day: 24h or 12h."""
    wanted = shell_of(connection).services.stored_settings.current.clock_format
    return i18n.choose_clock(wanted, wish_of(connection))


def speak(connection: Connection) -> None:
    """What is said from now on for this request is said in its language, by its clock."""
    i18n.current_language.set(language_of(connection))
    i18n.current_clock.set(clock_of(connection))
