"""Calls to one camera: the login as it wants it, its clock, and each error in our own words."""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from falconeye.onvif.address import Reached
from falconeye.onvif.answers import NotAuthorized, read_answer
from falconeye.onvif.camera_clock import CameraClock
from falconeye.onvif.definitions import Definitions, Service, Token
from falconeye.onvif.errors import (
    OnvifAddressForbidden,
    OnvifError,
    OnvifLoginNeeded,
    OnvifLoginRefused,
    OnvifNotPermitted,
)
from falconeye.onvif.http import Answer, CameraHttp, Dress
from falconeye.onvif.login import Login, Standing, is_stale
from falconeye.onvif.threads import CodecThreads

CALL_S: Final = 10.0
_MAX_TRIES: Final = 4  # without login, with it, with what its refusal taught, by another clock
_CLOCK_MOVED: Final = dt.timedelta(seconds=2)

# What is wrong with who is at an address, in words; None where nothing is known to be.
Stranger = Callable[[str], str | None]


def nobody(_address: str) -> str | None:
    """Whoever answers is taken for the camera."""
    return None


class Session:
    """The way to call one camera. It blocks nothing; `close()` ends it."""

    def __init__(
        self,
        definitions: Definitions,
        reached: Reached,
        device_url: str,
        login: Login | None,
        threads: CodecThreads,
        *,
        limit_s: float = CALL_S,
        stranger: Stranger = nobody,
    ) -> None:
        """`stranger` is asked on the loop before each exchange: addresses change hands."""
        self._stranger = stranger
        self.reached = reached
        self.limit_s = limit_s
        self.device_url = device_url
        self.clock = CameraClock()
        self.login = login
        self._finding_out = asyncio.Lock()
        self._definitions = definitions
        self._threads = threads
        self._http = CameraHttp(reached)

    @property
    def has_login(self) -> bool:
        return self.login is not None

    def absolute_term(self, seconds: float) -> str:
        """So long from now, by the camera's clock, as xs:dateTime."""
        then = dt.datetime.now(dt.UTC) + self.clock.offset + dt.timedelta(seconds=seconds)
        return then.replace(microsecond=0).isoformat().replace("+00:00", "Z")

    async def close(self) -> None:
        """End the connections."""
        await self._http.close()

    async def call(
        self,
        service: Service,
        operation: str,
        parameters: Mapping[str, object] | None = None,
        *,
        url: str | None = None,
        headers: Sequence[Any] = (),
        limit_s: float | None = None,
    ) -> Any:
        """The result of an operation, as zeep's objects; an OnvifError says why there is none.

        `limit_s` (10 by default) bounds each exchange, of which a call has more than one only
        while the login is being found out. `url` is the service's, the device's own by default.
        """
        exchange = _Exchange(
            self, service, operation, parameters or {}, url, headers, limit_s or self.limit_s
        )
        for _ in range(_MAX_TRIES):
            async with self._turn():
                was_sent = self.login is not None and self.login.is_sent
                try:
                    result, _ = await self._try(exchange, with_login=True)
                except NotAuthorized as refusal:
                    await self._prepare_another_try(exchange, refusal, was_sent=was_sent)
                    continue
                if was_sent and self.login is not None:
                    self.login.standing = Standing.ACCEPTED
                return result
        raise self._refuse()

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """One call at a time sends a login that was not accepted yet; the others learn of it."""
        login = self.login
        if login is None or not login.is_sent or login.standing is Standing.ACCEPTED:
            yield
            return
        async with self._finding_out:
            if login.standing is Standing.REFUSED:
                raise _refused()
            yield

    async def read_clock(self, *, with_login: bool = False) -> None:
        """Take the camera's clock. Without login as ONVIF has it (Core 5.11.2.1).

        An OnvifError where it does not tell; then its clock is taken to be right.
        """
        exchange = _Exchange(
            self, Service.DEVICE, "GetSystemDateAndTime", {}, None, (), self.limit_s
        )
        try:
            told, answer = await self._try(exchange, with_login=with_login)
        except NotAuthorized:
            raise OnvifLoginNeeded("the camera tells its time only to who logs in") from None
        self.clock.take(told, answer.arrived_at)

    async def _try(self, exchange: "_Exchange", *, with_login: bool) -> tuple[Any, Answer]:
        if (words := self._stranger(self.reached.peer.address)) is not None:
            raise OnvifAddressForbidden(words)
        token = self.login.token(self.clock.offset) if self.login and with_login else None
        dress = self.login.dress if self.login and with_login else _undressed
        message = await self._threads.run(lambda: exchange.encoded(self._definitions, token))
        answer = await self._http.post(
            exchange.url, message.body, message.headers, dress=dress, limit_s=exchange.limit_s
        )
        result = await self._threads.run(
            lambda: read_answer(self._definitions, exchange.service, exchange.operation, answer)
        )
        return result, answer

    async def _prepare_another_try(
        self, exchange: "_Exchange", refusal: NotAuthorized, *, was_sent: bool
    ) -> None:
        """Change what can be wrong with the login; raise where another try has no sense."""
        login, answer = self.login, refusal.answer
        if login is None:
            raise OnvifLoginNeeded("the camera wants a user name and a password") from None
        if not was_sent:
            login.begin(answer)
            return
        if login.learn(answer) or (is_stale(answer) and exchange.once("stale")):
            return
        if login.standing is Standing.UNTRIED:
            if answer.status != 401 and self.clock.another_zone():
                return
            raise self._refuse()
        # It was taken before: a nonce may be used up, the clock may have been set, the password
        # may have been changed, or this user may not do that.
        if answer.status == 401 and exchange.once("nonce"):
            return
        if exchange.once("clock") and await self._clock_moved():
            return
        await self._tell_why(exchange)

    async def _clock_moved(self) -> bool:
        before = self.clock.offset
        try:
            await self.read_clock()
        except OnvifError:
            return False
        return abs(self.clock.offset - before) > _CLOCK_MOVED

    async def _tell_why(self, exchange: "_Exchange") -> None:
        """Ask for something that each user may, once: raises what is the matter."""
        if exchange.operation != "GetDeviceInformation":
            asked = _Exchange(
                self, Service.DEVICE, "GetDeviceInformation", {}, None, (), self.limit_s
            )
            try:
                await self._try(asked, with_login=True)
            except NotAuthorized:
                pass
            else:
                raise OnvifNotPermitted(
                    f"the camera does not let this user do that ({exchange.operation})"
                )
        raise self._refuse()

    def _refuse(self) -> OnvifLoginRefused:
        if self.login is not None:
            self.login.standing = Standing.REFUSED
        return _refused()


class _Exchange:
    """One operation as it is sent, and which ways out of a refusal were taken already."""

    def __init__(
        self,
        session: Session,
        service: Service,
        operation: str,
        parameters: Mapping[str, object],
        url: str | None,
        headers: Sequence[Any],
        limit_s: float,
    ) -> None:
        self.service, self.operation, self.limit_s = service, operation, limit_s
        self.url = url or session.device_url
        self._parameters, self._headers = parameters, headers
        self._taken: set[str] = set()

    def once(self, way: str) -> bool:
        """Whether this way is taken for the first time."""
        first = way not in self._taken
        self._taken.add(way)
        return first

    def encoded(self, definitions: Definitions, token: Token | None) -> Any:
        return definitions.encode(
            self.service,
            self.operation,
            self._parameters,
            address=self.url,
            token=token,
            headers=self._headers,
        )


def _refused() -> OnvifLoginRefused:
    return OnvifLoginRefused("the camera refuses this user name or password")


_undressed: Dress = lambda _request: None  # noqa: E731 - a message without login
