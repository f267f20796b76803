"""Events by PullPoint subscriptions, and what cameras do to them."""

import asyncio
import datetime as dt
import logging

import pytest

from falconeye.onvif import pull_point
from falconeye.onvif.device import OnvifDevice
from falconeye.onvif.errors import (
    OnvifClosed,
    OnvifLoginRefused,
    OnvifNotPermitted,
    OnvifUnreachable,
)
from falconeye.onvif.events import TRIES, OnvifEvents
from falconeye.onvif.notifications import EventKind
from tests.integration.onvif.conftest import NewCamera
from tests.peers.onvif_devices import NotedBackoff, device_of, until

MOTION = "tns1:VideoSource/MotionAlarm"


def quick_events(device: OnvifDevice, backoff: NotedBackoff | None = None) -> OnvifEvents:
    return OnvifEvents(device._connected, backoff=backoff or NotedBackoff(), least_s=0.01)


@pytest.mark.parametrize(
    "deviation",
    [
        {},
        {"login": "digest"},
        {"needs_term": True},
        {"needs_term": True, "takes_relative": False, "clock_offset_s": -7200},
        {"takes_term": False},
        {"xaddr_host": "10.1.1.1", "xaddr_port": 8000},
        {"by_reference": True},
        {"relative_address": True},
        {"answers": {"Renew": "undeclared"}, "pull_cut_s": 0},
        {"has_get_services": False},
        {"pull_at_once": True},
        {"pull_cut_s": 0},
        {"pull_cut_s": 0.05},
        {"slots": 1},
        {"renews": False},
    ],
)
async def test_events_come_and_the_place_is_given_back(
    new_camera: NewCamera, deviation: dict[str, object]
) -> None:
    camera = new_camera(**deviation)
    camera.tell(MOTION, active=False)
    async with device_of(camera) as device, quick_events(device) as events:
        first = await anext(events)
        assert (first.kind, first.topic) == (EventKind.MOTION, "VideoSource/MotionAlarm")
        assert (first.active, first.initial, first.source) == (False, True, "VideoSource_1")
        camera.tell(MOTION, active=True)
        second = await anext(events)
        assert (second.active, second.initial) == (True, False)
        # By our clock, whatever the camera's says.
        assert abs(second.at - dt.datetime.now(dt.UTC)) < dt.timedelta(minutes=1)
        camera.tell("tns1:Device/Trigger/DigitalInput", active=True, source="In_1")
        third = await anext(events)
        assert (third.kind, third.source) == (EventKind.DIGITAL_INPUT, "In_1")
        assert events.is_subscribed
        assert camera.most_at_once == 1
    assert camera.subscriptions == {}
    assert camera.unsubscribed == 1
    assert camera.token_check.faults == []


async def test_events_in_between_are_not_lost(new_camera: NewCamera) -> None:
    camera = new_camera()
    camera.tell(MOTION, active=False)
    async with device_of(camera) as device, quick_events(device) as events:
        await anext(events)
        for number in range(250):  # more than one answer holds
            camera.tell(MOTION, active=bool(number % 2), source=str(number))
        assert [(await anext(events)).source for _ in range(250)] == [str(n) for n in range(250)]


async def test_a_cancelled_task_gives_the_place_back(new_camera: NewCamera) -> None:
    camera = new_camera()

    async def watch() -> None:
        async with device_of(camera) as device, quick_events(device) as events:
            await anext(events)

    async with asyncio.TaskGroup() as group:
        task = group.create_task(watch())
        await until(camera, lambda: any(s.pulls for s in camera.subscriptions.values()))
        task.cancel()
    assert (camera.created, camera.unsubscribed, camera.subscriptions) == (1, 1, {})


async def test_a_place_that_is_being_taken_is_given_back_too(new_camera: NewCamera) -> None:
    camera = new_camera()
    camera.may_answer.clear()
    async with device_of(camera) as device, quick_events(device) as events:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(anext(events))
            await until(camera, lambda: camera.subscriptions)
            task.cancel()
        camera.may_answer.set()
    assert (camera.created, camera.unsubscribed, camera.subscriptions) == (1, 1, {})


