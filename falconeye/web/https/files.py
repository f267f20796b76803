"""A certificate and a key that somebody else renews: read again when their files change.

certbot and its like replace symlinks, one after the other, so both may not fit for a moment. What
cannot be used is said once, and the pair of before goes on serving; connections that stand keep
theirs in any case.
"""

import asyncio
import datetime as dt
import logging
import ssl
from pathlib import Path
from typing import Final

from typing_extensions import override

from falconeye.base.clock import Clock
from falconeye.tls.condition import Condition
from falconeye.tls.pair import Pair, UnusablePair, read_pair
from falconeye.web.https.followed import FollowedCertificates
from falconeye.web.https.state import OwnAuthority

log = logging.getLogger(__name__)

LOOK_S: Final = 5.0
Signs = tuple[tuple[int, int, int, int] | None, ...]


class FileCertificates(FollowedCertificates):
    """Opened before the port serves; `start` begins to look for changes."""

    def __init__(self, certificate: Path, key: Path, clock: Clock) -> None:
        super().__init__(clock, look_s=LOOK_S)
        self._certificate = certificate
        self._key = key
        self._pair: Pair | None = None
        self._signs: Signs = ()
        self._problem = ""
        self._told_on: dt.date | None = None

    @property
    @override
    def context(self) -> ssl.SSLContext:
        return self._read.context

    @property
    @override
    def authority(self) -> OwnAuthority | None:
        return None

    @property
    @override
    def condition(self) -> Condition:
        return self._read.condition(self._now()).beside(self._problem)

    @property
    def _read(self) -> Pair:
        if self._pair is None:
            msg = "FileCertificates.open() was not called"
            raise RuntimeError(msg)
        return self._pair

    async def open(self) -> None:
        """StartError where the files cannot be used; an ended certificate is a warning."""
        self._signs, self._pair = await asyncio.to_thread(self._look)
        self._tell_of_dates()

    @override
    async def check(self) -> bool:
        """Read the files if they are others than at the last look; whether a new pair serves."""
        self._tell_of_dates()
        if await asyncio.to_thread(self._signs_now) == self._signs:
            self._problem = ""  # those that serve lie there again
            return False
        try:
            self._signs, pair = await asyncio.to_thread(self._look)
        except UnusablePair as error:
            words = f"{error}; the certificate of before goes on serving"
            if words != self._problem:
                log.warning("%s", words)
            self._problem = words
            return False
        self._pair, self._problem, self._told_on = pair, "", None
        log.info("a new certificate serves, until %s", f"{pair.not_after:%Y-%m-%d}")
        self._tell_of_dates()
        return True

    def _look(self) -> tuple[Signs, Pair]:
        """The signs are those of before the reading: what changes meanwhile is read again."""
        return self._signs_now(), read_pair(self._certificate, self._key)

    def _signs_now(self) -> Signs:
        return tuple(_sign(path) for path in (self._certificate, self._key))

    def _tell_of_dates(self) -> None:
        """Once a day, and when it is read."""
        now = self._now()
        if self._told_on != now.date() and (trouble := self._read.condition(now).words):
            self._told_on = now.date()
            log.warning("%s: %s", self._certificate, trouble)


def _sign(path: Path) -> tuple[int, int, int, int] | None:
    """What tells a file from another in its place; symlinks are followed."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size
