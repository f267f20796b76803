"""Access for programs: tokens that are shown once, stored hashed, and limited like users."""

import re
import secrets
import uuid
from dataclasses import dataclass

from falconeye.accounts.directory import AccountDirectory, secret_hash, token_principal
from falconeye.accounts.model import Principal, Role
from falconeye.accounts.users import Rights, checked_name
from falconeye.base.clock import Clock
from falconeye.base.errors import NotFound
from falconeye.storage.stores.account_store import AccountStore, StoredToken

PREFIX = "fe_"  # lets secret scanners and people recognise one
_RANDOM_BYTES = 32
_FORM = re.compile(PREFIX + r"[\w-]{43}", re.ASCII)  # 32 bytes in URL-safe base64 (RFC 4648, 5)


def is_well_formed(plain: str) -> bool:
    """Whether it looks like a token that `Tokens.add` made."""
    return _FORM.fullmatch(plain) is not None


@dataclass(frozen=True, slots=True)
class Token:
    """A token without its secret."""

    id: str
    name: str
    role: Role
    cameras: frozenset[str] | None
    live_only: bool
    expires_at_us: int | None
    created_at_us: int
    created_by: str  # a user's name, "" for the command line
    last_used_us: int | None


class Tokens:
    """When each was last used lives in memory first."""

    def __init__(self, directory: AccountDirectory, store: AccountStore, clock: Clock) -> None:
        self._directory = directory
        self._store = store
        self._clock = clock
        self._used: dict[str, int] = {}

    async def add(
        self,
        name: str,
        role: Role,
        *,
        cameras: frozenset[str] | None = None,
        live_only: bool = False,
        expires_at_us: int | None = None,
        created_by: str = "",
    ) -> tuple[str, Token]:
        """A new token and its text, which cannot be had again.

        InvalidInput for a bad name, Conflict for one that is taken.
        """
        plain = PREFIX + secrets.token_urlsafe(_RANDOM_BYTES)
        stored = StoredToken(
            str(uuid.uuid4()),
            checked_name(name),
            secret_hash(plain),
            role.value,
            cameras,
            live_only,
            expires_at_us,
            self._clock.utc_us(),
            created_by,
            None,
        )
        await self._store.add_token(stored)
        await self._directory.reload()
        return plain, self._as_used(stored)

    def authenticate(self, plain: str) -> Principal | None:
        """Whose token it is; None when it is none's or its end date has come."""
        return self._taken(self._directory.token(plain) if plain.startswith(PREFIX) else None)

    def by_id(self, token_id: str) -> Principal | None:
        """As `authenticate`, for another node that has seen the token and names it."""
        return self._taken(self._directory.token_by_id(token_id))

    def _taken(self, stored: StoredToken | None) -> Principal | None:
        if stored is None:
            return None
        who = token_principal(stored)
        now = self._clock.utc_us()
        if who.ended(now):
            return None
        self._used[stored.id] = max(now, self._last_used(stored) or 0)
        return who

    def list(self) -> list[Token]:
        """All tokens, by name."""
        return [self._as_used(stored) for stored in self._directory.tokens]

    def find(self, name_or_id: str) -> Token:
        """Ids first: a token may be called as another one's id. NotFound when there is none."""
        tokens = self.list()
        for token in (*(one for one in tokens if one.id == name_or_id), *tokens):
            if name_or_id in {token.id, token.name}:
                return token
        raise NotFound("there is no such token")

    async def set_rights(self, token_id: str, rights: Rights) -> Token:
        """Change role and limits; what it has open ends. NotFound."""
        token = self.find(token_id)
        await self._store.change_token(
            token.id,
            role=rights.role.value,
            cameras=rights.cameras,
            live_only=rights.live_only,
            expires_at_us=rights.expires_at_us,
        )
        await self._directory.reload()
        return self.find(token.id)

    async def remove(self, token_id: str) -> Token:
        """End it at once; NotFound."""
        token = self.find(token_id)
        await self._store.remove_token(token.id)
        await self._directory.reload()
        return token

    def take_used(self) -> dict[str, int]:
        """When tokens were last used, as far as that is not stored yet."""
        stored = {token.id: token.last_used_us for token in self._directory.tokens}
        self._used = {key: used for key, used in self._used.items() if key in stored}
        return {key: used for key, used in self._used.items() if used != stored[key]}

    def _as_used(self, stored: StoredToken) -> Token:
        return Token(
            stored.id,
            stored.name,
            Role(stored.role),
            stored.cameras,
            stored.live_only,
            stored.expires_at_us,
            stored.created_at_us,
            stored.created_by,
            self._last_used(stored),
        )

    def _last_used(self, stored: StoredToken) -> int | None:
        return self._used.get(stored.id, stored.last_used_us)
