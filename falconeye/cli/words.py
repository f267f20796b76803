"""How a command's words are declared, and the words that every command takes."""

import argparse
from pathlib import Path
from typing import TypeAlias

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001 - no public name


def command(
    commands: Commands, name: str, target: str, help_text: str, *, examples: str = "",
    note: str = "",
) -> argparse.ArgumentParser:  # fmt: skip
    """A command that runs `target` ("module:function") with the words every command takes."""
    epilog = "\n\n".join(filter(None, (note, f"examples:\n{examples}" if examples else "")))
    parser = commands.add_parser(
        name, help=help_text, description=f"{help_text[0].upper()}{help_text[1:]}.",
        epilog=epilog, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False,
    )  # fmt: skip
    parser.set_defaults(command=target)
    parser.add_argument(
        "--data-dir", type=Path, metavar="DIR", help="database and keys ('falconeye config' shows)"
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="the TOML file of the settings")
    parser.add_argument("--json", action="store_true", help="answer with JSON, for scripts")
    return parser


def group(commands: Commands, name: str, help_text: str) -> Commands:
    """A word that has commands below it, such as `falconeye user`."""
    parser = commands.add_parser(
        name, help=help_text, description=f"{help_text[0].upper()}{help_text[1:]}.",
        allow_abbrev=False,
    )  # fmt: skip
    return parser.add_subparsers(title="commands", metavar="COMMAND", required=True)


def add_password(parser: argparse.ArgumentParser) -> None:
    """Where the password comes from; without these flags from a prompt."""
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--password-stdin", action="store_true", help="read the password's line from stdin"
    )
    where.add_argument(
        "--password-file", type=Path, metavar="FILE", help="read the password's line from a file"
    )


def add_passphrase(parser: argparse.ArgumentParser) -> None:
    """The same for the passphrase of a backup."""
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--passphrase-stdin", action="store_true", help="read the passphrase's line from stdin"
    )
    where.add_argument(
        "--passphrase-file", type=Path, metavar="FILE",
        help="read the passphrase's line from a file",
    )  # fmt: skip
