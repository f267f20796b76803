"""The controls of a USB camera, told and set; pages and API do it by this."""

import asyncio
from collections.abc import MutableMapping
from typing import Any, Final
from weakref import WeakValueDictionary

from litestar import Request

from falconeye.base.errors import BadRequest, Conflict, NotFound
from falconeye.cameras.usb import present_path
from falconeye.config.camera import Protocol
from falconeye.devices.v4l2_controls import Control
from falconeye.web.audit import record
from falconeye.web.i18n import gettext as _
from falconeye.web.services import Services
from falconeye.web.shell import shell_of

Asking = Request[Any, Any, Any]

# One change of a camera after the other: each is kept with those before it.
_turns: Final[MutableMapping[str, asyncio.Lock]] = WeakValueDictionary()


async def controls_of(services: Services, camera_id: str) -> tuple[Control, ...]:
    """All that can be set at the device; nothing for a camera that is at no USB port.

    Unavailable where it is away or silent.
    """
    if services.cameras.get(camera_id).config.protocol is not Protocol.USB:
        return ()
    return (await services.questions.facts(await _path(services, camera_id))).controls


async def set_control(request: Asking, camera_id: str, key: str, value: int | None) -> Control:
    """Set it now and at each connection; None: its default, and set no more. What it is then.

    NotFound for a control that the camera does not have, Conflict for one that an automatic
    governs, BadRequest for a value outside of its range or a camera at no USB port; else as
    `controls_of`.
    """
    services = shell_of(request).services
    turn = _turns.setdefault(camera_id, asyncio.Lock())
    async with turn:
        path = await _path(services, camera_id)
        control = _named((await services.questions.facts(path)).controls, key)
        if not control.is_active:
            raise Conflict(_("{name} is set by the camera itself now.").format(name=control.name))
        if control.menu and value is not None and value not in dict(control.menu):
            raise BadRequest(_("{name} has no such choice.").format(name=control.name))
        changed = await services.questions.set_control(path, key, value)
        kept = dict(services.cameras.get(camera_id).config.device_controls)
        if value is None:
            kept.pop(key, None)
        else:
            kept[key] = changed.value  # the device may have rounded it
        await services.cameras.update(camera_id, {"device_controls": kept})
        await record(request, "camera.changed", "camera", camera_id, f"{key}: {changed.value}")
        return changed


def _named(controls: tuple[Control, ...], key: str) -> Control:
    for control in controls:
        if control.key == key:
            return control
    raise NotFound(_("The camera has no such control."))


async def _path(services: Services, camera_id: str) -> str:
    config = services.cameras.get(camera_id).config
    if config.protocol is not Protocol.USB:
        raise BadRequest(_("Only cameras at a USB port have controls."))
    return await present_path(config)
