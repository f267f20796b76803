"""What every handler of this application may reach: the node's services and the web's own parts."""

from dataclasses import dataclass
from typing import Any, Final

import jinja2
from litestar.connection import ASGIConnection

from falconeye.web.assets import Assets
from falconeye.web.open_streams import OpenStreams
from falconeye.web.services import Services

STATE_KEY: Final = "shell"


@dataclass(frozen=True, slots=True)
class Shell:
    """One per application; kept in its state."""

    services: Services
    assets: Assets
    templates: jinja2.Environment
    streams: OpenStreams
    languages: tuple[str, ...]  # of the pages


def shell_of(connection: ASGIConnection[Any, Any, Any, Any]) -> Shell:
    """The shell of the application that serves this connection."""
    shell: Shell = connection.app.state[STATE_KEY]
    return shell
