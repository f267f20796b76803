"""Membership by the cluster key: nodes that hold the same one are one cluster, without a code.

Every holder is a member from its start. Where two meet, each proves to the other that it holds the
key and gives its row among the members; all else merges by the rules of the replication. So it does
not matter who starts first, or who meets whom.
"""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from falconeye.accounts.service import Accounts
from falconeye.base.clock import Clock
from falconeye.base.counters import RepeatingLog
from falconeye.base.errors import Conflict, FalconEyeError, InvalidInput, Unavailable
from falconeye.base.tasks import TaskSet
from falconeye.federation.arriving import Arrival
from falconeye.federation.cluster_key import ClusterKey, NoClusterKey
from falconeye.federation.federation import Federation
from falconeye.federation.first_admin import NoFirstAdmin, make_first_admin
from falconeye.federation.key_words import KEY_PATH, Introduction, Proved, WrongKey
from falconeye.federation.node_keys import fingerprint_bytes, named_node
from falconeye.federation.peer_address import PeerAddress
from falconeye.federation.peer_clients import PeerClients
from falconeye.federation.refusals import Refused
from falconeye.storage.replication.changes import Change
from falconeye.storage.replication.replica import Replica

log = logging.getLogger(__name__)

LOOK_S: Final = 5.0  # the file is read again: Kubernetes puts a Secret there when it is made
LOOK_FOR_OTHERS_S: Final = 1.0  # while a first admin is not made yet
ASK_S: Final = 10.0
_PAGE: Final = 2000


@dataclass(frozen=True, slots=True)
class KeyParts:
    """`how_to_make_it`: a line for people, for where there is no key."""

    key_file: Path
    admin_file: Path | None
    how_to_make_it: str
    federation: Federation
    replica: Replica
    accounts: Accounts
    arrival: Arrival
    encrypt_anew: Callable[[], Awaitable[None]]
    refused: Callable[[str, str, Refused], None]  # address, claimed id, why
    clock: Clock


