"""Passwords by prompt, standard input or file; never as a word of the command line.

Words of the command line are visible to every user of the machine (`ps`) and stay in the shell's
history.
"""

import getpass
import os
import sys
from pathlib import Path

from falconeye.base.errors import InvalidInput
from falconeye.base.secret import Secret
from falconeye.cli.output import note

_MAX_BYTES = 4096


def read_secret(
    prompt: str, *, from_stdin: bool, file: Path | None, twice: bool = False,
    what: str = "password",
) -> Secret:  # fmt: skip
    """The secret from where the flags say; a prompt on the terminal without them.

    A final newline does not count. InvalidInput when it is empty, or cannot be read or asked for.
    """
    if from_stdin:
        return _checked(line_of_stdin(what), "standard input", what)
    if file is not None:
        return _checked(_from_file(file, what), str(file), what)
    return _asked(prompt, what, twice=twice)


def line_of_stdin(what: str, limit: int = _MAX_BYTES) -> str:
    """The next line, of at most `limit` characters; InvalidInput when it is not text."""
    try:
        line = sys.stdin.readline(limit)
        line.encode()  # where the locale is C, bytes that are no UTF-8 come as surrogates
    except UnicodeError as error:
        message = f"the {what} from standard input is not UTF-8"
        raise InvalidInput(message) from error
    return line


def _from_file(file: Path, what: str) -> str:
    try:
        with file.open("rb") as stream:
            mode, content = os.fstat(stream.fileno()).st_mode, stream.read(_MAX_BYTES)
        text = content.decode()
    except (OSError, UnicodeDecodeError) as error:
        message = f"cannot read the {what} from {file}: {error}"
        raise InvalidInput(message) from error
    if mode & 0o044 and file.is_file():
        note(f"{file} can be read by other users: chmod 600 {file}")
    return text.split("\n", 1)[0]


def _asked(prompt: str, what: str, *, twice: bool) -> Secret:
    if not sys.stdin.isatty():
        message = f"no terminal to ask for the {what}: use --{what}-stdin or --{what}-file"
        raise InvalidInput(message)
    try:
        first = getpass.getpass(f"{prompt}: ")
        if twice and getpass.getpass(f"{prompt} (again): ") != first:
            message = f"the two {what}s differ: nothing was changed"
            raise InvalidInput(message)
    except EOFError as error:
        message = f"no {what} was given: nothing was changed"
        raise InvalidInput(message) from error
    return _checked(first, "the prompt", what)


def _checked(text: str, origin: str, what: str) -> Secret:
    text = text.rstrip("\r\n")
    if not text:
        message = f"the {what} from {origin} is empty"
        raise InvalidInput(message)
    return Secret(text)
