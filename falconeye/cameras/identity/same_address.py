"""Cameras that have one address: nodes that did not hear each other may each have added it.

Both are kept, because each has footage; a person removes the one that is not wanted.
"""

from collections.abc import Iterable, Mapping

from falconeye.base.errors import InvalidInput
from falconeye.config.addresses import address_key
from falconeye.config.camera import CameraConfig


def of_one_address(configs: Iterable[CameraConfig]) -> Mapping[str, tuple[CameraConfig, ...]]:
    """By camera id: the others with its address, by name. Cameras without such are not in it."""
    by_key: dict[str, list[CameraConfig]] = {}
    for config in configs:
        key = _key(config)
        if key is not None:
            by_key.setdefault(key, []).append(config)
    return {
        one.id: tuple(
            sorted((other for other in alike if other is not one), key=lambda c: (c.name, c.id))
        )
        for alike in by_key.values()
        if len(alike) > 1
        for one in alike
    }


def _key(config: CameraConfig) -> str | None:
    try:
        return address_key(config)
    except InvalidInput:  # of a newer release, perhaps: it is like no other
        return None
