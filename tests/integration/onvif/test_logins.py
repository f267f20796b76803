"""How cameras want their login, and what their clocks do to it."""

import asyncio
import logging
import traceback

import pytest

from falconeye.onvif.errors import (
    OnvifError,
    OnvifLoginNeeded,
    OnvifLoginRefused,
    OnvifNotPermitted,
    OnvifNotSupported,
)
from tests.integration.onvif.conftest import NewCamera
from tests.peers.onvif_device import PASSWORD
from tests.peers.onvif_devices import device_of

WRONG = "wrong-Sesame"
HOUR_S = 3600


@pytest.mark.parametrize(
    ("login", "ways"),
    [("wsse", ("token",)), ("digest", ("http", "token")), ("both", ("http", "token"))],
)
async def test_the_login_goes_the_way_that_the_camera_asks_for(
    new_camera: NewCamera, login: str, ways: tuple[str, ...]
) -> None:
    camera = new_camera(login=login)
    async with device_of(camera) as device:
        assert (device.information.make, device.information.serial) == ("Strict", "0815")
        await device.profiles()
    assert {one.ways for one in camera.logins} == {ways}
    assert all(one.good for one in camera.logins)
    # Nothing is sent before the camera asks.
    assert camera.operations[:3] == [
        "GetSystemDateAndTime", "GetDeviceInformation", "GetDeviceInformation",
    ]  # fmt: skip
    assert camera.logins[0].operation == "GetDeviceInformation"
    assert len(camera.logins) == len(camera.operations) - 2


@pytest.mark.parametrize("login", ["wsse", "digest", "both"])
@pytest.mark.parametrize("time_needs_login", [False, True])
async def test_a_wrong_password_is_sent_once(
    new_camera: NewCamera, login: str, time_needs_login: bool
) -> None:
    camera = new_camera(login=login, time_needs_login=time_needs_login)
    device = device_of(camera, password=WRONG)
    with pytest.raises(OnvifLoginRefused):
        await device.connect()
    for _ in range(3):
        with pytest.raises(OnvifLoginRefused):
            await device.identity()
    await device.close()
    assert [one.good for one in camera.logins] == [False]


@pytest.mark.parametrize("login", ["wsse", "digest", "both"])
@pytest.mark.parametrize("password", [PASSWORD, WRONG])
async def test_calls_at_the_same_time_find_out_about_the_login_once(
    new_camera: NewCamera, login: str, password: str
) -> None:
    free = frozenset({"GetDeviceInformation", "GetServices"})
    camera = new_camera(login=login, open_operations=free)
    async with device_of(camera, password=password) as device:
        assert camera.logins == []
        calls = [device.profiles() for _ in range(8)]
        results = await asyncio.gather(*calls, return_exceptions=True)
    if password == PASSWORD:
        assert [len(one) for one in results if isinstance(one, list)] == [2] * 8
    else:
        assert {type(one) for one in results} == {OnvifLoginRefused}
        assert len(camera.logins) == 1


async def test_faults_may_be_those_of_soap_1_1(new_camera: NewCamera) -> None:
    camera = new_camera(old_faults=True)
    async with device_of(camera) as device:
        assert len(await device.profiles()) == 2
    with pytest.raises(OnvifLoginRefused):
        async with device_of(camera, password=WRONG):
            pass


async def test_without_a_login_the_camera_says_that_it_wants_one(new_camera: NewCamera) -> None:
    camera = new_camera()
    with pytest.raises(OnvifLoginNeeded):
        async with device_of(camera, password=None):
            pass
    assert camera.logins == []


async def test_a_camera_without_login_is_asked_without(new_camera: NewCamera) -> None:
    camera = new_camera(login="none")
    async with device_of(camera) as device:
        assert len(await device.profiles()) == 2
    assert camera.logins == []


async def test_the_password_is_not_shown_to_who_listens(new_camera: NewCamera) -> None:
    camera = new_camera(login="basic")
    with pytest.raises(OnvifNotSupported, match="plain text"):
        async with device_of(camera):
            pass
    assert camera.gate.attempts == 0


async def test_basic_is_used_over_tls(new_camera: NewCamera) -> None:
    camera = new_camera(login="basic", tls=True)
    async with device_of(camera, tls=True) as device:
        assert device.information.model == "S-1"
        assert (await device.streams()).main.snapshot_url is not None
    assert camera.gate.refused == 0


async def test_who_announces_tls_does_not_get_the_password_by_it(new_camera: NewCamera) -> None:
    """Nobody checks whose TLS that is: a person who gave an http address did not ask for it."""
    other = new_camera(login="basic", tls=True)
    camera = new_camera(login="none", xaddr_scheme="https", xaddr_port=other.port)
    async with device_of(camera) as device:
        with pytest.raises(OnvifNotSupported, match="plain text"):
            await device.profiles()
    assert other.operations == ["GetProfiles"]
    assert other.gate.attempts == 0


async def test_a_camera_reached_by_tls_leads_nobody_out_of_it(new_camera: NewCamera) -> None:
    outside = new_camera(login="basic")
    camera = new_camera(login="basic", tls=True, xaddr_scheme="http", xaddr_port=outside.port)
    async with device_of(camera, tls=True) as device:
        assert len(await device.profiles()) == 2
    assert outside.operations == []


