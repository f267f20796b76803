"""Which profile is recorded, which one walls show, which one moves the camera."""

from types import SimpleNamespace as Answer

import pytest

from falconeye.onvif.profiles import OnvifProfile, choose_streams, ptz_profile, read_profiles


def profile(
    token: str,
    width: int,
    height: int,
    *,
    encoding: str = "H264",
    source: str = "1",
    ptz: bool = False,
) -> OnvifProfile:
    return OnvifProfile(token, token, source, encoding, width, height, 25.0, ptz)


@pytest.mark.parametrize(
    ("profiles", "main", "sub"),
    [
        ([profile("a", 3840, 2160), profile("b", 1920, 1080), profile("c", 640, 360)], "a", "c"),
        ([profile("a", 1920, 1080), profile("b", 640, 360), profile("c", 176, 144)], "a", "b"),
        ([profile("a", 1920, 1080), profile("b", 176, 144)], "a", "b"),
        ([profile("a", 1920, 1080), profile("b", 1920, 1080)], "a", None),
        ([profile("a", 1920, 1080), profile("b", 640, 360, source="2")], "a", None),
        ([profile("j", 2592, 1944, encoding="JPEG"), profile("a", 1280, 720)], "a", None),
        ([profile("j", 1280, 720, encoding="JPEG")], "j", None),
        ([profile("a", 1280, 720), profile("b", 0, 0)], "a", None),
    ],
)
def test_streams(profiles: list[OnvifProfile], main: str, sub: str | None) -> None:
    chosen, second = choose_streams(profiles)
    assert (chosen.token, second and second.token) == (main, sub)


def test_moved_by_the_same_lens_first() -> None:
    profiles = [
        profile("a", 1920, 1080, source="1"),
        profile("b", 1280, 720, source="2", ptz=True),
        profile("c", 640, 360, source="1", ptz=True),
    ]
    found = ptz_profile(profiles, "1")
    assert found is not None
    assert found.token == "c"
    assert ptz_profile(profiles[:1], "1") is None


def test_what_makes_no_sense_in_a_profile_is_left_out() -> None:
    def entry(token: str, width: object, rate: object) -> Answer:
        return Answer(
            token=token,
            Name="x\x1b[31m",
            VideoEncoderConfiguration=Answer(
                Encoding="H264",
                Resolution=Answer(Width=width, Height=10),
                RateControl=Answer(FrameRateLimit=rate),
            ),
        )

    entries = [
        entry("small", 10, -1), entry("large", 100, float("nan")), entry("huge", 10**9, 25),
        Answer(token="audio", VideoEncoderConfiguration=None), Answer(token=None),
    ]  # fmt: skip
    found = read_profiles(entries)
    assert [(one.token, one.width, one.fps) for one in found] == [
        ("large", 100, None), ("small", 10, None), ("huge", 0, 25.0),
    ]  # fmt: skip
    assert "\x1b" not in found[0].name
    assert read_profiles(None) == read_profiles("text") == []
