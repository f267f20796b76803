"""`falconeye camera test`: one trial connection in this process; no node is needed."""

import asyncio
import socket
from pathlib import Path
from typing import Any

from falconeye.base.clock import SystemClock
from falconeye.base.errors import InvalidInput
from falconeye.cameras.changes import new_config
from falconeye.cameras.completing import completed
from falconeye.cameras.trial import try_camera
from falconeye.cameras.views import TestResult
from falconeye.cli.camera_address import AddressArguments, new_camera
from falconeye.cli.configuration import load_quietly
from falconeye.cli.exit_codes import ExitCode
from falconeye.cli.output import note, print_facts, print_json


class TestArguments(AddressArguments):
    """The words of `camera test`."""

    picture: Path | None


def test(arguments: TestArguments) -> ExitCode:
    """Exit code 0 when the camera sends a picture, 1 with the reason when it does not."""
    load_quietly(arguments, log_level="error")  # the answer says what a warning would
    clock = SystemClock()
    new = new_camera(arguments, name="test")

    async def trial() -> TestResult:
        config = new_config(await completed(new), clock.utc_us(), socket.gethostname())
        return await try_camera(config, clock)

    result = asyncio.run(trial())
    if result.ok and result.picture and arguments.picture is not None:
        _write(arguments.picture, result.picture)
    _show(result, as_json=arguments.json)
    return ExitCode.OK if result.ok else ExitCode.FAILED


def _show(result: TestResult, *, as_json: bool) -> None:
    if as_json:
        print_json({name: value for name, value in _facts(result).items() if value is not None})
    elif not result.ok:
        note(result.reason)
    else:
        print_facts(_words(result))


def _facts(result: TestResult) -> dict[str, Any]:
    return {
        "ok": result.ok,
        "reason_code": result.reason_code.value,
        "reason": result.reason,
        "video": result.video,
        "audio": result.audio,
        "width": result.width,
        "height": result.height,
        "fps": result.fps,
        "bits_per_second": result.bits_per_second,
        "bytes_per_day": result.bytes_per_day,
        "browser_plays": result.browser_plays if result.ok else None,
    }


def _words(result: TestResult) -> dict[str, str]:
    words = {
        "video": f"{result.video}, {result.fps:g} pictures/s" if result.fps else str(result.video),
        "audio": result.audio or "none",
        "bit rate": f"{(result.bits_per_second or 0) / 1e6:.2f} Mb/s",
        "takes": f"about {(result.bytes_per_day or 0) / 1e9:.0f} GB a day",
    }
    if not result.browser_plays:
        words["live"] = "most browsers cannot play this codec: add its H.264 substream (--sub-url)"
    return words


def _write(file: Path, picture: bytes) -> None:
    try:
        file.write_bytes(picture)
    except OSError as error:
        message = f"cannot write the picture to {file}: {error.strerror}"
        raise InvalidInput(message) from error
