"""Where a camera's video is."""

from dataclasses import dataclass

from falconeye.onvif.profiles import OnvifProfile


@dataclass(frozen=True, slots=True)
class OnvifStream:
    """A profile and its addresses, both without credentials; `snapshot_url` None: it has none."""

    profile: OnvifProfile
    url: str
    snapshot_url: str | None


@dataclass(frozen=True, slots=True)
class OnvifStreams:
    """What is to be recorded, and what walls show."""

    main: OnvifStream
    sub: OnvifStream | None
