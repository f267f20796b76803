"""The demo picture's bar code can be read, and only what moves is redrawn."""

from hypothesis import given
from hypothesis import strategies as st

from falconeye.sources.demo_picture import DemoPicture, draw_barcode, read_barcode


@given(st.integers(0, 2**40))
def test_bar_code_reads_what_was_drawn(value: int) -> None:
    luma = bytearray(640 * 48)
    draw_barcode(luma, 640, value)
    assert read_barcode(bytes(luma), 640, 640) == value % 2**32


def test_no_bar_code() -> None:
    assert read_barcode(bytes(640 * 48), 640, 640) is None


def test_picture_at_a_time_does_not_depend_on_the_past() -> None:
    fresh, used = DemoPicture(), DemoPicture()
    for step in range(50):
        used.draw(step * 777_000)
    fresh.draw(99_000_000)
    used.draw(99_000_000)
    assert fresh.luma == used.luma


def test_pictures_differ() -> None:
    picture = DemoPicture(320, 176)
    picture.draw(1_000_000)
    first = bytes(picture.luma)
    picture.draw(1_040_000)
    assert bytes(picture.luma) != first
    assert len(picture.luma) == 320 * 176
