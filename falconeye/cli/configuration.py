"""The settings of a command: loaded, with what was ignored said on standard error."""

import os

from falconeye.base.logs import configure_logs
from falconeye.cli.arguments import Arguments
from falconeye.cli.output import note
from falconeye.config.loading import LoadedSettings, load_settings


def load(arguments: Arguments) -> LoadedSettings:
    """The effective settings; InvalidInput (exit code 2) for one that is not allowed."""
    loaded = load_settings(arguments.flags(), os.environ, arguments.config)
    for notice in loaded.notices:
        note(notice)
    return loaded


def load_quietly(arguments: Arguments, log_level: str = "warning") -> LoadedSettings:
    """`load` for a short command, whose log on the terminal is warnings only."""
    loaded = load(arguments)
    configure_logs("human", log_level)
    return loaded
