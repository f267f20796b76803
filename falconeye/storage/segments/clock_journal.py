"""The journal beside the media: which settings of the clock proved wrong, and by how much.

Files keep their names and their identity boxes, which say by which setting their times were made.
With the journal the index can be made anew from the files alone and has the right times. It holds
what the index knows of all disks, since footage moves between them; a disk of another node brings
its own.
"""

import contextlib
import json
import logging
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.storage.ledger.clocks import Proof
from falconeye.storage.tables.ledger import clocks
from falconeye.storage.volumes.disk_calls import PartlyWritten, write_all
from falconeye.storage.volumes.volume import JOURNAL_FILE, JOURNAL_PART, Volume

log = logging.getLogger(__name__)

_MAX_BYTES = 16 << 20


@dataclass(frozen=True, slots=True, order=True)
class Correction:
    """A setting that proved wrong; the names are those in the journal."""

    boot: str
    offset_us: int
    shift_us: int
    from_us: int | None = None  # when it was so, in right times
    to_us: int | None = None


async def read_corrections(connection: AsyncConnection) -> frozenset[Correction]:
    """All that the index knows of."""
    rows = await connection.execute(select(clocks).where(clocks.c.shift_us.is_not(None)))
    return frozenset(
        Correction(row.boot, row.offset_us, row.shift_us, row.from_us, row.to_us) for row in rows
    )


async def take_over(found: Iterable[Correction], connection: AsyncConnection) -> int:
    """Bring what a journal says into the index, where it is not known; how many were new."""
    new = 0
    for one in sorted(found):
        mine = (clocks.c.boot == one.boot) & (clocks.c.offset_us == one.offset_us)
        known = (await connection.execute(select(clocks.c.id, clocks.c.shift_us).where(mine))).all()
        if any(row.shift_us is not None for row in known):
            continue
        new += 1
        values = {"shift_us": one.shift_us, "from_us": one.from_us, "to_us": one.to_us}
        if known:  # an older copy of the database: its rows are to be moved
            await connection.execute(
                update(clocks).where(mine).values(state=Proof.PROVED.value, **values)
            )
            continue
        last = (await connection.execute(select(func.max(clocks.c.id)))).scalar() or 0
        await connection.execute(
            insert(clocks).values(
                id=last + 1,
                boot=one.boot,
                offset_us=one.offset_us,
                synchronised=False,
                state=Proof.SETTLED.value,
                **values,
            )
        )
    return new


def read_journal(volume: Volume) -> frozenset[Correction]:
    """What a disk's journal says; nothing where there is none. OSError. Reader threads."""
    try:
        fd = volume.open_file(JOURNAL_FILE)
    except FileNotFoundError:
        return frozenset()
    try:
        data = os.pread(fd, _MAX_BYTES, 0)
    finally:
        os.close(fd)
    try:
        return frozenset(_parse(fields) for fields in json.loads(data)["corrections"])
    except (ValueError, KeyError, TypeError, RecursionError):
        log.exception("%s of %s cannot be read; it is written anew", JOURNAL_FILE, volume.path)
        return frozenset()


def _parse(fields: dict[str, object]) -> Correction:
    numbers = [fields[name] for name in ("offset_us", "shift_us")]
    times = [fields.get(name) for name in ("from_us", "to_us")]
    told = [*numbers, *(time for time in times if isinstance(time, int))]
    if not all(isinstance(number, int) and abs(number) < 1 << 62 for number in told):
        msg = "a correction without its numbers"
        raise ValueError(msg)
    offset_us, shift_us = (int(str(number)) for number in numbers)
    from_us, to_us = (time if isinstance(time, int) else None for time in times)
    return Correction(str(fields["boot"]), offset_us, shift_us, from_us, to_us)


def write_journal(volume: Volume, corrections: Iterable[Correction]) -> None:
    """Put it in the place of the one before, whole at each moment. OSError. Writer thread only."""
    root = volume.ensure_present()
    content = {"v": 1, "corrections": [asdict(one) for one in sorted(corrections, key=_order)]}
    with contextlib.suppress(FileNotFoundError):  # half of one, which a kill left
        os.unlink(JOURNAL_PART, dir_fd=root)
    fd = volume.calls.create(JOURNAL_PART, root)
    try:
        write_all(volume.calls, fd, [json.dumps(content, indent=1).encode() + b"\n"])
        volume.calls.fdatasync(fd)
    except PartlyWritten as error:
        raise error.error from error
    finally:
        os.close(fd)
    os.rename(JOURNAL_PART, JOURNAL_FILE, src_dir_fd=root, dst_dir_fd=root)
    volume.calls.fsync(root)


def _order(one: Correction) -> tuple[int, str, int]:
    return one.from_us or 0, one.boot, one.offset_us
