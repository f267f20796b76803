"""All commands of the parser, by their words."""

import argparse

from falconeye.cli.parser import make_parser


def leaves() -> dict[str, argparse.ArgumentParser]:
    """`{"user add": its parser, …}`."""
    found: dict[str, argparse.ArgumentParser] = {}
    _collect(make_parser(), "", found)
    return found


def _collect(
    parser: argparse.ArgumentParser, words: str, found: dict[str, argparse.ArgumentParser]
) -> None:
    below = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not below or parser.get_default("command"):  # `config` is a command, and has some below
        found[words] = parser
    for action in below:
        for name, child in action.choices.items():
            _collect(child, f"{words} {name}".strip(), found)


COMMANDS = tuple(leaves())
