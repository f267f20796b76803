"""What a node does that wants to join: it looks first, then gives up what the cluster replaces.

Cameras and footage are kept. Everything that changes the database is one transaction: a crash
leaves the node as it was or as a member.
"""

import asyncio
import base64
import json
import logging
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from falconeye import __version__
from falconeye.base.clock import Clock
from falconeye.base.errors import (
    BadRequest,
    Conflict,
    FalconEyeError,
    NotAuthenticated,
    Unavailable,
)
from falconeye.federation.data_keys import DataKeys
from falconeye.federation.join_code import JoinCode, split_address
from falconeye.federation.join_words import JoinAnswer, JoinPlan, JoinRequest, OwnCamera, parse
from falconeye.federation.joining import REPLACED
from falconeye.federation.node_keys import NodeKeys, fingerprint_bytes, named_node
from falconeye.federation.peer_address import PeerAddress
from falconeye.federation.peer_clients import PeerClients
from falconeye.storage.replication.changes import Change
from falconeye.storage.replication.replica import Replica

log = logging.getLogger(__name__)

LOOK_PATH = "/peer/join/look"
JOIN_PATH = "/peer/join"
SHOW_S = 3.0  # until a certificate is shown
ASK_S = 15.0
_UNREADABLE = "the other node gave no answer that can be read"
_REFUSALS = {400: BadRequest, 401: NotAuthenticated, 403: NotAuthenticated, 409: Conflict}


@dataclass(frozen=True, slots=True)
class Found:
    """The member behind a code, its key checked."""

    peer: PeerAddress
    address: str


class Joiner:
    """One node that is no member of anything; `addresses` are those of its own listener."""

    def __init__(
        self,
        keys: NodeKeys,
        name: str,
        addresses: Sequence[str],
        replica: Replica,
        data_keys: DataKeys,
        clock: Clock,
    ) -> None:
        self._keys = keys
        self._name = name
        self._addresses = list(addresses)
        self._replica = replica
        self._data_keys = data_keys
        self._clock = clock

    async def look(self, code: JoinCode, cameras: Sequence[OwnCamera]) -> tuple[JoinPlan, Found]:
        """What joining would do; nothing changes, here or there, and the code stays good.

        Unavailable where no member answers at the addresses of the code, Conflict where another
        node does, else what the member says.
        """
        found = await _find(code)
        told = await self._ask(found, LOOK_PATH, code, cameras)
        return parse(JoinPlan, told), found

    async def join(
        self,
        code: JoinCode,
        cameras: Sequence[OwnCamera],
        encrypt_anew: Callable[[], Awaitable[None]],
    ) -> JoinAnswer:
        """Be a member. `encrypt_anew` brings this node's secrets under the cluster's key."""
        found = await _find(code)
        answer = parse(JoinAnswer, await self._ask(found, JOIN_PATH, code, cameras))
        changes = [Change.of_json(each) for each in answer.changes]
        keys = [key.encode() for key in answer.data_keys]
        await self._data_keys.take(keys, newest=True)
        _ = await self._replica.replace(REPLACED, changes, sender=found.peer.node_id)
        await encrypt_anew()
        log.info("this node is a member of a cluster now, as %s", answer.name)
        return answer

    async def _ask(
        self, found: Found, path: str, code: JoinCode, cameras: Sequence[OwnCamera]
    ) -> object:
        request = JoinRequest(
            secret=base64.b64encode(code.secret).decode(),
            node_id=self._keys.node_id,
            name=self._name,
            version=__version__,
            certificate=self._keys.certificate,
            addresses=self._addresses,
            cameras=list(cameras),
        )
        clients = PeerClients(self._keys.node_id, lambda: self._keys.private_key, self._clock)
        await clients.load()
        clients.update([found.peer])
        try:
            body = request.model_dump(mode="json")
            client = clients.get(found.peer.node_id)
            answer = await client.request("POST", path, json=body, limit_s=ASK_S)
        finally:
            await clients.stop()
        if answer.status_code not in {200, 201}:
            raise _REFUSALS.get(answer.status_code, Unavailable)(_words(answer.content))
        try:
            return answer.json()
        except (ValueError, RecursionError) as error:  # its key is the code's, its words anybody's
            raise Unavailable(_UNREADABLE) from error


async def _find(code: JoinCode) -> Found:
    """The first of a code's addresses where the node with the right key answers."""
    others = False
    for address in code.addresses:
        try:
            certificate = await asyncio.wait_for(
                asyncio.to_thread(shown_certificate, address), SHOW_S + 1
            )
        except (OSError, TimeoutError) as error:
            log.warning("no node answers at %s: %r", address, error)
            continue
        try:
            is_right = fingerprint_bytes(certificate) == code.fingerprint
        except FalconEyeError:
            is_right = False
        if is_right:
            # Its id is told by the certificate, which the code has named.
            return Found(PeerAddress(named_node(certificate), certificate, (address,)), address)
        others = True
    if others:
        msg = "another machine answers at the address of the join code: its key is not that node's"
        raise Conflict(msg)
    tried = ", ".join(code.addresses)
    msg = f"no node answers at {tried}: is it running, and does a firewall let this port through?"
    raise Unavailable(msg)


def shown_certificate(address: str) -> str:
    """The certificate (PEM) that is shown there; blocks. Nothing of ours is sent but a hello."""
    return ssl.get_server_certificate(split_address(address), timeout=SHOW_S)


def _words(content: bytes) -> str:
    try:
        return str(json.loads(content)["detail"])[:500]
    except (ValueError, KeyError, TypeError, RecursionError):
        return _UNREADABLE
