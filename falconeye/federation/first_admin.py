"""The first admin of a cluster by key: every node makes the same one, whichever starts first.

It is one change with one version on all nodes, older than every edit. So nodes that start together
have no conflict, and a node that comes later does not bring an old password back, nor an admin that
was removed.
"""

import asyncio
import logging
from dataclasses import asdict, replace
from pathlib import Path
from typing import Final

from falconeye.accounts.model import Role
from falconeye.accounts.service import Accounts
from falconeye.accounts.setup import ADMIN
from falconeye.accounts.users import Rights
from falconeye.base.errors import InvalidInput
from falconeye.base.secret import Secret
from falconeye.federation.cluster_key import ClusterKey
from falconeye.storage.replication.changes import Change
from falconeye.storage.replication.replica import Replica
from falconeye.storage.replication.shared_tables import shared_tables
from falconeye.storage.stores.account_store import StoredUser

log = logging.getLogger(__name__)

# Not of the key: with another key a node that comes later would bring a second admin.
ADMIN_ID: Final = "6f1d3a52-7c0b-5e0e-9a55-0fa1c0e7e001"
_WRITER: Final = "first-admin"  # in the place of a node's id
_MADE_US: Final = 1  # no node's clock: it would not be the same on all


class NoFirstAdmin(InvalidInput):
    """No admin could be made of the file; the message says why."""


async def make_first_admin(
    accounts: Accounts, replica: Replica, key: ClusterKey, path: Path
) -> None:
    """Make the user "admin" with the password in the file; NoFirstAdmin."""
    try:
        text = await asyncio.to_thread(path.read_text, encoding="utf-8")
        user = await accounts.users.prepared(
            ADMIN, Secret(text.rstrip("\r\n")), Rights(Role.ADMIN), salt=key.admin_salt
        )
    except (OSError, UnicodeDecodeError, InvalidInput) as error:
        msg = f"no admin could be made from {path}: {error}"
        raise NoFirstAdmin(msg) from error
    _ = await replica.merge(changes_of(user), sender=_WRITER)
    await accounts.reload()
    log.info("the user “%s” has the password from %s, unless the cluster knows better", ADMIN, path)


def changes_of(user: StoredUser) -> list[Change]:
    """What makes this user the first admin wherever it is merged."""
    values = asdict(
        replace(user, id=ADMIN_ID, created_at_us=_MADE_US, password_changed_at_us=_MADE_US)
    )
    return [
        Change("users", ADMIN_ID, name, values[name], counter=1, node=_WRITER, seen={})
        for name in shared_tables()["users"].columns
    ]
