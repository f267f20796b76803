"""The controls of a V4L2 device node: brightness, focus, exposure.

uvcvideo asks the camera for the value of each, with a limit of its own of some seconds. Call it
from a thread.
"""

import fcntl
import struct
from collections.abc import Container, Iterator
from dataclasses import dataclass

from falconeye.devices.v4l2 import MAX_ENTRIES, ask, request_code, text_of

_NEXT_CONTROL = 0x8000_0000
_CONTROL_INTEGER, _CONTROL_BOOLEAN, _CONTROL_MENU, _CONTROL_INTEGER_MENU = 1, 2, 3, 9
_KINDS = {
    _CONTROL_INTEGER: "number",
    _CONTROL_BOOLEAN: "switch",
    _CONTROL_MENU: "menu",
    _CONTROL_INTEGER_MENU: "menu",
}
_DISABLED, _READ_ONLY, _INACTIVE, _WRITE_ONLY = 0x1, 0x4, 0x10, 0x40
_QUERYCTRL = struct.Struct("<II32siiiiI8x")
_QUERYMENU = struct.Struct("<II32s4x")
_CONTROL = struct.Struct("<Ii")
_G_CTRL = request_code("rw", 27, _CONTROL.size)
_S_CTRL = request_code("rw", 28, _CONTROL.size)
_QUERYCTRL_CODE = request_code("rw", 36, _QUERYCTRL.size)
_QUERYMENU_CODE = request_code("rw", 37, _QUERYMENU.size)


@dataclass(frozen=True, slots=True)
class Control:
    """A control that can be changed now, such as brightness. Menus: value → name."""

    id: int
    name: str
    kind: str  # "number" | "switch" | "menu"
    minimum: int
    maximum: int
    step: int
    default: int
    value: int
    is_active: bool  # False: another control (an automatic) governs it
    menu: tuple[tuple[int, str], ...] = ()

    @property
    def key(self) -> str:
        """Its name for programs and storage: "exposure_time_absolute"."""
        return _key(self.name)


def controls(descriptor: int, keys: Container[str] | None = None) -> tuple[Control, ...]:
    """What can be set at the device, in its order; only these `keys`, where they are given.

    Each value is a question to the device, which one that hangs takes seconds to leave unanswered.
    """
    found: list[Control] = []
    last, taken = 0, {""}
    for _ in range(MAX_ENTRIES):
        answer = bytearray(_QUERYCTRL.pack(last | _NEXT_CONTROL, 0, b"", 0, 0, 0, 0, 0))
        if not ask(descriptor, _QUERYCTRL_CODE, answer):
            break
        last, *rest = _QUERYCTRL.unpack(answer)
        if rest[0] not in _KINDS:
            continue
        name = text_of(rest[1])
        if _key(name) in taken:  # it is called by its name: no two may have one
            name = f"{name} {last:x}".strip()
        taken.add(_key(name))
        if keys is not None and _key(name) not in keys:
            continue
        control = _control(descriptor, last, name, rest)
        if control:
            found.append(control)
    return tuple(found)


def set_control(descriptor: int, control_id: int, value: int) -> int:
    """Set it; the value that the device took. OSError where it does not take it."""
    answer = bytearray(_CONTROL.pack(control_id, value))
    fcntl.ioctl(descriptor, _S_CTRL, answer)
    taken: int = _CONTROL.unpack(answer)[1]
    return taken


def _control(descriptor: int, control_id: int, name: str, told: list[object]) -> Control | None:
    kind, _, minimum, maximum, step, default, flags = told
    if not isinstance(kind, int) or not isinstance(flags, int):
        return None
    if flags & (_DISABLED | _READ_ONLY | _WRITE_ONLY):
        return None
    answer = bytearray(_CONTROL.pack(control_id, 0))
    if not ask(descriptor, _G_CTRL, answer):
        return None
    return Control(
        id=control_id,
        name=name,
        kind=_KINDS[kind],
        minimum=_number(minimum),
        maximum=_number(maximum),
        step=max(1, _number(step)),
        default=_number(default),
        value=_CONTROL.unpack(answer)[1],
        is_active=not flags & _INACTIVE,
        menu=tuple(_menu(descriptor, control_id, kind, _number(minimum), _number(maximum))),
    )


def _menu(
    descriptor: int, control_id: int, kind: int, minimum: int, maximum: int
) -> Iterator[tuple[int, str]]:
    if kind not in (_CONTROL_MENU, _CONTROL_INTEGER_MENU):
        return
    for index in range(max(0, minimum), min(maximum, minimum + MAX_ENTRIES) + 1):
        answer = bytearray(_QUERYMENU.pack(control_id, index, b""))
        if not ask(descriptor, _QUERYMENU_CODE, answer):
            continue  # menus have holes
        told = _QUERYMENU.unpack(answer)[2]
        if kind == _CONTROL_INTEGER_MENU:
            yield index, str(int.from_bytes(told[:8], "little", signed=True))
        else:
            yield index, text_of(told)


def _key(name: str) -> str:
    words = "".join(letter if letter.isalnum() else " " for letter in name.lower())
    return "_".join(words.split())


def _number(told: object) -> int:
    return told if isinstance(told, int) else 0
