"""`falconeye node list | code | remove | replace | rename | new-id`."""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import replace as changed

from falconeye.accounts.audit import AuditLog
from falconeye.base.clock import SystemClock
from falconeye.base.errors import Conflict, InvalidInput, NotFound
from falconeye.cli.agreeing import agreed
from falconeye.cli.arguments import Arguments
from falconeye.cli.cameras import camera_cipher
from falconeye.cli.exit_codes import ExitCode
from falconeye.cli.join import no_peer
from falconeye.cli.opened import with_database
from falconeye.cli.output import Rows, done, note, print_rows
from falconeye.config.noted_twins import read_twins
from falconeye.config.serving_address import read_peer_place
from falconeye.config.settings import NodeSettings
from falconeye.federation.data_keys import DataKeys
from falconeye.federation.join_code import JoinCode
from falconeye.federation.node_keys import fingerprint_bytes, forget_node_keys, load_node_keys
from falconeye.storage.index.database import Database
from falconeye.storage.replication.new_identity import make_new_identity
from falconeye.storage.stores.audit_store import AuditStore
from falconeye.storage.stores.camera_owners import claim, hand_over
from falconeye.storage.stores.camera_store import CameraStore
from falconeye.storage.stores.encrypting_anew import encrypt_anew
from falconeye.storage.stores.join_offers import JoinOffers
from falconeye.storage.stores.member_store import Member, MemberStore
from falconeye.storage.stores.node_store import load_identity

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,62})?")


class NodeArguments(Arguments):
    """The words of `node remove`."""

    node: str
    yes: bool


class ReplaceArguments(NodeArguments):
    """The words of `node replace`."""

    by: str


class RenameArguments(Arguments):
    """The words of `node rename`."""

    node: str
    name: str


def show(arguments: Arguments) -> ExitCode:
    """List the members."""

    async def work(database: Database, settings: NodeSettings) -> Rows:
        clock = SystemClock()
        own = (await load_identity(database, clock)).node_id
        twins = await asyncio.to_thread(read_twins, settings.data_dir, clock.utc_us())
        return [
            {
                "name": one.name,
                "id": one.id,
                "this_node": "yes" if one.id == own else "",
                "addresses": ", ".join(one.addresses),
                "trouble": _twin_words(twins.get(one.id)),
            }
            for one in await MemberStore(database).list()
        ]

    rows = with_database(arguments, work)
    empty = "this node belongs to no cluster: 'falconeye node code' begins one, 'join' enters one"
    print_rows(rows, as_json=arguments.json, empty=empty)
    return ExitCode.OK


def code(arguments: Arguments) -> ExitCode:
    """Make a join code; Conflict while no recorder runs here."""

    async def work(database: Database, settings: NodeSettings) -> JoinCode:
        clock = SystemClock()
        identity = await load_identity(database, clock)
        name, addresses = await asyncio.to_thread(read_peer_place, settings.data_dir)
        if not addresses or not await database.is_served():
            msg = "no recorder runs here, so that nobody could ask it: start it first"
            raise Conflict(msg)
        keys = await asyncio.to_thread(load_node_keys, settings.data_dir, identity.node_id)
        members = MemberStore(database)
        if all(one.id != identity.node_id for one in await members.list()):
            await members.put(
                Member(identity.node_id, name, keys.certificate, tuple(addresses),
                       clock.utc_us())
            )  # fmt: skip
            _ = await claim(database, identity.node_id)
        made = JoinCode.new(addresses, fingerprint_bytes(keys.certificate))
        await JoinOffers(database, clock).add(made.secret)
        await _audit(database).record(None, "node.code", "node", identity.node_id)
        return made

    made = with_database(arguments, work)
    if not arguments.json:
        note("On the node that joins, within ten minutes:")
    done(f"falconeye join {made.text}", as_json=arguments.json, code=made.text)
    return ExitCode.OK


def remove(arguments: NodeArguments) -> ExitCode:
    """Expel a member; NotFound, Conflict for this node itself."""
    return _expel(arguments, None)


def replace(arguments: ReplaceArguments) -> ExitCode:
    """Give a member's cameras to another one, then expel it."""
    return _expel(arguments, arguments.by)


