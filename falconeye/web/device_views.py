"""What a USB camera offers, as the camera form shows it."""

from collections.abc import Iterator, Sequence
from typing import Final

from falconeye.base.errors import Unavailable
from falconeye.cameras.usb import current_path, present_path
from falconeye.config.camera import CameraConfig
from falconeye.devices.present import USB_DEVICES
from falconeye.devices.usb_camera import find, is_identity
from falconeye.devices.v4l2 import FrameSize, PixelFormat
from falconeye.sources.usb_format import CODED, DEFAULT_SIZE, JPEG, RAW
from falconeye.web.contexts import CameraForm
from falconeye.web.device_contexts import DeviceMode, DevicePart
from falconeye.web.found_views import port_words
from falconeye.web.i18n import gettext as _
from falconeye.web.services import Services

_READABLE: Final = {*CODED, *JPEG, *RAW}

Groups = tuple[tuple[str, tuple[DeviceMode, ...]], ...]


async def device_of(services: Services, config: CameraConfig, form: CameraForm) -> DevicePart:
    """The device of a camera of this system; where it was last, while it is away."""
    identity = config.device_identity or ""
    present = find(identity, USB_DEVICES.plugged.cameras).cameras if is_identity(identity) else ()
    port = port_words(present[0].port) if present else ""
    try:
        path = await present_path(config)
    except Unavailable as away:
        return DevicePart(current_path(config) or "", identity, port, trouble=str(away))
    return await device_part(services, form, path=path, identity=identity, port=port)


async def device_part(
    services: Services, form: CameraForm, *, path: str, identity: str, port: str
) -> DevicePart:
    """The device at `path`, asked now; what is chosen in `form` is among what it offers."""
    try:
        facts = await services.questions.facts(path)
    except Unavailable as error:
        return DevicePart(path, identity, port, trouble=str(error))
    return DevicePart(path, identity, port, groups=mode_groups(facts.formats, form.mode))


def offers_size(part: DevicePart, resolution: str) -> bool:
    """Whether some format of the device has that size."""
    return any(mode.value == f":{resolution}" for _name, modes in part.groups for mode in modes)


def mode_groups(formats: Sequence[PixelFormat], chosen: str) -> Groups:
    """Sizes by format. First those where the format is left open; `chosen` is always there."""
    readable = [one for one in formats if one.fourcc in _READABLE]
    groups = [(_("The best format"), tuple(_modes("", [s for one in readable for s in one.sizes])))]
    groups += [
        (f"{one.name} ({one.fourcc})", tuple(_modes(one.fourcc, one.sizes))) for one in readable
    ]
    if all(mode.value != chosen for _name, modes in groups for mode in modes):
        fourcc, _colon, size = chosen.partition(":")
        words = _("{size}, which it does not offer").format(
            size=" ".join(filter(None, (size.replace("x", "×"), fourcc)))
        )
        groups.insert(0, (_("As it is set"), (DeviceMode(chosen, words),)))
    return tuple(groups)


def _modes(fourcc: str, sizes: Sequence[FrameSize]) -> Iterator[DeviceMode]:
    """Each size once, the largest first."""
    default = "×".join(map(str, DEFAULT_SIZE))
    yield DeviceMode(f"{fourcc}:", _("A size near {size}").format(size=default))
    rates: dict[tuple[int, int], float] = {}
    for size in sizes:
        key = (size.width, size.height)
        rates[key] = max(rates.get(key, 0.0), *size.rates, 0.0)
    for width, height in sorted(rates, key=lambda size: (size[0] * size[1], size), reverse=True):
        rate = rates[width, height]
        words = f"{width}×{height}"
        if rate:
            words = _("{size}, up to {rate} per s").format(size=words, rate=f"{rate:g}")
        if fourcc:  # a closed list does not show what stands over its choices
            words = f"{words}, {fourcc}"
        yield DeviceMode(f"{fourcc}:{width}x{height}", words)
