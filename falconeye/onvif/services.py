"""Which services a camera has, and where: GetServices, or GetCapabilities of older ones."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any, Final

from falconeye.onvif.definitions import Service
from falconeye.onvif.errors import (
    OnvifFault,
    OnvifNotPermitted,
    OnvifNotSupported,
    OnvifTimeout,
    OnvifUnreachable,
    OnvifUnreadable,
)
from falconeye.onvif.session import Session

_NAMESPACES: Final = {
    "http://www.onvif.org/ver10/media/wsdl": Service.MEDIA,
    "http://www.onvif.org/ver20/ptz/wsdl": Service.PTZ,
    "http://www.onvif.org/ver10/events/wsdl": Service.EVENTS,
}
_CAPABILITIES: Final = {"Media": Service.MEDIA, "PTZ": Service.PTZ, "Events": Service.EVENTS}
_LACKING: Final = (OnvifFault, OnvifNotSupported, OnvifUnreadable, OnvifNotPermitted)
_NAMES: Final = {Service.MEDIA: "media", Service.PTZ: "PTZ", Service.EVENTS: "event"}


class Services:
    """Calls to the services of one camera, by their names."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._urls: dict[Service, str] = {Service.DEVICE: session.device_url}

    async def load(self) -> None:
        """Ask which there are (ONVIF Core 8.1.2).

        Every camera has events (Core 9), and none is of use without media: one that does not name
        both has forgotten one, and is asked the older way as well.
        """
        try:
            answer = await self.call(Service.DEVICE, "GetServices", {"IncludeCapability": False})
            self._take(_of_services(answer))
        except _LACKING:
            pass
        if self.has(Service.MEDIA) and self.has(Service.EVENTS):
            return
        try:
            answer = await self.call(Service.DEVICE, "GetCapabilities", {"Category": ["All"]})
        except (*_LACKING, OnvifUnreachable, OnvifTimeout):
            if not self.has(Service.MEDIA):
                raise
        else:
            self._take(_of_capabilities(answer))

    def _take(self, named: Iterable[tuple[Service, str]]) -> None:
        """Those that are not known yet; one at no address is as if it had not been named."""
        found: dict[Service, str] = {}
        for service, announced in named:
            with suppress(OnvifUnreadable):
                found[service] = self.session.reached.rewritten(announced)
        self._urls = found | self._urls

    def has(self, service: Service) -> bool:
        return service in self._urls

    def require(self, service: Service) -> None:
        """Raises OnvifNotSupported where the camera lacks `service`."""
        if service not in self._urls:
            raise OnvifNotSupported(f"the camera has no {_NAMES[service]} service")

    async def call(
        self,
        service: Service,
        operation: str,
        parameters: Mapping[str, object] | None = None,
    ) -> Any:
        """As `Session.call`; OnvifNotSupported where the camera lacks `service`."""
        self.require(service)
        url = self._urls[service]
        try:
            return await self.session.call(service, operation, parameters, url=url)
        except OnvifUnreachable as error:
            other = self.session.reached.at_our_port(url)
            if error.connected or other == url:
                raise
        # The announced port is that of another network; ours is known to answer.
        result = await self.session.call(service, operation, parameters, url=other)
        self._urls[service] = other
        return result


def _of_services(answer: Any) -> Iterator[tuple[Service, str]]:
    for entry in answer if isinstance(answer, list) else []:
        service = _NAMESPACES.get(str(getattr(entry, "Namespace", "")).strip())
        announced = getattr(entry, "XAddr", None)
        if service and isinstance(announced, str):
            yield service, announced


def _of_capabilities(answer: Any) -> Iterator[tuple[Service, str]]:
    for name, service in _CAPABILITIES.items():
        announced = getattr(getattr(answer, name, None), "XAddr", None)
        if isinstance(announced, str):
            yield service, announced
