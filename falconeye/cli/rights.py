"""What accounts and tokens may do: the words, and how cameras and end dates are read."""

import re
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta

from falconeye.accounts.service import Accounts
from falconeye.accounts.tokens import Token
from falconeye.accounts.users import User
from falconeye.base.clock import SystemClock
from falconeye.base.errors import InvalidInput
from falconeye.base.times import LATEST_US, rfc3339, to_datetime, to_us
from falconeye.cli.arguments import Arguments
from falconeye.cli.cameras import camera_store, find_camera
from falconeye.config.settings import NodeSettings
from falconeye.storage.index.database import Database

_SPAN = re.compile(r"(?P<number>[1-9][0-9]{0,4})(?P<unit>[hdw])")
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


class RightsArguments(Arguments):
    """The words of `user add` and `token add`."""

    name: str
    role: str
    cameras: str | None
    live_only: bool
    expires: str | None


@asynccontextmanager
async def opened_accounts(database: Database) -> AsyncIterator[Accounts]:
    """The accounts beside a node that may be running, which notices the changes."""
    accounts = Accounts(database, SystemClock())
    await accounts.start(serving=False)
    try:
        yield accounts
    finally:
        await accounts.stop()


def end_us(expires: str | None, now_us: int) -> int | None:
    """`--expires` as UTC µs: a span from now, the end of a day (UTC), or a time with its zone."""
    if expires is None:
        return None
    try:
        if span := _SPAN.fullmatch(expires):
            moment = to_us(to_datetime(now_us) + int(span["number"]) * _UNITS[span["unit"]])
        elif len(expires) == len("2027-01-31"):
            day = datetime.combine(date.fromisoformat(expires), datetime.min.time(), UTC)
            moment = to_us(day + timedelta(days=1))
        else:
            moment = to_us(datetime.fromisoformat(expires))
    except OverflowError:
        moment = LATEST_US + 1
    except ValueError as error:
        message = (
            f"--expires {expires}: give a day (2027-01-31), a time with its zone "
            "(2027-01-31T18:00+01:00) or a span (12h, 30d, 8w)"
        )
        raise InvalidInput(message) from error
    if moment <= now_us:
        message = f"--expires {expires} is over already"
        raise InvalidInput(message)
    if moment > LATEST_US:
        message = f"--expires {expires} lies after the year 2199; leave it out for no end"
        raise InvalidInput(message)
    return moment


async def camera_ids(
    names: str | None, database: Database, settings: NodeSettings
) -> frozenset[str] | None:
    """`--cameras` (names or ids with commas between) as ids; None for all cameras."""
    if names is None:
        return None
    cameras = await (await camera_store(database, settings)).list()
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    if not wanted:
        message = "--cameras needs at least one name"
        raise InvalidInput(message)
    return frozenset(find_camera(cameras, name).id for name in wanted)


async def camera_names(database: Database, settings: NodeSettings) -> dict[str, str]:
    """Names by id, for lists."""
    store = await camera_store(database, settings)
    return {camera.id: camera.name for camera in await store.list()}


def row_of(account: User | Token, names: dict[str, str]) -> dict[str, object]:
    """What a list says of an account and of a token alike."""
    return {
        "name": account.name,
        "role": account.role.value,
        "cameras": _in_words(account.cameras, names),
        "live_only": account.live_only,
        "expires_at": moment(account.expires_at_us),
        "created_at": moment(account.created_at_us),
        "id": account.id,
    }


def _in_words(cameras: Iterable[str] | None, names: dict[str, str]) -> list[str] | str:
    """The cameras of a right, by name where there is one still."""
    return "all" if cameras is None else sorted(names.get(camera, camera) for camera in cameras)


def moment(utc_us: int | None) -> str | None:
    """A time of a list."""
    return None if utc_us is None else rfc3339(utc_us)
