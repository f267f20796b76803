"""WS-Discovery messages: what devices send is read, what attackers send is refused."""

from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from falconeye.discovery.interfaces import Interface
from falconeye.discovery.ws_answers import evidence_of, service_at
from falconeye.discovery.ws_budget import (
    MAX_BYTES,
    MAX_BYTES_OF_ONE,
    MAX_DATAGRAMS,
    MAX_OF_ONE,
    Budget,
)
from falconeye.discovery.ws_messages import (
    MAX_MATCHES,
    MAX_MESSAGE_BYTES,
    Device,
    NotUnderstood,
    probe,
    read_message,
)

HERE = Interface(
    "lan0", 2, IPv4Address("192.168.1.2"), IPv4Network("192.168.1.0/24"), default_route=True
)
A = "192.168.1.20"
# As a Hikvision camera sends it, with the namespaces of WS-Discovery 1.0.
MATCH = """<?xml version="1.0" encoding="utf-8"?>
<env:Envelope xmlns:env="http://www.w3.org/2003/05/soap-envelope"
 xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery"
 xmlns:wsadis="http://schemas.xmlsoap.org/ws/2004/08/addressing"
 xmlns:dn="http://www.onvif.org/ver10/network/wsdl">
<env:Header><wsadis:MessageID>urn:uuid:9</wsadis:MessageID>
<wsadis:RelatesTo> urn:uuid:mine </wsadis:RelatesTo></env:Header>
<env:Body><d:ProbeMatches>{matches}</d:ProbeMatches></env:Body></env:Envelope>"""
ONE = """<d:ProbeMatch>
<wsadis:EndpointReference><wsadis:Address>urn:uuid:6B29FC40-CA47-1067-B31D-00DD010662DA
</wsadis:Address></wsadis:EndpointReference><d:Types>dn:NetworkVideoTransmitter tds:Device</d:Types>
<d:Scopes>onvif://www.onvif.org/name/Front%20door onvif://www.onvif.org/Profile/T
onvif://www.onvif.org/Profile/Streaming onvif://www.onvif.org/hardware/DS-2CD2042
onvif://www.onvif.org/location/city/hangzhou</d:Scopes>
<d:XAddrs>http://[fe80::1]/onvif/device_service http://192.168.1.20:8000/onvif/device_service
</d:XAddrs><d:MetadataVersion>10</d:MetadataVersion></d:ProbeMatch>"""


def test_a_camera_is_read_with_all_it_tells() -> None:
    message = read_message(MATCH.format(matches=ONE).encode())
    assert (message.kind, message.relates_to) == ("ProbeMatches", "urn:uuid:mine")
    (device,) = message.devices
    assert device.is_camera
    assert device.profiles == ("Streaming", "T")
    evidence = evidence_of(device, A, HERE, 5).cleaned()
    assert evidence.endpoint_reference == "urn:uuid:6b29fc40-ca47-1067-b31d-00dd010662da"
    assert (evidence.name, evidence.model, evidence.make) == (
        "Front door",
        "DS-2CD2042",
        "Hikvision",
    )
    assert evidence.url == "http://192.168.1.20:8000/onvif/device_service"
    assert evidence.details["location"] == "city/hangzhou"


def test_a_camera_with_a_factory_address_of_another_network_says_so() -> None:
    (device,) = read_message(MATCH.format(matches=ONE).encode()).devices
    assert evidence_of(device, "10.0.0.108", HERE, 5).note == "other_network"
    assert not evidence_of(device, A, HERE, 5).note


def test_other_versions_and_prefixes_are_read_too() -> None:
    text = MATCH.format(matches=ONE).replace("2005/04", "2009/01").replace("xmlns:d=", "xmlns:x=")
    assert len(read_message(text.encode()).devices) == 1


def test_a_name_that_is_no_utf8_costs_a_letter_not_the_camera() -> None:
    data = MATCH.format(matches=ONE).encode().replace(b"Front%20door", "Tür".encode("latin-1"))
    (device,) = read_message(data).devices
    assert device.scope("name") == "T\ufffdr"


@pytest.mark.parametrize(
    ("types", "scopes", "camera"),
    [
        (("NetworkVideoTransmitter",), (), True),
        (("NetworkVideoStorage",), (), True),
        (("Device",), (), False),
        (("Device", "PrintDeviceType"), ("http://printer/",), False),
        ((), ("ONVIF://www.onvif.org/type/video_encoder",), True),
    ],
)
def test_printers_and_computers_are_no_cameras(
    types: tuple[str, ...], scopes: tuple[str, ...], camera: bool
) -> None:
    assert Device("urn:1", types, scopes).is_camera is camera


