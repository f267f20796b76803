"""What cameras' notifications mean, and where theirs differ from the specification."""

import datetime as dt
from types import SimpleNamespace
from typing import Any

import pytest
from lxml import etree

from falconeye.onvif.camera_clock import CameraClock
from falconeye.onvif.definitions import Reply, Service, shared_definitions
from falconeye.onvif.notifications import EventKind, kind_of, plain_topic, read_events

TT = "http://www.onvif.org/ver10/schema"
NOW = dt.datetime(2026, 11, 22, 12, 0, tzinfo=dt.UTC)


def notification(
    items: str, *, topic: str = "tns1:X/Y", attributes: str = 'UtcTime="2026-11-22T12:00:00Z"'
) -> Any:
    message = etree.fromstring(f'<tt:Message xmlns:tt="{TT}" {attributes}>{items}</tt:Message>')
    holder = SimpleNamespace(
        Topic=SimpleNamespace(_value_1=topic), Message=SimpleNamespace(_value_1=message)
    )
    return SimpleNamespace(NotificationMessage=[holder])


def data(**items: str) -> str:
    simple = "".join(f'<tt:SimpleItem Name="{n}" Value="{v}"/>' for n, v in items.items())
    return f"<tt:Data>{simple}</tt:Data>"


@pytest.mark.parametrize(
    ("topic", "kind"),
    [
        ("tns1:VideoSource/MotionAlarm", EventKind.MOTION),
        ("tns1:RuleEngine/CellMotionDetector/Motion", EventKind.MOTION),
        (" tns1:VideoAnalytics/tnsaxis:MotionDetection ", EventKind.MOTION),
        ("tns1:RuleEngine/TamperDetector/Tamper", EventKind.TAMPER),
        ("tns1:VideoSource/GlobalSceneChange/ImagingService", EventKind.TAMPER),
        ("tns1:VideoSource/ImageTooDark/AnalyticsService", EventKind.TAMPER),
        ("tns1:Device/Trigger/DigitalInput", EventKind.DIGITAL_INPUT),
        ("tns1:RuleEngine/MyRuleDetector/PeopleDetect", EventKind.OTHER),
        ("tns1:Device/Trigger/Relay", EventKind.RELAY),
    ],
)
def test_kinds_by_topics(topic: str, kind: EventKind) -> None:
    assert kind_of(plain_topic(topic)) is kind
    assert ":" not in plain_topic(topic)


@pytest.mark.parametrize(
    ("items", "active"),
    [
        ({"IsMotion": "true"}, True),
        ({"State": "0"}, False),
        ({"IsMotion": "1"}, True),
        ({"LogicalState": "false"}, False),
        ({"ObjectId": "1", "IsInside": "false"}, False),  # the id is no state
        ({"Count": "0"}, None),
        ({}, None),
    ],
)
def test_states(items: dict[str, str], active: bool | None) -> None:
    (event,) = read_events(notification(data(**items)), CameraClock())
    assert event.active is active


def test_a_property_that_is_deleted_is_over() -> None:
    attributes = 'UtcTime="2026-11-22T12:00:00Z" PropertyOperation="Deleted"'
    message = notification(data(State="true"), attributes=attributes)
    (event,) = read_events(message, CameraClock())
    assert (event.active, event.initial, event.at) == (False, False, NOW)


def test_times_are_by_our_clock() -> None:
    clock = CameraClock()
    clock.offset = dt.timedelta(hours=-5)
    attributes = 'UtcTime="2026-11-22T07:00:00"'  # without the Z that belongs there
    (event,) = read_events(notification("", attributes=attributes), clock)
    assert event.at == NOW


@pytest.mark.parametrize("told", ["", "yesterday", "0001-01-01T00:00:00+14:00"])
def test_a_time_that_is_none_is_now(told: str) -> None:
    (event,) = read_events(notification("", attributes=f'UtcTime="{told}"'), CameraClock())
    assert abs(event.at - dt.datetime.now(dt.UTC)) < dt.timedelta(minutes=1)


def test_what_cannot_be_read_of_a_message_does_not_take_the_others_along() -> None:
    answer = notification(data(State="true"))
    empty = SimpleNamespace(Topic=None, Message=None)
    answer.NotificationMessage = [empty, *answer.NotificationMessage, SimpleNamespace()]
    assert len(list(read_events(answer, CameraClock()))) == 1
    assert list(read_events(None, CameraClock())) == []


def test_topics_arrive_as_text() -> None:
    """The WSDL's own type of a topic would drop it; see `definitions`."""
    content = f"""<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body>
      <e:PullMessagesResponse xmlns:e="http://www.onvif.org/ver10/events/wsdl"
          xmlns:n="http://docs.oasis-open.org/wsn/b-2" xmlns:tt="{TT}">
        <e:CurrentTime>2026-11-22T12:00:00Z</e:CurrentTime>
        <e:TerminationTime>2026-11-22T12:01:00Z</e:TerminationTime>
        <n:NotificationMessage><n:Topic>tns1:A/Motion</n:Topic><n:Message>
          <tt:Message UtcTime="2026-11-22T12:00:00Z">{data(State="true")}</tt:Message>
        </n:Message></n:NotificationMessage>
        <n:NotificationMessage><n:Topic Dialect="d">tns1:B/Tamper</n:Topic><n:Message>
          <tt:Message UtcTime="2026-11-22T12:00:00Z">{data(State="false")}</tt:Message>
        </n:Message></n:NotificationMessage>
      </e:PullMessagesResponse></s:Body></s:Envelope>"""
    reply = Reply(200, {"Content-Type": "application/soap+xml"}, content.encode())
    answer = shared_definitions().decode(Service.PULL_POINT, "PullMessages", reply)
    events = list(read_events(answer, CameraClock()))
    assert [(one.topic, one.active) for one in events] == [("A/Motion", True), ("B/Tamper", False)]
