"""Users, sessions, tokens and set-up links as rows; rules about them stand in `accounts`."""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import RowMapping, Table, bindparam, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.base.errors import Conflict, InvalidInput, NotFound
from falconeye.base.times import HOUR_US
from falconeye.storage.index.database import Database
from falconeye.storage.tables.node import NODE, SESSIONS, SETUP_LINKS, TOKENS, USERS
from falconeye.storage.tables.replicated import replica_fields
from falconeye.storage.tables.walls import walls


@dataclass(frozen=True, slots=True)
class StoredUser:
    """A person who can sign in."""

    id: str
    name: str
    password_hash: str  # argon2id, PHC string; "" while invited
    role: str
    cameras: frozenset[str] | None
    live_only: bool
    expires_at_us: int | None
    created_at_us: int
    password_changed_at_us: int
    invitation_hash: bytes | None = None
    invited_until_us: int | None = None


@dataclass(frozen=True, slots=True)
class StoredSession:
    """A browser that is signed in."""

    id: str
    secret_hash: bytes
    user_id: str
    created_at_us: int
    last_seen_us: int  # by this node
    address: str
    user_agent: str
    active_us: int = 0  # by any node, to the hour
    password_us: int = 0  # when the password it began with was set; 0: not known


@dataclass(frozen=True, slots=True)
class StoredToken:
    """A program's access."""

    id: str
    name: str
    secret_hash: bytes
    role: str
    cameras: frozenset[str] | None
    live_only: bool
    expires_at_us: int | None
    created_at_us: int
    created_by: str
    last_used_us: int | None


@dataclass(frozen=True, slots=True)
class AccountRows:
    """All of them at one moment."""

    users: Sequence[StoredUser]
    sessions: Sequence[StoredSession]
    tokens: Sequence[StoredToken]
    users_beside: bool = False  # there are some of whose rights this release does not know all


# A user's whole row stands beside the table then (replication/row_writing.py).
_BESIDE = select(replica_fields.c.id).where(
    replica_fields.c.kind == "users",
    replica_fields.c.field == "role",
    replica_fields.c.value.is_not(None),
)


_INVITED = USERS.c.password_hash == ""


