"""An ONVIF camera whose streams are those of a real RTSP server, all on loopback."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from falconeye.discovery.evidence import Evidence, Way
from tests.integration.api.conftest import Served
from tests.peers.logins import LoginKind
from tests.peers.media_samples import video_clip
from tests.peers.onvif_device import PASSWORD, USER, OnvifCamera
from tests.peers.onvif_state import Deviations
from tests.peers.replay_rtsp import ReplayServer


@dataclass(slots=True)
class OnvifSite:
    """`device` tells of streams that `rtsp` serves."""

    device: OnvifCamera
    rtsp: ReplayServer

    @property
    def address(self) -> str:
        return f"onvif://127.0.0.1:{self.device.port}"

    def stream(self, name: str) -> str:
        return f"rtsp://127.0.0.1:{self.rtsp.port}/{name}"

    @property
    def refusals(self) -> int:
        """Logins that were wrong, at all of its doors."""
        at_streams = sum(camera.gate.refused for camera in self.rtsp.cameras.values())
        return at_streams + sum(not each.good for each in self.device.logins)

    def finding(self, **fields: Any) -> Evidence:
        """As WS-Discovery finds it."""
        return Evidence(
            Way.ONVIF,
            self.device.endpoint_reference,
            0,
            name="Strict S-1",
            address="127.0.0.1",
            port=self.device.port,
            endpoint_reference=self.device.endpoint_reference,
            url=self.device.xaddr,
            **fields,
        )


@contextmanager
def onvif_site(
    *, rtsp_login: LoginKind = "digest", rtsp_password: str = PASSWORD, **deviations: Any
) -> Iterator[OnvifSite]:
    """The camera's complaints about what it was asked are the test's failure."""
    with ReplayServer() as rtsp:
        for name in ("main", "sub"):
            wide = name == "main"
            clip = video_clip(width=640 if wide else 320, height=368 if wide else 192, gop=10)
            rtsp.add(name, video=clip, login=rtsp_login, user=USER, password=rtsp_password)
        with OnvifCamera(Deviations(rtsp_port=rtsp.port, **deviations)) as device:
            yield OnvifSite(device, rtsp)
            assert device.complaints == []


def found(served: Served, evidence: Evidence) -> str:
    """Put a finding on the list; the candidate's id."""
    candidates = served.services.finding.candidates
    assert candidates.note(evidence)
    return next(
        each.id
        for each in candidates.list()
        if any((one.way, one.key) == (evidence.way, evidence.key) for one in each.evidence)
    )
