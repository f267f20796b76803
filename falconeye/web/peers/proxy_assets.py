"""Static files of another release: a page that a peer has made asks the node that shows it.

Each release names the hash of all its files in their addresses. A peer tells which files it has by
a manifest, which is what that hash is over; a file counts if its own hash stands there. Anybody may
ask for static files, also for hashes that never were: hence the bounds.
"""

import asyncio
import logging
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from falconeye.base.errors import Unavailable
from falconeye.web.assets import MANIFEST, URL_PREFIX, etag_of, media_type_of, version_of
from falconeye.web.peers.proxy_upstream import Elsewhere, Peer

log = logging.getLogger(__name__)

ASK_LIMIT_S: Final = 2.0
LOOK_AGAIN_S: Final = 10.0  # so often peers are asked, at most, which releases they have
MAX_FILE_BYTES: Final = 2 << 20
MAX_KEPT_BYTES: Final = 4 << 20


@dataclass(frozen=True, slots=True)
class PeerAsset:
    """A file of another release; `etag` without quotes."""

    media_type: str
    body: bytes
    etag: str


class PeerAssets:
    """Finds and keeps them."""

    def __init__(self, elsewhere: Elsewhere) -> None:
        self._elsewhere = elsewhere
        self._releases: dict[str, tuple[str, dict[str, str]]] = {}  # hash: node, etags by name
        self._looking = asyncio.Lock()
        self._looked_at = float("-inf")  # on the loop's clock
        self._kept: OrderedDict[str, PeerAsset] = OrderedDict()

    async def find(self, version: str, name: str) -> PeerAsset | None:
        """The file of the release with that hash; None where no peer that answers has it."""
        if version not in self._releases:
            await self._look()
        node_id, etags = self._releases.get(version, ("", {}))
        etag, media_type = etags.get(name), media_type_of(name)
        if etag is None or not media_type:
            return None
        if (kept := self._kept.get(etag)) is not None:
            self._kept.move_to_end(etag)
            return kept
        body = await _get(self._elsewhere.peer(node_id), f"{URL_PREFIX}{version}/{name}")
        if body is None or etag_of(body) != etag:
            return None
        return self._keep(PeerAsset(media_type, body, etag))

    def _keep(self, asset: PeerAsset) -> PeerAsset:
        self._kept[asset.etag] = asset
        while sum(len(one.body) for one in self._kept.values()) > MAX_KEPT_BYTES:
            self._kept.popitem(last=False)
        return asset

    async def _look(self) -> None:
        """Ask the peers that are heard what they have, side by side."""
        loop = asyncio.get_running_loop()
        async with self._looking:
            if loop.time() - self._looked_at < LOOK_AGAIN_S:
                return
            self._looked_at = loop.time()
            placement, found = self._elsewhere.placement, dict[str, tuple[str, dict[str, str]]]()
            async with asyncio.TaskGroup() as tasks:
                for node_id in placement.peers():
                    if placement.unreachable_since_us(node_id) is None:
                        tasks.create_task(self._ask(node_id, found))
            self._releases = found

    async def _ask(self, node_id: str, found: dict[str, tuple[str, dict[str, str]]]) -> None:
        manifest = await _get(self._elsewhere.peer(node_id), f"{URL_PREFIX}{MANIFEST}")
        if manifest is not None:
            lines = (
                line.rpartition(" ") for line in manifest.decode("utf-8", "replace").split("\n")
            )
            found[version_of(manifest)] = (node_id, {name: etag for name, _, etag in lines})


async def _get(peer: Peer, path: str) -> bytes | None:
    """A file of that peer; None when it has none, or is too long about it."""
    import httpx  # noqa: PLC0415 - loaded with the first peer

    body = bytearray()
    try:
        async with (
            asyncio.timeout(ASK_LIMIT_S),
            peer.connection.stream(
                "GET", path, headers=[("accept-encoding", "identity")], limit_s=ASK_LIMIT_S
            ) as answer,
        ):
            async for chunk in answer.aiter_raw():
                body += chunk
                if answer.status_code != 200 or len(body) > MAX_FILE_BYTES:
                    return None
            return bytes(body) if answer.status_code == 200 else None
    except (TimeoutError, httpx.HTTPError, Unavailable) as error:
        log.info("no static file of %s: %s", peer.name, error)
        return None