class KeyMembership:
    """Lives on the loop. `problem`: why this node is not ready, in words; "" when it is."""

    def __init__(self, parts: KeyParts) -> None:
        self._parts = parts
        self._federation = parts.federation
        self._key: ClusterKey | None = None
        self._tasks = TaskSet("cluster-key")
        self._trouble = RepeatingLog(log, parts.clock)
        self._waits = False  # for others, before the first admin is made
        self.problem = "the cluster key was not read yet"

    async def start(self) -> None:
        """Be a member, where the key is there; then look for it, and for another one."""
        await self._look()
        _ = self._tasks.start(self._run(), "look")

    async def stop(self) -> None:
        await self._tasks.stop()

    # -- the key of this node ---------------------------------------------------------------

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(LOOK_FOR_OTHERS_S if self._waits else LOOK_S)
            await self._look()

    async def _look(self) -> None:
        before, self._waits = self.problem, False
        try:
            self.problem = await self._take_up()
        except FalconEyeError as error:  # the disk is full: the next look tries again
            self.problem = f"the cluster key could not be taken up: {error}"
        except Exception:  # without it this node would never be a member
            log.exception("the cluster key could not be taken up")
            self.problem = "the cluster key could not be taken up: the log says more"
        if self.problem and self.problem != before:
            log.warning("not ready: %s", self.problem)

    async def _take_up(self) -> str:
        try:
            key = await asyncio.to_thread(ClusterKey.read, self._parts.key_file)
        except NoClusterKey as error:
            if self._key is not None:  # members stay members; nobody new comes in meanwhile
                self._key = None
            return f"{error}. Make it by: {self._parts.how_to_make_it}"
        federation = self._federation
        if federation.members.is_removed:
            return (
                "this node was removed from its cluster: it needs an empty data directory,"
                " or 'falconeye node new-id'"
            )
        if key != self._key:
            await self._use(key)
        if await self._parts.accounts.has_users():
            return ""
        if self._parts.admin_file is not None and (waits := self._parts.arrival.waits_for()):
            self._waits = True
            return f"other nodes may know the accounts, and none is made here until then: {waits}"
        return await self._make_admin(key)

    async def _use(self, key: ClusterKey) -> None:
        """A key for the first time, or another one than before."""
        federation = self._federation
        if key.data_key not in federation.data_keys.give_bytes():
            await federation.data_keys.take([key.data_key], newest=True)
            await self._parts.encrypt_anew()
        await federation.found()
        log.info("this node belongs to the cluster of its cluster key")
        self._key = key
        self._parts.arrival.begin()

    async def _make_admin(self, key: ClusterKey) -> str:
        if self._parts.admin_file is None:
            return "there is no user, and no admin_password_file that would make one"
        try:
            await make_first_admin(
                self._parts.accounts, self._parts.replica, key, self._parts.admin_file
            )
        except NoFirstAdmin as error:
            return f"{error}. The Secret needs both: {self._parts.how_to_make_it}"
        return "" if await self._parts.accounts.has_users() else "the first admin was removed"

    # -- others -----------------------------------------------------------------------------

    async def meet(self, address: str, certificate: str) -> str | None:
        """A node that is no member answers there: introduce this one, if it holds the same key.

        Why it stays none, "" where it does not; None for what is no node.
        """
        key, node_id = self._key, _named(certificate)
        if not node_id:
            return None
        if key is None:
            return "this node holds no cluster key"
        try:
            peer = PeerAddress(node_id, certificate, (address,))
            nonce = secrets.token_hex(16)
            asked = await self._introduction(certificate, nonce)
            told = await self._ask(peer, Proved.by(key, "ask", asked))
            said = told.opened(key, "answer")
            if said.nonce != nonce or said.certificate.split() != certificate.split():
                raise InvalidInput("another node answers than the one that was asked")
            await self._take_in(said)
        except WrongKey:
            self._parts.refused(address, node_id, Refused.KEY)
            self._trouble.warning(f"the node at {address} holds another cluster key")
            return "it holds another cluster key"
        except FalconEyeError as error:
            self._trouble.warning(f"the node at {address} is no member: {error}")
            return str(error)
        return ""

    async def admit(self, proved: Proved, address: str) -> Proved:
        """A node introduces itself: it is a member from now on, and gets the same of this one.

        Unavailable without a key; WrongKey, and noted, for one with another; Conflict for one that
        was removed, or has another's id.
        """
        key = self._key
        if key is None:
            raise Unavailable("this node holds no cluster key")
        try:
            said = proved.opened(key, "ask")
        except WrongKey:
            self._parts.refused(address, proved.claimed_id, Refused.KEY)
            raise
        await self._take_in(said)
        return Proved.by(key, "answer", await self._introduction(said.certificate, said.nonce))

    async def _introduction(self, certificate: str, nonce: str) -> Introduction:
        """This node, to the one with that certificate."""
        keys = self._federation.keys
        return Introduction(
            node_id=keys.node_id,
            certificate=keys.certificate,
            to=fingerprint_bytes(certificate).hex(),
            nonce=nonce,
            changes=[change.as_json() for change in await self._own_row()],
        )

    async def _own_row(self) -> list[Change]:
        own_id, found, seq, more = self._federation.own_id, list[Change](), 0, True
        while more:
            batch = await self._parts.replica.changes_after(seq, _PAGE)
            found += [one for one in batch.changes if one.kind == "members" and one.id == own_id]
            seq, more = batch.next_seq, batch.more
        return found

    async def _take_in(self, said: Introduction) -> None:
        """Believe what holds together, and nothing that it says of others."""
        keys, members = self._federation.keys, self._federation.members
        if said.to != fingerprint_bytes(keys.certificate).hex():
            raise InvalidInput("this was said to another node")
        changes = [Change.of_json(each) for each in said.changes]
        _check_row(said, changes)
        if members.known.was_removed(said.node_id):
            self._parts.refused("", said.node_id, Refused.REMOVED)
            raise Conflict("this node was removed from the cluster: it needs a new id to join")
        known = members.get(said.node_id)
        if known is not None and known.certificate.split() != said.certificate.split():
            raise Conflict("another node has this id already: run 'falconeye node new-id' on it")
        if known is None:
            _ = await self._parts.replica.merge(changes, sender=said.node_id)
            await self._federation.follow_members()
            member = members.get(said.node_id)
            log.info("node %s holds the cluster key: it is a member", member.name if member else "")

    async def _ask(self, peer: PeerAddress, proved: Proved) -> Proved:
        federation = self._federation
        clients = PeerClients(
            federation.own_id, lambda: federation.keys.private_key, federation.clock
        )
        await clients.load()
        clients.update([peer])
        try:
            answer = await clients.get(peer.node_id).request(
                "POST", KEY_PATH, json=proved.model_dump(), limit_s=ASK_S
            )
        finally:
            await clients.stop()
        if answer.status_code == 401:
            raise WrongKey("the other node holds another cluster key")
        if answer.status_code not in {200, 201}:
            msg = f"it answers {answer.status_code}: {answer.text[:200]}"
            raise Unavailable(msg)
        try:
            return Proved.parse(answer.json())
        except (ValueError, RecursionError) as error:
            raise InvalidInput("it answers what is no JSON") from error


def _check_row(said: Introduction, changes: Sequence[Change]) -> None:
    """Its own row, whole, and nothing else; its certificate is the one that it shows."""
    if named_node(said.certificate) != said.node_id:
        raise InvalidInput("the certificate belongs to another node than the one that asks")
    if any(one.kind != "members" or one.id != said.node_id or not one.field for one in changes):
        raise InvalidInput("a node introduces itself alone")
    told = {one.field: one.value for one in changes}
    if str(told.get("certificate", "")).split() != said.certificate.split():
        raise InvalidInput("its row has another certificate than it shows")


def _named(certificate: str) -> str:
    try:
        return named_node(certificate)
    except InvalidInput:
        return ""
