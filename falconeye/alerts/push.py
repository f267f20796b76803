"""Messages by Apprise URLs: ntfy, Telegram, mail and some hundred other services.

Apprise is loaded when the first such URL is used (0.13 s, 31 MB), in the thread that uses it: its
plug-ins block. Where the address names a host of its own, that host is checked before; redirects
are not followed, and of an answer no more is read than `bounded_answers` says.
"""

import asyncio
import logging
import re
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from typing_extensions import override

from falconeye.alerts.bounded_answers import bound_answers
from falconeye.alerts.delivery import NotDelivered, checked_addresses, is_refusal
from falconeye.alerts.threads import in_thread
from falconeye.base.redact import HIDDEN, redact_text
from falconeye.base.secret import Secret

if TYPE_CHECKING:
    from apprise import NotifyBase

TRY_S: Final = 60.0  # some services take several requests, and mail servers their time
MAX_WORDS: Final = 300
TOKEN_LENGTH: Final = 6  # shorter parts of an address are no secret
_STATUS: Final = re.compile(r"\berror=(\d{3})\b")


class Push:
    """One Apprise URL; one message at a time."""

    def __init__(self, url: Secret, *, allow_local: bool) -> None:
        self._url = url
        self._allow_local = allow_local
        self._is_busy = False

    async def send(self, title: str, text: str) -> str:
        """What came of it, in words; NotDelivered otherwise."""
        if self._is_busy:  # its thread cannot be ended: there is never a second one
            raise NotDelivered("the last try still hangs")
        self._is_busy = True
        try:
            async with asyncio.timeout(TRY_S):
                await in_thread("notify", lambda: self._send(title, text))
        except TimeoutError:
            raise NotDelivered(f"no answer within {TRY_S:g} s") from None
        return "the service took it"

    def _send(self, title: str, text: str) -> None:
        try:
            _notify(self._url.reveal(), title, text, allow_local=self._allow_local)
        finally:
            self._is_busy = False


class _Said(logging.Handler):
    """What Apprise logs on this thread: with it it tells what went wrong, and nothing else does."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._thread = threading.get_ident()
        self.lines: list[str] = []

    @override
    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread:
            self.lines.append(record.getMessage().strip())


def _notify(url: str, title: str, text: str, *, allow_local: bool) -> None:
    import apprise  # noqa: F401, PLC0415 - it sets its logger up; see the module's docstring

    bound_answers()
    said, logger = _Said(), logging.getLogger("apprise")
    # Its lines hold addresses with their tokens: they go to who asked, never into the node's log.
    logger.propagate = False
    logger.setLevel(logging.WARNING)
    logger.addHandler(said)
    try:
        plugin = _plugin(url)
        for host in _own_hosts(plugin):
            _ = checked_addresses(host, 0, allow_local=allow_local)
        try:
            is_sent = plugin.notify(body=text, title=title)
        except Exception as error:  # a plug-in's fault is not ours, and there are hundreds
            raise NotDelivered(f"the plug-in failed ({type(error).__name__})") from error
        if not is_sent:
            words = _words(said.lines, url) or "the service did not take it"
            raise NotDelivered(words, refused=_is_refused(said.lines))
    finally:
        logger.removeHandler(said)


def _plugin(url: str) -> "NotifyBase":
    from apprise import Apprise, AppriseAsset  # noqa: PLC0415 - see the module's docstring

    asset = AppriseAsset(app_id="FalconEye", app_desc="FalconEye", async_mode=False)
    plugin = Apprise.instantiate(url, asset=asset)
    if plugin is None:
        raise NotDelivered("Apprise does not know this address: see its list of services")
    plugin.redirects = False  # whatever the URL says
    return plugin


def _own_hosts(plugin: "NotifyBase") -> list[str]:
    """The hosts that the URL names; none for a service of which it holds only tokens.

    A token in the host's place must not be asked of a name server.
    """
    templates: tuple[str, ...] = plugin.templates
    hosts = [getattr(plugin, "smtp_host", None)]
    if any("{host}" in template for template in templates):
        hosts.append(plugin.host)
    return [host.strip("[]") for host in hosts if isinstance(host, str) and host]


def _is_refused(lines: Sequence[str]) -> bool:
    """Whether the service answered so; Apprise says the status of an answer in this form only."""
    statuses = [int(status) for line in lines for status in _STATUS.findall(line)]
    return bool(statuses) and is_refusal(statuses[-1])


def _words(lines: Sequence[str], url: str) -> str:
    """What was said, without what stands in the address: any part of it may be a token."""
    words = redact_text(" ".join(line for line in lines if line))
    for part in sorted(re.split(r"[/:@?&=,]+", url.partition("://")[2]), key=len, reverse=True):
        if len(part) >= TOKEN_LENGTH:
            words = words.replace(part, HIDDEN)
    return words[:MAX_WORDS]
