"""Which node this is after a backup was brought back: itself, or another one beside the first.

A backup holds the node's id and not its key (`node.key`). Where the key lies here, the restore is
in place. Elsewhere the first one may live on, and two nodes of one id would be refused by all.
"""

import asyncio
import logging
from contextlib import suppress
from pathlib import Path

from falconeye.accounts.audit import AuditLog
from falconeye.base.clock import Clock
from falconeye.base.errors import InvalidInput, StartError
from falconeye.federation.node_keys import named_node, own_certificate, set_aside_node_keys
from falconeye.storage.index.database import Database
from falconeye.storage.replication.new_identity import make_new_identity
from falconeye.storage.stores.audit_store import AuditStore
from falconeye.storage.stores.member_store import MemberStore
from falconeye.storage.stores.node_store import NodeIdentity, is_restored, load_identity

log = logging.getLogger(__name__)


async def own_identity(database: Database, data_dir: Path, clock: Clock) -> NodeIdentity:
    """This node's identity; another one, of no cluster, where a backup was restored elsewhere.

    Before `Replica.open`, which takes the sign of a restore away. StartError from the disk.
    """
    identity = await load_identity(database, clock)
    if not await is_restored(database):
        return identity
    try:
        certificate = await asyncio.to_thread(own_certificate, data_dir)
        if not await _is_elsewhere(database, identity.node_id, certificate):
            return identity
        made = await make_new_identity(database)
        await asyncio.to_thread(set_aside_node_keys, data_dir)
    except OSError as error:
        msg = f"the node's key in {data_dir} cannot be read or put aside: {error.strerror}"
        raise StartError(msg) from error
    words = f"restored where the key of {identity.node_id} is not: {made} now, of no cluster"
    audit = AuditLog(AuditStore(database), clock)
    await audit.record(None, "node.new_id", "node", made, words)
    log.warning(
        "the backup is of the node %s, whose key is not here: this is another node (%s), and "
        "belongs to no cluster. To be one again, join with a code of a member; if the former node "
        "is gone for good, run 'falconeye node replace' there",
        identity.node_id, made,
    )  # fmt: skip
    return await load_identity(database, clock)


async def _is_elsewhere(database: Database, node_id: str, certificate: str | None) -> bool:
    for member in await MemberStore(database).list():
        if member.id == node_id:
            return certificate is None or certificate.strip() != member.certificate.strip()
    if certificate is not None:
        with suppress(InvalidInput):  # a damaged one is told of when it is loaded
            return named_node(certificate) != node_id
    return False
