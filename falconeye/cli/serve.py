"""`falconeye serve`: the node, until it is told to stop."""

import asyncio
import logging
import socket

import uvloop

from falconeye import __version__
from falconeye.base.logs import configure_logs, log_uncaught
from falconeye.base.memory import forgo_optional_parts, load_parts_later, tame_malloc
from falconeye.cli.arguments import Arguments
from falconeye.cli.configuration import load
from falconeye.cli.exit_codes import ExitCode
from falconeye.config.settings import NodeSettings

log = logging.getLogger(__name__)


def serve(arguments: Arguments) -> ExitCode:
    """Run until SIGTERM or SIGINT (the node handles both); StartError when it cannot start."""
    loaded = load(arguments)
    settings = loaded.settings
    node = settings.node_name or socket.gethostname()
    configure_logs(settings.log_format, settings.log_level, node=node)
    log_uncaught()
    _look_at_certificate(settings)
    tame_malloc()
    forgo_optional_parts()
    load_parts_later()
    from falconeye.node import Node  # noqa: PLC0415 - it imports all that these are about

    log.info("FalconEye %s, data in %s", __version__, settings.data_dir)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(Node(settings, loaded=loaded).run())
    return ExitCode.OK


def _look_at_certificate(settings: NodeSettings) -> None:
    """StartError for files that cannot be used, before anything else begins."""
    if settings.tls == "files" and settings.tls_cert and settings.tls_key:
        from falconeye.tls.pair import read_pair  # noqa: PLC0415 - it reads X.509, 4 MB

        read_pair(settings.tls_cert, settings.tls_key)
