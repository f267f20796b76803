"""The keys that encrypt camera passwords: all members have the same, and one is the newest.

They travel between members over TLS that is pinned to the node's key, and lie in the key file,
never in the database. A key that a member uses and another does not know is the newer one.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from falconeye.base.errors import InvalidInput, StartError, Unavailable
from falconeye.federation.beat import MAX_DATA_KEYS
from falconeye.federation.beats import Connection
from falconeye.federation.peers import Peer
from falconeye.storage.stores.credentials import (
    CredentialCipher,
    add_keys,
    check_room_for_key,
    key_version,
    new_key,
)

log = logging.getLogger(__name__)

PATH = "/peer/keys"
LIMIT_S = 5.0


class GivenKeys(BaseModel):
    """The data keys of a member; urlsafe base64, the newest first."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    keys: Annotated[
        list[Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{43}=$")]],
        Field(max_length=MAX_DATA_KEYS, repr=False),
    ]

    @classmethod
    def parse(cls, told: object) -> "GivenKeys":
        """InvalidInput for what is none; keys stand in no message."""
        try:
            return cls.model_validate(told)
        except ValidationError:
            msg = "a node gave what are no data keys"
            raise InvalidInput(msg) from None


class DataKeys:
    """Lives on the loop; `reload` makes the stores read again what could not be read.

    Keys are never thrown away, and each node that joins or is removed adds one. Others are told of
    the newest ones: what is stored was encrypted anew since the older ones came.
    """

    def __init__(
        self,
        cipher: CredentialCipher,
        data_dir: Path,
        connect: Callable[[str], Connection],
        reload: Callable[[], Awaitable[None]],
    ) -> None:
        self._cipher = cipher
        self._data_dir = data_dir
        self._connect = connect
        self._reload = reload
        self._one = asyncio.Lock()

    @property
    def names(self) -> list[str]:
        """What the keys are called."""
        return self._cipher.versions

    @property
    def told(self) -> list[str]:
        """`names`, for others to see what they lack; at most `MAX_DATA_KEYS`."""
        return self.names[:MAX_DATA_KEYS]

    def give_bytes(self) -> list[bytes]:
        """All keys, as they are."""
        return self._cipher.keys

    def give(self) -> GivenKeys:
        """For a member that asks; those of `told`."""
        return GivenKeys(keys=[key.decode() for key in self._cipher.keys[:MAX_DATA_KEYS]])

    async def follow(self, peer: Peer) -> None:
        """Ask a peer for the keys that it has and this node has not.

        One that it encrypts with and nobody here knew is newer than ours.
        """
        told = peer.beat.data_keys if peer.beat else []
        lacking = set(told) - set(self.names)
        if not lacking:
            return
        answer = await self._connect(peer.node_id).request_json("GET", PATH, limit_s=LIMIT_S)
        keys = [key.encode() for key in GivenKeys.parse(answer).keys]
        found = [key for key in keys if key_version(key) in lacking]
        await self.take(found, newest=told[0] in lacking)
        log.info("the data keys %s came from node %s", ", ".join(sorted(lacking)), peer.name)

    async def take(self, keys: list[bytes], *, newest: bool = False) -> None:
        """Keep other members' keys, behind our newest one unless `newest`."""
        async with self._one:
            mine = self._cipher.keys
            order = keys + mine if newest else mine[:1] + keys + mine[1:]
            await asyncio.to_thread(add_keys, self._data_dir, order, self._cipher)
        await self._reload()

    async def check_writable(self) -> None:
        """Unavailable where `rotate` could not keep a new key.

        For before a member is removed: afterwards nobody asks again, and it would know the key.
        """
        async with self._one:
            try:
                await asyncio.to_thread(check_room_for_key, self._data_dir)
            except StartError as error:
                raise Unavailable(str(error)) from error

    async def rotate(self) -> None:
        """A new key, in use here. The caller encrypts anew; the others hear of it by beats."""
        made = new_key()
        await self.take([made], newest=True)
        log.info("there is a new data key, %s", key_version(made))
