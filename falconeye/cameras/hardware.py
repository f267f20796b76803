"""Another device at a camera's address is never recorded under the camera's name.

The kernel knows the hardware address of who is there, as soon as a connection is made: before a
login is shown, and before a picture comes. Where it does not know (beyond a router, IPv6), or what
it knows identifies nobody, a camera that has ONVIF is asked (`identities`). Of any other nothing
can be compared; a camera of which nothing is stored may be any device.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from urllib.parse import urlsplit

from falconeye.cameras.identity.identities import Proof
from falconeye.cameras.parts import PipelineParts
from falconeye.config.camera import CameraConfig
from falconeye.events.camera_state import ReasonCode
from falconeye.media.samples import StreamKind
from falconeye.sources.failures import SourceFailure, answer_failure
from falconeye.sources.interrupt import Interrupt
from falconeye.sources.target import SourceTarget, device_wish, source_target


def target_of(
    config: Callable[[], CameraConfig], kind: StreamKind, parts: PipelineParts
) -> SourceTarget:
    """`source_target` of a camera, at whose address only its own hardware will do.

    `config` is asked again by what may change without a new connection: names and controls, and
    what the camera is known by, which may have been learned since.
    """
    target = source_target(config(), kind)
    if target.device:
        target = replace(target, device=lambda: device_wish(config()))
    recognise = partial(_recognise, config, kind, parts)
    return replace(target, name=lambda: config().name, zone=parts.zone, recognise=recognise)


def _recognise(
    config: Callable[[], CameraConfig],
    kind: StreamKind,
    parts: PipelineParts,
    address: str,
    interrupt: Interrupt,
) -> None:
    """SourceFailure where it is not the camera that is at `address`, or that is not known yet."""
    present = config()
    if kind is StreamKind.SUB and _host(present.sub_url) != _host(present.source_url):
        return  # another device's, such as a recorder's: nothing is known of it
    hardware = _by_hardware(present, parts, address)
    if hardware is not Proof.SAME:
        _require_words(present, parts, address, interrupt, must=hardware is Proof.OTHER)
    parts.met[present.id] = address


def _by_hardware(config: CameraConfig, parts: PipelineParts, address: str) -> Proof:
    """Whether it has the camera's hardware; NONE where that tells nothing.

    OTHER where a repeater may stand between: it has to say itself that it is the camera.
    SourceFailure where it is another for certain.
    """
    stored = config.mac_address
    there = None if stored is None else parts.neighbours.mac_of(address)
    if there is None:
        return Proof.NONE
    tells = parts.neighbours.identifies(there, (address,))
    if there == stored:
        return Proof.SAME if tells else Proof.NONE
    if tells or not parts.identities.can_ask(config):
        raise _another(f"another device ({there}) is at the address {address} of this camera"
                       f" ({stored})")  # fmt: skip
    return Proof.OTHER


def _require_words(
    config: CameraConfig,
    parts: PipelineParts,
    address: str,
    interrupt: Interrupt,
    *,
    must: bool,
) -> None:
    """The camera's own, where it can be asked; `must`: its silence is not taken for them."""
    if not parts.identities.can_ask(config):
        return
    proof = parts.identities.may_be(config, address, interrupt)
    if proof is None or (must and proof is Proof.NONE):
        reason = (
            f"waits for the ONVIF service at {address} to say that this is the camera: it does not"
            " answer"
        )
        raise SourceFailure(ReasonCode.NO_ANSWER, reason)
    if proof is Proof.OTHER:
        raise _another(f"another device is at the address {address} of this camera: it says so")


def _another(words: str) -> SourceFailure:
    return answer_failure(
        ReasonCode.DEVICE_CONFLICT, f"{words}; it is not recorded under the camera's name"
    )


def _host(url: str | None) -> str | None:
    return urlsplit(url or "").hostname