async def test_a_goodbye_that_is_cut_short_leaves_no_task_behind(new_camera: NewCamera) -> None:
    camera = new_camera()
    camera.may_answer.clear()

    async def watch(events: OnvifEvents) -> None:
        async with events:
            await anext(events)

    async with device_of(camera) as device:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(watch(quick_events(device)))
            await until(camera, lambda: camera.subscriptions)
            task.cancel()
            for _ in range(5):  # into the wait for the subscription
                await asyncio.sleep(0)
            task.cancel()
        left = [one.get_name() for one in asyncio.all_tasks() if "onvif-events" in one.get_name()]
        assert left == []
        camera.may_answer.set()


async def test_a_camera_that_restarts_is_subscribed_to_again(new_camera: NewCamera) -> None:
    camera = new_camera(slots=1)
    camera.tell(MOTION, active=True)
    backoff = NotedBackoff()
    async with device_of(camera) as device, quick_events(device, backoff) as events:
        assert (await anext(events)).active
        camera.forget_subscriptions()
        assert (await anext(events)).initial
        assert events.trouble == ""
    assert (camera.created, len(backoff.waits), camera.most_at_once) == (2, 1, 1)


async def test_a_camera_that_cuts_each_pull_keeps_its_subscription(new_camera: NewCamera) -> None:
    camera = new_camera(pull_cut_s=0)
    async with device_of(camera) as device, quick_events(device) as events:
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(anext(events))
            await until(camera, lambda: any(s.pulls > 20 for s in camera.subscriptions.values()))
            camera.tell(MOTION, active=True)
        assert waiting.result().active
    assert camera.created == 1


async def test_a_camera_that_does_not_wait_is_not_asked_all_the_time(
    new_camera: NewCamera, monkeypatch: pytest.MonkeyPatch
) -> None:
    camera = new_camera(pull_at_once=True)
    waits: list[float] = []
    sleep = asyncio.sleep

    async def noted(seconds: float) -> None:
        waits.append(seconds)
        await sleep(0)

    monkeypatch.setattr(asyncio, "sleep", noted)
    async with device_of(camera) as device, device.events() as events:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(anext(events))
            await until(camera, lambda: any(s.pulls > 3 for s in camera.subscriptions.values()))
            camera.tell(MOTION, active=True)
        assert task.result().active
    pauses = [seconds for seconds in waits if seconds > 0]
    assert len(pauses) >= 3
    assert min(pauses) > 0.3


async def test_a_frozen_camera_is_asked_ever_more_seldom(new_camera: NewCamera) -> None:
    camera = new_camera(freezes_after=1)
    camera.tell(MOTION, active=True)
    backoff = NotedBackoff()
    async with device_of(camera) as device, quick_events(device, backoff) as events:
        await anext(events)
        device._connected.session.limit_s = 0.2
        camera.forget_subscriptions()
        async with asyncio.TaskGroup() as group:
            task = group.create_task(anext(events))
            await until(camera, lambda: camera.created == 5)
            assert "within" in events.trouble
            task.cancel()
        assert not events.is_subscribed
    # A wait before each but the first, growing.
    assert len(backoff.waits) >= camera.created - 1
    assert backoff.waits[2] > backoff.waits[0]


async def test_a_camera_without_places_is_waited_for(new_camera: NewCamera) -> None:
    camera = new_camera(slots=0)
    camera.tell(MOTION, active=True)
    backoff = NotedBackoff()
    async with device_of(camera) as device, quick_events(device, backoff) as events:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(anext(events))
            await until(camera, lambda: camera.created >= 4)
            assert "too many subscribers" in events.trouble
            camera.deviations.slots = 1
        assert task.result().active
    assert len(backoff.waits) >= 1


