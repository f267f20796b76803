"""What cameras answer, and what anybody announces: read, or refused in the way that is told."""

import re
import socket
import string
from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from falconeye.discovery.interfaces import Interface
from falconeye.discovery.mdns import Service
from falconeye.discovery.mdns_cameras import HOMEKIT, HTTP, RTSP, evidence_of
from falconeye.events.camera_state import ReasonCode
from falconeye.federation.found_nodes import FoundNodes
from falconeye.federation.peer_finding import TYPE
from falconeye.onvif.answers import _read_fault
from falconeye.onvif.camera_clock import CameraClock
from falconeye.onvif.notifications import _moment, kind_of, plain_topic
from falconeye.onvif.shape import StrangeAnswer, plain_xml
from falconeye.sources import http_stream, rtsp_describe
from falconeye.sources.failures import SourceFailure
from falconeye.sources.login import authorization, libavformat_can_answer
from falconeye.sources.mjpeg import _check_content_type
from falconeye.sources.multipart import MultipartParser
from tests.clock import FakeClock
from tests.examples import examples

pytestmark = pytest.mark.timeout(60)
ANSWER = (
    b'RTSP/1.0 401 Unauthorized\r\nCSeq: 1\r\nWWW-Authenticate: Digest realm="r", nonce="n"\r\n'
    b"Content-Length: 5\r\n\r\nv=0\r\n"
)
XML = b'<?xml version="1.0"?><s:Envelope xmlns:s="x"><s:Body><s:Fault>'
XML += b"<s:Value>a:NotAuthorized</s:Value>"
XML += b"<s:Text>no</s:Text></s:Fault></s:Body></s:Envelope>"
NEAR = Interface(
    "lan0", 2, IPv4Address("192.168.1.2"), IPv4Network("192.168.1.0/24"), default_route=True
)
# What a header may hold, and the words that mean something to a reader of logins.
CHALLENGES = st.lists(
    st.text(st.characters(max_codepoint=255), max_size=60)
    | st.lists(
        st.sampled_from(
            [
                "Digest ", "Basic ", "realm=", '"', "nonce=", "algorithm=MD5", "SHA-256", "-sess",
                "qop=", "auth", ",", "opaque=", "=", "a", "\n", "\r", "\\", "\x00",
            ]
        ),
        max_size=20,
    ).map("".join),
    max_size=3,
)  # fmt: skip
LOCATIONS = st.text(max_size=40) | st.lists(
    st.sampled_from(
        [
            "rtsp://", "http://", "https:", "//", "/", "[", "]", "@", ":", "::1", "a", "99999", "%",
            "\r\n", " ", "..", "?", "#", "\u2100", "gopher:", "user:pw@",
        ]
    ),
    max_size=8,
).map("".join)  # fmt: skip
WORDS = st.text(max_size=30)
TXT = st.dictionaries(
    st.sampled_from(
        ["id", "name", "v", "web", "mac", "macaddress", "manufacturer", "md", "ci", "x"]
    ),
    WORDS | st.sampled_from(["a" * 32, "8900", "99999", "²", "-1", "00:11:22:33:44:55", "17"]),
)
HOSTS = st.lists(st.ip_addresses(v=4).map(str), max_size=12).map(tuple)
SERVICES = st.builds(
    Service,
    key=WORDS,
    type=st.sampled_from([RTSP, HTTP, HOMEKIT, TYPE, "_axis-video._tcp.local."]),
    name=WORDS,
    addresses=HOSTS | st.just(("192.168.1.20",)),
    port=st.integers(0, 65_535),
    txt=TXT,
)


@st.composite
def bent(draw: st.DrawFn, whole: bytes) -> bytes:
    at = draw(st.integers(0, len(whole)))
    return whole[:at] + draw(st.binary(max_size=12)) + whole[at + draw(st.integers(0, 12)) :]