@pytest.mark.parametrize(
    "challenge", ["Digest realm=, nonce=x", 'Digest realm="a", nonce=', "Digest", "Digest ,=,"]
)
async def test_a_challenge_that_cannot_be_read_is_the_cameras_fault(
    new_camera: NewCamera, monkeypatch: pytest.MonkeyPatch, challenge: str
) -> None:
    camera = new_camera(login="digest")
    monkeypatch.setattr(camera.gate, "challenge", lambda: challenge)
    with pytest.raises(OnvifNotSupported, match="kind of login"):
        async with device_of(camera):
            pass
    assert camera.logins == []


async def test_nonces_may_be_good_for_one_request(new_camera: NewCamera) -> None:
    camera = new_camera(login="digest", one_time_nonces=True)
    async with device_of(camera) as device:
        assert len(await device.profiles()) == 2
        assert (await device.identity()).endpoint_reference == camera.endpoint_reference


@pytest.mark.parametrize("login", ["wsse", "digest", "both"])
@pytest.mark.parametrize("offset_s", [0, 2 * HOUR_S, -3 * 365 * 24 * HOUR_S, 17 * 60])
async def test_the_clock_of_the_camera_counts(
    new_camera: NewCamera, login: str, offset_s: float
) -> None:
    camera = new_camera(login=login, clock_offset_s=offset_s)
    async with device_of(camera) as device:
        assert device.clock_offset_s == pytest.approx(offset_s, abs=2)
        await device.profiles()
    assert camera.token_check.faults == []


async def test_a_camera_may_tell_its_time_only_to_who_logs_in(new_camera: NewCamera) -> None:
    camera = new_camera(login="digest", time_needs_login=True, clock_offset_s=HOUR_S)
    async with device_of(camera) as device:
        assert device.clock_offset_s == pytest.approx(HOUR_S, abs=2)
    assert camera.operations.count("GetSystemDateAndTime") == 2


@pytest.mark.parametrize("told_offset_s", [HOUR_S, -HOUR_S, 5.5 * HOUR_S])
@pytest.mark.parametrize("clock_offset_s", [0, 20])
async def test_local_time_told_as_utc_is_seen_through(
    new_camera: NewCamera, told_offset_s: float, clock_offset_s: float
) -> None:
    camera = new_camera(told_offset_s=told_offset_s, clock_offset_s=clock_offset_s)
    async with device_of(camera) as device:
        assert device.clock_offset_s == pytest.approx(clock_offset_s, abs=2)
        await device.profiles()
    assert camera.token_check.faults == ["created"]  # one try more, no more


async def test_with_a_wrong_password_the_zone_costs_one_more_try(new_camera: NewCamera) -> None:
    camera = new_camera(told_offset_s=HOUR_S)
    with pytest.raises(OnvifLoginRefused):
        async with device_of(camera, password=WRONG):
            pass
    assert len(camera.logins) == 2


async def test_a_date_that_is_none_is_as_if_not_told(new_camera: NewCamera) -> None:
    camera = new_camera(bad_date=True)
    async with device_of(camera) as device:
        assert device.clock_offset_s is None
        await device.profiles()


async def test_the_clock_may_be_set_while_connected(new_camera: NewCamera) -> None:
    camera = new_camera()
    async with device_of(camera) as device:
        camera.restart_clock(-9 * HOUR_S)
        assert len(await device.profiles()) == 2
        assert device.clock_offset_s == pytest.approx(-9 * HOUR_S, abs=2)
    assert camera.token_check.faults == ["created"]


async def test_what_this_user_may_not_do_does_not_end_the_session(new_camera: NewCamera) -> None:
    camera = new_camera(forbidden=frozenset({"GetProfiles"}))
    async with device_of(camera) as device:
        with pytest.raises(OnvifNotPermitted, match="GetProfiles"):
            await device.profiles()
        assert (await device.identity()).macs == ("00:1a:2b:3c:4d:5e",)


@pytest.mark.parametrize("login", ["wsse", "digest", "both"])
async def test_a_password_that_is_changed_meanwhile_is_given_up(
    new_camera: NewCamera, login: str
) -> None:
    camera = new_camera(login=login)
    async with device_of(camera) as device:
        camera.token_check.password = camera.gate.password = "another"
        known = len(camera.logins)
        for _ in range(5):
            with pytest.raises(OnvifLoginRefused):
                await device.profiles()
    assert len(camera.logins) - known <= 3


@pytest.mark.parametrize("login", ["wsse", "digest", "both"])
async def test_no_password_in_logs_and_errors(
    new_camera: NewCamera, caplog: pytest.LogCaptureFixture, login: str
) -> None:
    caplog.set_level(logging.DEBUG)
    camera = new_camera(login=login, answers={"GetProfiles": "html500"})
    device = device_of(camera)
    shown = [repr(device)]
    camera.token_check.password = camera.gate.password = WRONG
    refused = device_of(camera, password="Sesame-2")
    for one in (device, refused):
        with pytest.raises(OnvifError) as caught:
            await one.connect()
        shown += [str(caught.value), repr(caught.value), *traceback.format_exception(caught.value)]
        shown += [repr(vars(one)), repr(vars(one._connected.session.login))]
        await one.close()
    text = caplog.text + "".join(shown)
    assert "Sesame-2" not in text
    assert "right" not in text.replace("_right", "")
