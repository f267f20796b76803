"""A network of the benchmarks' own, in namespaces, and a camera on it; needs root.

This machine's own network is never asked: a node that looks for cameras is started in here.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from typing_extensions import override

from tests.peers.media_samples import video_clip
from tests.peers.onvif_device import PASSWORD, USER, OnvifCamera
from tests.peers.onvif_state import Deviations
from tests.peers.replay_rtsp import ReplayServer
from tests.peers.site import Site, inside, run
from tests.peers.stopping import Stopping

ONVIF_PORT, RTSP_PORT = 80, 554
_ANYWHERE = "0.0.0.0"  # noqa: S104 - within a namespace of its own


def is_possible() -> bool:
    """Whether namespaces can be made here."""
    return os.geteuid() == 0 and shutil.which("ip") is not None


@contextmanager
def lan() -> Iterator[Site]:
    """Until its end this thread, and all that it starts, are where the site's node is."""
    if not is_possible():
        raise RuntimeError("network namespaces need root and iproute2")
    site = Site()
    try:
        with inside(site.node):
            yield site
    finally:
        site.close()


class LanCamera(Stopping):
    """An ONVIF camera with a stream, at `site.subnet.number`; a context manager.

    Its hardware address and endpoint reference stay what they are, wherever it moves.
    """

    def __init__(self, site: Site, number: int, *, polite: bool = False) -> None:
        """`polite`: it says Hello where it comes to be, and Bye before (WS-Discovery 1.1, 4)."""
        self._site, self._polite = site, polite
        self.number = number
        self.address = f"{site.subnet}.{number}"
        # Nothing answers yet.
        self._host: subprocess.Popen[bytes] = site.host(number)
        self._namespace = site.namespace(f"h{number}")
        self._parts = ExitStack()
        self._device: OnvifCamera | None = None

    def __enter__(self) -> "LanCamera":
        with inside(self._namespace):
            rtsp = ReplayServer(RTSP_PORT, address=_ANYWHERE)
            for name, width, height in (("main", 640, 368), ("sub", 320, 192)):
                clip = video_clip(width=width, height=height, gop=25)
                _ = rtsp.add(name, video=clip, login="digest", user=USER, password=PASSWORD)
            _ = self._parts.enter_context(rtsp)
            told = Deviations(rtsp_port=RTSP_PORT, xaddr_host=self.address)
            self._device = OnvifCamera(told, bind=(_ANYWHERE, ONVIF_PORT))
            _ = self._parts.enter_context(self._device)
        self._site.end(self._host)
        self._speak()
        return self

    @override
    def stop(self) -> None:
        self._site.end(self._host)
        self._parts.close()

    @property
    def login(self) -> dict[str, str]:
        """What a node needs to add it (`POST /api/cameras`)."""
        return {
            "protocol": "onvif",
            "source_url": f"onvif://{self.address}:{ONVIF_PORT}",
            "username": USER,
            "password": PASSWORD,
        }

    @property
    def stream(self) -> dict[str, str]:
        """What differs in that for a node that is to read its stream and ask nothing else."""
        url = f"rtsp://{self.address}:{RTSP_PORT}"
        return {"protocol": "rtsp", "source_url": f"{url}/main", "sub_url": f"{url}/sub"}

    def move(self, number: int) -> None:
        """To another address of its network; connections to the old one hear nothing any more."""
        assert self._device
        self._site.end(self._host)
        before, self.address = self.address, f"{self._site.subnet}.{number}"
        self.number = number
        self._device.deviations.xaddr_host = self.address
        for what, address in (("del", before), ("add", self.address)):
            run("ip", "-n", self._namespace, "address", what, f"{address}/24", "dev", "eth0")
        self._speak()

    def _speak(self) -> None:
        """Answer probes, with the address that it has now."""
        assert self._device
        said = {
            "reference": self._device.endpoint_reference,
            "xaddrs": [self._device.xaddr],
            "hello": self._polite,
            "bye": self._polite,
        }
        self._host = self._site.begin(self._namespace, {"address": self.address, "onvif": [said]})