@settings(max_examples=examples(400), deadline=None)
@given(bent(ANSWER) | st.binary(max_size=200))
def test_any_bytes_are_an_rtsp_answer_or_refused(data: bytes) -> None:
    ours, camera = socket.socketpair()
    with ours, camera:
        camera.sendall(data)
        camera.shutdown(socket.SHUT_WR)
        try:
            answer = rtsp_describe._read_answer(ours)
        except (ValueError, EOFError):
            return
    assert len(answer.body) <= len(data)


@given(CHALLENGES, st.text(max_size=10), st.text(max_size=10))
def test_a_login_is_one_line_whatever_a_camera_wants(
    challenges: list[str], name: str, password: str
) -> None:
    _ = libavformat_can_answer(challenges)
    value = authorization(challenges, "DESCRIBE", "rtsp://10.0.0.9/a", name, password)
    if value is not None and value.startswith("Digest"):
        # The name is a person's, who may type what they like; the rest is the camera's.
        found = value.replace(name, "") if name else value
        assert not re.search(r"[\r\n\x00]", found)


@given(LOCATIONS)
def test_a_redirect_leads_to_an_address_of_its_kind_or_nowhere(location: str) -> None:
    codes = {ReasonCode.ADDRESS_FORBIDDEN}
    answer = rtsp_describe._Answer(302, {"location": [location]}, b"")
    tries: list[tuple[Callable[[], str], tuple[str, str]]] = [
        (lambda: rtsp_describe._redirected("rtsp://10.0.0.9/a", answer), ("rtsp:", "rtsps:")),
        (lambda: http_stream._redirected("http://10.0.0.9/a", location), ("http:", "https:")),
    ]
    for redirected, schemes in tries:
        try:
            url = redirected()
        except SourceFailure as failure:
            codes.add(failure.code)
            continue
        assert url.startswith(schemes)
        assert not re.search(r"[\r\n\x00 ]", url)
        assert "@" not in url.split("/")[2]  # no login that a camera gave
    assert codes == {ReasonCode.ADDRESS_FORBIDDEN}


@given(st.text(max_size=80))
def test_a_content_type_is_a_stream_or_told(content_type: str) -> None:
    try:
        _check_content_type(content_type)
    except SourceFailure:
        return
    assert MultipartParser(content_type).feed(b"") == []


@given(SERVICES)
def test_whatever_is_announced_is_a_camera_near_us_or_nothing(service: Service) -> None:
    evidence = evidence_of(service, (NEAR,), 1)
    if evidence is not None:
        assert IPv4Address(evidence.address) in NEAR.network


@given(st.lists(SERVICES, max_size=4))
def test_whatever_is_announced_is_a_node_or_nothing(services: list[Service]) -> None:
    nodes = FoundNodes("f" * 32, FakeClock(), is_member=lambda _: False, is_near=lambda _: True)
    for service in services:
        _ = nodes.note(service)
    for node in nodes.found():
        assert re.fullmatch("[0-9a-f]{32}", node.node_id)
        assert node.addresses
        assert all(sign not in node.name for sign in string.whitespace.replace(" ", ""))


@settings(max_examples=examples(300), deadline=None)
@given(bent(XML) | st.binary(max_size=200))
def test_any_bytes_are_xml_or_strange(data: bytes) -> None:
    try:
        content = plain_xml(data)
    except StrangeAnswer:
        return
    assert len(content) <= 3 * len(data)  # what is no UTF-8 becomes three bytes
    _ = _read_fault(content)


@given(st.text(max_size=40) | st.lists(st.sampled_from([":", "/", "tns1", " ", "\n"])).map("".join))
def test_a_topic_is_of_some_kind(topic: str) -> None:
    plain = plain_topic(topic)
    assert "\n" not in plain
    _ = kind_of(plain)


@given(
    st.none()
    | st.text(max_size=40)
    | st.datetimes().map(lambda moment: moment.isoformat())
    | st.datetimes(timezones=st.timezones()).map(lambda moment: moment.isoformat())
)
def test_a_camera_s_time_is_one_or_now(told: str | None) -> None:
    assert _moment(told, CameraClock()).tzinfo is not None
