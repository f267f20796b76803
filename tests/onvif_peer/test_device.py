"""Who the camera is, what it has, and its login, as another server understands ONVIF."""

import pytest

from falconeye.base.secret import Secret
from falconeye.onvif.claims import Claims, Door, ask_claims
from falconeye.onvif.definitions import Service
from falconeye.onvif.errors import (
    OnvifError,
    OnvifFault,
    OnvifLoginNeeded,
    OnvifLoginRefused,
    OnvifNotPermitted,
    OnvifNotSupported,
)
from falconeye.onvif.identity import OnvifIdentity, OnvifInformation
from tests.onvif_peer.conftest import NewPeer
from tests.onvif_peer.server import PASSWORD, USER

MEDIA = "http://www.onvif.org/ver10/media/wsdl/GetProfiles"


async def test_it_says_who_it_is(new_peer: NewPeer) -> None:
    async with new_peer().device(None) as device:
        assert device.information == OnvifInformation(
            make="oxvif-mock", model="MockCam-1080p", firmware="1.0.0", serial="MOCK-0001",
            hardware="1.0",
        )  # fmt: skip
        # It does not know GetEndpointReference, which is no must, and says so by a fault without a
        # subcode: ter:ActionNotSupported would be due (ONVIF Core 5.11.2.2).
        assert await device.identity() == OnvifIdentity(None, ("00:11:22:33:44:55",))


async def test_its_clock_is_ours(new_peer: NewPeer) -> None:
    async with new_peer().device(None) as device:
        assert device.clock_offset_s is not None
        assert abs(device.clock_offset_s) < 5


async def test_its_services_are_found_though_one_list_lacks_events(new_peer: NewPeer) -> None:
    """Its GetServices does not name the event service (a must: Core 8.1.2, 9.2), the other does."""
    peer = new_peer()
    async with peer.device(None) as device:
        assert device.has_events
        at = device._connected._urls
    base = peer.url.removesuffix("/device")
    assert at == {
        Service.DEVICE: peer.url,
        Service.MEDIA: f"{base}/media",
        Service.PTZ: f"{base}/ptz",
        Service.EVENTS: f"{base}/events",
    }


@pytest.mark.parametrize("user", ["admin", "operator"])
async def test_the_login_is_taken(new_peer: NewPeer, user: str) -> None:
    async with new_peer("--login").device(user, user) as device:
        assert device.information.serial == "MOCK-0001"
        assert len(await device.profiles()) == 4
        assert (await (await device.ptz()).status()).pan == 0


async def test_without_a_login_one_is_wanted(new_peer: NewPeer) -> None:
    with pytest.raises(OnvifLoginNeeded):
        async with new_peer("--login").device(None):
            pass


@pytest.mark.parametrize(("user", "password"), [("admin", "operator"), ("nobody", "admin")])
async def test_a_wrong_login_is_refused(new_peer: NewPeer, user: str, password: str) -> None:
    with pytest.raises(OnvifLoginRefused, match="user name or password"):
        async with new_peer("--login").device(password, user):
            pass


@pytest.mark.parametrize("options", [(), ("--login",)])
async def test_it_is_known_again_by_its_serial_number(
    new_peer: NewPeer, options: tuple[str, ...]
) -> None:
    peer = new_peer(*options)
    door = Door("127.0.0.1", peer.port, peer.path, tls=False, username=USER,
                password=Secret(PASSWORD), allow_local=True)  # fmt: skip
    claims = await ask_claims(door, reference=True, serial=True, limit_s=5)
    assert claims == Claims(endpoint_reference=None, serial="MOCK-0001")


# Its injected faults have their code where SOAP 1.2 has one of five (part 1, 5.4.6), and ONVIF a
# subcode (Core 5.11.2.2): many cameras do the same.
@pytest.mark.parametrize(
    ("code", "error", "words"),
    [
        ("s:Receiver", OnvifFault, "the camera refuses GetProfiles: not <today>"),
        ("ter:InvalidArgVal", OnvifFault, "the camera refuses GetProfiles: not <today>"),
        ("ter:ActionNotSupported", OnvifNotSupported, "the camera has no GetProfiles: not <today>"),
        ("ter:NotAuthorized", OnvifNotPermitted, "does not let this user do that (GetProfiles)"),
    ],
)
async def test_a_fault_is_told_in_words_and_once(
    new_peer: NewPeer, code: str, error: type[OnvifError], words: str
) -> None:
    peer = new_peer("--login")
    async with peer.device() as device:
        peer.fail_once(MEDIA, code, "not <today>")
        with pytest.raises(error) as raised:
            await device.profiles()
        assert words in str(raised.value)
        assert type(raised.value) is error
        assert len(await device.profiles()) == 4


async def test_who_does_not_know_get_services_is_asked_the_older_way(new_peer: NewPeer) -> None:
    peer = new_peer()
    peer.fail_once("GetServices", "ter:ActionNotSupported", "old")
    async with peer.device(None) as device:
        assert device.has_events
        assert len(await device.profiles()) == 4
