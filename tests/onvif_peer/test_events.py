"""Its events by pull point: it answers each question at once, and knows of no term."""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

import pytest

from falconeye.cameras.onvif.happenings import Happenings
from falconeye.onvif import pull_point
from falconeye.onvif.device import OnvifDevice
from falconeye.onvif.errors import OnvifFault
from falconeye.onvif.events import OnvifEvents
from falconeye.onvif.notifications import EventKind, OnvifEvent
from falconeye.onvif.session import Session
from tests.onvif_peer.conftest import NewPeer
from tests.onvif_peer.server import INPUT
from tests.peers.onvif_devices import NotedBackoff

SAID = "falconeye.onvif.pull_point"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The operations that cameras are asked for."""
    operations: list[str] = []
    call = Session.call

    async def noted(
        self: Session, service: Any, operation: str, *more: Any, **named: Mapping[str, Any]
    ) -> Any:
        operations.append(operation)
        return await call(self, service, operation, *more, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(Session, "call", noted)
    return operations


def quick_events(device: OnvifDevice, backoff: NotedBackoff | None = None) -> OnvifEvents:
    return OnvifEvents(device._connected, backoff=backoff or NotedBackoff(), least_s=0.01)


async def next_input(events: OnvifEvents) -> OnvifEvent:
    """What is told of motion in between is another story."""
    while True:
        event = await anext(events)
        if event.kind is EventKind.DIGITAL_INPUT:
            return event


@pytest.mark.parametrize("options", [(), ("--login", "--renews", "--unsubscribes")])
async def test_an_input_that_closes_and_opens(new_peer: NewPeer, options: tuple[str, ...]) -> None:
    peer = new_peer(*options)
    async with peer.device() as device, quick_events(device) as events:
        await anext(events)
        peer.pulse()
        closed, opened = await next_input(events), await next_input(events)
        assert (closed.topic, closed.source) == ("Device/Trigger/DigitalInput", INPUT)
        assert (closed.active, opened.active) == (True, False)
        assert (closed.initial, opened.initial) == (False, False)
        peer.switch("active", "DigitalInput_2")
        other = await next_input(events)
        assert (other.source, other.active) == ("DigitalInput_2", True)
        assert (events.is_subscribed, events.trouble) == (True, "")


async def test_a_pulse_is_one_event_of_the_camera(new_peer: NewPeer) -> None:
    peer = new_peer()
    happenings = Happenings("yard")
    async with peer.device() as device, quick_events(device) as events:
        peer.pulse()
        assert happenings.take(await next_input(events), 5_000_000) == []
        assert happenings.lasts
        (noted,) = happenings.take(await next_input(events), 5_200_000)
    assert (noted.kind, noted.at_us, noted.until_us) == ("digital_input", 5_000_000, 5_200_000)


async def test_motion_begins_and_ends(new_peer: NewPeer) -> None:
    async with new_peer().device() as device, quick_events(device) as events:
        told = [await anext(events) for _ in range(4)]
    assert [(one.kind, one.topic, one.active) for one in told] == [
        (EventKind.MOTION, "VideoSource/MotionAlarm", True),
        (EventKind.OTHER, "RuleEngine/FieldDetector/ObjectsInside", None),
        (EventKind.MOTION, "VideoSource/MotionAlarm", False),
        (EventKind.OTHER, "RuleEngine/FieldDetector/ObjectsInside", None),
    ]
    assert told[0].source == "VS_1"


async def test_a_term_that_is_over_as_it_begins_is_not_renewed_all_the_time(
    new_peer: NewPeer, asked: list[str]
) -> None:
    """Its TerminationTime is its CurrentTime. It is to be later (WS-BaseNotification 4.2)."""
    peer = new_peer("--renews")
    async with peer.device() as device, quick_events(device) as events:
        loop = asyncio.get_running_loop()
        until_s = loop.time() + 0.8  # half of the least that is believed, and more
        while loop.time() < until_s:
            await anext(events)
        assert asked.count("PullMessages") > 1
        assert "Renew" not in asked


@pytest.mark.parametrize("renews", [True, False])
async def test_whether_it_renews_or_not_the_events_go_on(
    new_peer: NewPeer,
    asked: list[str],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    renews: bool,
) -> None:
    monkeypatch.setattr(pull_point, "LIFE_S", 0.5)
    peer = new_peer("--unsubscribes", *(["--renews"] if renews else []))
    with caplog.at_level(logging.INFO, SAID):
        async with peer.device() as device, quick_events(device) as events:
            while asked.count("Renew") < 2:  # two times, or in two ways
                await anext(events)
            peer.pulse()
            assert (await next_input(events)).active
    assert asked.count("CreatePullPointSubscription") == 1
    said = [one.getMessage() for one in caplog.records if one.name == SAID]
    refusal = "subscriptions are not renewed: the camera refuses Renew: This mock does not model"
    assert [refusal in words for words in said] == ([] if renews else [True])


@pytest.mark.parametrize("ends", [True, False])
async def test_a_camera_that_keeps_subscriptions_is_left_and_that_is_said(
    new_peer: NewPeer, asked: list[str], caplog: pytest.LogCaptureFixture, ends: bool
) -> None:
    peer = new_peer(*(["--unsubscribes"] if ends else []))
    with caplog.at_level(logging.INFO, SAID):
        async with peer.device() as device, quick_events(device) as events:
            await anext(events)
    assert asked[-1] == "Unsubscribe"
    said = [one.getMessage() for one in caplog.records if one.name == SAID]
    refusal = "ends by its own term: the camera refuses Unsubscribe: This mock does not model"
    assert [refusal in words for words in said] == ([] if ends else [True])


async def test_a_pull_that_fails_is_another_subscription(
    new_peer: NewPeer, asked: list[str]
) -> None:
    peer = new_peer()
    backoff = NotedBackoff()
    async with peer.device() as device, quick_events(device, backoff) as events:
        await anext(events)
        peer.fail_once("PullMessagesRequest", "s:Receiver", "out of memory")
        peer.pulse()
        assert (await next_input(events)).active
        assert events.trouble == ""
    assert asked.count("CreatePullPointSubscription") == 2
    assert len(backoff.waits) == 1


async def test_a_term_that_is_refused_is_said_in_another_way(
    new_peer: NewPeer, asked: list[str]
) -> None:
    peer = new_peer()
    for _ in range(2):
        peer.fail_once("CreatePullPointSubscriptionRequest", "ter:InvalidArgVal", "which time?")
    async with peer.device() as device, quick_events(device) as events:
        await anext(events)
    assert asked.count("CreatePullPointSubscription") == 3


async def test_why_there_are_no_events_is_told(new_peer: NewPeer) -> None:
    peer = new_peer()
    for _ in range(3):  # each way to say a term
        peer.fail_once("CreatePullPointSubscriptionRequest", "s:Receiver", "too many subscribers")
    async with peer.device() as device:
        events = device.events()
        with pytest.raises(OnvifFault, match="too many subscribers"):
            await events._subscribing.subscribe()