async def test_who_is_away_for_long_is_connected_to_anew(new_camera: NewCamera) -> None:
    """Its name may have another address by now, its services other places."""
    camera = new_camera()
    camera.tell(MOTION, active=True)
    backoff = NotedBackoff()
    async with device_of(camera) as device, quick_events(device, backoff) as events:
        await anext(events)
        camera.forget_subscriptions()
        camera.deviations.answers = {"CreatePullPointSubscription": "missing"}
        with pytest.raises(OnvifUnreachable, match="no CreatePullPointSubscription"):
            await anext(events)
        assert len(backoff.waits) == TRIES
        assert not events.is_subscribed


async def test_a_refused_login_ends_the_events(new_camera: NewCamera) -> None:
    camera = new_camera()
    camera.tell(MOTION, active=True)
    async with device_of(camera) as device, quick_events(device) as events:
        await anext(events)
        camera.token_check.password = "another"
        camera.forget_subscriptions()
        with pytest.raises(OnvifLoginRefused):
            await anext(events)
        with pytest.raises(OnvifLoginRefused):
            await anext(events)
    assert sum(not one.good for one in camera.logins) <= 2


async def test_who_may_not_have_events_is_told(new_camera: NewCamera) -> None:
    camera = new_camera(forbidden=frozenset({"CreatePullPointSubscription"}))
    async with device_of(camera) as device, quick_events(device) as events:
        with pytest.raises(OnvifNotPermitted):
            await anext(events)


async def test_a_camera_that_cuts_and_does_not_renew_is_subscribed_to_again(
    new_camera: NewCamera,
) -> None:
    camera = new_camera(pull_cut_s=0, renews=False, slots=1)
    backoff = NotedBackoff()
    async with device_of(camera) as device, quick_events(device, backoff) as events:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(anext(events))
            await until(camera, lambda: camera.created == 3)
            camera.tell(MOTION, active=True)
        assert task.result().active
    assert len(backoff.waits) >= camera.created - 1


async def test_a_camera_that_starts_again_may_have_no_events_for_a_while(
    new_camera: NewCamera,
) -> None:
    camera = new_camera()
    camera.tell(MOTION, active=True)
    async with device_of(camera) as device, quick_events(device) as events:
        await anext(events)
        camera.deviations.answers = dict.fromkeys(("PullMessages", "Unsubscribe"), "missing")
        async with asyncio.TaskGroup() as group:
            task = group.create_task(anext(events))
            camera.forget_subscriptions()
            await until(camera, lambda: camera.created >= 2)
            assert "no PullMessages" in events.trouble
            camera.deviations.answers = {}
            camera.forget_subscriptions()
        assert task.result().initial


async def test_a_device_that_is_closed_ends_its_events(new_camera: NewCamera) -> None:
    camera = new_camera()
    device = device_of(camera)
    await device.connect()
    events = quick_events(device)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(_outcome(events))
        await until(camera, lambda: any(s.pulls for s in camera.subscriptions.values()))
        await device.close()
    assert isinstance(task.result(), OnvifClosed)


async def _outcome(events: OnvifEvents) -> BaseException | None:
    try:
        await anext(events)
    except OnvifClosed as error:
        return error
    return None


@pytest.mark.parametrize(
    "deviation", [{}, {"takes_relative": False}, {"renews": False}, {"takes_term": False}]
)
async def test_a_subscription_outlives_its_term(
    new_camera: NewCamera, monkeypatch: pytest.MonkeyPatch, deviation: dict[str, object]
) -> None:
    monkeypatch.setattr(pull_point, "LIFE_S", 3.0)  # absolute terms are in whole seconds
    monkeypatch.setattr(pull_point, "PULL_S", 0.1)
    camera = new_camera(slots=1, **deviation)
    camera.tell(MOTION, active=False)
    renews = not {"renews", "takes_term"} & deviation.keys()
    async with device_of(camera) as device, quick_events(device) as events:
        await anext(events)
        (subscription,) = camera.subscriptions.values()
        async with asyncio.TaskGroup() as group:
            task = group.create_task(anext(events))
            if renews:
                await until(camera, lambda: subscription.renewals)
                camera.tell(MOTION, active=True)
            elif "renews" in deviation:
                await until(camera, lambda: camera.created == 2)
            else:
                await until(camera, lambda: subscription.pulls > 12)
                camera.tell(MOTION, active=True)
        assert task.result().initial == ("renews" in deviation)
    assert camera.most_at_once == 1