class AccountStore:
    """Every change is on the disk when its method returns."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def load(self) -> AccountRows:
        """Everything, in one consistent state, by name or creation."""

        async def read(connection: AsyncConnection) -> AccountRows:
            users = await connection.execute(select(USERS).order_by(USERS.c.name_key))
            sessions = await connection.execute(select(SESSIONS).order_by(SESSIONS.c.created_at_us))
            tokens = await connection.execute(select(TOKENS).order_by(TOKENS.c.name_key))
            return AccountRows(
                [StoredUser(**_scoped(row)) for row in users.mappings()],
                [StoredSession(**row) for row in sessions.mappings()],
                [StoredToken(**_scoped(row)) for row in tokens.mappings()],
                (await connection.execute(_BESIDE)).first() is not None,
            )

        return await self._database.read(read)

    async def add_user(self, user: StoredUser) -> None:
        """Conflict when the name (case apart) is taken."""
        await self._add(USERS, _named_row(user), f"there is already a user named “{user.name}”")

    async def add_first_user(self, user: StoredUser, link_hash: bytes) -> None:
        """Use the set-up link and add the user in one step.

        NotFound when the link is not there (any more), Conflict when there is an unlimited admin
        already, InvalidInput when another user has the name.
        """

        async def write(connection: AsyncConnection) -> None:
            used = await connection.execute(
                delete(SETUP_LINKS).where(SETUP_LINKS.c.secret_hash == link_hash)
            )
            if used.rowcount == 0:
                raise NotFound("this set-up link was used or has ended")
            if await _unlimited_admins(connection):
                raise Conflict("there is an admin already: sign in")
            same = select(USERS.c.id).where(USERS.c.name_key == name_key(user.name))
            if (await connection.execute(same)).first() is not None:
                msg = f"there is already a user named “{user.name}”"
                raise InvalidInput(msg, field="name")
            await connection.execute(insert(USERS).values(_named_row(user)))
            await connection.execute(delete(SETUP_LINKS))

        await self._database.write(write)

    async def change_rights(self, user_id: str, *, end_sessions: bool, **values: Any) -> None:
        """Change role and limits; NotFound, or Conflict when no unlimited admin would be left."""

        async def write(connection: AsyncConnection) -> None:
            before = await _unlimited_admins(connection)
            await _change(connection, user_id, values)
            await _refuse_without_admin(connection, before)
            if end_sessions:
                await connection.execute(delete(SESSIONS).where(SESSIONS.c.user_id == user_id))

        await self._database.write(write)

    async def change_password(
        self, user_id: str, password_hash: str, at_us: int, keep_session: str | None
    ) -> None:
        """Another password; the user's sessions end, but for one. NotFound."""

        async def write(connection: AsyncConnection) -> None:
            values = {
                "password_hash": password_hash,
                "password_changed_at_us": at_us,
                "invitation_hash": None,
                "invited_until_us": None,
            }
            await _change(connection, user_id, values)
            await connection.execute(
                delete(SESSIONS).where(
                    SESSIONS.c.user_id == user_id, SESSIONS.c.id != (keep_session or "")
                )
            )
            kept = update(SESSIONS).where(SESSIONS.c.user_id == user_id)
            await connection.execute(kept.values(password_us=at_us))

        await self._database.write(write)

    async def rehash(self, user_id: str, old_hash: str, new_hash: str) -> None:
        """The same password under other parameters, unless it was changed meanwhile."""

        async def write(connection: AsyncConnection) -> None:
            await connection.execute(
                update(USERS)
                .where(USERS.c.id == user_id, USERS.c.password_hash == old_hash)
                .values(password_hash=new_hash)
            )

        await self._database.write(write)

    async def renew_invitation(self, user_id: str, secret_hash: bytes, until_us: int) -> bool:
        """Another link for who has no password yet; whether there is such a person."""

        async def write(connection: AsyncConnection) -> bool:
            values = {"invitation_hash": secret_hash, "invited_until_us": until_us}
            done = await connection.execute(
                update(USERS).where(USERS.c.id == user_id, _INVITED).values(values)
            )
            return done.rowcount > 0

        return await self._database.write(write)

    async def accept_invitation(self, secret_hash: bytes, password_hash: str, at_us: int) -> bool:
        """The first password, and the link's end, in one step; whether the link was there."""

        async def write(connection: AsyncConnection) -> bool:
            done = await connection.execute(
                update(USERS)
                .where(USERS.c.invitation_hash == secret_hash, _INVITED)
                .values(
                    password_hash=password_hash,
                    password_changed_at_us=at_us,
                    invitation_hash=None,
                    invited_until_us=None,
                )
            )
            return done.rowcount > 0

        return await self._database.write(write)

    async def withdraw_invitation(self, user_id: str) -> bool:
        """Remove who has no password yet; whether there was such a person."""

        async def write(connection: AsyncConnection) -> bool:
            done = await connection.execute(delete(USERS).where(USERS.c.id == user_id, _INVITED))
            return done.rowcount > 0

        return await self._database.write(write)

    async def remove_user(self, user_id: str) -> None:
        """The user, the sessions and own walls; Conflict when no unlimited admin would be left."""

        async def write(connection: AsyncConnection) -> None:
            before = await _unlimited_admins(connection)
            await connection.execute(delete(USERS).where(USERS.c.id == user_id))
            await connection.execute(
                delete(walls).where(walls.c.owner_id == user_id, ~walls.c.shared)
            )
            await _refuse_without_admin(connection, before)

        await self._database.write(write)

    async def add_session(self, session: StoredSession, password_hash: str) -> bool:
        """Add it if the user still has the password that was verified; whether that is so."""

        async def write(connection: AsyncConnection) -> bool:
            same = USERS.c.id == session.user_id, USERS.c.password_hash == password_hash
            if (await connection.execute(select(USERS.c.id).where(*same))).first() is None:
                return False
            await connection.execute(insert(SESSIONS).values(asdict(session)))
            return True

        return await self._database.write(write)

    async def remove_sessions(self, session_ids: Iterable[str]) -> None:
        await self._remove(SESSIONS, SESSIONS.c.id.in_(list(session_ids)))

    async def add_token(self, token: StoredToken) -> None:
        """Conflict when the name (case apart) is taken."""
        await self._add(TOKENS, _named_row(token), f"there is already a token named “{token.name}”")

    async def change_token(self, token_id: str, **values: Any) -> None:
        """Change role and limits; NotFound."""

        async def write(connection: AsyncConnection) -> None:
            changed = update(TOKENS).where(TOKENS.c.id == token_id).values(_plain(values))
            if (await connection.execute(changed)).rowcount == 0:
                raise NotFound("there is no such token")

        await self._database.write(write)

    async def remove_token(self, token_id: str) -> None:
        await self._remove(TOKENS, TOKENS.c.id == token_id)

    async def note_seen(self, sessions: Mapping[str, int], tokens: Mapping[str, int]) -> None:
        """Store when sessions and tokens were last used here, by id, in UTC µs."""
        # All nodes hear once an hour that a session is used: it is idle nowhere then.
        is_news = bindparam("seen_us") - SESSIONS.c.active_us >= HOUR_US
        newly_active = update(SESSIONS).where(is_news).values(active_us=bindparam("seen_us"))

        async def write(connection: AsyncConnection) -> None:
            for statement, table, seen in (
                (update(SESSIONS).values(last_seen_us=bindparam("seen_us")), SESSIONS, sessions),
                (newly_active, SESSIONS, sessions),
                (update(TOKENS).values(last_used_us=bindparam("seen_us")), TOKENS, tokens),
            ):
                if seen:
                    await connection.execute(
                        statement.where(table.c.id == bindparam("row_id")),
                        [{"row_id": key, "seen_us": value} for key, value in seen.items()],
                    )

        await self._database.write(write)

    async def add_setup_link(self, secret_hash: bytes, expires_at_us: int, *, served: bool) -> None:
        """A link for the serving process, or (`served` False) for the next one to start.

        Replaces every earlier one.
        """

        async def write(connection: AsyncConnection) -> None:
            boot_id = (
                (await connection.execute(select(NODE.c.boot_id))).scalar() if served else None
            )
            await connection.execute(delete(SETUP_LINKS))
            values = {
                "secret_hash": secret_hash,
                "boot_id": boot_id,
                "expires_at_us": expires_at_us,
            }
            await connection.execute(insert(SETUP_LINKS).values(values))

        await self._database.write(write)

    async def setup_link_expiry(self, secret_hash: bytes) -> int | None:
        """When the link ends (UTC µs), None when it is not there."""

        async def read(connection: AsyncConnection) -> int | None:
            query = select(SETUP_LINKS.c.expires_at_us)
            found = await connection.execute(query.where(SETUP_LINKS.c.secret_hash == secret_hash))
            expires: int | None = found.scalar()
            return expires

        return await self._database.read(read)

    async def begin_boot(self, boot_id: str) -> None:
        """A server starts: links of an earlier one die, those made for the next one are its own."""

        async def write(connection: AsyncConnection) -> None:
            row = await connection.execute(update(NODE).values(boot_id=boot_id))
            if row.rowcount == 0:
                msg = "load_identity() comes before begin_boot()"
                raise RuntimeError(msg)
            await connection.execute(
                delete(SETUP_LINKS).where(
                    SETUP_LINKS.c.boot_id.is_not(None), SETUP_LINKS.c.boot_id != boot_id
                )
            )
            await connection.execute(update(SETUP_LINKS).values(boot_id=boot_id))

        await self._database.write(write)

    async def _add(self, table: Table, values: Mapping[str, Any], taken: str) -> None:
        async def write(connection: AsyncConnection) -> None:
            same = select(table.c.id).where(table.c.name_key == values["name_key"])
            if (await connection.execute(same)).first() is not None:
                raise Conflict(taken)
            await connection.execute(insert(table).values(values))

        await self._database.write(write)

    async def _remove(self, table: Table, where: Any) -> None:
        async def write(connection: AsyncConnection) -> None:
            await connection.execute(delete(table).where(where))

        await self._database.write(write)


