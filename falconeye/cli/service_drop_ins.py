"""What lets the installed service write to a volume: a file of ours beside its unit for each."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from falconeye.base.errors import FalconEyeError
from falconeye.cli.service_files import UNIT, FileState, ServiceFile, is_untouched
from falconeye.cli.service_programs import run
from falconeye.config.default_directories import SYSTEM_DATA_DIR
from falconeye.storage.volumes.mount_lines import drop_in_path, mount_lines
from falconeye.storage.volumes.mounts import MOUNTINFO, mount_of, read_mounts, uuid_of

SYSTEM: Final = Path("/")
_UNITS: Final = (UNIT, Path("/usr/lib/systemd/system") / UNIT.name)
_RESTART: Final = "sudo systemctl restart falconeye"


@dataclass(frozen=True, slots=True)
class DropIns:
    """Those of the service of the system below `root`, for a node with its data in `data_dir`."""

    data_dir: Path
    root: Path = SYSTEM

    @property
    def are_ours_to_write(self) -> bool:
        """Whether that node is the installed service, and we may write to /etc."""
        units = [self.root / path.relative_to("/") for path in _UNITS]
        is_service = self.data_dir == SYSTEM_DATA_DIR and any(unit.exists() for unit in units)
        return is_service and os.geteuid() == 0

    def write(self, path: Path, text: str) -> str:
        """Let the service write to the volume at `path`; what was done, in words.

        A file that a person made or changed is left as it is.
        """
        if not text or not self.are_ours_to_write:
            return ""
        file = ServiceFile(drop_in_path(path), text)
        state = file.state(self.root)
        if state in {FileState.CHANGED, FileState.FOREIGN}:
            return f"{file.path} is somebody's own and was left as it is"
        if state is FileState.SAME:
            return f"{file.path} is there already"
        file.write(self.root)
        return f"wrote {file.path}{self._reloaded()}"

    def remove(self, path: Path) -> str:
        """Take away what `write` made; what was done, in words."""
        if not self.are_ours_to_write:
            return ""
        there = self.root / drop_in_path(path).relative_to("/")
        try:
            text = there.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return ""
        if not is_untouched(text):
            return f"{there} is somebody's own and was left as it is"
        there.unlink()
        return f"removed {there}{self._reloaded()}"

    def _reloaded(self) -> str:
        if self.root != SYSTEM:
            return ""
        try:
            run("systemctl", "daemon-reload")
        except FalconEyeError as error:
            return f" ({error})"
        return f"; the service heeds it after a restart: {_RESTART}"


def drop_in_of(path: Path) -> str:
    """The text for a directory that is set in a file; empty where the service may write anyway."""
    mount = mount_of(path, read_mounts(MOUNTINFO.read_bytes()))
    return mount_lines(path, mount, None if mount is None else uuid_of(mount)).drop_in
