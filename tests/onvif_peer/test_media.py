"""Its profiles, and where their pictures are."""

from lxml import etree

from falconeye.onvif.profiles import OnvifProfile, choose_streams
from tests.onvif_peer.conftest import NewPeer

MEDIA_2 = "http://www.onvif.org/ver20/media/wsdl"
ASK_MEDIA_2 = (
    '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body>'
    f'<GetProfiles xmlns="{MEDIA_2}"><Type>All</Type></GetProfiles></s:Body></s:Envelope>'
)


async def test_profiles_of_both_lenses(new_peer: NewPeer) -> None:
    async with new_peer().device(None) as device:
        found = await device.profiles()
    assert found == [
        OnvifProfile("Profile_1", "mainStream", "VS_1", "H264", 1920, 1080, 25, True, "PTZNode_1"),
        OnvifProfile("Profile_3", "mainStream2", "VS_2", "H264", 1280, 720, 25, True, "PTZNode_2"),
        OnvifProfile("Profile_2", "subStream", "VS_1", "H264", 704, 480, 15, True, "PTZNode_1"),
        OnvifProfile("Profile_4", "subStream2", "VS_2", "JPEG", 704, 480, 10, False),
    ]
    main, sub = choose_streams(found)
    assert (main.token, sub and sub.token) == ("Profile_1", "Profile_2")


async def test_the_newer_media_service_tells_of_the_same_profiles(new_peer: NewPeer) -> None:
    """We ask Media alone; nothing that this device has is hidden from us by that."""
    peer = new_peer()
    kind = f'application/soap+xml; charset=utf-8; action="{MEDIA_2}/GetProfiles"'
    answer = etree.fromstring(peer.post("/onvif/media2", ASK_MEDIA_2.encode(), kind))
    theirs = {
        one.get("token"): (
            one.findtext(".//{*}SourceToken"),
            one.findtext(".//{*}VideoEncoder/{*}Encoding"),
            one.findtext(".//{*}VideoEncoder/{*}Resolution/{*}Width"),
            one.findtext(".//{*}VideoEncoder/{*}Resolution/{*}Height"),
        )
        for one in answer.iter(f"{{{MEDIA_2}}}Profiles")
    }
    async with peer.device(None) as device:
        ours = {
            one.token: (one.source, one.encoding, str(one.width), str(one.height))
            for one in await device.profiles()
        }
    assert ours == theirs


async def test_where_streams_and_stills_are(new_peer: NewPeer) -> None:
    peer = new_peer()
    async with peer.device(None) as device:
        streams = await device.streams()
    assert streams.main.profile.token == "Profile_1"
    assert streams.sub is not None
    assert streams.sub.profile.token == "Profile_2"
    # One for all profiles, whatever is asked for: there is no RTSP server behind it.
    assert streams.main.url == streams.sub.url == "rtsp://127.0.0.1:554/mock/stream"
    still = streams.main.snapshot_url
    assert still == peer.url.replace("/onvif/device", "/mock/snapshot.jpg")
    # It is to be JPEG (ONVIF Media, GetSnapshotUri). Nothing of ours asks for it: stills are made
    # of streams.
    kind, content = peer.get(still)
    assert (kind, content[:2]) == ("image/bmp", b"BM")


async def test_a_camera_without_stills_has_streams_all_the_same(new_peer: NewPeer) -> None:
    peer = new_peer()
    async with peer.device(None) as device:
        main = (await device.profiles())[0]
        peer.fail_once("GetSnapshotUri", "s:Receiver", "no lens cap")
        found = await device.stream(main)
    assert (found.url, found.snapshot_url) == ("rtsp://127.0.0.1:554/mock/stream", None)
