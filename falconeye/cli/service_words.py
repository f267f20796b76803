"""The words of `falconeye install-service | uninstall-service`."""

import argparse
from pathlib import Path

from falconeye.cli.words import Commands, command


def add_service(commands: Commands) -> None:
    install = command(
        commands, "install-service", "falconeye.cli.install_service:install",
        "run FalconEye as a hardened service of systemd, now and at each boot",
        examples="""\
  sudo /opt/falconeye/bin/falconeye install-service
  sudo /opt/falconeye/bin/falconeye install-service --no-start
""",
        note="It writes the unit, its user falconeye (groups video, render, audio) and its\n"
        "directory, and can be repeated: a new release brings its unit so. What somebody made\n"
        "or changed is not overwritten. It refuses an environment below /home.",
    )  # fmt: skip
    install.add_argument(
        "--no-start", action="store_true", help="start it at the next boot, not now"
    )
    install.add_argument(
        "--program", type=Path, metavar="PATH",
        help="the falconeye that the service starts (default: the one that is asked)",
    )  # fmt: skip
    uninstall = command(
        commands, "uninstall-service", "falconeye.cli.install_service:uninstall",
        "stop the service and remove what install-service wrote; data stay",
        examples="  sudo /opt/falconeye/bin/falconeye uninstall-service\n",
        note="It says where data, footage and settings stay.",
    )  # fmt: skip
    for parser, words in (
        (install, "replace what somebody made or changed; it is kept beside"),
        (uninstall, "remove also what somebody made or changed"),
    ):
        _add_both(parser, words)


def _add_both(parser: argparse.ArgumentParser, force: str) -> None:
    parser.add_argument("--force", action="store_true", help=force)
    parser.add_argument(
        "--root", type=Path, metavar="DIR",
        help="only the files, below this directory: for images and packages",
    )  # fmt: skip