async def test_a_shorter_term_than_was_asked_for_is_renewed_in_time(
    new_camera: NewCamera,
) -> None:
    camera = new_camera(longest_term_s=2, clock_offset_s=-7200)
    camera.tell(MOTION, active=False)
    async with device_of(camera) as device, quick_events(device) as events:
        await anext(events)
        (subscription,) = camera.subscriptions.values()
        async with asyncio.TaskGroup() as group:
            task = group.create_task(anext(events))
            await until(camera, lambda: subscription.renewals > 1 or camera.created > 1)
            camera.tell(MOTION, active=True)
        assert task.result().active
    assert camera.created == 1


async def test_a_term_that_is_over_as_it_begins_is_not_believed(
    new_camera: NewCamera, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would be renewed twice a second."""
    monkeypatch.setattr(pull_point, "PULL_S", 0.1)
    camera = new_camera(tells_no_term=True)
    camera.tell(MOTION, active=False)
    async with device_of(camera) as device, quick_events(device) as events:
        await anext(events)
        (subscription,) = camera.subscriptions.values()
        async with asyncio.TaskGroup() as group:
            task = group.create_task(anext(events))
            await until(camera, lambda: subscription.pulls > 10)
            camera.tell(MOTION, active=True)
        assert task.result().active
    assert (subscription.renewals, camera.created) == (0, 1)


async def test_what_a_camera_does_not_do_with_subscriptions_is_said_once(
    new_camera: NewCamera, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(pull_point, "LIFE_S", 1.0)
    monkeypatch.setattr(pull_point, "PULL_S", 0.05)
    camera = new_camera(renews=False, ends_subscriptions=False)
    with caplog.at_level(logging.INFO, "falconeye.onvif.pull_point"):
        async with device_of(camera) as device, quick_events(device) as events:
            async with asyncio.TaskGroup() as group:
                task = group.create_task(anext(events))
                await until(camera, lambda: camera.created == 3)
                camera.tell(MOTION, active=True)
            assert task.result().active
    said = [one.getMessage() for one in caplog.records if one.name == "falconeye.onvif.pull_point"]
    assert [words.partition("127.0.0.1: ")[2] for words in said] == [
        "subscriptions are not renewed: the camera has no Renew: no",
        "a subscription ends by its own term: the camera refuses Unsubscribe: unknown subscription",
    ]


async def test_a_camera_that_talks_all_the_time_is_asked_at_a_measured_pace(
    new_camera: NewCamera, monkeypatch: pytest.MonkeyPatch
) -> None:
    camera = new_camera()
    waits: list[float] = []
    sleep = asyncio.sleep

    async def noted(seconds: float) -> None:
        waits.append(seconds)
        await sleep(0)

    camera.tell(MOTION, active=True)
    async with device_of(camera) as device, device.events() as events:
        await anext(events)
        monkeypatch.setattr(asyncio, "sleep", noted)
        for number in range(5):
            camera.tell(MOTION, active=bool(number % 2))
            await anext(events)
    assert len([seconds for seconds in waits if seconds > 0.1]) == 5


async def test_of_an_endless_answer_only_the_beginning_is_taken(new_camera: NewCamera) -> None:
    camera = new_camera(heeds_limit=False)
    async with device_of(camera) as device, quick_events(device) as events:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(anext(events))
            await until(camera, lambda: any(s.pulls for s in camera.subscriptions.values()))
            with camera.changed:
                for number in range(1500):
                    camera.tell(MOTION, active=True, source=str(number))
        assert task.result().source == "0"
        assert len(events._ready) == 999
