"""The words of `falconeye backup | restore | doctor | config`: what keeps a node well."""

import argparse
from pathlib import Path

from falconeye.cli.words import Commands, add_passphrase, command


def add_care(commands: Commands) -> None:
    _add_backup(commands)
    _add_restore(commands)
    _add_doctor(commands)
    _add_config(commands)


def _add_backup(commands: Commands) -> None:
    parser = command(
        commands, "backup", "falconeye.cli.backups:backup",
        "write cameras, accounts, settings, keys and the audit log to a sealed file; no footage",
        examples="""\
  falconeye backup node.backup
  falconeye backup node.backup --passphrase-file /root/passphrase
""",
        note="Asks for a passphrase of at least 12 characters: without it the file is of no use.\n"
        "Works while the recorder runs or not.",
    )  # fmt: skip
    parser.add_argument("file", type=Path, metavar="FILE", help="a file that is not there yet")
    add_passphrase(parser)


def _add_restore(commands: Commands) -> None:
    parser = command(
        commands, "restore", "falconeye.cli.backups:restore",
        "bring a backup back: checked to its end first; what it replaces is kept beside",
        examples="""\
  falconeye restore node.backup
  falconeye restore /var/lib/falconeye/backups/nightly-20261121T020000Z.sqlite3
""",
        note="Takes nightly copies as well. Beside a running recorder it waits for a new start.\n"
        "Footage stays where it is; its index is made anew from the files.",
    )  # fmt: skip
    parser.add_argument("file", type=Path, metavar="FILE", help="a backup")
    add_passphrase(parser)


def _add_doctor(commands: Commands) -> None:
    parser = command(
        commands, "doctor", "falconeye.cli.doctor:doctor",
        "look at cameras, database, disks, clock and machine, and say what to do",
        examples="""\
  falconeye doctor
  falconeye doctor --bundle for-the-report.zip
""",
        note="Exit code 0: nothing failed (warnings are possible); 1: something did.",
    )  # fmt: skip
    parser.add_argument(
        "--bundle", type=Path, metavar="FILE",
        help="also write what it found to a zip for a report; it holds no login and no token",
    )  # fmt: skip


def _add_config(commands: Commands) -> None:
    config = command(
        commands, "config", "falconeye.cli.show_config:show_config",
        "print the settings in effect and where each comes from; carry cameras and settings over",
    )  # fmt: skip
    config.add_argument(
        "--reference", action="store_true",
        help="print instead what each setting is for, what it may be, and its default",
    )  # fmt: skip
    below = config.add_subparsers(title="commands", metavar="COMMAND")
    export = command(
        below, "export", "falconeye.cli.config_file:export",
        "write cameras and settings as TOML, without any login",
        examples="  falconeye config export cameras.toml\n",
    )  # fmt: skip
    export.add_argument("file", metavar="FILE", help="a file that is not there yet; - to print it")
    apply = command(
        below, "apply", "falconeye.cli.config_file:apply",
        "make cameras and settings as a TOML file says; a second time it changes nothing",
        examples="""\
  falconeye config apply cameras.toml --dry-run
  CAMERA_YARD_PASSWORD=… falconeye config apply cameras.toml
""",
        note="Secrets stand in the file by reference: { env = \"NAME\" } or { file = \"/PATH\" }.\n"
        "What the file does not name stays as it is; nothing is removed.",
    )  # fmt: skip
    apply.add_argument("file", type=Path, metavar="FILE", help="the TOML file")
    apply.add_argument("--dry-run", action="store_true", help="say what would change, no more")
    for parser in (export, apply):
        _keep_words_before(parser)


def _keep_words_before(parser: argparse.ArgumentParser) -> None:
    """`config --data-dir DIR export FILE`: a default here would take the place of DIR."""
    for name in ("data_dir", "config", "json"):
        for action in parser._actions:  # noqa: SLF001 - set_defaults() would set it again
            if action.dest == name:
                action.default = argparse.SUPPRESS
