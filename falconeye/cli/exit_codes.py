"""What the shell gets back. Documented in `falconeye --help`."""

from enum import IntEnum


class ExitCode(IntEnum):
    """One number per way to end."""

    OK = 0
    FAILED = 1
    USAGE = 2  # argparse's own
    NOT_FOUND_OR_CONFLICT = 3
    CANNOT_START = 4
    INTERRUPTED = 130  # 128 + SIGINT


DESCRIPTION = """\
exit codes:
  0  done
  1  failed: the message on standard error says why
  2  wrong usage, a setting that is not allowed, or a value that is not allowed
  3  there is no such thing, or it is there already
  4  the node cannot start, or its data directory cannot be used
  130  interrupted
"""