@pytest.mark.parametrize(
    ("announced", "url", "foreign"),
    [
        (["http://192.168.1.20/onvif/device_service"], f"http://{A}/onvif/device_service", ""),
        (["http://10.0.0.9:8899/x"], f"http://{A}:8899/x", "10.0.0.9"),
        (["http://192.168.1.99:81/a", "http://192.168.1.20:82/b"], f"http://{A}:82/b", ""),
        (["http://10.0.0.9:81/a", "http://192.168.1.99:82/b"], f"http://{A}:82/b", "192.168.1.99"),
        (["https://192.168.1.20/s", "http://192.168.1.20/h"], f"http://{A}/h", ""),
        (["https://192.168.1.20:8443"], f"https://{A}:8443/onvif/device_service", ""),
        (["http://user:secret@192.168.1.20/d"], f"http://{A}/d", ""),
        (["http://camera.example/d?x=1"], f"http://{A}/d?x=1", "camera.example"),
    ],
)
def test_a_service_is_always_at_the_host_that_answered(
    announced: list[str], url: str, foreign: str
) -> None:
    service = service_at(announced, A, HERE)
    assert service is not None
    assert (service.url, service.foreign) == (url, foreign)


@pytest.mark.parametrize(
    "announced",
    [
        [],
        ["x"],
        ["ftp://192.168.1.20/"],
        ["http://192.168.1.20:99999/"],
        ["http://[bad/"],
        ["http://192.168.1.20:0/"],
        ["http:///path"],
        ["http://192.168.1.20/" + "x" * 400],
    ],
)
def test_what_is_no_address_of_a_service_is_none(announced: list[str]) -> None:
    assert service_at(announced, A, HERE) is None


BOMB = '<!DOCTYPE b [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>'


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00\xff" * 100,
        b"<a",
        b"<a></a>",
        (BOMB + MATCH.format(matches=ONE).partition("?>")[2]).encode(),
        MATCH.format(matches=ONE)
        .replace("<env:Envelope", "<!DOCTYPE x SYSTEM 'file:///etc/passwd'><env:Envelope")
        .encode(),
        ("<a>" * 20_000).encode(),
        MATCH.format(matches="<x/>" * 5_000).encode(),
        MATCH.format(matches=ONE * (MAX_MATCHES + 1)).encode(),
        MATCH.format(matches=ONE).encode() + b" " * MAX_MESSAGE_BYTES,
        MATCH.format(matches=ONE).replace("ProbeMatches", "ResolveMatches").encode(),
    ],
)
def test_what_is_no_message_is_refused(data: bytes) -> None:
    with pytest.raises(NotUnderstood):
        read_message(data)


@settings(deadline=None)
@given(st.binary(max_size=300) | st.tuples(st.integers(0, 900), st.binary(max_size=9)))
def test_any_bytes_are_read_or_refused(change: bytes | tuple[int, bytes]) -> None:
    data = MATCH.format(matches=ONE).encode()
    if isinstance(change, bytes):
        data = change
    else:
        data = data[: change[0]] + change[1] + data[change[0] + len(change[1]) :]
    try:
        message = read_message(data)
    except NotUnderstood:
        return
    for device in message.devices:
        evidence_of(device, A, HERE, 1).cleaned()


def test_a_probe_asks_for_cameras_or_for_anything() -> None:
    cameras = probe("urn:uuid:1", cameras_only=True)
    assert b"<d:Types>dn:NetworkVideoTransmitter</d:Types>" in cameras
    assert b"MessageID>urn:uuid:1<" in cameras
    assert b"d:Types" not in probe("urn:uuid:1", cameras_only=False)


def test_one_address_cannot_use_up_what_is_read_of_all() -> None:
    budget = Budget()
    taken = sum(budget.take("a", 1) for _ in range(10_000))
    assert taken == MAX_OF_ONE
    assert budget.refused == 10_000 - MAX_OF_ONE
    assert budget.take("b", MAX_BYTES_OF_ONE)
    assert not budget.take("b", 1)
    everybody = sum(budget.take(str(n), 1) for n in range(10_000))
    assert everybody == MAX_DATAGRAMS - MAX_OF_ONE - 1
    budget.renew()
    assert budget.take("a", 1)


def test_all_together_cannot_send_more_than_is_read() -> None:
    budget = Budget()
    taken = sum(budget.take(str(n), 65_000) for n in range(1_000))
    assert taken == MAX_BYTES // 65_000
