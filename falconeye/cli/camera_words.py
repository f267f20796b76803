"""The words of `falconeye camera …` and `falconeye import`."""

import argparse
from pathlib import Path

from falconeye.cli.words import Commands, add_password, command, group

_ADDRESS_NOTE = """\
The address: rtsp://, rtsps://, http:// or https://, onvif://HOST[:PORT] to ask the
camera itself where its streams are, or 'demo'. It may hold a login
(rtsp://name:password@host/…) when it comes from --url-file or the prompt; on the
command line other users can read it, so give --username and let it ask."""


def add_cameras(commands: Commands) -> None:
    cameras = group(commands, "camera", "the cameras of this node")
    _add_add(cameras)
    command(cameras, "list", "falconeye.cli.cameras:show", "list the cameras (never passwords)")
    remove = command(
        cameras, "remove", "falconeye.cli.cameras:remove", "remove a camera",
        examples="  falconeye camera remove Yard\n",
        note="Its recordings stay until their time is over; the page can delete them at once.",
    )  # fmt: skip
    remove.add_argument("camera", metavar="CAMERA", help="its name or id")
    _add_test(cameras)


def _add_add(cameras: Commands) -> None:
    add = command(
        cameras, "add", "falconeye.cli.cameras:add", "add a camera, which then starts to record",
        examples="""\
  falconeye camera add rtsp://10.0.0.9:554/main --name Yard --username admin
  falconeye camera add --url-file address.txt --name Door --record manual
  falconeye camera add demo --name Demo
""",
        note=_ADDRESS_NOTE,
    )  # fmt: skip
    _add_address(add)
    add.add_argument("--name", required=True, help="what the camera is called everywhere")
    add.add_argument("--location", default="", help="where it is, in your words")
    add.add_argument(
        "--record", choices=("continuous", "event", "manual", "off"), default="continuous",
        help="when it records (default: continuous)",
    )  # fmt: skip
    add.add_argument("--stopped", action="store_true", help="add it, but do not start it")


def _add_test(cameras: Commands) -> None:
    test = command(
        cameras, "test", "falconeye.cli.camera_test:test",
        "connect once and say what the camera sends; nothing is stored",
        examples="""\
  falconeye camera test rtsp://10.0.0.9:554/main --username admin
  falconeye camera test http://10.0.0.7/video.mjpg --picture yard.jpg
""",
        note=_ADDRESS_NOTE,
    )  # fmt: skip
    _add_address(test)
    test.add_argument("--picture", type=Path, metavar="FILE", help="write the picture (JPEG) here")


def add_import(commands: Commands) -> None:
    parser = command(
        commands, "import", "falconeye.cli.import_cameras:import_cameras",
        "add the cameras of another recorder: motionEye, Frigate, or a list as CSV",
        examples="""\
  falconeye import motioneye-config.tar.gz --dry-run
  FRIGATE_RTSP_PASSWORD=… falconeye import config.yml
  falconeye import cameras.csv --start
""",
        note="motionEye: camera-1.conf, or its backup. Frigate: config.yml. CSV: the first line\n"
        "names the columns: name,url,username,password,sub_url,location,node,record,enabled.\n"
        "It says what is not taken over. Cameras that are there already stay as they are.",
    )  # fmt: skip
    parser.add_argument("file", type=Path, metavar="FILE", help="the file, of at most 1 MB")
    parser.add_argument("--dry-run", action="store_true", help="say what would be added, no more")
    parser.add_argument(
        "--start", action="store_true", help="start those that ran there (default: none)"
    )


def _add_address(parser: argparse.ArgumentParser) -> None:
    where = parser.add_mutually_exclusive_group()
    where.add_argument("url", nargs="?", metavar="URL", help="the address; asked for without it")
    where.add_argument(
        "--url-file", type=Path, metavar="FILE", help="read the address's line from a file"
    )
    where.add_argument("--url-stdin", action="store_true", help="read the address from stdin")
    parser.add_argument("--sub-url", metavar="URL", help="the address of the substream")
    parser.add_argument("--username", metavar="NAME", help="login; the password is asked for")
    add_password(parser)
    parser.add_argument(
        "--transport", choices=("auto", "tcp", "udp"), default="auto",
        help="for RTSP (default: TCP, UDP where the camera insists)",
    )  # fmt: skip
    parser.add_argument(
        "--audio", action=argparse.BooleanOptionalAction, default=False,
        help="record sound too, where that is allowed (default: the picture alone)",
    )  # fmt: skip
    parser.add_argument(
        "--allow-local", action="store_true", help="allow an address on this computer"
    )
