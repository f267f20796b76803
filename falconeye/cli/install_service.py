"""`falconeye install-service` and `uninstall-service`: the node as a service of systemd."""

from pathlib import Path

from falconeye.cli.arguments import Arguments
from falconeye.cli.configuration import load_quietly
from falconeye.cli.exit_codes import ExitCode
from falconeye.cli.output import done, note, print_json
from falconeye.cli.service_drop_ins import DropIns, drop_in_of
from falconeye.cli.service_files import (
    SYSUSERS,
    TMPFILES,
    UNIT,
    FileState,
    ServiceFile,
    require_ours,
    service_files,
)
from falconeye.cli.service_place import (
    own_parts,
    own_program,
    require_open,
    require_root,
    require_seen,
)
from falconeye.cli.service_programs import is_active, require_systemd, run
from falconeye.config.default_directories import SYSTEM_DATA_DIR
from falconeye.config.settings import NodeSettings
from falconeye.storage.index.data_directory import DATABASE_NAME
from falconeye.storage.volumes.mount_lines import DROP_INS

_SYSTEM = Path("/")


class InstallArguments(Arguments):
    """The words of `install-service`."""

    root: Path | None
    program: Path | None
    no_start: bool
    force: bool


class UninstallArguments(Arguments):
    """The words of `uninstall-service`."""

    root: Path | None
    force: bool


def install(arguments: InstallArguments) -> ExitCode:
    """Write unit, user and directory, and start the service. A second time changes nothing."""
    root = arguments.root or _SYSTEM
    program = arguments.program.absolute() if arguments.program else own_program()
    if arguments.root is None:
        require_root("install-service", program)
        require_systemd()
        parts = (program,) if arguments.program else own_parts(program)
        require_seen(parts)
        require_open(parts)
    else:
        require_seen((program,))
    files = service_files(program)
    if not arguments.force:
        require_ours(files, root)
    written = [file for file in files if _renewed(file, root)]
    if arguments.root is None:
        _start(arguments, program, written)
    else:
        where = [str(file.below(root)) for file in files]
        done("\n".join(where), as_json=arguments.json, files=where)
    return ExitCode.OK


def uninstall(arguments: UninstallArguments) -> ExitCode:
    """Stop the service and take away what `install` wrote; data, user and drop-ins stay."""
    root = arguments.root or _SYSTEM
    if arguments.root is None:
        require_root("uninstall-service", own_program())
        require_systemd()
    # What they would be now does not matter, only whether somebody else made them.
    files = tuple(ServiceFile(path, "") for path in (UNIT, SYSUSERS, TMPFILES))
    if not arguments.force:
        require_ours(files, root)
    there = [file.below(root) for file in files if file.state(root) is not FileState.ABSENT]
    if arguments.root is None and UNIT in there:
        run("systemctl", "disable", "--now", "falconeye.service")
    for path in there:
        path.unlink()
    if arguments.root is None and there:
        run("systemctl", "daemon-reload")
    stays = _staying(root)
    if arguments.json:
        print_json({"removed": [str(path) for path in there], "stays": stays})
        return ExitCode.OK
    print("\n".join(f"removed {path}" for path in there) or "no service of FalconEye is installed")
    print("\n".join(["What stays:", *(f"  {line}" for line in stays)]))
    return ExitCode.OK


def _renewed(file: ServiceFile, root: Path) -> bool:
    """Whether it was written; one that somebody made or changed is kept beside."""
    state, path = file.state(root), file.below(root)
    if state is FileState.SAME:
        return False
    if state in {FileState.CHANGED, FileState.FOREIGN}:
        kept = path.with_name(f"{path.name}.before-falconeye")
        path.replace(kept)
        note(f"what was {path} is {kept} now")
    file.write(root)
    return True


def _start(arguments: InstallArguments, program: Path, written: list[ServiceFile]) -> None:
    run("systemd-sysusers", str(SYSUSERS))
    run("systemd-tmpfiles", "--create", str(TMPFILES))
    told = _allow_directories(load_quietly(arguments).settings)
    run("systemctl", "daemon-reload")
    ran = is_active()
    now = () if arguments.no_start else ("--now",)
    run("systemctl", "enable", *now, "falconeye.service")
    next_line = _next_line(program, ran=ran, no_start=arguments.no_start)
    if arguments.json:
        print_json(
            {
                "written": [str(file.path) for file in written],
                "drop_ins": told,
                "program": str(program),
                "was_running": ran,
                "runs": ran or not arguments.no_start,
                "next": next_line,
            }
        )
        return
    for line in (*(f"wrote {file.path}" for file in written), *told):
        print(line)
    print(f"the service falconeye starts {program} at each boot", end="")
    print("; it is not started now" if arguments.no_start and not ran else "; it runs")
    print(f"next: {next_line}")


def _allow_directories(settings: NodeSettings) -> list[str]:
    """The service may write to the directories that its settings name; what was done, in words."""
    drop_ins = DropIns(settings.data_dir)
    wanted = (settings.media_dir, settings.backup_dir)
    told = [drop_ins.write(path, drop_in_of(path)) for path in wanted if path is not None]
    return [words for words in told if words]


def _next_line(program: Path, *, ran: bool, no_start: bool) -> str:
    """What a person types now. One that ran goes on with the release and unit it began with."""
    if ran:
        return "sudo systemctl restart falconeye"
    if no_start:
        return "sudo systemctl start falconeye"
    return f"sudo {program} setup-link"


def _staying(root: Path) -> list[str]:
    data = root / SYSTEM_DATA_DIR.relative_to("/")
    has_data = (data / DATABASE_NAME).exists()
    found = [f"{data}: {'database, keys, backups, footage' if has_data else 'no data'}"]
    found.append("footage on other disks: where media_dir and 'falconeye storage list' say")
    found.append("settings: /etc/falconeye.toml")
    drop_ins = root / DROP_INS.relative_to("/")
    if drop_ins.is_dir():
        found.append(f"drop-ins, which a new installation would use: {drop_ins}")
    found.append("the user falconeye, whom all that belongs to: sudo userdel falconeye")
    return found
