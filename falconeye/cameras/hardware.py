"""Another device at a camera's address is never recorded under the camera's name.

The kernel knows the hardware address of who is there, as soon as a connection is made: before a
login is shown, and before a picture comes. Where it does not know (beyond a router, IPv6), nothing
is compared; a camera whose own is not stored may be any device.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from falconeye.cameras.neighbours import mac_of
from falconeye.cameras.parts import PipelineParts
from falconeye.config.camera import CameraConfig
from falconeye.events.camera_state import ReasonCode
from falconeye.media.samples import StreamKind
from falconeye.sources.failures import answer_failure
from falconeye.sources.target import SourceTarget, source_target

MacOf = Callable[[str], str | None]


def target_of(config: CameraConfig, kind: StreamKind, parts: PipelineParts) -> SourceTarget:
    """`source_target` of a configured camera, at whose address only its own hardware will do."""
    recognise = partial(require_hardware, config.mac_address, parts.mac_of or mac_of)
    return replace(source_target(config, kind), zone=parts.zone, recognise=recognise)


def require_hardware(stored: str | None, look_up: MacOf, address: str) -> None:
    """SourceFailure where the hardware at `address` is known, and not the stored one.

    For any thread; waits for nothing.
    """
    if stored is None:
        return
    there = look_up(address)
    if there is None or there == stored:
        return
    raise answer_failure(
        ReasonCode.DEVICE_CONFLICT,
        f"another device ({there}) is at the address {address} of this camera ({stored}); it is"
        " not recorded under the camera's name",
    )
