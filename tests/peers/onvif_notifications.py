"""Subscriptions of the tests' ONVIF camera: made, pulled, renewed, ended (ONVIF Core 9.2)."""

import datetime as dt
import re
import time
import uuid
from typing import TYPE_CHECKING

from tests.peers.onvif_request import PATHS, WSA, Refused, Request
from tests.peers.onvif_state import Cut, Silent, Subscription

if TYPE_CHECKING:
    from tests.peers.onvif_device import OnvifCamera

_SECONDS = re.compile(r"PT(\d+(?:\.\d+)?)S")
_DEFAULT_TERM_S = 10.0


def create(camera: "OnvifCamera", request: Request) -> str:
    with camera.changed:
        camera.created += 1
        camera.changed.notify_all()
        if 0 < camera.deviations.freezes_after < camera.created:
            raise Silent
        ends_s = _granted(camera, _ends_s(camera, request.text("InitialTerminationTime")))
        _expire(camera)
        if len(camera.subscriptions) >= camera.deviations.slots:
            raise Refused("Receiver", "too many subscribers", "MaxNotificationConsumers")
        name = uuid.uuid4().hex[:8]
        subscription = Subscription(ends_s)
        for (topic, source), value in camera.states.items():
            subscription.waiting.append((topic, source, value, "Initialized"))
        camera.subscriptions[name] = subscription
        camera.most_at_once = max(camera.most_at_once, len(camera.subscriptions))
        camera.changed.notify_all()
    camera.may_answer.wait()
    if camera.deviations.by_reference:
        reference = (
            f"<wsa:Address>{camera.announced(PATHS['subscription'])}</wsa:Address>"
            f"<wsa:ReferenceParameters><x:Id>{name}</x:Id></wsa:ReferenceParameters>"
        )
    else:
        path = f"{PATHS['subscription']}?id={name}"
        address = path if camera.deviations.relative_address else camera.announced(path)
        reference = f"<wsa:Address>{address}</wsa:Address>"
    return (
        "<tev:CreatePullPointSubscriptionResponse><tev:SubscriptionReference>"
        f"{reference}</tev:SubscriptionReference>{_times(camera, ends_s, 'wsnt')}"
        "</tev:CreatePullPointSubscriptionResponse>"
    )


def pull(camera: "OnvifCamera", request: Request) -> str:
    name, subscription = _find(camera, request)
    limit = int(request.text("MessageLimit") or 1) if camera.deviations.heeds_limit else 100_000
    told = _SECONDS.fullmatch(request.text("Timeout") or "")
    if told is None:
        raise Refused("Sender", "Timeout", "InvalidArgVal")
    wait_s = 0.0 if camera.deviations.pull_at_once else float(told[1])
    cut_s = camera.deviations.pull_cut_s
    with camera.changed:
        subscription.pulls += 1
        camera.changed.notify_all()
        camera.changed.wait_for(
            lambda: subscription.waiting or _is_over(camera, name),
            wait_s if cut_s is None else min(wait_s, cut_s),
        )
        if not subscription.waiting and cut_s is not None and cut_s < wait_s:
            raise Cut
        if name not in camera.subscriptions:
            raise _unknown()
        messages = [
            subscription.waiting.popleft() for _ in range(min(limit, len(subscription.waiting)))
        ]
    holders = "".join(_message(camera, *message) for message in messages)
    return (
        f"<tev:PullMessagesResponse>{_times(camera, subscription.ends_s, 'tev')}{holders}"
        "</tev:PullMessagesResponse>"
    )


def renew(camera: "OnvifCamera", request: Request) -> str:
    _, subscription = _find(camera, request)
    if not camera.deviations.renews:
        raise Refused("Receiver", "no", "ActionNotSupported")
    ends_s = _granted(camera, _ends_s(camera, request.text("TerminationTime")))
    with camera.changed:
        subscription.ends_s = ends_s
        subscription.renewals += 1
        camera.changed.notify_all()
    return (
        f"<wsnt:RenewResponse>{_times(camera, ends_s, 'wsnt', swapped=True)}</wsnt:RenewResponse>"
    )


