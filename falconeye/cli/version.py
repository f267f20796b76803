"""`falconeye version`."""

import platform

from falconeye import __version__
from falconeye.cli.arguments import Arguments
from falconeye.cli.exit_codes import ExitCode
from falconeye.cli.output import print_json


def version(arguments: Arguments) -> ExitCode:
    if arguments.json:
        print_json({"version": __version__, "python": platform.python_version()})
    else:
        print(f"falconeye {__version__}")
    return ExitCode.OK
