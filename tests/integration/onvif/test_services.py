"""What a camera has, and where: its own account of it is often wrong."""

import socket

import pytest

from falconeye.base.errors import InvalidInput
from falconeye.onvif.errors import OnvifFault, OnvifNotSupported
from tests.integration.onvif.conftest import NewCamera
from tests.peers.onvif_devices import device_of


@pytest.mark.parametrize("has_get_services", [True, False])
async def test_streams_of_a_good_camera(new_camera: NewCamera, has_get_services: bool) -> None:
    camera = new_camera(has_get_services=has_get_services)
    async with device_of(camera) as device:
        streams = await device.streams()
        identity = await device.identity()
        assert device.has_events
    main, sub = streams.main, streams.sub
    assert sub is not None
    assert (main.profile.token, main.profile.width, main.profile.height) == ("main", 1920, 1080)
    assert (sub.profile.token, sub.profile.width, sub.profile.height) == ("sub", 640, 360)
    assert (main.profile.encoding, main.profile.fps, main.profile.has_ptz) == ("H264", 25.0, True)
    # The camera puts its password into them.
    assert (main.url, sub.url) == ("rtsp://127.0.0.1:8554/main", "rtsp://127.0.0.1:8554/sub")
    assert main.snapshot_url == f"http://127.0.0.1:{camera.port}/snap/main.jpg?a=1&b=2"
    assert identity.endpoint_reference == camera.endpoint_reference
    assert identity.macs == ("00:1a:2b:3c:4d:5e",)


async def test_what_is_not_mandatory_may_be_missing(new_camera: NewCamera) -> None:
    camera = new_camera(has_endpoint_reference=False, has_snapshot=False, has_events=False)
    async with device_of(camera) as device:
        assert (await device.identity()).endpoint_reference is None
        assert (await device.streams()).main.snapshot_url is None
        assert not device.has_events
        with pytest.raises(OnvifNotSupported, match="event service"):
            device.events()


async def test_events_may_be_named_in_the_older_way_alone(new_camera: NewCamera) -> None:
    camera = new_camera(forgets_events=True)
    async with device_of(camera) as device:
        assert device.has_events
        assert (await device.ptz()).abilities.pan_tilt
    assert camera.operations.count("GetCapabilities") == 1


@pytest.mark.parametrize("strange", ["reset", "refused", "html200", "silent"])
async def test_a_camera_without_events_need_not_know_the_older_way(
    new_camera: NewCamera, strange: str
) -> None:
    camera = new_camera(has_events=False, answers={"GetCapabilities": strange})
    async with device_of(camera, limit_s=1) as device:
        assert not device.has_events
        assert len(await device.profiles()) == 2


@pytest.mark.parametrize("port", [0, 6688])
async def test_addresses_of_another_network_are_turned_to_the_one_that_is_reached(
    new_camera: NewCamera, port: int
) -> None:
    camera = new_camera(xaddr_host="192.168.1.10", xaddr_port=port)
    async with device_of(camera) as device:
        assert (await device.streams()).main.url == "rtsp://127.0.0.1:8554/main"
        assert (await (await device.ptz()).presets())[0].name == "Door"


async def test_a_port_that_does_not_answer_is_replaced(new_camera: NewCamera) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        camera = new_camera(xaddr_port=taken.getsockname()[1])
        async with device_of(camera) as device:
            assert len(await device.profiles()) == 2


async def test_profiles_come_in_any_order(new_camera: NewCamera) -> None:
    camera = new_camera(reversed_profiles=True)
    async with device_of(camera) as device:
        streams = await device.streams()
    assert streams.sub is not None
    assert (streams.main.profile.token, streams.sub.profile.token) == ("main", "sub")


async def test_encodings_that_are_newer_than_the_schema(new_camera: NewCamera) -> None:
    camera = new_camera(encoding="H265")
    async with device_of(camera) as device:
        assert [one.encoding for one in await device.profiles()] == ["H265", "H265"]


