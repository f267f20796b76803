"""Questions to devices beside their streams, each in a thread: one that hangs holds up no other."""

import asyncio
import errno
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from falconeye.base.errors import BadRequest, Conflict, Unavailable
from falconeye.devices import v4l2, v4l2_controls

ANSWER_S = 8.0  # uvcvideo gives a camera 5 s for the value of a control
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class DeviceFacts:
    """What a device offers, and how its controls stand."""

    formats: tuple[v4l2.PixelFormat, ...]
    controls: tuple[v4l2_controls.Control, ...]


class DeviceQuestions:
    """One question a device at a time, on the loop; Unavailable where it does not answer.

    Who comes meanwhile waits for a turn, but not behind a question that was given up: then its
    thread hangs in the kernel, and is the only one of that device.
    """

    def __init__(self, answer_s: float = ANSWER_S) -> None:
        self._answer_s = answer_s
        self._asked: dict[str, asyncio.Event] = {}  # until the answer
        self._given_up: set[str] = set()

    async def facts(self, device_path: str) -> DeviceFacts:
        """Formats and controls."""

        def ask() -> DeviceFacts:
            with v4l2.opened(device_path) as descriptor:
                return DeviceFacts(
                    v4l2.pixel_formats(descriptor), v4l2_controls.controls(descriptor)
                )

        return await self._ask(device_path, ask)

    async def set_control(
        self, device_path: str, key: str, value: int | None
    ) -> v4l2_controls.Control:
        """Set a control, None for its default; what it is then.

        BadRequest: no such control, or not that far; Conflict: an automatic governs it.
        """

        def change() -> v4l2_controls.Control:
            with v4l2.opened(device_path) as descriptor:
                control = _named(v4l2_controls.controls(descriptor), key)
                wanted = control.default if value is None else value
                if not control.minimum <= wanted <= control.maximum:
                    msg = f"{control.name} goes from {control.minimum} to {control.maximum}"
                    raise BadRequest(msg)
                try:
                    v4l2_controls.set_control(descriptor, control.id, wanted)
                except PermissionError:  # an automatic was switched on since the question
                    msg = f"{control.name} is set by the camera itself now"
                    raise Conflict(msg) from None
                return _named(v4l2_controls.controls(descriptor), key)

        return await self._ask(device_path, change)

    async def _ask(self, device_path: str, question: Callable[[], T]) -> T:
        if device_path in self._given_up:
            raise Unavailable("the camera has not answered the last question yet")
        try:
            async with asyncio.timeout(self._answer_s):
                while before := self._asked.get(device_path):
                    await before.wait()
                return await self._begin(device_path, question)
        except TimeoutError:
            if device_path in self._asked:
                self._given_up.add(device_path)
            raise Unavailable("the camera does not answer") from None
        except OSError as error:
            raise Unavailable(_words(error)) from None

    def _begin(self, device_path: str, question: Callable[[], T]) -> asyncio.Future[T]:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()

        def settle(result: T | None, error: BaseException | None) -> None:
            self._asked.pop(device_path).set()
            self._given_up.discard(device_path)
            if answer.done():
                return
            if error is not None:
                answer.set_exception(error)
            else:
                answer.set_result(result)  # type: ignore[arg-type]  # None is T's own then

        def work() -> None:
            result, error = None, None
            try:
                result = question()
            except Exception as caught:  # noqa: BLE001 - it is the asker's
                error = caught
            try:
                loop.call_soon_threadsafe(settle, result, error)
            except RuntimeError:  # the loop has ended meanwhile
                return

        try:
            threading.Thread(target=work, name=f"ask-{device_path}", daemon=True).start()
        except RuntimeError:
            raise Unavailable("the system has no thread left to ask the camera") from None
        self._asked[device_path] = asyncio.Event()
        return answer


def _named(controls: tuple[v4l2_controls.Control, ...], key: str) -> v4l2_controls.Control:
    for control in controls:
        if control.key == key:
            return control
    raise BadRequest("the camera has no such control")


def _words(error: OSError) -> str:
    if error.errno in (errno.EACCES, errno.EPERM):
        return "FalconEye may not open the camera: its user must belong to the group “video”"
    if error.errno in (errno.ENOENT, errno.ENODEV, errno.ENXIO):
        return "the camera is not plugged in"
    return f"the camera does not take it: {error.strerror}"
