"""Privacy: by whom and until when, by hand and by schedule."""

from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from falconeye.base.times import HOUR_US, to_us
from falconeye.cameras.privacy import Pause, pause_of, paused, switched_on
from falconeye.config.camera import CameraConfig, Protocol
from falconeye.config.schedule import DAYS, WeekSchedule

VIENNA = ZoneInfo("Europe/Vienna")
CONFIG = CameraConfig("cam", "Front door", Protocol.DEMO, "demo:", 0, 0)
NIGHT = WeekSchedule.parse({day: ["22:00-06:00"] for day in DAYS}, field="privacy_schedule")


def at(text: str) -> int:
    return to_us(datetime.fromisoformat(text).replace(tzinfo=VIENNA))


NOON = at("2026-11-21T12:00")


def test_a_person_pauses_until_a_time_or_until_it_is_switched_on() -> None:
    hour = replace(CONFIG, **paused("Anna", NOON + HOUR_US, NOON))
    assert pause_of(hour, NOON, VIENNA) == Pause("Anna", NOON + HOUR_US)
    assert pause_of(hour, NOON + HOUR_US, VIENNA) is None
    for_good = replace(CONFIG, **paused("Anna", None, NOON))
    assert pause_of(for_good, NOON + 10**15, VIENNA) == Pause("Anna", None)
    assert pause_of(replace(for_good, **switched_on(for_good, NOON, VIENNA)), NOON, VIENNA) is None


def test_a_schedule_pauses_by_itself() -> None:
    config = replace(CONFIG, privacy_schedule=NIGHT)
    assert pause_of(config, at("2026-11-21T21:59"), VIENNA) is None
    night = pause_of(config, at("2026-11-21T22:00"), VIENNA)
    assert night == Pause("", at("2026-11-22T06:00"))
    assert night.by_schedule


def test_what_somebody_switched_on_at_night_is_on_until_the_next_night() -> None:
    config = replace(CONFIG, privacy_schedule=NIGHT)
    late = at("2026-11-21T23:00")
    config = replace(config, **switched_on(config, late, VIENNA))
    assert pause_of(config, late, VIENNA) is None
    assert pause_of(config, at("2026-11-22T05:59"), VIENNA) is None
    assert pause_of(config, at("2026-11-22T22:00"), VIENNA) is not None


def test_a_person_who_pauses_it_again_takes_that_back() -> None:
    late = at("2026-11-21T23:00")
    config = replace(CONFIG, privacy_schedule=NIGHT)
    config = replace(config, **switched_on(config, late, VIENNA))
    config = replace(config, **paused("Bert", late + HOUR_US, late))
    assert pause_of(config, late, VIENNA) == Pause("Bert", late + HOUR_US)
    then = pause_of(config, late + HOUR_US, VIENNA)
    assert then == Pause("", at("2026-11-22T06:00"))  # the schedule's turn


def test_one_whose_schedule_never_ends_is_switched_on_for_good() -> None:
    always = WeekSchedule.parse({day: ["00:00-24:00"] for day in DAYS}, field="x")
    config = replace(CONFIG, privacy_schedule=always)
    assert pause_of(config, NOON, VIENNA) == Pause("", None)
    config = replace(config, **switched_on(config, NOON, VIENNA))
    assert pause_of(config, NOON + 10**14, VIENNA) is None


def test_the_words_tell_who_and_until_when() -> None:
    def words(pause: Pause) -> str:
        return pause.words(NOON, VIENNA)

    assert words(Pause("Anna", None)) == "paused by Anna until switched on"
    assert words(Pause("Anna", at("2026-11-21T18:00"))) == "paused by Anna until 18:00"
    assert words(Pause("Anna", at("2026-11-22T18:00"))) == "paused by Anna until 2026-11-22 18:00"
    assert words(Pause("", at("2026-11-21T18:00"))) == "paused by its schedule until 18:00"
