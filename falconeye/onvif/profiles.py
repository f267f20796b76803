"""Media profiles of a camera: what each one delivers, and which is main stream and substream."""

import math
from dataclasses import dataclass
from typing import Any, Final

from falconeye.onvif.errors import own_words

_SMALLEST: Final = 320  # pixels wide: what is smaller is a stamp, not a substream
_MAX_PROFILES: Final = 64


@dataclass(frozen=True, slots=True)
class OnvifProfile:
    """One media profile. `encoding` as the camera writes it: "H264", "H265", "JPEG", "MPEG4"."""

    token: str
    name: str
    source: str  # the lens; cameras with several have profiles for each
    encoding: str
    width: int
    height: int
    fps: float | None  # the limit that is set
    has_ptz: bool  # PTZ is called by a profile that has a PTZ configuration
    ptz_node: str | None = None

    @property
    def area(self) -> int:
        return self.width * self.height


def read_profiles(answer: Any) -> list[OnvifProfile]:
    """Those of GetProfiles that have a picture, the largest first (in the camera's order else)."""
    entries = answer if isinstance(answer, list) else []
    found = [one for entry in entries[:_MAX_PROFILES] if (one := _profile(entry)) is not None]
    return sorted(found, key=lambda profile: -profile.area)


def choose_streams(profiles: list[OnvifProfile]) -> tuple[OnvifProfile, OnvifProfile | None]:
    """Main stream and substream of the first lens, of profiles that begin with the largest.

    The substream is the smallest that is no stamp: walls and phones show it. Stills (JPEG) are
    taken only where there is nothing else.
    """
    videos = [profile for profile in profiles if profile.encoding.upper() != "JPEG"] or profiles
    main = videos[0]
    smaller = [p for p in videos if p.source == main.source and 0 < p.area < main.area]
    wide = [profile for profile in smaller if profile.width >= _SMALLEST]
    chosen = wide[-1:] or smaller[:1]
    return main, chosen[0] if chosen else None


def ptz_profile(profiles: list[OnvifProfile], source: str) -> OnvifProfile | None:
    """By which profile the lens `source` is moved: the largest that has a PTZ configuration."""
    able = [profile for profile in profiles if profile.has_ptz]
    own = [profile for profile in able if profile.source == source]
    return next(iter(own or able), None)


def _profile(entry: Any) -> OnvifProfile | None:
    token = getattr(entry, "token", None)
    encoder = getattr(entry, "VideoEncoderConfiguration", None)
    if not token or encoder is None:
        return None
    size = getattr(encoder, "Resolution", None)
    rate = getattr(getattr(encoder, "RateControl", None), "FrameRateLimit", None)
    source = getattr(getattr(entry, "VideoSourceConfiguration", None), "SourceToken", None)
    ptz = getattr(entry, "PTZConfiguration", None)
    return OnvifProfile(
        token=str(token),
        name=own_words(getattr(entry, "Name", "")),
        source=str(source or ""),
        encoding=own_words(getattr(encoder, "Encoding", "")),
        width=_pixels(getattr(size, "Width", None)),
        height=_pixels(getattr(size, "Height", None)),
        fps=float(rate) if isinstance(rate, int | float) and _is_sane(rate) else None,
        has_ptz=ptz is not None,
        ptz_node=getattr(ptz, "NodeToken", None),
    )


def _pixels(value: Any) -> int:
    return value if isinstance(value, int) and 0 < value <= 65_536 else 0


def _is_sane(rate: float) -> bool:
    return math.isfinite(rate) and 0 < rate <= 1000
