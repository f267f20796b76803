"""A backup to take away, sealed under a passphrase; and what the nights have left."""

import asyncio
import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import IO, Any, Final

from litestar import Response, get, post
from litestar.response.base import ASGIResponse

from falconeye.accounts.granting import require_endless_for_backup
from falconeye.accounts.model import Action
from falconeye.base.errors import (
    FalconEyeError,
    InvalidInput,
    NotAllowed,
    Unavailable,
)
from falconeye.base.secret import Secret
from falconeye.base.times import to_datetime
from falconeye.storage.backups.backup import Sources, write_backup
from falconeye.storage.backups.sealed_file import check_passphrase
from falconeye.web.audit import record
from falconeye.web.backup_contexts import BackupsPage
from falconeye.web.confirming import wrong_password
from falconeye.web.i18n import gettext as _
from falconeye.web.pages.asking import MAX_FIELD, Asking, sentence, services_of, show
from falconeye.web.range_response import Chunks, StreamResponse, attachment
from falconeye.web.security.access import needs, principal_of

_PIECE_BYTES: Final = 256 * 1024
_MAKING: Final = "backup_making"  # in the application's state: one at a time


@get("/settings/backup", opt=needs(Action.MANAGE_SETTINGS), include_in_schema=False)
async def backups_page(request: Asking) -> Response[str]:
    """What there is."""
    return await show_backups(request)


@post(
    "/settings/backup",
    status_code=200,
    opt=needs(Action.MANAGE_SETTINGS),
    include_in_schema=False,
)
async def download_backup(request: Asking) -> ASGIResponse:
    """Make one and send it. Asks for the password: a browser left open is not enough for that.

    Nor is an access with an end date: who has the keys can come back after it.
    """
    form = {
        name: value[:MAX_FIELD]
        for name, value in (await request.form()).items()
        if isinstance(value, str)
    }
    services = services_of(request)
    passphrase = Secret(form.get("passphrase", ""))
    try:
        require_endless_for_backup(principal_of(request))
        check_passphrase(passphrase)
        _require_same(passphrase, form.get("again", ""))
        wrong = await wrong_password(request, form.get("password", ""))
    except NotAllowed as error:
        return await _refuse(request, 403, {"": sentence(error)})
    except InvalidInput as error:
        return await _refuse(request, 422, {error.field or "": sentence(error)})
    if wrong:
        return await _refuse(request, wrong.status, {"password": wrong.words})
    making: asyncio.Lock = request.app.state.setdefault(_MAKING, asyncio.Lock())
    if making.locked():
        raise Unavailable("another backup is being made: try again in a moment")
    await record(request, "backup.downloaded", "database", None)
    async with making:
        file, length = await asyncio.to_thread(
            _make, services.backups.sources, passphrase, services.clock.utc_us()
        )
    made = to_datetime(services.clock.utc_us()).strftime("%Y%m%dT%H%M%SZ")
    name = f"falconeye-{services.node_name}-{made}.backup"
    headers = {
        "content-length": str(length),
        "content-disposition": attachment(name, inline=False),
        "cache-control": "no-store",
    }
    return StreamResponse(_read(file), media_type="application/octet-stream", headers=headers)


def _require_same(passphrase: Secret, again: str) -> None:
    if again != passphrase.reveal():
        raise InvalidInput(_("The two passphrases differ."), field="again")


async def _refuse(request: Asking, status: int, errors: Mapping[str, str]) -> ASGIResponse:
    words = {"": _("No backup was made yet: see the marked fields.")}
    page = await show_backups(request, status=status, errors=words | dict(errors))
    return page.to_asgi_response(app=None, request=request)


async def show_backups(request: Asking, *, status: int = 200, **more: Any) -> Response[str]:
    """The page, with what `BackupsPage` takes besides."""
    services = services_of(request)
    kept, unreadable = [], ""
    try:
        kept = await services.backups.kept()
    except (OSError, FalconEyeError) as error:
        unreadable = str(error)
    page = BackupsPage(
        kept=tuple(kept),
        nightly=services.settings.nightly_backup,
        directory=services.settings.backup_dir,
        problem=services.backups.problem or unreadable,
        waits=await services.restores.is_waiting(),
        **more,
    )
    return show(request, "pages/backups.html", page, status=status)


def _make(sources: Sources, passphrase: Secret, utc_us: int) -> tuple[IO[bytes], int]:
    """A backup in a file without a name, which is gone when it is closed; its length."""
    file = _nameless(sources.data_dir)
    try:
        write_backup(sources, file, passphrase, utc_us)
        length = file.tell()
        file.seek(0)
    except OSError as error:
        file.close()
        msg = f"no backup could be made: {error.strerror or error}"
        raise Unavailable(msg) from error
    except BaseException:
        file.close()
        raise
    return file, length


def _nameless(data_dir: Path) -> IO[bytes]:
    try:
        return tempfile.TemporaryFile(dir=data_dir)
    except OSError as error:
        msg = f"no backup could be made: {error.strerror}"
        raise Unavailable(msg) from error


async def _read(file: IO[bytes]) -> Chunks:
    try:
        while piece := await asyncio.to_thread(partial(file.read, _PIECE_BYTES)):
            yield piece
    finally:
        await asyncio.to_thread(file.close)
