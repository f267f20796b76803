"""Notices: one for each time that something was not as it should be, per cause."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Row, delete, func, select
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.storage.index.database import Database
from falconeye.storage.ledger.coverage import GapReason
from falconeye.storage.tables.notices import notices

KEPT = 10_000  # the oldest beyond it go


_VOLUME = "volume:"  # no camera's id has a colon
CERTIFICATE_SUBJECT: Final = "certificate:https"  # stands in place of a camera's id


class VolumeCause(StrEnum):
    """What is wrong with a volume; stable, for programs."""

    MISSING = "volume_missing"
    ARCHIVE_RECORDS = "archive_records"  # no volume that is for recording can be written


class CertificateCause(StrEnum):
    """What is wrong with the certificate for browsers; stable, for programs."""

    ENDS_SOON = "certificate_ends_soon"
    ENDED = "certificate_ended"
    NOT_BEGUN = "certificate_not_begun"  # the clock is wrong, or it was made for later
    UNUSABLE = "certificate_unusable"  # the new one; that of before is served


Cause = GapReason | VolumeCause | CertificateCause


def volume_subject(volume_id: str) -> str:
    """What stands for a volume in place of a camera's id."""
    return _VOLUME + volume_id


@dataclass(frozen=True, slots=True)
class Notice:
    """A camera that should record did not, from `since_us` until `until_us` (None: it lasts).

    Or something was wrong with a volume: `volume_id` says which; or with the certificate.
    """

    id: str
    camera_id: str  # or `volume_subject`, or CERTIFICATE_SUBJECT
    camera_name: str  # or the volume's path, or "HTTPS"
    since_us: int
    reason: Cause
    detail: str = ""  # in words, for people; no credential
    until_us: int | None = None
    sent_us: int | None = None  # when its beginning had left the node

    @property
    def volume_id(self) -> str | None:
        """Of a notice about a volume; None: it is about a camera."""
        is_volume = self.camera_id.startswith(_VOLUME)
        return self.camera_id.removeprefix(_VOLUME) if is_volume else None

    @property
    def is_of_certificate(self) -> bool:
        """Of a notice about the certificate that browsers are shown."""
        return self.camera_id == CERTIFICATE_SUBJECT

    @property
    def is_of_camera(self) -> bool:
        return self.volume_id is None and not self.is_of_certificate


class NoticeStore:
    """Whoever makes notices keeps them in memory; here they are kept beyond the process."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def save(self, changed: Sequence[Notice]) -> None:
        """Store them as they are now, all or none; Unavailable when the database takes nothing."""

        async def write(connection: AsyncConnection) -> None:
            for notice in changed:
                values = asdict(notice)
                await connection.execute(
                    insert(notices)
                    .values(values)
                    .on_conflict_do_update(index_elements=[notices.c.id], set_=values)
                )
            newest = select(notices.c.id).order_by(notices.c.since_us.desc()).limit(KEPT)
            count = await connection.scalar(select(func.count()).select_from(notices))
            if count is not None and count > KEPT:
                is_over = notices.c.until_us.is_not(None)
                await connection.execute(
                    delete(notices).where(notices.c.id.not_in(newest), is_over)
                )

        await self._database.write(write)

    async def active(self) -> list[Notice]:
        """Those that last, the oldest first."""
        query = select(notices).where(notices.c.until_us.is_(None)).order_by(notices.c.since_us)

        async def read(connection: AsyncConnection) -> list[Notice]:
            return [_notice(row) for row in await connection.execute(query)]

        return await self._database.read(read)

    async def last_sent(self, after_us: int) -> dict[tuple[str, Cause], int]:
        """When each camera and cause was told last, as far as that was after `after_us`."""
        query = (
            select(notices.c.camera_id, notices.c.reason, func.max(notices.c.sent_us).label("at"))
            .where(notices.c.sent_us > after_us)
            .group_by(notices.c.camera_id, notices.c.reason)
        )

        async def read(connection: AsyncConnection) -> dict[tuple[str, Cause], int]:
            rows = await connection.execute(query)
            return {(row.camera_id, _reason(row.reason)): row.at for row in rows}

        return await self._database.read(read)

    async def list(
        self,
        *,
        active: bool | None = None,
        cameras: Collection[str] | None = None,
        limit: int,
        offset: int = 0,
    ) -> tuple[list[Notice], int]:
        """The newest first, and how many there are; `active` None: both, `cameras` None: all."""
        wanted = []
        if active is not None:
            lasts = notices.c.until_us.is_(None)
            wanted.append(lasts if active else ~lasts)
        if cameras is not None:
            wanted.append(notices.c.camera_id.in_(cameras))
        query = (
            select(notices)
            .where(*wanted)
            .order_by(notices.c.since_us.desc(), notices.c.id)
            .limit(limit)
            .offset(offset)
        )
        counted = select(func.count()).select_from(notices).where(*wanted)

        async def read(connection: AsyncConnection) -> tuple[list[Notice], int]:
            rows = await connection.execute(query)
            return [_notice(row) for row in rows], await connection.scalar(counted) or 0

        return await self._database.read(read)


def _notice(row: Row[Any]) -> Notice:
    return Notice(**{**row._asdict(), "reason": _reason(row.reason)})


def _reason(stored: str) -> Cause:
    """A cause that a newer release wrote is not known here."""
    if stored in set(VolumeCause):
        return VolumeCause(stored)
    if stored in set(CertificateCause):
        return CertificateCause(stored)
    return GapReason.stored(stored)
