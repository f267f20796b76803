"""`falconeye join`: what it will do, then, if wanted, does it. Works while the node runs or not."""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import NoReturn

from falconeye.accounts.audit import AuditLog
from falconeye.base.clock import SystemClock
from falconeye.base.errors import Conflict
from falconeye.cli.agreeing import agreed
from falconeye.cli.arguments import Arguments
from falconeye.cli.cameras import camera_cipher
from falconeye.cli.exit_codes import ExitCode
from falconeye.cli.opened import with_database
from falconeye.cli.output import done, note
from falconeye.config.addresses import address_key
from falconeye.config.camera import CameraConfig
from falconeye.config.serving_address import read_peer_place
from falconeye.config.settings import NodeSettings
from falconeye.federation.data_keys import DataKeys
from falconeye.federation.join_code import JoinCode
from falconeye.federation.join_words import JoinPlan, OwnCamera
from falconeye.federation.joiner import Joiner
from falconeye.federation.node_keys import load_node_keys
from falconeye.storage.index.database import Database
from falconeye.storage.replication.replica import Replica
from falconeye.storage.stores.audit_store import AuditStore
from falconeye.storage.stores.camera_owners import claim
from falconeye.storage.stores.camera_store import CameraStore
from falconeye.storage.stores.credentials import CredentialCipher
from falconeye.storage.stores.encrypting_anew import encrypt_anew
from falconeye.storage.stores.member_store import MemberStore
from falconeye.storage.stores.node_store import load_identity


class JoinArguments(Arguments):
    """The words of `join`."""

    code: str
    yes: bool


def join(arguments: JoinArguments) -> ExitCode:
    """Conflict where this node is a member already, or there is another reason against it."""
    code = JoinCode.parse(arguments.code)

    async def work(database: Database, settings: NodeSettings) -> str | None:
        clock = SystemClock()
        identity = await load_identity(database, clock)
        if len(await MemberStore(database).list()) > 1:
            msg = "this node belongs to a cluster already: remove it there first"
            raise Conflict(msg)
        cipher = await camera_cipher(settings)
        cameras = await CameraStore(database, cipher).list()
        joiner = await _joiner(database, settings, cipher, identity.node_id)
        own = [OwnCamera(name=one.name[:300], key=address_key(one)) for one in cameras]
        plan, _found = await joiner.look(code, own)
        _tell(plan, cameras)
        if not arguments.yes and not agreed("Join?"):
            return None
        _ = await claim(database, identity.node_id)
        answer = await joiner.join(code, own, partial(_anew, database, cipher))
        audit = AuditLog(AuditStore(database), clock)
        await audit.record(None, "node.joined", "node", identity.node_id, answer.name)
        return answer.name

    name = with_database(arguments, work)
    if name is None:
        note("nothing was changed; --yes does not ask")
        return ExitCode.FAILED
    done(f"this node is a member now, as {name!r}", as_json=arguments.json, name=name)
    return ExitCode.OK


async def _joiner(
    database: Database, settings: NodeSettings, cipher: CredentialCipher, node_id: str
) -> Joiner:
    keys = await asyncio.to_thread(load_node_keys, settings.data_dir, node_id)
    replica = Replica(database, cipher)
    await replica.open()

    async def nothing() -> None:
        """A node that runs sees what this command changes."""

    data_keys = DataKeys(cipher, settings.data_dir, no_peer, nothing)
    name, addresses = await asyncio.to_thread(read_peer_place, settings.data_dir)
    called = name or settings.own_name
    return Joiner(keys, called, addresses, replica, data_keys, SystemClock())


def no_peer(_node_id: str) -> NoReturn:
    """The connections of a process that has none."""
    msg = "the command line asks no peer"
    raise AssertionError(msg)


async def _anew(database: Database, cipher: CredentialCipher) -> None:
    _ = await encrypt_anew(database, cipher)


def _tell(plan: JoinPlan, cameras: Sequence[CameraConfig]) -> None:
    note(f"The cluster has {len(plan.members)} member(s): "
         + ", ".join(one.name for one in plan.members))  # fmt: skip
    note(f"This node will be called {plan.name!r}.")
    note(f"Kept: its {len(cameras)} camera(s) and all footage.")
    note("Replaced by the cluster's: users, tokens, settings; whoever is signed in here is not any"
         f" more. The cluster has {plan.users} user(s).")  # fmt: skip
    for clash in plan.clashes:
        note(f"One address: {clash.yours!r} here and {clash.theirs!r} there; both are kept.")
