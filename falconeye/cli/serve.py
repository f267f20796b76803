"""`falconeye serve`: the node, until it is told to stop."""

import asyncio
import logging

import uvloop

from falconeye import __version__
from falconeye.base.logs import configure_logs, log_uncaught
from falconeye.base.memory import tame_malloc
from falconeye.cli.arguments import Arguments
from falconeye.cli.configuration import load
from falconeye.cli.exit_codes import ExitCode
from falconeye.node import Node

log = logging.getLogger(__name__)


def serve(arguments: Arguments) -> ExitCode:
    """Run until SIGTERM or SIGINT (the node handles both); StartError when it cannot start."""
    loaded = load(arguments)
    configure_logs(loaded.settings.log_format, loaded.settings.log_level)
    log_uncaught()
    tame_malloc()
    log.info("FalconEye %s, data in %s", __version__, loaded.settings.data_dir)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(Node(loaded.settings, settings_file=loaded.file).run())
    return ExitCode.OK
