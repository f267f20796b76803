"""One PullPoint subscription: made, asked, renewed, ended (ONVIF Core 9.2, WS-BaseNotification)."""

import asyncio
import datetime as dt
import logging
from collections.abc import Callable
from typing import Any, Final

from falconeye.onvif.definitions import Service
from falconeye.onvif.errors import (
    OnvifError,
    OnvifFault,
    OnvifNotPermitted,
    OnvifNotSupported,
    OnvifUnreadable,
)
from falconeye.onvif.services import Services

log = logging.getLogger(__name__)
LIFE_S: Final = 60.0  # what a camera is to keep a subscription for that nobody asks any more
_LEAST_LIFE_S: Final = 1.0  # less than that is not believed: it would be renewed all the time
PULL_S: Final = 5.0  # a camera may hold an answer back for so long; some cut what takes 10
_MESSAGES: Final = 100  # of one answer
_END_S: Final = 4.0
_REFUSED: Final = (OnvifFault, OnvifNotPermitted, OnvifNotSupported, OnvifUnreadable)


class PullPoint:
    """A subscription that the camera keeps. Of each camera there is at most one of ours."""

    def __init__(
        self,
        services: Services,
        url: str,
        references: list[Any],
        *,
        sent_term: bool,
        granted_s: float,
        note: Callable[[str, str], None],
    ) -> None:
        """`granted_s`: how long the camera keeps it, which may be less than was asked for.

        `note` is told of each operation that the camera refuses, and what that means.
        """
        self._note = note
        self._services = services
        self._url = url
        self._references = references
        self._renews = sent_term
        self._life_s = granted_s
        self._renew_at_s = _now_s() + granted_s / 2

    async def pull(self) -> Any:
        """What happened since the last time; waits some seconds for something to happen."""
        if self._renews and _now_s() >= self._renew_at_s:
            await self._renew()
        wait_s = min(PULL_S, self._life_s / 2) if self._renews else PULL_S
        parameters = {"Timeout": dt.timedelta(seconds=wait_s), "MessageLimit": _MESSAGES}
        limit_s = wait_s + self._services.session.limit_s
        return await self._call(Service.PULL_POINT, "PullMessages", parameters, limit_s)

    async def is_known(self) -> bool:
        """Whether the camera says that it has the subscription (it renews it)."""
        try:
            await self._renew_by(f"PT{LIFE_S:.0f}S")
        except _REFUSED:
            return False
        return True

    async def end(self) -> None:
        """Give the camera its slot back; it has few. Never fails: the subscription ends anyway."""
        try:
            async with asyncio.timeout(_END_S):
                await self._call(Service.SUBSCRIPTION, "Unsubscribe", {}, _END_S)
        except _REFUSED as error:
            # It does not know it any more, or it does not do that at all.
            self._note("Unsubscribe", f"a subscription ends by its own term: {error}")
        except (OnvifError, TimeoutError):
            return  # it does not answer: it ends by its own term

    async def _renew(self) -> None:
        try:
            await self._renew_by(f"PT{LIFE_S:.0f}S")
        except _REFUSED:
            try:
                await self._renew_by(self._services.session.absolute_term(LIFE_S))
            except _REFUSED as error:
                # Many do not renew: each pull prolongs their subscriptions. Where it does not,
                # the next pull is refused, and there will be another subscription.
                self._renews = False
                self._note("Renew", f"subscriptions are not renewed: {error}")
        self._renew_at_s = _now_s() + self._life_s / 2

    async def _renew_by(self, term: str) -> None:
        answer = await self._call(Service.SUBSCRIPTION, "Renew", {"TerminationTime": term})
        self._life_s = _granted_s(answer)

    async def _call(
        self,
        service: Service,
        operation: str,
        parameters: dict[str, object],
        limit_s: float | None = None,
    ) -> Any:
        return await self._services.session.call(
            service,
            operation,
            parameters,
            url=self._url,
            headers=self._references,
            limit_s=limit_s,
        )


class Subscribing:
    """Makes subscriptions to one camera; remembers how it wants the term to be said."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._terms = ["relative", "absolute", "none"]  # those that were not refused
        self._noted: set[str] = set()  # operations

    async def subscribe(self) -> PullPoint:
        """A new subscription; an OnvifError where there is none."""
        while True:
            term = self._terms[0]
            parameters = self._parameters(term)
            try:
                answer = await self._services.call(
                    Service.EVENTS, "CreatePullPointSubscription", parameters
                )
            except OnvifFault:
                if len(self._terms) == 1:
                    self._terms = ["relative", "absolute", "none"]  # it was not the term
                    raise
                self._terms.pop(0)
                continue
            return self._pull_point(answer, sent_term=term != "none")

    def _parameters(self, term: str) -> dict[str, object]:
        if term == "none":
            return {}
        absolute = term == "absolute"
        said = self._services.session.absolute_term(LIFE_S) if absolute else f"PT{LIFE_S:.0f}S"
        return {"InitialTerminationTime": said}

    def _pull_point(self, answer: Any, *, sent_term: bool) -> PullPoint:
        reference = getattr(answer, "SubscriptionReference", None)
        announced = getattr(getattr(reference, "Address", None), "_value_1", None)
        if not isinstance(announced, str):
            raise OnvifUnreadable("the camera does not say where its events are")
        reached = self._services.session.reached
        url = reached.rewritten(announced)
        parameters = getattr(getattr(reference, "ReferenceParameters", None), "_value_1", None)
        elements = [one for one in parameters or [] if hasattr(one, "set")]
        for element in elements:  # WS-Addressing SOAP binding 3.3
            element.set("{http://www.w3.org/2005/08/addressing}IsReferenceParameter", "true")
        return PullPoint(
            self._services,
            url,
            elements,
            sent_term=sent_term,
            granted_s=_granted_s(answer),
            note=self._note,
        )

    def _note(self, operation: str, words: str) -> None:
        """Of each operation once: what a camera does not do, it does not do each minute."""
        if operation not in self._noted:
            self._noted.add(operation)
            log.info("events of camera %s: %s", self._services.session.reached.host, words)


def _granted_s(answer: Any) -> float:
    """How long the camera keeps a subscription, both ends by its own clock; else what was asked."""
    try:
        told_s = float((answer.TerminationTime - answer.CurrentTime).total_seconds())
    except (AttributeError, TypeError, OverflowError):
        return LIFE_S  # not told, or of two kinds
    if told_s <= 0:
        return LIFE_S  # a term that is over as it begins is none
    return min(max(told_s, _LEAST_LIFE_S), LIFE_S)


def _now_s() -> float:
    return asyncio.get_running_loop().time()