async def test_by_tls_with_a_certificate_of_nobody(new_camera: NewCamera) -> None:
    camera = new_camera(tls=True)
    async with device_of(camera, tls=True) as device:
        snapshot = (await device.streams()).main.snapshot_url
    assert snapshot == f"https://127.0.0.1:{camera.port}/snap/main.jpg?a=1&b=2"


@pytest.mark.parametrize("main_has_ptz", [True, False])
async def test_it_is_moved_by_the_profile_that_can(
    new_camera: NewCamera, main_has_ptz: bool
) -> None:
    camera = new_camera(main_has_ptz=main_has_ptz, sub_has_ptz=not main_has_ptz)
    async with device_of(camera) as device:
        ptz = await device.ptz()
        assert ptz.profile.token == ("main" if main_has_ptz else "sub")
        await ptz.move(0.5, -1, 0, timeout_s=1.5)
        assert (await ptz.status()).pan == 0.5
        await ptz.stop()
    assert camera.moves == [{"pan": 0.5, "tilt": -1.0, "timeout": "PT1.5S"}]
    assert camera.stops == 1


@pytest.mark.parametrize(
    "deviation", [{"has_ptz": False}, {"main_has_ptz": False, "sub_has_ptz": False}]
)
async def test_without_ptz(new_camera: NewCamera, deviation: dict[str, object]) -> None:
    camera = new_camera(**deviation)
    async with device_of(camera) as device:
        with pytest.raises(OnvifNotSupported):
            await device.ptz()


async def test_presets(new_camera: NewCamera) -> None:
    camera = new_camera()
    async with device_of(camera) as device:
        ptz = await device.ptz()
        assert [(one.token, one.name) for one in await ptz.presets()] == [("1", "Door"), ("2", "2")]
        await ptz.move(0.25, 0, 0, timeout_s=1)
        token = await ptz.set_preset("Gate <1>")
        await ptz.go_home()
        assert (await ptz.status()).pan == 0
        await ptz.go_to_preset(token)
        assert (await ptz.status()).pan == 0.25
        assert await ptz.set_preset("Gate", token) == token
        assert camera.presets[token].name == "Gate"
        await ptz.remove_preset(token)
        with pytest.raises(OnvifFault, match="no preset"):
            await ptz.go_to_preset(token)
        with pytest.raises(OnvifFault, match="home is fixed"):
            await ptz.set_home()
    assert list(camera.presets) == ["1", "2"]


async def test_what_the_camera_says_it_cannot_is_not_asked(new_camera: NewCamera) -> None:
    camera = new_camera()
    async with device_of(camera) as device:
        ptz = await device.ptz()
        assert (ptz.abilities.pan_tilt, ptz.abilities.zoom) == (True, False)
        assert (ptz.abilities.presets, ptz.abilities.home) == (8, True)
        with pytest.raises(OnvifNotSupported):
            await ptz.move(0, 0, 1, timeout_s=1)
    assert camera.moves == []


async def test_who_does_not_describe_itself_is_thought_able(new_camera: NewCamera) -> None:
    camera = new_camera(describes_ptz=False)
    async with device_of(camera) as device:
        ptz = await device.ptz()
        await ptz.move(0, 0, -1, timeout_s=1)
        await ptz.move(1, 1, 1, timeout_s=1)
    assert camera.moves == [
        {"zoom": -1.0, "timeout": "PT1S"},
        {"pan": 1.0, "tilt": 1.0, "zoom": 1.0, "timeout": "PT1S"},
    ]


@pytest.mark.parametrize("speed", [1.01, -2, float("nan"), float("inf")])
async def test_speeds_beyond_what_there_is(new_camera: NewCamera, speed: float) -> None:
    camera = new_camera()
    async with device_of(camera) as device:
        ptz = await device.ptz()
        with pytest.raises(InvalidInput):
            await ptz.move(speed, 0, 0, timeout_s=1)
        with pytest.raises(InvalidInput):
            await ptz.move(1, 0, 0, timeout_s=0)
    assert camera.moves == []
