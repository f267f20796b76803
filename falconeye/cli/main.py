"""From the words of the shell to one command and an exit code."""

import importlib
import os
import sys
from collections.abc import Callable, Sequence
from typing import cast

from falconeye.base.errors import Conflict, FalconEyeError, InvalidInput, NotFound, StartError
from falconeye.base.redact import redact_text
from falconeye.cli.arguments import Arguments
from falconeye.cli.exit_codes import ExitCode
from falconeye.cli.parser import make_parser


def main(words: Sequence[str] | None = None) -> int:
    """Run the command that `words` (default: `sys.argv`) name; the exit code.

    SystemExit(2) for a wrong usage, SystemExit(0) for `--help`, as argparse does.
    """
    arguments = make_parser().parse_args(words, namespace=Arguments())
    try:
        code = int(_command(arguments.command)(arguments))
        print(end="", flush=True)  # what cannot be printed is known here, not at the end
    except FalconEyeError as error:
        print(f"falconeye: {redact_text(str(error))}", file=sys.stderr)
        return int(_exit_code(error))
    except BrokenPipeError:
        # `falconeye … | head`: the reader has what it wanted. The interpreter prints what is left
        # once more when it ends, and would fail then.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.OK
    except KeyboardInterrupt:
        print(file=sys.stderr)
        return ExitCode.INTERRUPTED
    return code


def _command(target: str) -> Callable[[Arguments], ExitCode]:
    """The function that "module:function" names: the one lazy load of the command line.

    Each command needs other libraries (Litestar alone takes longer than `falconeye version` may).
    """
    module, _, function = target.partition(":")
    return cast(
        "Callable[[Arguments], ExitCode]", getattr(importlib.import_module(module), function)
    )


def _exit_code(error: FalconEyeError) -> int:
    if isinstance(error, StartError):
        return error.exit_code
    if isinstance(error, NotFound | Conflict):
        return ExitCode.NOT_FOUND_OR_CONFLICT
    return ExitCode.USAGE if isinstance(error, InvalidInput) else ExitCode.FAILED
