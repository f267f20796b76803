"""Certificates of the cluster's own authority, made by the node for its names and addresses.

The authority is shared by all nodes (`storage.stores.authority_store`); each node issues its own
certificate and keeps it in the data directory, so that a browser that was told to trust that one
sees the same after a restart. Names, dates and authority are looked at every 15 s.
"""

import asyncio
import contextlib
import logging
import ssl
from typing import Final

from typing_extensions import override

from falconeye.base.clock import Clock
from falconeye.base.errors import FalconEyeError, InvalidInput
from falconeye.storage.stores.authority_store import AuthorityStore, StoredAuthority
from falconeye.tls.authority import Authority, Issued
from falconeye.tls.condition import Condition
from falconeye.tls.names import Names
from falconeye.tls.own_files import read_own, write_own
from falconeye.tls.pair import Pair, make_pair
from falconeye.web.https.followed import FollowedCertificates
from falconeye.web.https.own_names import Called
from falconeye.web.https.state import OwnAuthority

log = logging.getLogger(__name__)

LOOK_S: Final = 15.0


class OwnCertificates(FollowedCertificates):
    """Opened before the port serves; `start` begins to look for what has changed."""

    def __init__(self, store: AuthorityStore, called: Called, clock: Clock) -> None:
        super().__init__(clock, look_s=LOOK_S)
        self._store = store
        self._data_dir = called.settings.data_dir
        self._called = called
        self._stored: StoredAuthority | None = None
        self._authority: Authority | None = None
        self._issued: Issued | None = None
        self._pair: Pair | None = None
        self._problem = ""
        self._unnamed = ""
        self._looking = asyncio.Lock()

    @property
    @override
    def context(self) -> ssl.SSLContext:
        return self._served.context

    @property
    @override
    def authority(self) -> OwnAuthority | None:
        return OwnAuthority(self._authority.certificate) if self._authority else None

    @property
    @override
    def condition(self) -> Condition:
        return self._served.condition(self._now()).beside(self._problem)

    @property
    def _served(self) -> Pair:
        if self._pair is None:
            msg = "OwnCertificates.open() was not called"
            raise RuntimeError(msg)
        return self._pair

    async def open(self) -> None:
        """Have a certificate, whatever is wrong: cameras must be recorded all the same.

        Where the authority cannot be used, the last certificate is, else one that nobody trusts.
        """
        await self.check()
        if self._pair is None:
            self._pair = await asyncio.to_thread(self._standing_in)

    @override
    async def check(self) -> bool:
        """Look at authority, names and dates; whether another certificate serves from now on."""
        async with self._looking:
            try:
                authority = await self._shared_authority()
                changed = await asyncio.to_thread(self._renew, authority)
            except (FalconEyeError, OSError, ssl.SSLError) as error:
                words = f"no certificate of the cluster's own authority: {error}"
                if words != self._problem:
                    log.error("%s", words)  # noqa: TRY400 - the words say it all
                self._problem = words
                return False
            self._problem = ""
            return changed

    async def _shared_authority(self) -> Authority:
        stored = await self._store.load()
        if stored is None:
            made = await asyncio.to_thread(self._called.make_authority)
            await self._store.add(made.certificate, made.key_pem)
            stored = await self._store.load()
            if stored is None:
                msg = "it was taken away as it was stored"
                raise InvalidInput(msg)
            log.info("the cluster has a certificate authority of its own now")
        if stored == self._stored and self._authority is not None:
            return self._authority
        key = self._store.opened(stored)
        self._authority = await asyncio.to_thread(Authority.read, stored.certificate, key)
        self._stored = stored
        return self._authority

    def _renew(self, authority: Authority) -> bool:
        """Blocks."""
        names, now = self._called.names(), self._now()
        self._tell_of_unnamed(authority, names)
        issued = self._issued or self._kept()
        is_new = issued is None or authority.is_due(issued.certificate, names, now)
        if issued is None or is_new:
            issued = self._issue(authority, names)
        elif self._issued is not None:
            return False
        try:
            self._pair = make_pair(issued.certificate, issued.key)
        except (ssl.SSLError, ValueError):
            if is_new:
                raise
            # What was kept is damaged: half a write, or somebody's own files.
            issued = self._issue(authority, names)
            self._pair, is_new = make_pair(issued.certificate, issued.key), True
        self._issued = issued
        if is_new:
            self._keep(issued)
            log.info(
                "a new certificate serves, until %s, for %s",
                f"{self._pair.not_after:%Y-%m-%d}",
                self._pair.names.words(),
            )
        return True

    def _standing_in(self) -> Pair:
        if (kept := self._kept()) is not None:
            with contextlib.suppress(ssl.SSLError, ValueError):
                return make_pair(kept.certificate, kept.key)
        issued = self._issue(self._called.make_authority(), self._called.names())
        return make_pair(issued.certificate, issued.key)

    def _tell_of_unnamed(self, authority: Authority, names: Names) -> None:
        unnamed = authority.constraints.permitted(names).lacks(names).words()
        if unnamed and unnamed != self._unnamed:
            log.warning(
                "the cluster's authority may not name %s, where browsers will warn: "
                "'falconeye tls new-authority' makes one that may",
                unnamed,
            )
        self._unnamed = unnamed

    def _issue(self, authority: Authority, names: Names) -> Issued:
        return authority.issue(self._called.node_name(), names, self._now())

    def _kept(self) -> Issued | None:
        try:
            return Issued(*read_own(self._data_dir))
        except OSError:
            return None

    def _keep(self, issued: Issued) -> None:
        """For the next start; a full disk is no reason not to serve."""
        try:
            write_own(self._data_dir, issued.certificate, issued.key)
        except OSError as error:
            log.warning("the new certificate is not kept for the next start: %s", error.strerror)
