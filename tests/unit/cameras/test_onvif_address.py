"""Addresses of ONVIF devices, and who is the same device; nothing is asked here."""

from dataclasses import replace
from typing import Any

import pytest

from falconeye.base.errors import Conflict, InvalidInput
from falconeye.base.secret import Secret
from falconeye.cameras.identity.onvif_address import OnvifPlace, resolved_changes
from falconeye.cameras.identity.same_device import refuse_same_device
from falconeye.config.camera import CameraConfig, Protocol

YARD = CameraConfig(
    id="1",
    name="Yard",
    protocol=Protocol.ONVIF,
    source_url="rtsp://192.0.2.1/main?x=1",
    created_at_us=0,
    updated_at_us=0,
    username="admin",
    password=Secret("secret"),
    onvif_url="http://192.0.2.1:8000/onvif/device_service",
    endpoint_reference="urn:uuid:a",
    mac_address="00:00:00:00:00:01",
    metadata={"serial": "s1"},
)


@pytest.mark.parametrize(
    ("url", "service"),
    [
        ("onvif://192.0.2.1", "http://192.0.2.1:80/onvif/device_service"),
        ("onvif://u:p@cam.lan:8000/", "http://cam.lan:8000/onvif/device_service"),
        ("onvif://[2001:db8::1]", "http://[2001:db8::1]:80/onvif/device_service"),
        ("https://cam.lan/own/path", "https://cam.lan:443/own/path"),
    ],
)
def test_a_short_address_leads_to_the_usual_service(url: str, service: str) -> None:
    assert OnvifPlace.of(url).url == service


@pytest.mark.parametrize("url", ["rtsp://a/", "onvif://a:0x/", "onvif://u:p/w@a/", "onvif://a b"])
def test_another_address_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(InvalidInput, match="looks like onvif://192"):
        OnvifPlace.of(url)


@pytest.mark.parametrize("url", ["onvif://192.0.2.1", "onvif://192.0.2.2:8000", "onvif://x:8000"])
async def test_the_stored_password_goes_to_its_own_place_only(url: str) -> None:
    with pytest.raises(InvalidInput, match="enter the password again") as refused:
        await resolved_changes(YARD, {"source_url": url})
    assert refused.value.field == "password"


async def test_changes_of_other_things_ask_nobody() -> None:
    for changes in ({"name": "Door"}, {"source_url": "rtsp://192.0.2.1/other"}):
        assert await resolved_changes(YARD, changes) is changes


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"mac_address": None, "metadata": {}},
        {"endpoint_reference": None},
        {"endpoint_reference": None, "metadata": {}},
    ],
)
def test_the_same_device_at_another_address_is_refused(fields: dict[str, Any]) -> None:
    other = replace(YARD, id="2", source_url="rtsp://192.0.2.9/main?x=1", **fields)
    with pytest.raises(Conflict, match="'Yard'"):
        refuse_same_device(other, [YARD])
    refuse_same_device(YARD, [YARD])  # itself


@pytest.mark.parametrize(
    "fields",
    [
        {"source_url": "rtsp://192.0.2.9/channel2"},  # of a recorder
        {"mac_address": "00:00:00:00:00:02"},  # cheap cameras share the rest
        {"metadata": {"serial": "s2"}},
        {"mac_address": None, "endpoint_reference": None},  # two makers, one serial
    ],
)
def test_another_device_or_stream_is_not(fields: dict[str, Any]) -> None:
    refuse_same_device(replace(YARD, id="2", **fields), [YARD])
