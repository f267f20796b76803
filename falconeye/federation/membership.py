"""Who belongs to the cluster, in memory: what each request of a peer is held against."""

import asyncio
import importlib
from collections.abc import Sequence

from falconeye.base.clock import Clock
from falconeye.federation.node_keys import NodeKeys
from falconeye.federation.peer_address import KnownPeers, PeerAddress
from falconeye.storage.stores.member_store import Member, MemberStore

MAX_HINTS = 8
CERTIFICATES = "falconeye.federation.certificates"


class Membership:
    """Lives on the loop. A node without peers is no member of anything, itself included."""

    def __init__(self, store: MemberStore, keys: NodeKeys, clock: Clock) -> None:
        self._store = store
        self._keys = keys
        self._clock = clock
        self._members: dict[str, Member] = {}
        self.known = KnownPeers()  # whose requests count
        self._hints: dict[str, dict[str, None]] = {}  # addresses that discovery told of

    @property
    def own_id(self) -> str:
        return self._keys.node_id

    @property
    def is_removed(self) -> bool:
        """Whether this node was expelled: the others do not listen to it any more."""
        return self.known.was_removed(self.own_id)

    async def load(self) -> None:
        """Read who belongs to it now; also the `reload` after changes."""
        self._members = {one.id: one for one in await self._store.list()}
        self._hints = {one: self._hints[one] for one in self._members if one in self._hints}
        others = self.addresses()
        if others:  # what reads their certificates takes 4 MB
            _ = await asyncio.to_thread(importlib.import_module, CERTIFICATES)
        self.known.update(others, await self._store.removed_ids())

    async def ensure_self(self, name: str, addresses: Sequence[str]) -> None:
        """Be a member, as the first of a cluster or with other addresses than before."""
        known = self._members.get(self.own_id)
        if known is not None and known.addresses == tuple(addresses):
            return
        created_us = known.created_at_us if known else self._clock.utc_us()
        called = known.name if known else name
        await self._store.put(
            Member(self.own_id, called, self._keys.certificate, tuple(addresses), created_us)
        )
        await self.load()

    @property
    def all(self) -> list[Member]:
        """All members by name, this node among them; none where there is no cluster."""
        return list(self._members.values())

    @property
    def names(self) -> dict[str, str]:
        """By node id; empty where there is no cluster."""
        return {one.id: one.name for one in self._members.values()}

    def get(self, node_id: str) -> Member | None:
        return self._members.get(node_id)

    def hint(self, node_id: str, address: str) -> bool:
        """Somebody says that a member is there; whether that is news."""
        if node_id not in self._members:
            return False
        known = self._hints.setdefault(node_id, {})
        if address in known or address in self._members[node_id].addresses:
            return False
        known[address] = None
        while len(known) > MAX_HINTS:
            del known[next(iter(known))]
        return True

    def is_known(self, address: str) -> bool:
        """Whether a member is asked there anyway."""
        return any(address in one.addresses for one in self.addresses())

    def addresses(self) -> list[PeerAddress]:
        """The other members with all addresses at which they may be; what they say goes first."""
        return [
            PeerAddress(
                one.id,
                one.certificate,
                tuple(dict.fromkeys((*one.addresses, *self._hints.get(one.id, ())))),
            )
            for one in self._members.values()
            if one.id != self.own_id
        ]
