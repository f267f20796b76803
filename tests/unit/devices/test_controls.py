"""What is made of a device's controls."""

import struct
from collections.abc import Iterator

import pytest

from falconeye.devices import v4l2, v4l2_controls
from tests.peers.video_node import NodeControl, VideoNode

READ_ONLY, DISABLED, GRABBED = 0x4, 0x1, 0x2
_BUTTON, _NUMBER_64, _CLASS, _TEXT = 4, 5, 6, 7


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch) -> Iterator[VideoNode]:
    made = VideoNode()
    made.lay(monkeypatch)
    yield made
    made.close()


def found(node: VideoNode, *controls: NodeControl) -> tuple[v4l2_controls.Control, ...]:
    node.controls = dict(enumerate(controls, start=1))
    with v4l2.opened(node.path) as descriptor:
        return v4l2_controls.controls(descriptor)


def test_a_menu_has_holes_and_numbers_with_a_sign(node: VideoNode) -> None:
    """Exposure bias goes below zero: it is told in thousandths, as 64 bits."""
    bias = {0: struct.pack("<q", -4000), 2: struct.pack("<q", 1500)}
    anti_flicker = {0: b"Off", 1: b"50 Hz\0rest", 3: b"\x1b[2JAuto"}
    numbers, words = found(
        node,
        NodeControl(b"Auto Exposure, Bias", 9, 2, 2, menu=bias),
        NodeControl(b"Power Line Frequency", 3, 1, 3, menu=anti_flicker),
    )
    assert (numbers.key, numbers.kind) == ("auto_exposure_bias", "menu")
    assert numbers.menu == ((0, "-4000"), (2, "1500"))
    assert words.menu == ((0, "Off"), (1, "50 Hz"), (3, "[2JAuto"))


@pytest.mark.parametrize("kind", [_BUTTON, _NUMBER_64, _CLASS, _TEXT, 0x101])
def test_what_is_no_choice_is_left_out(node: VideoNode, kind: int) -> None:
    kept = NodeControl(b"Gain", 1, 3)
    assert [each.key for each in found(node, NodeControl(b"Odd", kind, 0), kept)] == ["gain"]


@pytest.mark.parametrize("flags", [READ_ONLY, DISABLED])
def test_what_cannot_be_set_is_left_out(node: VideoNode, flags: int) -> None:
    assert found(node, NodeControl(b"Model", 1, 3, flags=flags)) == ()


def test_a_control_that_another_program_holds_is_there(node: VideoNode) -> None:
    (held,) = found(node, NodeControl(b"Gain", 1, 3, flags=GRABBED))
    assert held.is_active


def test_a_value_may_be_below_zero(node: VideoNode) -> None:
    (brightness,) = found(node, NodeControl(b"Brightness", 1, -3, 64, minimum=-64))
    assert (brightness.minimum, brightness.value, brightness.maximum) == (-64, -3, 64)


def test_two_of_one_name_are_told_apart(node: VideoNode) -> None:
    """A page and a program name a control by its key: each leads to one of them."""
    keys = [
        each.key
        for each in found(
            node,
            NodeControl(b"LED Mode", 1, 1),
            NodeControl(b"LED, mode", 1, 2),
            NodeControl(b"!?", 1, 3),
        )
    ]
    assert len(set(keys)) == 3
    assert all(keys)
    assert keys[0] == "led_mode"
