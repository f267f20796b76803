"""Name and time in pictures."""

from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

import pytest
from av.video.frame import VideoFrame

from falconeye.config.device import Overlay
from falconeye.media.overlay import overlay_drawer

AT_US = 1_790_000_000_000_000


def _utc() -> tzinfo:
    return UTC


def _grey(width: int = 640, height: int = 360) -> VideoFrame:
    frame = VideoFrame(width, height, "yuv420p")
    for plane in frame.planes:
        plane.update(bytes([90]) * plane.buffer_size)
    return frame


def _luma(frame: VideoFrame) -> list[bytes]:
    plane = frame.planes[0]
    data = bytes(plane)
    return [data[y * plane.line_size :][: frame.width] for y in range(frame.height)]


def _drawn(
    overlay: Overlay, name: str = "Door", at_us: int = AT_US, zone: tzinfo = UTC
) -> list[bytes]:
    frame = _grey()
    draw = overlay_drawer(overlay, lambda: name, lambda: at_us, lambda: zone)
    assert draw is not None
    draw(frame)
    return _luma(frame)


def test_nothing_is_drawn_where_nothing_is_wanted() -> None:
    assert overlay_drawer(Overlay.NONE, lambda: "Door", lambda: 0, _utc) is None


def test_a_line_stands_at_the_lower_left_and_nowhere_else() -> None:
    rows = _drawn(Overlay.NAME)
    touched = [y for y, row in enumerate(rows) if set(row) != {90}]
    assert touched == list(range(min(touched), 360))
    assert 360 - min(touched) <= 360 // 20
    assert set(rows[-3][-200:]) == {90}
    assert {16, 235} <= set(b"".join(rows[min(touched) :]))


def test_each_second_and_each_name_has_its_own_picture() -> None:
    assert _drawn(Overlay.TIME) != _drawn(Overlay.TIME, at_us=AT_US + 1_000_000)
    assert _drawn(Overlay.NAME, "Door") != _drawn(Overlay.NAME, "Yard")
    assert _drawn(Overlay.NAME_TIME, "Door") != _drawn(Overlay.TIME, "Door")


def test_the_time_is_that_of_the_site() -> None:
    """With its offset: the hour that the end of summer time repeats has two half past two."""
    berlin = ZoneInfo("Europe/Berlin")
    first, second = (
        int(datetime(2026, 10, 25, hour, 30, tzinfo=UTC).timestamp() * 1e6) for hour in (0, 1)
    )
    assert _drawn(Overlay.TIME, at_us=first, zone=berlin) == _drawn(
        Overlay.NAME, "2026-10-25 02:30:00+02:00"
    )
    assert _drawn(Overlay.TIME, at_us=second, zone=berlin) == _drawn(
        Overlay.NAME, "2026-10-25 02:30:00+01:00"
    )


def test_a_long_name_is_cut_and_never_the_time() -> None:
    at = datetime.fromtimestamp(AT_US // 1_000_000, UTC).isoformat(" ", "seconds")
    shown = _drawn(Overlay.NAME_TIME, "The door beside the garage behind the other house")
    assert shown == _drawn(Overlay.NAME, f"The door beside the garage behind  {at}")


@pytest.mark.parametrize("size", [(2, 2000), (640, 8), (120, 90)])
def test_a_time_that_does_not_fit_is_left_out(size: tuple[int, int]) -> None:
    frame = _grey(*size)
    draw = overlay_drawer(Overlay.TIME, lambda: "", lambda: AT_US, _utc)
    assert draw is not None
    draw(frame)
    assert set(b"".join(_luma(frame))) == {90}


@pytest.mark.parametrize("name", ["", "Küche", "玄関", "x" * 300, "\u202e"])
@pytest.mark.parametrize("size", [(640, 360), (160, 90), (322, 242), (1920, 1080)])
def test_any_name_fits_into_any_picture(name: str, size: tuple[int, int]) -> None:
    frame = _grey(*size)
    draw = overlay_drawer(Overlay.NAME_TIME, lambda: name, lambda: AT_US, _utc)
    assert draw is not None
    draw(frame)
    assert len(_luma(frame)) == size[1]


def test_letters_lose_their_accents_only() -> None:
    assert _drawn(Overlay.NAME, "Küche") == _drawn(Overlay.NAME, "KUCHE")
