"""Whether the service can reach the program that it is to start."""

import os
import stat
import sys
import sysconfig
from pathlib import Path
from typing import Final

import falconeye
from falconeye.base.errors import FalconEyeError, InvalidInput

_NOT_SEEN: Final = (
    (Path("/home"), "ProtectHome=yes"),
    (Path("/root"), "ProtectHome=yes"),
    (Path("/run/user"), "ProtectHome=yes"),
    (Path("/tmp"), "PrivateTmp=yes"),  # noqa: S108 - nothing is put there
    (Path("/var/tmp"), "PrivateTmp=yes"),  # noqa: S108 - nothing is put there
)
_ADVICE: Final = """
Install FalconEye where services find it, and ask that one:
  sudo python3 -m venv /opt/falconeye
  sudo /opt/falconeye/bin/pip install --require-hashes -r constraints.txt
  sudo /opt/falconeye/bin/pip install --no-deps .
  sudo /opt/falconeye/bin/falconeye install-service"""


def own_program() -> Path:
    """The `falconeye` of the environment that runs. FalconEyeError where there is none."""
    program = Path(sysconfig.get_path("scripts")) / "falconeye"
    if not program.is_file():
        message = f"there is no {program}: install FalconEye with pip into an environment"
        raise FalconEyeError(message)
    return program


def own_parts(program: Path) -> tuple[Path, ...]:
    """What it needs to start: an interpreter or a package may be a link to, or lie, elsewhere."""
    package = Path(falconeye.__file__).parent
    return (program, Path(sys.executable), Path(sys.base_prefix), package)


def require_seen(paths: tuple[Path, ...]) -> None:
    """InvalidInput for what the hardened service does not see."""
    for path in paths:
        for where in dict.fromkeys((path, path.resolve())):
            for hidden, setting in _NOT_SEEN:
                if where.is_relative_to(hidden):
                    message = f"{where} lies below {hidden}, which the service does not see"
                    raise InvalidInput(f"{message} ({setting} in its unit).{_ADVICE}")


def require_open(paths: tuple[Path, ...]) -> None:
    """InvalidInput for what only its owner may enter or read: the service has a user of its own."""
    for path in paths:
        for part in (*reversed(path.resolve().parents), path.resolve()):
            mode = part.stat().st_mode
            wanted = stat.S_IXOTH if stat.S_ISDIR(mode) else stat.S_IROTH | stat.S_IXOTH
            if mode & wanted != wanted:
                may = "enter" if stat.S_ISDIR(mode) else "run"
                message = f"the user of the service may not {may} {part}: chmod o+rX {part}"
                raise InvalidInput(message)


def require_root(command: str, program: Path) -> None:
    """FalconEyeError, with the line to type, for all users but root."""
    if os.geteuid() != 0:
        raise FalconEyeError(f"this needs root: sudo {program} {command}")
