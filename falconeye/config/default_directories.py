"""Where the data lie when nobody says so: systemd's directory, the system's, or the user's own."""

import os
from collections.abc import Mapping
from pathlib import Path

from falconeye.base.errors import InvalidInput

SYSTEM_DATA_DIR = Path("/var/lib/falconeye")


def default_data_dir(environment: Mapping[str, str]) -> tuple[Path, str]:
    """The data directory and the origin of that choice, in words.

    `$STATE_DIRECTORY` (systemd.exec(5): a colon-separated list, the first is ours), else
    `/var/lib/falconeye` for root, else `$XDG_DATA_HOME/falconeye` or `~/.local/share/falconeye`
    (XDG Base Directory Specification 0.8: a relative value is ignored). InvalidInput for a user
    without a home.
    """
    if state := environment.get("STATE_DIRECTORY"):
        return Path(state.split(":")[0]), "STATE_DIRECTORY"
    if os.geteuid() == 0:
        return SYSTEM_DATA_DIR, "default"
    data_home = Path(environment.get("XDG_DATA_HOME") or "")
    if data_home.is_absolute():
        return data_home / "falconeye", "XDG_DATA_HOME"
    try:
        home = Path.home()
    except RuntimeError as error:  # a user id without a name, and no $HOME: in containers
        message = "this user has no home directory: give --data-dir or FALCONEYE_DATA_DIR"
        raise InvalidInput(message, field="data_dir") from error
    return home / ".local" / "share" / "falconeye", "default"