def unsubscribe(camera: "OnvifCamera", request: Request) -> str:
    name, _ = _find(camera, request)
    if not camera.deviations.ends_subscriptions:
        raise Refused("Receiver", "not today", "ActionNotSupported")
    with camera.changed:
        camera.subscriptions.pop(name, None)
        camera.unsubscribed += 1
        camera.changed.notify_all()
    return "<wsnt:UnsubscribeResponse/>"


def _find(camera: "OnvifCamera", request: Request) -> tuple[str, Subscription]:
    if camera.deviations.by_reference:
        element = None if request.header is None else request.header.find("{urn:x}Id")
        if element is None or element.get(f"{WSA}IsReferenceParameter") != "true":
            raise Refused("Sender", "no reference parameter", "InvalidArgVal")
        name = element.text or ""
    else:
        name = request.query.removeprefix("id=")
    with camera.changed:
        _expire(camera)
        if name not in camera.subscriptions:
            raise _unknown()
        return name, camera.subscriptions[name]


def _unknown() -> Refused:
    return Refused("Sender", "unknown subscription", "ResourceUnknown")


def _is_over(camera: "OnvifCamera", name: str) -> bool:
    return camera.ending.is_set() or name not in camera.subscriptions


def _expire(camera: "OnvifCamera") -> None:
    now_s = time.monotonic()
    for name in [n for n, s in camera.subscriptions.items() if s.ends_s < now_s]:
        del camera.subscriptions[name]


def _ends_s(camera: "OnvifCamera", term: str | None) -> float:
    """By the monotonic clock; Refused for a term that the camera does not take."""
    deviations = camera.deviations
    if not term:
        if deviations.needs_term:
            raise Refused("Sender", "InitialTerminationTime", "UnacceptableInitialTerminationTime")
        return time.monotonic() + _DEFAULT_TERM_S
    relative = _SECONDS.fullmatch(term)
    takes = deviations.takes_relative if relative else deviations.takes_absolute
    if not (takes and deviations.takes_term):
        raise Refused("Sender", "term", "UnacceptableInitialTerminationTime")
    if relative:
        return time.monotonic() + float(relative[1])
    left = (dt.datetime.fromisoformat(term) - camera.now()).total_seconds()
    if not 0 < left < 3600:
        raise Refused("Sender", "past", "UnacceptableInitialTerminationTime")
    return time.monotonic() + left


def _granted(camera: "OnvifCamera", ends_s: float) -> float:
    return min(ends_s, time.monotonic() + camera.deviations.longest_term_s)


def _times(camera: "OnvifCamera", ends_s: float, prefix: str, *, swapped: bool = False) -> str:
    now = camera.now()
    left_s = 0.0 if camera.deviations.tells_no_term else ends_s - time.monotonic()
    ends = now + dt.timedelta(seconds=left_s)
    parts = [
        f"<{prefix}:CurrentTime>{now:%Y-%m-%dT%H:%M:%SZ}</{prefix}:CurrentTime>",
        f"<{prefix}:TerminationTime>{ends:%Y-%m-%dT%H:%M:%SZ}</{prefix}:TerminationTime>",
    ]
    return "".join(reversed(parts) if swapped else parts)


def _message(camera: "OnvifCamera", topic: str, source: str, value: str, operation: str) -> str:
    return (
        "<wsnt:NotificationMessage>"
        '<wsnt:Topic Dialect="http://www.onvif.org/ver10/tev/topicExpression/ConcreteSet">'
        f"{topic}</wsnt:Topic><wsnt:Message>"
        f'<tt:Message UtcTime="{camera.now():%Y-%m-%dT%H:%M:%SZ}" PropertyOperation="{operation}">'
        f'<tt:Source><tt:SimpleItem Name="Source" Value="{source}"/></tt:Source>'
        f'<tt:Data><tt:SimpleItem Name="State" Value="{value}"/></tt:Data>'
        "</tt:Message></wsnt:Message></wsnt:NotificationMessage>"
    )
