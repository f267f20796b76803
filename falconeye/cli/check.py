"""`falconeye check`: whether the index and the files of the footage agree."""

import socket
from dataclasses import asdict
from pathlib import Path

from falconeye.base.clock import SystemClock
from falconeye.base.errors import InvalidInput, NotFound
from falconeye.base.words import counted
from falconeye.cli.arguments import Arguments
from falconeye.cli.exit_codes import ExitCode
from falconeye.cli.opened import with_database
from falconeye.cli.output import print_json, print_rows
from falconeye.config.settings import NodeSettings
from falconeye.storage.checks import check as storage_check
from falconeye.storage.checks.check import CheckReport
from falconeye.storage.checks.rebuild import RebuildReport, rebuild
from falconeye.storage.index.database import Database
from falconeye.storage.volumes import places, volume_rows
from falconeye.storage.volumes.id_file import ID_FILE
from falconeye.storage.volumes.volumes import Volumes, absolute, adopt

Found = tuple[RebuildReport | None, CheckReport]


class CheckArguments(Arguments):
    """The words of `check`."""

    repair: bool
    rebuild: bool
    accept_disk: bool
    media_dir: Path | None


def check(arguments: CheckArguments) -> ExitCode:
    """0 when all is well (or was repaired), 1 when not, 4 when it must wait for a running node."""
    if arguments.accept_disk and not arguments.repair:
        message = "--accept-disk needs --repair"
        raise InvalidInput(message)
    changes = arguments.repair or arguments.rebuild

    async def work(database: Database, settings: NodeSettings) -> Found:
        await _require_footage(database, settings.media_dir, accept=arguments.accept_disk)
        if arguments.accept_disk:
            await adopt(database, settings.media_dir, SystemClock().utc_us())
        volumes = await Volumes.open(database, settings.media_dir, SystemClock(), exclusive=changes)
        try:
            node_name = settings.node_name or socket.gethostname()
            rebuilt = None
            if arguments.rebuild:
                rebuilt = await rebuild(database, volumes, node_name=node_name)
            return rebuilt, await storage_check.check(
                database, volumes, repair=arguments.repair, node_name=node_name
            )
        finally:
            await volumes.stop()

    rebuilt, report = with_database(arguments, work, exclusive=changes)
    if arguments.json:
        print_json(report.as_json() | ({"rebuilt": asdict(rebuilt)} if rebuilt else {}))
    else:
        if rebuilt:
            print(
                f"indexed {counted(rebuilt.indexed, 'file')}, {rebuilt.unreadable} cannot be read"
            )
        _show(report)
    return ExitCode.OK if report.ok else ExitCode.FAILED


async def _require_footage(database: Database, media_dir: Path, *, accept: bool) -> None:
    """NotFound where footage never lay: a mistyped directory is neither made nor found in order.

    `accept`: a directory that is there will do, for a disk whose id file is lost.
    """
    path = absolute(media_dir)
    known = [row.path for row in await database.read(volume_rows.known) if row.path]
    if str(path) in known:
        return
    wanted = path if accept else path / ID_FILE
    if await places.on_that_disk_or_false(wanted.exists):
        return
    others = f" (it lies in {', '.join(known)})" if known else ""
    message = f"there is no footage of FalconEye in {path}{others}: see --media-dir"
    raise NotFound(message)


def _show(result: CheckReport) -> None:
    rows = [
        {
            "fault": problem.fault.value,
            "repaired": problem.repaired,
            "file": problem.path,
            "detail": problem.detail,
        }
        for problem in result.problems
    ]
    if rows:
        print_rows(rows, as_json=False, empty="")
    wrong = sum(not problem.repaired for problem in result.problems)
    print(
        f"{counted(result.segments, 'entry', 'entries')}, {counted(result.files, 'file')} "
        f"({result.being_written} being written, {result.garbage} to be deleted): "
        f"{wrong or 'nothing'} wrong"
    )
    if result.to_be_indexed:
        are = "is" if result.to_be_indexed == 1 else "are"
        print(
            f"{counted(result.to_be_indexed, 'file')} {are} not in the index yet: it is made anew, "
            "after a restore, while the recorder runs"
        )
    coverage = result.coverage
    if coverage.cameras:
        print(
            f"{counted(coverage.cameras, 'camera')}: {_hours(coverage.footage_s)} of footage, "
            f"{_hours(coverage.gaps_s)} without ({_hours(coverage.unexplained_s)} of that for no "
            "known reason)"
        )


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:.2f} h"
