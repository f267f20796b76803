"""What is no answer: each becomes an error of our own, in bounded time and memory."""

import socket

import pytest

from falconeye.base.secret import Secret
from falconeye.onvif.device import OnvifDevice
from falconeye.onvif.errors import (
    OnvifAddressForbidden,
    OnvifClosed,
    OnvifError,
    OnvifFault,
    OnvifNotSupported,
    OnvifTimeout,
    OnvifUnreachable,
    OnvifUnreadable,
)
from tests.integration.onvif.conftest import NewCamera
from tests.peers.onvif_device import STRANGE
from tests.peers.onvif_devices import device_of

MEANING: dict[str, type[OnvifError]] = {
    "dribble": OnvifTimeout,
    "silent": OnvifTimeout,
    "reset": OnvifUnreachable,
    "lacking": OnvifNotSupported,
    "missing": OnvifNotSupported,
    "refused": OnvifFault,
    "undeclared": OnvifFault,
}

NAMELESS = {"dribble", "silent", "reset", "huge", "endless"}  # of any operation


NO_ERRORS = {"other-body", "no-body", "forbidden", "odd-values"}  # or of another kind


@pytest.mark.parametrize("operation", ["GetDeviceInformation", "GetProfiles"])
@pytest.mark.parametrize("strange", sorted(set(STRANGE) - NO_ERRORS))
async def test_each_strange_answer_has_its_error(
    new_camera: NewCamera, strange: str, operation: str
) -> None:
    camera = new_camera(answers={operation: strange})
    limit_s = 0.5 if strange in {"dribble", "silent"} else 8
    with pytest.raises(MEANING.get(strange, OnvifUnreadable)) as caught:
        async with device_of(camera, limit_s=limit_s) as device:
            await device.profiles()
    # No bytes of the camera in a traceback.
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    assert operation in str(caught.value) or strange in NAMELESS


@pytest.mark.parametrize("strange", ["other-body", "no-body", "empty200"])
async def test_soap_without_what_was_asked_for_is_an_error(
    new_camera: NewCamera, strange: str
) -> None:
    camera = new_camera(answers={"GetProfiles": strange})
    async with device_of(camera) as device:
        with pytest.raises(OnvifError):
            await device.profiles()


@pytest.mark.parametrize(
    "strange", sorted(set(STRANGE) - {"dribble", "silent", "reset", "forbidden"})
)
async def test_the_time_may_be_answered_by_anything(new_camera: NewCamera, strange: str) -> None:
    camera = new_camera(answers={"GetSystemDateAndTime": strange})
    async with device_of(camera) as device:
        assert device.clock_offset_s is None
        assert len(await device.profiles()) == 2


async def test_nobody_there() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        with pytest.raises(OnvifUnreachable, match="no connection"):
            async with OnvifDevice("127.0.0.1", taken.getsockname()[1], allow_local=True):
                pass


async def test_no_such_name() -> None:
    with pytest.raises(OnvifUnreachable, match="no host named"):
        async with OnvifDevice("camera.invalid"):
            pass


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "169.254.1.1", "224.0.0.1"])
async def test_addresses_that_no_camera_has_are_not_connected_to(
    new_camera: NewCamera, host: str
) -> None:
    camera = new_camera()
    with pytest.raises(OnvifAddressForbidden):
        async with OnvifDevice(host, camera.port, username="admin", password=Secret("right")):
            pass
    assert camera.operations == []


async def test_a_name_is_kept_in_what_is_told(new_camera: NewCamera) -> None:
    camera = new_camera()
    async with device_of(camera, host="localhost") as device:
        streams = await device.streams()
    assert streams.main.url == "rtsp://localhost:8554/main"
    assert streams.main.snapshot_url == f"http://localhost:{camera.port}/snap/main.jpg?a=1&b=2"


async def test_a_name_is_looked_up_once(
    new_camera: NewCamera, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that no second answer of a name server leads elsewhere."""
    camera = new_camera()
    asked = _resolve_to(monkeypatch, "127.0.0.1")
    async with device_of(camera, host="cam.test") as device:
        asked.clear()
        _resolve_to(monkeypatch, "192.0.2.1")
        streams = await device.streams()
        await device.identity()
    assert asked == []
    assert streams.main.url == "rtsp://cam.test:8554/main"


async def test_of_several_addresses_the_one_that_answers_is_taken(
    new_camera: NewCamera, monkeypatch: pytest.MonkeyPatch
) -> None:
    camera = new_camera()
    asked = _resolve_to(monkeypatch, "127.0.0.77", "127.0.0.1")  # nobody listens at the first
    async with device_of(camera, host="cam.test") as device:
        assert len(await device.profiles()) == 2
    assert asked == ["cam.test"]


def _resolve_to(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> list[str]:
    asked: list[str] = []

    def answer(host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        asked.append(host)
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses
        ]

    monkeypatch.setattr("falconeye.onvif.address.socket.getaddrinfo", answer)
    return asked


async def test_after_close_nothing_is_sent(new_camera: NewCamera) -> None:
    camera = new_camera()
    device = device_of(camera)
    await device.connect()
    await device.close()
    await device.close()
    count = len(camera.operations)
    with pytest.raises(OnvifClosed):
        await device.profiles()
    assert len(camera.operations) == count


async def test_values_that_are_none_fill_no_log(
    new_camera: NewCamera, caplog: pytest.LogCaptureFixture
) -> None:
    """zeep writes a traceback for each: of one answer there may be thousands, every few seconds."""
    camera = new_camera(answers={"GetProfiles": "odd-values"})
    async with device_of(camera) as device:
        (profile,) = await device.profiles()
    assert (profile.width, profile.fps) == (0, None)
    assert caplog.records == []
