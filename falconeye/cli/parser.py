"""All commands, their words and their help. Loads nothing that is slow."""

import argparse
from pathlib import Path

from falconeye.accounts.password_rule import RULE
from falconeye.cli import camera_words, care_words, cluster_words, service_words, storage_words
from falconeye.cli.exit_codes import DESCRIPTION
from falconeye.cli.words import Commands, add_password, command, group

_OVERVIEW = "FalconEye records network cameras and shows them live in the browser."
_FIRST_STEPS = f"""\
'falconeye COMMAND --help' explains a command.

first steps:
  falconeye serve --demo                    try it on this computer only
  falconeye serve --lan                     serve the local network
  falconeye setup-link                      a link that makes the first account
  falconeye camera add rtsp://10.0.0.9/main --name Yard --username admin

Settings come from flags, then the environment (FALCONEYE_PORT=8901), then a TOML
file (--config, $FALCONEYE_CONFIG, falconeye.toml in the data directory, or
/etc/falconeye.toml), then defaults: 'falconeye config' shows which.

{DESCRIPTION}"""


def make_parser() -> argparse.ArgumentParser:
    """The parser of `falconeye`; each command sets `command` to "module:function"."""
    parser = argparse.ArgumentParser(
        prog="falconeye",
        description=_OVERVIEW,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=_FIRST_STEPS,
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_serve(commands)
    _add_setup_link(commands)
    _add_users(commands)
    _add_tokens(commands)
    camera_words.add_cameras(commands)
    camera_words.add_discover(commands)
    camera_words.add_import(commands)
    cluster_words.add_cluster(commands)
    storage_words.add_storage(commands)
    _add_check(commands)
    _add_database(commands)
    cluster_words.add_tls(commands)
    care_words.add_care(commands)
    service_words.add_service(commands)
    _add_version(commands)
    return parser


def _add_serve(commands: Commands) -> None:
    parser = command(
        commands, "serve", "falconeye.cli.serve:serve",
        "run the recorder until it is told to stop (Ctrl+C, SIGTERM)",
        examples="""\
  falconeye serve --demo --data-dir /tmp/try        a demo camera, this computer only
  falconeye serve --lan --media-dir /srv/video      for the network, footage on its own disk
""",
        note="The first start prints a one-time link that makes the first account.",
    )  # fmt: skip
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--host", metavar="ADDRESS", help="listen here (default 127.0.0.1)")
    where.add_argument(
        "--lan", dest="host", action="store_const", const="0.0.0.0",  # noqa: S104 - asked for
        help="listen on all addresses, so that other devices reach it",
    )  # fmt: skip
    parser.add_argument("--port", type=int, metavar="N", help="TCP port (default 8900)")
    parser.add_argument(
        "--peer-port", type=int, metavar="N", help="TCP port for other nodes (default 8901)"
    )
    _add_tls(parser)
    parser.add_argument(
        "--media-dir", type=Path, metavar="DIR", help="footage (default: media in the data dir)"
    )
    parser.add_argument(
        "--demo", action="store_true", default=None, help="add a demo camera if there is none yet"
    )
    parser.add_argument("--node-name", metavar="NAME", help="default: the host name")
    parser.add_argument(
        "--admin-password-file", type=Path, metavar="FILE",
        help="at the first start make the account 'admin' with this password",
    )  # fmt: skip
    parser.add_argument(
        "--peers", metavar="ADDRESS,…",
        help="other nodes that do not announce themselves here (HOST or HOST:PORT)",
    )  # fmt: skip
    parser.add_argument(
        "--trusted-proxy", action="append", metavar="NETWORK",
        help="a reverse proxy's address (192.168.1.5, 10.1.0.0/16), whose X-Forwarded-* headers "
        "count; may be given several times",
    )  # fmt: skip
    parser.add_argument(
        "--base-path", metavar="/PATH", help="the reverse proxy serves FalconEye below this path"
    )
    parser.add_argument("--log-format", choices=("auto", "human", "json"))
    parser.add_argument("--log-level", choices=("debug", "info", "warning", "error"))


def _add_tls(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--tls", choices=("off", "files", "auto"),
        help="HTTPS: auto makes certificates of the cluster's own (see the page /ca)",
    )  # fmt: skip
    parser.add_argument(
        "--tls-cert", type=Path, metavar="FILE", help="HTTPS with this certificate (PEM, its chain)"
    )
    parser.add_argument("--tls-key", type=Path, metavar="FILE", help="and with its key (PEM)")
    parser.add_argument(
        "--tls-names", metavar="NAME,…", help="how else browsers reach this node, for --tls auto"
    )


def _add_setup_link(commands: Commands) -> None:
    command(
        commands, "setup-link", "falconeye.cli.setup_link:setup_link",
        "print a new one-time link for the first account; older links stop working",
        examples="  falconeye setup-link\n",
        note="The link works once and for one hour. Works while the recorder runs or not.",
    )  # fmt: skip


def _add_users(commands: Commands) -> None:
    users = group(commands, "user", "accounts of people")
    add = command(
        users, "add", "falconeye.cli.users:add", "make an account; asks for the password",
        examples="""\
  falconeye user add eve --role operator
  falconeye user add eve --role viewer --password-stdin < password.txt
""",
        note=f"A password has {RULE}.",
    )  # fmt: skip
    add.add_argument("name", metavar="NAME")
    _add_rights(add)
    add_password(add)
    command(users, "list", "falconeye.cli.users:show", "list the accounts")
    passwd = command(
        users, "passwd", "falconeye.cli.users:passwd",
        "set a new password; ends the sessions of that account",
        note=f"A password has {RULE}.",
    )  # fmt: skip
    passwd.add_argument("name", metavar="NAME")
    add_password(passwd)
    remove = command(
        users, "remove", "falconeye.cli.users:remove", "remove an account and end its sessions"
    )
    remove.add_argument("name", metavar="NAME")


def _add_tokens(commands: Commands) -> None:
    tokens = group(commands, "token", "tokens for programs: VLC, Home Assistant, scripts")
    add = command(
        tokens, "add", "falconeye.cli.tokens:add",
        "make a token and print it, once: only its hash is stored",
        examples="""\
  TOKEN=$(falconeye token add 'home assistant' --role viewer)
  falconeye token add vlc --role viewer --cameras Yard,Door --expires 30d
""",
        note="Programs send it as 'Authorization: Bearer TOKEN' or as HTTP Basic password.",
    )  # fmt: skip
    add.add_argument("name", metavar="NAME")
    _add_rights(add)
    command(tokens, "list", "falconeye.cli.tokens:show", "list the tokens (never their values)")
    remove = command(tokens, "remove", "falconeye.cli.tokens:remove", "revoke a token, at once")
    remove.add_argument("name", metavar="NAME", help="its name or id")


def _add_check(commands: Commands) -> None:
    parser = command(
        commands, "check", "falconeye.cli.check:check",
        "compare the database with the files of the footage",
        examples="""\
  falconeye check                 says what is wrong, changes nothing
  falconeye check --repair        with the recorder stopped
  falconeye check --rebuild       makes the index anew from the files alone
  falconeye check --repair --accept-disk      after the disk was exchanged
""",
        note="Exit code 0: all is well or was repaired; 1: something is wrong.",
    )  # fmt: skip
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--repair", action="store_true", help="repair what is found")
    what.add_argument(
        "--rebuild", action="store_true", help="index every file again, from the files alone"
    )
    parser.add_argument(
        "--accept-disk", action="store_true",
        help="with --repair: the disk that is at the media directory now is the right one",
    )  # fmt: skip
    parser.add_argument("--media-dir", type=Path, metavar="DIR", help="where the footage lies")


def _add_database(commands: Commands) -> None:
    database = group(commands, "db", "the database's schema")
    parser = command(
        database, "downgrade", "falconeye.cli.database:downgrade",
        "take the schema back before an older release is installed; makes a backup first",
        examples="  falconeye db downgrade 0001\n",
        note="Run it with the newer release, while no recorder runs.",
    )  # fmt: skip
    parser.add_argument("revision", metavar="REV", help="the older release's revision")


def _add_version(commands: Commands) -> None:
    command(commands, "version", "falconeye.cli.version:version", "print the version")


def _add_rights(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--role", required=True, choices=("viewer", "operator", "admin"),
        help="viewer: watch; operator: also start, stop, record; admin: everything",
    )  # fmt: skip
    parser.add_argument(
        "--cameras", metavar="NAMES", help="only these cameras: names or ids, with commas between"
    )
    parser.add_argument("--live-only", action="store_true", help="no recordings")
    parser.add_argument(
        "--expires", metavar="WHEN",
        help="the last day (2027-01-31, UTC), a time with its zone, or a span: 12h, 30d, 8w",
    )  # fmt: skip
