"""What a member does for a node that wants to join: a code, a look ahead, admission."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from falconeye.base.clock import Clock
from falconeye.base.errors import Conflict, NotAuthenticated
from falconeye.federation import node_keys
from falconeye.federation.data_keys import DataKeys
from falconeye.federation.join_code import JoinCode
from falconeye.federation.join_words import (
    JoinAnswer,
    JoinPlan,
    JoinRequest,
    MemberSeen,
    clashes,
    free_name,
)
from falconeye.storage.replication.replica import Replica
from falconeye.storage.stores.join_offers import JoinOffers
from falconeye.storage.stores.member_store import Member, MemberStore

log = logging.getLogger(__name__)

# What the cluster has instead of the joining node's own; cameras and footage are kept.
REPLACED = ("users", "tokens", "displays", "sessions", "settings", "members")
_PAGE = 2000


@dataclass(frozen=True, slots=True)
class Configured:
    """What the cluster has now, for a look ahead."""

    users: int
    cameras: int
    addresses: dict[str, str]  # camera names by address key


class Joining:
    """At the member that made the code."""

    def __init__(
        self,
        members: MemberStore,
        offers: JoinOffers,
        replica: Replica,
        data_keys: DataKeys,
        configured: Callable[[], Awaitable[Configured]],
        clock: Clock,
    ) -> None:
        self._members = members
        self._offers = offers
        self._replica = replica
        self._data_keys = data_keys
        self._configured = configured
        self._clock = clock

    async def make_code(self, certificate: str, addresses: Sequence[str]) -> JoinCode:
        """A code that one node may use within ten minutes; `certificate`: this node's."""
        code = JoinCode.new(addresses, node_keys.fingerprint_bytes(certificate))
        await self._offers.add(code.secret)
        return code

    async def look(self, request: JoinRequest) -> JoinPlan:
        """What joining would do; nothing changes. NotAuthenticated, Conflict as `admit`."""
        if not await self._offers.is_valid(request.secret_bytes):
            raise NotAuthenticated(_NO_CODE)
        members = await self._members.list()
        await self._refuse_other(request, members)
        configured = await self._configured()
        return JoinPlan(
            members=[MemberSeen(node_id=one.id, name=one.name) for one in members],
            name=_name_for(request, members),
            users=configured.users,
            cameras=configured.cameras,
            clashes=clashes(request.cameras, configured.addresses),
        )

    async def admit(self, request: JoinRequest) -> JoinAnswer:
        """Make it a member, and give it what all members have.

        NotAuthenticated where the code is none, used, or too old. Conflict where another node has
        its id, or it was removed from this cluster.
        """
        members = await self._members.list()
        await self._refuse_other(request, members)
        if not await self._offers.use(request.secret_bytes):
            raise NotAuthenticated(_NO_CODE)
        name = _name_for(request, members)
        now_us = self._clock.utc_us()
        await self._members.put(
            Member(request.node_id, name, request.certificate, tuple(request.addresses), now_us)
        )
        log.info("node %s (%s) is a member now", name, request.node_id)
        return JoinAnswer(
            name=name,
            data_keys=self._data_keys.give().keys,
            changes=await self._shared(),
        )

    async def _shared(self) -> list[dict[str, object]]:
        """Everything of the kinds that the joining node takes over."""
        found: list[dict[str, object]] = []
        seq, more = 0, True
        while more:
            batch = await self._replica.changes_after(seq, _PAGE)
            found += [one.as_json() for one in batch.changes if one.kind in REPLACED]
            seq, more = batch.next_seq, batch.more
        return found

    async def _refuse_other(self, request: JoinRequest, members: Sequence[Member]) -> None:
        """The certificate must be its own; the id must be nobody else's, and never have been."""
        if node_keys.named_node(request.certificate) != request.node_id:
            raise Conflict("the certificate belongs to another node than the one that asks")
        known = next((one for one in members if one.id == request.node_id), None)
        if known is not None and known.certificate != request.certificate:
            msg = (
                f"the node {known.name} has this id already: one is a copy of the other."
                " Run 'falconeye node new-id' on the copy, then join again"
            )
            raise Conflict(msg)
        if request.node_id in await self._members.removed_ids():
            msg = (
                "this node was removed from the cluster: run 'falconeye node new-id' on it,"
                " then join again"
            )
            raise Conflict(msg)


_NO_CODE = "the join code is not valid (any more): make a new one, it lasts ten minutes"


def _name_for(request: JoinRequest, members: Sequence[Member]) -> str:
    others = {one.name for one in members if one.id != request.node_id}
    return free_name(request.name, others)
