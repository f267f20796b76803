"""From the words of `camera add` and `camera test` to a `NewCamera`, logins handled with care."""

import sys
from pathlib import Path

from falconeye.base.errors import InvalidInput
from falconeye.base.redact import hide_parameters, split_credentials
from falconeye.base.secret import Secret
from falconeye.cameras.views import NewCamera
from falconeye.cli.arguments import Arguments
from falconeye.cli.output import note
from falconeye.cli.passwords import line_of_stdin, read_secret
from falconeye.config.camera import Protocol, RecordMode, Transport

_PROTOCOLS = {
    "rtsp": Protocol.RTSP,
    "rtsps": Protocol.RTSP,
    "http": Protocol.HTTP,
    "https": Protocol.HTTP,
    "onvif": Protocol.ONVIF,
}
_MAX_ADDRESS = 8192


class AddressArguments(Arguments):
    """The words that say which camera, of `camera add` and `camera test`."""

    url: str | None
    url_file: Path | None
    url_stdin: bool
    sub_url: str | None
    username: str | None
    password_stdin: bool
    password_file: Path | None
    transport: str
    audio: bool
    allow_local: bool


def new_camera(
    arguments: AddressArguments, *, name: str, location: str = "",
    record: str = "continuous", start: bool = True,
) -> NewCamera:  # fmt: skip
    """The camera the words describe; reads stdin, files and prompts where they say so."""
    address = _read_address(arguments)
    _warn_if_visible(arguments.url, "the address")
    _warn_if_visible(arguments.sub_url, "the substream's address")
    protocol = protocol_of(address)
    return NewCamera(
        name=name,
        protocol=protocol,
        source_url="demo:" if protocol is Protocol.DEMO else address,
        sub_url=arguments.sub_url,
        username=arguments.username,
        password=_password(arguments),
        location=location,
        transport=Transport(arguments.transport),
        audio=arguments.audio,
        record=RecordMode(record),
        start=start,
        allow_local=arguments.allow_local,
    )


def _read_address(arguments: AddressArguments) -> str:
    if arguments.url is not None:
        address = arguments.url
    elif arguments.url_file is not None:
        address = _first_line(arguments.url_file)
    elif arguments.url_stdin:
        address = line_of_stdin("address", _MAX_ADDRESS)
    elif sys.stdin.isatty():
        # Not `input()`: where the answer goes to a file, its prompt would go there as well.
        print("Address of the camera: ", end="", file=sys.stderr, flush=True)
        address = line_of_stdin("address", _MAX_ADDRESS)
    else:
        message = "which camera? Give its address, --url-file or --url-stdin"
        raise InvalidInput(message)
    return address.strip()


def _first_line(file: Path) -> str:
    try:
        with file.open(encoding="utf-8") as stream:
            return stream.readline(_MAX_ADDRESS)
    except (OSError, UnicodeDecodeError) as error:
        message = f"cannot read the address from {file}: {error}"
        raise InvalidInput(message) from error


def protocol_of(address: str) -> Protocol:
    """By its scheme; InvalidInput for one that no camera has."""
    if address.lower() in {"demo", "demo:"}:
        return Protocol.DEMO
    scheme = address.partition("://")[0].lower()
    if "://" not in address or scheme not in _PROTOCOLS:
        message = (
            "an address begins with rtsp://, rtsps://, http://, https:// or onvif://, or is 'demo'"
        )
        raise InvalidInput(message, field="source_url")
    return _PROTOCOLS[scheme]


def _warn_if_visible(url: str | None, what: str) -> None:
    """A login on the command line works, but whoever lists processes has seen it."""
    if url is None:
        return
    try:
        _, username, password = split_credentials(url)
    except ValueError as error:  # its words repeat the login
        message = f"{what} cannot be read: check host and port"
        raise InvalidInput(message, field="source_url") from error
    if username or password or hide_parameters(url) != url:
        note(f"{what} on the command line holds a login, which other users of this machine and "
             "the shell's history can show: use --username, --url-file or --url-stdin")  # fmt: skip


def _password(arguments: AddressArguments) -> Secret | None:
    given = arguments.password_stdin or arguments.password_file is not None
    if arguments.username is None:
        if given:
            message = "a password needs --username"
            raise InvalidInput(message)
        return None
    return read_secret(
        f"Password of {arguments.username} at the camera",
        from_stdin=arguments.password_stdin,
        file=arguments.password_file,
    )
