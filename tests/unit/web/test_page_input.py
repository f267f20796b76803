"""What pages take from forms and addresses: the rule of a camera, the times of a list."""

from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from falconeye.base.errors import InvalidInput
from falconeye.config.camera import CameraConfig, Protocol
from falconeye.web import i18n
from falconeye.web.pages import camera_input
from falconeye.web.pages.ptz import _speed
from falconeye.web.pages.recordings import _filter
from falconeye.web.ptz_contexts import SPEEDS, USUAL_SPEED

CONFIG = CameraConfig("1", "Gate", Protocol.RTSP, "rtsp://10.0.0.5/main", 0, 0)
KIRITIMATI, NIUE = ZoneInfo("Pacific/Kiritimati"), ZoneInfo("Pacific/Niue")


def test_a_rule_is_typed_in_days_and_gigabytes() -> None:
    form = replace(camera_input.stored(CONFIG), keep_days="30", keep_bytes="1,5")
    new = camera_input.new_camera(form, "", may_be_local=True)
    assert (new.keep_days, new.keep_bytes) == (30, 1_500_000_000)
    found = camera_input.changes(form, "", CONFIG)
    assert found == {"keep_days": 30, "keep_bytes": 1_500_000_000}


def test_an_empty_rule_is_that_of_the_node_and_one_untouched_stays_exact() -> None:
    exact = replace(CONFIG, keep_days=9, keep_bytes=1_234_567_890_123)
    form = camera_input.stored(exact)
    assert (form.keep_days, form.keep_bytes) == ("9", "1234.57")
    assert camera_input.changes(form, "", exact) == {}
    empty = replace(form, keep_days="", keep_bytes="")
    assert camera_input.changes(empty, "", exact) == {"keep_days": None, "keep_bytes": None}


@pytest.mark.parametrize(
    ("field", "text"),
    [
        *(("keep_days", text) for text in ("0", "-1", "1.5", "soon", "99999", "9" * 5000)),
        *(("keep_bytes", text) for text in ("0", "0.9", "-1", "much", "nan", "inf", "1e300")),
    ],
)
def test_a_bad_rule_is_refused_at_its_field(field: str, text: str) -> None:
    values: dict[str, Any] = {field: text}
    form = replace(camera_input.stored(CONFIG), **values)
    with pytest.raises(InvalidInput) as refused:
        camera_input.changes(form, "", CONFIG)
    assert refused.value.field == field


@pytest.mark.parametrize("zone", [KIRITIMATI, NIUE])
@pytest.mark.parametrize("text", ["0001-01-01T00:00+05:00", "9999-12-31T23:59-05:00"])
def test_times_at_the_ends_of_the_calendar_can_be_shown_again(text: str, zone: ZoneInfo) -> None:
    wanted = _filter("", "", text, "", zone)
    assert wanted.errors == {}
    assert wanted.from_us is not None
    assert 1969 <= i18n.local(wanted.from_us, zone).year <= 2200


@pytest.mark.parametrize(
    ("text", "speed"),
    [
        ("", USUAL_SPEED),
        ("0", 1),
        ("2", 2),
        ("999", SPEEDS),
        ("²", USUAL_SPEED),
        ("9" * 5000, USUAL_SPEED),
    ],
)
def test_a_speed_is_one_of_those_there_are_whatever_is_sent(text: str, speed: int) -> None:
    assert _speed(text) == speed
