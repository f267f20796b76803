"""Files that FalconEye writes below /etc for systemd: marked, so that no other file is overwritten.

The first line of each holds a digest of the rest: what a person changed is known by it.
"""

import hashlib
from collections import Counter
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final

from falconeye.base.errors import Conflict, InvalidInput
from falconeye.web.assets import data_dir

UNIT: Final = Path("/etc/systemd/system/falconeye.service")
SYSUSERS: Final = Path("/etc/sysusers.d/falconeye.conf")
TMPFILES: Final = Path("/etc/tmpfiles.d/falconeye.conf")
_MARK: Final = "# Made by FalconEye "
_REST: Final = "; it is made anew by 'falconeye install-service' or 'falconeye storage'.\n"
_EXEC_START: Final = "ExecStart="


class FileState(Enum):
    """What is where a file is to be written."""

    ABSENT = "absent"
    SAME = "same"  # as it would be written
    OLDER = "older"  # ours, and nobody has changed it
    CHANGED = "changed"  # ours, and somebody has changed it
    FOREIGN = "foreign"  # made by somebody else


@dataclass(frozen=True, slots=True)
class ServiceFile:
    """A file of ours; `text` is without the mark. Paths are those of the system it is for."""

    path: Path
    text: str

    def below(self, root: Path) -> Path:
        """Where it lies, seen from here."""
        return root / self.path.relative_to("/")

    def state(self, root: Path) -> FileState:
        found = _read(self.below(root))
        if found is None:
            return FileState.ABSENT
        if found == _marked(self.text):
            return FileState.SAME
        if not found.startswith(_MARK):
            return FileState.FOREIGN
        return FileState.OLDER if is_untouched(found) else FileState.CHANGED

    def lost_lines(self, root: Path) -> list[str]:
        """The settings of the file that is there which ours would not have."""
        found = _read(self.below(root)) or ""
        left = Counter(_settings(found)) - Counter(_settings(self.text))
        return list(left.elements())

    def write(self, root: Path) -> None:
        """Put it in place at once, readable by all."""
        path = self.below(root)
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f".{path.name}.new")
        beside.write_text(_marked(self.text), encoding="utf-8")
        beside.chmod(0o644)
        beside.replace(path)


def service_files(program: Path) -> tuple[ServiceFile, ...]:
    """The unit that starts `program`, its user and its directory."""
    source = data_dir("systemd")
    unit = (source / "falconeye.service").read_text(encoding="utf-8")
    return (
        ServiceFile(UNIT, _with_program(unit, program)),
        ServiceFile(SYSUSERS, (source / "falconeye.sysusers").read_text(encoding="utf-8")),
        ServiceFile(TMPFILES, (source / "falconeye.tmpfiles").read_text(encoding="utf-8")),
    )


def require_ours(files: tuple[ServiceFile, ...], root: Path) -> None:
    """Conflict where one is there that somebody made or changed, with what it would lose."""
    said = []
    for file in files:
        state = file.state(root)
        if state in {FileState.CHANGED, FileState.FOREIGN}:
            lost = file.lost_lines(root) or ["only comments and the order of lines"]
            who = "was changed" if state is FileState.CHANGED else "was not made by FalconEye"
            said.append("\n  ".join([f"{file.below(root)} {who}; it would lose:", *lost]))
    if said:
        advice = "Move what is yours to a drop-in (systemctl edit falconeye), then use --force"
        raise Conflict("\n".join([*said, advice]))


def is_untouched(text: str) -> bool:
    """Whether the text of a file is as FalconEye, of this or another release, wrote it."""
    mark, _, rest = text.partition("\n")
    return mark.startswith(_MARK) and mark.removeprefix(_MARK).startswith(f"({_digest(rest)})")


def _marked(text: str) -> str:
    return f"{_MARK}({_digest(text)}){_REST}{text}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None


def _settings(text: str) -> list[str]:
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and line[0] not in "#;["]


def _with_program(unit: str, program: Path) -> str:
    lines = []
    for line in unit.splitlines(keepends=True):
        if line.startswith(_EXEC_START):
            words = line.removeprefix(_EXEC_START).partition(" ")[2]
            lines.append(f"{_EXEC_START}{exec_path(program)} {words}")
        else:
            lines.append(line)
    return "".join(lines)


def exec_path(program: Path) -> str:
    """As the first word of ExecStart= (systemd.service(5)): "%" is a specifier, a space ends it.

    InvalidInput for a path that systemd takes no program from.
    """
    text = str(program)
    if not text.isprintable() or any(character in text for character in "\"'\\"):
        message = f"systemd starts no program whose path has quotes or backslashes: {text!r}"
        raise InvalidInput(message)
    text = text.replace("%", "%%")
    return f'"{text}"' if " " in text else text
