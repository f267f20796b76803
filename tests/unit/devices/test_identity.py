"""What a USB camera stays itself by."""

from dataclasses import replace
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from falconeye.base.errors import InvalidInput
from falconeye.devices.usb_camera import (
    Presence,
    UsbCamera,
    find,
    is_identity,
    replaces,
    with_unique_serials,
)

PORTS = ("platform-a-usb-0:1", "platform-a-usb-0:2", "pci-0000:00:14.0-usb-0:3.1", "x-usb-0:1.4.2")


def camera(number: int, port: str, *, serial: str = "", model: str = "046d:0825") -> UsbCamera:
    vendor_id, _, product_id = model.partition(":")
    return UsbCamera(
        device_path=f"/dev/video{number}",
        vendor_id=vendor_id,
        product_id=product_id,
        vendor="Acme",
        name="Webcam",
        serial=serial,
        port=port,
        node="",
        device_number=81 << 8 | number,
    )


def plugged(*cameras: UsbCamera) -> list[UsbCamera]:
    return with_unique_serials(cameras)


def test_a_serial_follows_to_another_port() -> None:
    (before,) = plugged(camera(0, PORTS[0], serial="SN1"))
    (after,) = plugged(camera(4, PORTS[1], serial="SN1"))
    assert before.identity == after.identity == "usb:046d:0825:serial:SN1"
    assert find(before.identity, [after]).cameras == (after,)


def test_twins_without_a_serial_are_told_by_their_ports() -> None:
    twins = plugged(camera(0, PORTS[0]), camera(2, PORTS[1]))
    first, second = (one.identity for one in twins)
    swapped = plugged(camera(2, PORTS[0]), camera(0, PORTS[1]))
    assert find(first, swapped).cameras[0].port == PORTS[0]
    assert find(second, swapped).cameras[0].port == PORTS[1]


def test_a_serial_that_twins_share_is_no_identity() -> None:
    twins = plugged(camera(0, PORTS[0], serial="0001"), camera(2, PORTS[1], serial="0001"))
    assert [one.identity for one in twins] == [
        f"usb:046d:0825:port:{PORTS[0]}",
        f"usb:046d:0825:port:{PORTS[1]}",
    ]


def test_two_that_claim_a_stored_serial_are_a_conflict() -> None:
    twins = plugged(camera(0, PORTS[0], serial="0001"), camera(2, PORTS[1], serial="0001"))
    found = find("usb:046d:0825:serial:0001", twins)
    assert (found.presence, len(found.cameras)) == (Presence.CONFLICT, 2)


def test_the_same_serial_of_another_model_is_another_camera() -> None:
    others = plugged(
        camera(0, PORTS[0], serial="1"), camera(2, PORTS[1], serial="1", model="1bcf:2b8a")
    )
    assert all(one.serial_is_unique for one in others)
    assert find("usb:1bcf:2b8a:serial:1", others).cameras == (others[1],)


def test_another_model_at_the_port_is_not_the_camera() -> None:
    identity = f"usb:046d:0825:port:{PORTS[0]}"
    (other,) = plugged(camera(0, PORTS[0], model="1bcf:2b8a"))
    assert find(identity, [other]).presence is Presence.OTHER
    assert find(identity, []).presence is Presence.MISSING


def test_the_nodes_of_one_device_are_told_apart() -> None:
    first = camera(0, PORTS[0], serial="SN1")
    second = replace(camera(2, PORTS[0], serial="SN1"), node="01.2")
    both = plugged(first, second)
    assert [one.identity for one in both] == [
        "usb:046d:0825:serial:SN1", "usb:046d:0825:serial:SN1#01.2",
    ]  # fmt: skip
    for one in both:
        assert find(one.identity, both).cameras == (one,)


def test_only_one_without_a_serial_may_be_a_camera_on_another_port() -> None:
    lost = f"usb:046d:0825:port:{PORTS[0]}"
    (same,) = plugged(camera(0, PORTS[1]))
    (named,) = plugged(camera(0, PORTS[1], serial="SN1"))
    (other,) = plugged(camera(0, PORTS[1], model="1bcf:2b8a"))
    assert replaces(lost, same)
    assert not replaces(lost, named)
    assert not replaces(lost, other)
    assert not replaces("usb:046d:0825:serial:SN9", same)


@pytest.mark.parametrize(
    "text", ["", "usb", "usb:046d:0825", "usb:046d:0825:serial:", "/dev/video0", "usb:::port:x"]
)
def test_what_is_no_identity_is_refused(text: str) -> None:
    assert not is_identity(text)
    with pytest.raises(InvalidInput):
        find(text, [])


_MODELS = st.sampled_from(["046d:0825", "1bcf:2b8a"])
_SERIALS = st.sampled_from(["", "SN1", "SN2", "SN#1", "#", "%23", "a#b#02.0"])


@given(st.lists(st.tuples(_MODELS, _SERIALS), min_size=1, max_size=4), st.permutations(range(4)))
def test_an_identity_finds_its_own_camera_whatever_the_numbers(
    devices: list[tuple[str, str]], numbers: list[int]
) -> None:
    """Device numbers are given out anew at each start."""
    before = plugged(*(camera(i, PORTS[i], model=m, serial=s) for i, (m, s) in enumerate(devices)))
    after = plugged(
        *(camera(numbers[i], PORTS[i], model=m, serial=s) for i, (m, s) in enumerate(devices))
    )
    identities = [one.identity for one in before]
    assert len(set(identities)) == len(identities)
    for one in before:
        found = find(one.identity, after)
        assert found.presence is Presence.PRESENT
        assert found.cameras[0].port == one.port


def test_the_order_of_plugging_changes_no_identity() -> None:
    devices = [camera(0, PORTS[0]), camera(1, PORTS[1]), camera(2, PORTS[2], serial="SN1")]
    orders = [plugged(*order) for order in permutations(devices)]
    found = [{one.port: one.identity for one in order} for order in orders]
    assert all(each == found[0] for each in found)
