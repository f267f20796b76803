"""Restoring, for the page and the API alike: read what is sent, look at it, lay it ready."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any, Final

from litestar import Request

from falconeye.accounts.granting import require_endless
from falconeye.base.errors import (
    FalconEyeError,
    InvalidInput,
    NotAllowed,
    NotAuthenticated,
    StartError,
    TooManyAttempts,
    Unavailable,
)
from falconeye.base.secret import Secret
from falconeye.base.times import parse_rfc3339
from falconeye.storage.backups.restore import Origin
from falconeye.storage.backups.restoring import Look, Upload
from falconeye.web.audit import address_of, record
from falconeye.web.i18n import gettext as _
from falconeye.web.security.access import principal_of
from falconeye.web.shell import shell_of
from falconeye.web.streamed_form import FILE_FIELD, StreamedForm

Asking = Request[Any, Any, Any]

FORM_BYTES: Final = 1 << 40  # `Upload` refuses what is too large, in better words
KEPT_FIELD: Final = "kept"


@dataclass(frozen=True, slots=True)
class Differences:
    """What a restore would take from those who are here now; names."""

    cameras: tuple[str, ...]  # of which only footage would be left
    users: tuple[str, ...]  # who could not sign in any more
    tokens: tuple[str, ...]


async def look(request: Asking) -> Look:
    """Look at the backup in a posted form: a file, or a nightly copy by its name.

    The password of who asks stands before the file. InvalidInput with `field` for all that the
    form may have wrong, NotAllowed for a token and for an access with an end date, TooManyAttempts,
    NotFound, Unavailable.
    """
    services = shell_of(request).services
    owner = _owner(request)
    async with services.restores.turn() as folder:
        coming = _Coming(request)

        async def begin(name: str) -> _Coming:
            await coming.begin(Upload(folder, name), form.fields)
            return coming

        form = StreamedForm(request, begin)
        await form.read()
        await coming.end(form.fields)
        kept = form.fields.get(KEPT_FIELD, "").strip()
        upload = coming.upload if coming.upload and coming.upload.size_bytes else None
        if (upload is None) == (not kept):
            words = _("Choose a file, or one of the nights; not both.")
            raise InvalidInput(words, field=FILE_FIELD)
        if upload is not None:
            path, name = upload.path, upload.name
        else:
            path, name = await services.backups.bring(kept, folder), kept
        typed = form.fields.get("passphrase", "")
        passphrase = Secret(typed) if typed else None
        await services.accounts.reload()  # the command line may just have added somebody
        try:
            return await services.restores.look(path, name, passphrase, owner)
        except StartError as error:  # a newer schema, or a data key that cannot be read
            raise InvalidInput(str(error), field=FILE_FIELD) from error


def find(request: Asking, look_id: str) -> Look:
    """What the same session looked at; NotFound."""
    return shell_of(request).services.restores.find(look_id, _owner(request))


async def begin(request: Asking, look_id: str) -> Look:
    """Lay it ready for the next start. NotFound, Unavailable where the disk refuses."""
    services, who = shell_of(request).services, principal_of(request)
    found = find(request, look_id)
    await record(request, "backup.restore_asked", "database", None, found.name)
    origin = Origin(who.kind.value, who.id, who.name, address_of(request))
    return await services.restores.begin(look_id, _owner(request), origin)


async def forget(request: Asking) -> bool:
    """Go on with the present data; whether a restore waited for the next start."""
    waited = await shell_of(request).services.restores.forget()
    if waited:
        await record(request, "backup.restore_dropped", "database", None)
    return waited


def differences(request: Asking, found: Look) -> Differences:
    """Compared by names."""
    services, contents = shell_of(request).services, found.checked.contents
    return Differences(
        _without([one.config.name for one in services.cameras.list()], contents.cameras),
        _without([user.name for user in services.accounts.users.list()], contents.users),
        _without([token.name for token in services.accounts.tokens.list()], contents.tokens),
    )


def made_us(found: Look) -> int | None:
    """When it was made, UTC, as it says."""
    if found.checked.manifest is None:
        return None
    try:
        return parse_rfc3339(found.checked.manifest.made_at, UTC)
    except ValueError:
        return None


def restart(request: Asking) -> None:
    """End the process where somebody starts it again; after the answer."""
    end = shell_of(request).services.restart
    if end is not None:
        end()


class _Coming:
    """A file that is on its way. One that is refused is read to its end and thrown away.

    A browser that still sends would show a broken connection instead of the answer.
    """

    def __init__(self, request: Asking) -> None:
        self._request = request
        self._refusal: FalconEyeError | None = None
        self.upload: Upload | None = None

    async def begin(self, upload: Upload, fields: dict[str, str]) -> None:
        await self._confirm(fields)
        self.upload = upload

    async def add(self, piece: bytes | bytearray) -> None:
        if self._refusal is None and self.upload is not None:
            try:
                await self.upload.add(piece)
            except Unavailable as error:  # the disk is full
                self._refusal = error

    async def end(self, fields: dict[str, str]) -> None:
        """Raises what was refused."""
        if self.upload is None:
            await self._confirm(fields)
        if self._refusal is not None:
            raise self._refusal
        if self.upload is not None:
            await self.upload.finish()

    async def _confirm(self, fields: dict[str, str]) -> None:
        accounts = shell_of(self._request).services.accounts
        who, address = principal_of(self._request), address_of(self._request)
        try:
            await accounts.confirm(who, fields.get("password", ""), address)
        except NotAuthenticated:
            words = _("This is not your password.")
            self._refusal = InvalidInput(words, field="password")
        except TooManyAttempts as error:
            self._refusal = error


def _owner(request: Asking) -> str:
    """The session: another browser of the same person has not shown the password."""
    who = principal_of(request)
    if who.session_id is None:
        raise NotAllowed("only a person may, with a password")
    require_endless(who)
    return who.session_id


def _without(present: Sequence[str], others: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted(set(present) - set(others)))
