"""Who leads: an election by a Lease of `coordination.k8s.io/v1`, without trust in anybody's clock.

The holder renews it; a follower takes it when it has seen no renewal for the lease's duration, by
its own monotonic clock from the moment it saw the last one. Each write carries the resourceVersion
that was read, so that of two who write one is refused (409): then it holds nothing. A holder that
could not renew gives up well before anybody may take the lease. The client library's own election
trusts wall clocks, cannot be stopped and releases nothing.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from falconeye.base.backoff import Backoff
from falconeye.base.clock import Clock
from falconeye.base.times import SECOND_US, to_datetime
from falconeye.cluster.api import ApiRefused, ApiServer, ApiUnreachable, Json

log = logging.getLogger(__name__)

NOT_UNDERSTOOD: Final = "what the Kubernetes API server answers cannot be understood"
RELEASE_S: Final = 2.0  # a stop waits no longer for the API server
_USUAL_S: Final = 15
_LONGEST_S: Final = 60  # another's duration counts up to this


@dataclass(frozen=True, slots=True)
class LeaseTimes:
    """Who dies is followed after `duration_s` + `look_s`; deadline_s < duration_s."""

    duration_s: int = _USUAL_S
    deadline_s: float = 10.0  # without a renewal the holder stops leading
    look_s: float = 5.0  # renewed, or looked at, this often


@dataclass(slots=True)
class Sighting:
    """When the lease was last seen to change, by this node's monotonic clock."""

    clock: Clock
    _seen: tuple[object, ...] = ()
    _seen_us: int = 0
    _duration_us: int = 0

    def look(self, spec: Json) -> None:
        """Note a lease as it was read; a strange duration counts as the usual one."""
        duration = spec.get("leaseDurationSeconds")
        if not isinstance(duration, int) or not 0 < duration <= _LONGEST_S:
            duration = _USUAL_S
        self._duration_us = duration * SECOND_US
        record = (spec.get("holderIdentity"), spec.get("renewTime"), spec.get("leaseTransitions"))
        if record != self._seen or not self._seen_us:
            self._seen, self._seen_us = record, self.clock.monotonic_us()

    @property
    def is_over(self) -> bool:
        return self.clock.monotonic_us() - self._seen_us >= self._duration_us


@dataclass(slots=True)
class Lease:
    """`run()` takes part until it is cancelled; then `release()`. `identity` is this process."""

    server: ApiServer
    namespace: str
    name: str
    identity: str
    clock: Clock
    on_change: Callable[[], None]  # this process leads, or leads no more
    times: LeaseTimes = field(default_factory=LeaseTimes)
    holder: str = ""  # as last seen; empty: nobody
    _own: Json | None = None  # as last written by us
    _held_until_us: int = 0
    _sighting: Sighting = field(init=False)
    _failing: str = ""

    def __post_init__(self) -> None:
        self._sighting = Sighting(self.clock)

    @property
    def is_held(self) -> bool:
        """Whether this process leads now; asked right before each write."""
        return self._own is not None and self.clock.monotonic_us() < self._held_until_us

    @property
    def problem(self) -> str:
        """Why the lease cannot be asked for; empty where it can."""
        return self._failing

    async def run(self) -> None:
        backoff = Backoff(min(1.0, self.times.look_s), 30.0)
        while True:
            wait_s = self.times.look_s
            try:
                await self.turn()
            except (ApiUnreachable, ApiRefused) as error:
                if not self.is_held:  # a leader has little time to get through again
                    wait_s = backoff.next_s()
                if not self._failing:  # once: the recorder needs none of this
                    log.warning("the lease of the leader cannot be asked for: %s", error)
                self._failing = str(error)
            except Exception:  # else this node would never lead again
                self._own = None  # it may be what is not understood
                wait_s = backoff.next_s()
                if self._failing != NOT_UNDERSTOOD:
                    log.exception("the lease of the leader cannot be asked for")
                self._failing = NOT_UNDERSTOOD
            else:
                if self._failing:
                    log.info("the lease of the leader can be asked for again")
                self._failing = ""
                backoff.reset()
            await asyncio.sleep(wait_s)

    async def turn(self) -> None:
        """Renew it, or look at it and take it where it is free or over."""
        led = self.is_held
        await (self._write(self._own) if self._own is not None else self._look())
        if led != self.is_held:
            log.info("this node %s", "leads" if self.is_held else "leads no more")
            self.on_change()

    async def release(self) -> None:
        """Let the next one lead at once; what the API server does not hear runs out by itself."""
        own, self._own = self._own, None
        if own is None:
            return
        spec = own["spec"] | {"holderIdentity": "", "leaseDurationSeconds": 1}
        try:
            async with asyncio.timeout(RELEASE_S):
                _ = await self.server.replace(self._path, own | {"spec": spec})
        except (ApiUnreachable, ApiRefused, TimeoutError) as error:
            log.info("the lease runs out by itself, it could not be released: %s", error)

    async def _look(self) -> None:
        try:
            lease = await self.server.get(self._path)
        except ApiRefused as error:
            if error.code != 404:
                raise
            await self._write(
                {
                    "apiVersion": "coordination.k8s.io/v1",
                    "kind": "Lease",
                    "metadata": {"name": self.name, "namespace": self.namespace},
                    "spec": {},
                }
            )
            return
        spec = lease.setdefault("spec", {})
        self.holder = str(spec.get("holderIdentity") or "")
        self._sighting.look(spec)
        if self.holder in {"", self.identity} or self._sighting.is_over:
            await self._write(lease)

    async def _write(self, lease: Json) -> None:
        """Make it ours, on condition that nobody wrote since it was read."""
        asked_us = self.clock.monotonic_us()
        now = _micro_time(self.clock.utc_us())
        spec = dict(lease["spec"])
        if spec.get("holderIdentity") != self.identity:
            spec["acquireTime"] = now
            spec["leaseTransitions"] = int(spec.get("leaseTransitions") or 0) + 1
        spec |= {"holderIdentity": self.identity, "renewTime": now,
                 "leaseDurationSeconds": self.times.duration_s}  # fmt: skip
        is_new = "resourceVersion" not in lease["metadata"]
        write = self.server.create if is_new else self.server.replace
        try:
            self._own = await write(
                self._collection if is_new else self._path, lease | {"spec": spec}
            )
        except ApiRefused as error:
            self._own = None  # 409: another was faster; else we may not: it is looked at anew
            if error.code != 409:
                raise
            return
        self.holder = self.identity
        # From before it was asked: nobody's count can have begun earlier.
        self._held_until_us = asked_us + int(self.times.deadline_s * SECOND_US)

    @property
    def _collection(self) -> str:
        return f"/apis/coordination.k8s.io/v1/namespaces/{self.namespace}/leases"

    @property
    def _path(self) -> str:
        return f"{self._collection}/{self.name}"


def _micro_time(utc_us: int) -> str:
    """Kubernetes' MicroTime: RFC 3339 with six digits."""
    return to_datetime(utc_us).isoformat(timespec="microseconds").replace("+00:00", "Z")
