"""Which encoder pictures are given to: what works here, not what is named."""

from pathlib import Path

import pytest

from falconeye.media.encoder import HARDWARE, SOFTWARE, Encoders, works


def test_what_encodes_and_decodes_works() -> None:
    assert works(SOFTWARE)


@pytest.mark.parametrize("name", ["mjpeg", "no-such-encoder"])
def test_what_makes_no_h264_does_not(name: str) -> None:
    assert not works(name)


@pytest.mark.skipif(
    any(Path("/dev").glob("video*")) or any(Path("/dev").glob("nvidia*")),
    reason="this machine may have an encoder in hardware",
)
@pytest.mark.parametrize("name", HARDWARE)
def test_what_is_only_named_does_not(name: str) -> None:
    """libavcodec names encoders of hardware that is not there."""
    assert not works(name)


def test_the_software_takes_over_where_no_hardware_works() -> None:
    encoders = Encoders(probe=lambda _name: False)
    assert encoders.take() == SOFTWARE
    encoders.give_back(SOFTWARE)


def test_an_encoder_takes_as_many_as_it_can_and_the_next_gets_the_software() -> None:
    encoders = Encoders({"h264_nvenc": 2}, probe=lambda _name: True)
    taken = [encoders.take() for _ in range(3)]
    assert taken == ["h264_nvenc", "h264_nvenc", SOFTWARE]
    encoders.give_back(taken[0])
    assert encoders.take() == "h264_nvenc"


def test_one_that_fails_in_use_is_given_to_nobody_any_more() -> None:
    encoders = Encoders({"h264_nvenc": 2}, probe=lambda _name: True)
    assert encoders.take() == "h264_nvenc"
    encoders.refuse("h264_nvenc")
    encoders.give_back("h264_nvenc")
    assert encoders.take() == SOFTWARE