def _expel(arguments: NodeArguments, by: str | None) -> ExitCode:
    async def work(database: Database, settings: NodeSettings) -> tuple[Member, list[str]] | None:
        own = (await load_identity(database, SystemClock())).node_id
        members = MemberStore(database)
        listed = await members.list()
        gone = _find(listed, arguments.node)
        if gone.id == own:
            msg = "this node cannot expel itself: do it from another one"
            raise Conflict(msg)
        heir = _find(listed, by) if by else None
        if heir is not None and heir.id == gone.id:
            msg = "a node cannot take its own place"
            raise Conflict(msg)
        cipher = await camera_cipher(settings)
        known = [one.name for one in await CameraStore(database, cipher).list()
                 if one.password is not None]  # fmt: skip
        if not arguments.yes and not agreed(f"Expel {gone.name}?"):
            return None

        async def nothing() -> None:
            """A node that runs sees what this command changes."""

        data_keys = DataKeys(cipher, settings.data_dir, no_peer, nothing)
        await data_keys.check_writable()
        if heir is not None:
            await hand_over(database, gone.id, heir.id)
        await members.remove(gone.id)
        await data_keys.rotate()
        _ = await encrypt_anew(database, cipher)
        detail = gone.name if heir is None else f"{gone.name}, replaced by {heir.name}"
        await _audit(database).record(None, "node.removed", "node", gone.id, detail)
        return gone, known

    expelled = with_database(arguments, work)
    if expelled is None:
        note("nothing was changed; --yes does not ask")
        return ExitCode.FAILED
    gone, known = expelled
    if known and not arguments.json:
        note(f"It knows the passwords of these cameras; change them: {', '.join(known)}")
    done(f"{gone.name!r} is no member any more", as_json=arguments.json, id=gone.id,
         name=gone.name, passwords_to_change=known)  # fmt: skip
    return ExitCode.OK


def rename(arguments: RenameArguments) -> ExitCode:
    """Call a member otherwise; Conflict for a name that another has."""
    if _NAME.fullmatch(arguments.name) is None:
        msg = "a node's name has up to 63 letters, digits, dots and hyphens"
        raise InvalidInput(msg, field="name")

    async def work(database: Database, _settings: NodeSettings) -> Member:
        members = MemberStore(database)
        listed = await members.list()
        member = _find(listed, arguments.node)
        others = {one.name.casefold() for one in listed if one.id != member.id}
        if arguments.name.casefold() in others:
            msg = f"another node is called {arguments.name!r} already"
            raise Conflict(msg)
        await members.put(changed(member, name=arguments.name))
        detail = f"{member.name} is called {arguments.name}"
        await _audit(database).record(None, "node.renamed", "node", member.id, detail)
        return member

    member = with_database(arguments, work)
    words = f"{member.name!r} is called {arguments.name!r} now"
    done(words, as_json=arguments.json, id=member.id, name=arguments.name)
    return ExitCode.OK


def new_id(arguments: Arguments) -> ExitCode:
    """Another id and key for this node; StartError while it runs."""

    async def work(database: Database, settings: NodeSettings) -> tuple[str, str]:
        before = (await load_identity(database, SystemClock())).node_id
        made = await make_new_identity(database)
        await asyncio.to_thread(forget_node_keys, settings.data_dir)
        detail = f"{before} is {made} now"
        await _audit(database).record(None, "node.new_id", "node", made, detail)
        return before, made

    before, made = with_database(arguments, work, exclusive=True)
    done(f"this node is {made} now, and belongs to no cluster", as_json=arguments.json,
         id=made, before=before)  # fmt: skip
    return ExitCode.OK


def _twin_words(addresses: Sequence[str] | None) -> str:
    if not addresses:
        return ""
    where = ", ".join(addresses)
    return f"the same node id at {where}: run `falconeye node new-id` on the copied one"


def _find(members: Sequence[Member], name_or_id: str) -> Member:
    found = [one for one in members if one.id == name_or_id] or [
        one for one in members if one.name.casefold() == name_or_id.casefold()
    ]
    if len(found) != 1:
        msg = f"there is no node {name_or_id!r}: see 'falconeye node list'"
        raise NotFound(msg)
    return found[0]


def _audit(database: Database) -> AuditLog:
    return AuditLog(AuditStore(database), SystemClock())