def name_key(name: str) -> str:
    """Equal for names that a person would take for the same, however the keyboard composes them."""
    return unicodedata.normalize("NFC", name).strip().casefold()


async def _change(connection: AsyncConnection, user_id: str, values: Mapping[str, Any]) -> None:
    done = await connection.execute(
        update(USERS).where(USERS.c.id == user_id).values(_plain(values))
    )
    if done.rowcount == 0:
        raise NotFound("there is no such user")


async def _unlimited_admins(connection: AsyncConnection) -> int:
    query = select(func.count()).select_from(USERS)
    unlimited = query.where(
        ~_INVITED,
        USERS.c.role == "admin",
        USERS.c.cameras.is_(None),
        USERS.c.live_only.is_(False),
        USERS.c.expires_at_us.is_(None),
    )
    count: int = (await connection.execute(unlimited)).scalar_one()
    return count


async def _refuse_without_admin(connection: AsyncConnection, before: int) -> None:
    if before > 0 and await _unlimited_admins(connection) == 0:
        raise Conflict("this is the last unlimited admin: make another one first")


def _named_row(stored: StoredUser | StoredToken) -> dict[str, Any]:
    return {**_plain(asdict(stored)), "name_key": name_key(stored.name)}


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: sorted(value) if isinstance(value, frozenset) else value
        for key, value in values.items()
    }


def _scoped(row: RowMapping) -> dict[str, Any]:
    values: dict[str, Any] = {str(key): value for key, value in row.items()}
    del values["name_key"]
    cameras = values["cameras"]
    values["cameras"] = None if cameras is None else frozenset(cameras)
    return values
