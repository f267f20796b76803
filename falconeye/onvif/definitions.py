"""The WSDLs of ONVIF, parsed once per process, and messages by them: to XML and back.

All cameras share one set (2 MB, 0.1 s of one core); what belongs to a camera comes with each
message. Nothing here touches the network: zeep makes the XML and reads it, `http` carries it.
`ONVIFCamera` is not used: it parses anew for each camera, subscribes in its constructor and changes
the environment. All functions block for some milliseconds; they belong in a thread.
"""

import copy
import datetime as dt
import logging
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Final

from falconeye.base.memory import return_free_memory
from falconeye.base.secret import Secret
from falconeye.onvif.excerpt import excerpt

WSDL: Final = Path(__file__).with_name("wsdl")
_SUBSCRIPTION_BINDING = "{http://www.onvif.org/ver10/events/wsdl}SubscriptionManagerBinding"

# WS-BaseNotification lets a topic be anything; ONVIF's are text (Core 9.6). As it stands, zeep
# drops the text. The file may not be changed (its licence), so it is read like this.
_TOPIC_TYPE: Final = b'<xsd:complexType name="TopicExpressionType" mixed="true">'
_TOPIC_IS_TEXT: Final = b"""<xsd:complexType name="TopicExpressionType">
    <xsd:simpleContent>
      <xsd:extension base="xsd:string">
        <xsd:attribute name="Dialect" type="xsd:anyURI"/>
        <xsd:anyAttribute/>
      </xsd:extension>
    </xsd:simpleContent>
  </xsd:complexType>"""

# Services whose messages are made of onvif.xsd, as one document: each alone would have classes of
# all that for itself, 2 MB. Events stay apart. Where onvif.xsd is not known, zeep leaves tt:Message
# as it came, which `notifications` reads.
_JOINT: Final = "joint.wsdl"
_JOINT_CONTENT: Final = b"""<wsdl:definitions xmlns:wsdl="http://schemas.xmlsoap.org/wsdl/"
    xmlns:tds="http://www.onvif.org/ver10/device/wsdl"
    xmlns:trt="http://www.onvif.org/ver10/media/wsdl"
    xmlns:tptz="http://www.onvif.org/ver20/ptz/wsdl" targetNamespace="urn:falconeye:joint">
  <wsdl:import namespace="http://www.onvif.org/ver10/device/wsdl" location="devicemgmt.wsdl"/>
  <wsdl:import namespace="http://www.onvif.org/ver10/media/wsdl" location="media.wsdl"/>
  <wsdl:import namespace="http://www.onvif.org/ver20/ptz/wsdl" location="ptz.wsdl"/>
  <wsdl:service name="joint">
    <wsdl:port name="devicemgmt" binding="tds:DeviceBinding"/>
    <wsdl:port name="media" binding="trt:MediaBinding"/>
    <wsdl:port name="ptz" binding="tptz:PTZBinding"/>
  </wsdl:service>
</wsdl:definitions>"""


class Service(Enum):
    """A port type that cameras offer; the value is the library's name of it."""

    DEVICE = "devicemgmt"
    MEDIA = "media"
    PTZ = "ptz"
    EVENTS = "events"
    PULL_POINT = "pullpoint"
    SUBSCRIPTION = "subscription"


@dataclass(frozen=True, slots=True)
class Token:
    """A login for one message (WS-Security UsernameToken, password digest).

    `offset` is the camera's clock minus ours: the camera compares `Created` with its own.
    """

    username: str
    password: Secret
    offset: dt.timedelta


@dataclass(frozen=True, slots=True)
class Message:
    """What is posted: XML, and the HTTP headers that belong to it."""

    body: bytes
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back, as far as zeep reads it."""

    status_code: int
    headers: Mapping[str, str]
    content: bytes
    encoding: str | None = None


class Definitions:
    """Parsed WSDLs; safe to use from several threads."""

    def __init__(self) -> None:
        """Parses: blocks for a tenth of a second and more."""
        with _log_configuration_kept():
            import onvif  # noqa: PLC0415 - 12 MB that only owners of such cameras need
        import zeep  # noqa: PLC0415 - as above
        import zeep.wsa  # noqa: PLC0415 - as above

        # It writes a traceback for each value that is none, thousands for one answer if a camera
        # likes. What it leaves out we judge ourselves.
        logging.getLogger("zeep").setLevel(logging.CRITICAL)
        # Many cameras leave out what the schemas demand, or change its order.
        parsing = zeep.Settings(strict=False, forbid_external=True)
        # Nothing that a camera sends needs a DTD: entities are attacks.
        self._reading = zeep.Settings(strict=False, forbid_external=True, forbid_dtd=True)
        self._addressing = zeep.wsa.WsAddressingPlugin()
        self._token_class = onvif.client.UsernameDigestTokenDtDiff
        new_client: Any = zeep.Client  # untyped
        files = _Files()
        joint, events = (
            new_client(str(WSDL / name), transport=files, settings=parsing)
            for name in (_JOINT, "events.wsdl")
        )
        files.forget()
        ports = joint.wsdl.services["joint"].ports
        self._clients: dict[Service, Any] = {}
        self._bindings: dict[Service, Any] = {}
        for service in Service:
            if service.value in ports:
                self._clients[service] = joint
                self._bindings[service] = ports[service.value].binding
                continue
            known = onvif.SERVICES["events" if service is Service.SUBSCRIPTION else service.value]
            binding = f"{{{known['ns']}}}{known['binding']}"
            if service is Service.SUBSCRIPTION:
                binding = _SUBSCRIPTION_BINDING
            self._clients[service] = events
            self._bindings[service] = events.wsdl.bindings[binding]

    def encode(
        self,
        service: Service,
        operation: str,
        parameters: Mapping[str, object],
        *,
        address: str,
        token: Token | None,
        headers: Sequence[Any] = (),
    ) -> Message:
        """The message for `operation`; `address` is what WS-Addressing calls To.

        `headers` are elements for the SOAP header (reference parameters of a subscription).
        """
        from lxml import etree  # noqa: PLC0415 - loaded with the class

        binding = self._bindings[service]
        client = self._client(service)
        if token is not None:
            client.wsse = self._token(token)
        if binding.get(operation).abstract.wsa_action is None and service is Service.SUBSCRIPTION:
            client.plugins = [self._addressing]  # zeep adds it where the WSDL names an action
        arguments = dict(parameters)
        if headers:
            arguments["_soapheaders"] = [copy.deepcopy(header) for header in headers]
        # `create_message` is the public way and addresses the wrong host.
        envelope, http_headers = binding._create(  # noqa: SLF001 - as above
            operation, (), arguments, client=client, options={"address": address}
        )
        body = etree.tostring(envelope, xml_declaration=True, encoding="utf-8")
        return Message(body, {str(name): str(text) for name, text in http_headers.items()})

    def decode(self, service: Service, operation: str, reply: Reply) -> Any:
        """What the camera answers, as zeep's objects. Raises whatever zeep and lxml raise."""
        binding = self._bindings[service]
        return binding.process_reply(self._client(service), binding.get(operation), reply)

    def _client(self, service: Service) -> Any:
        """A copy for one message: zeep keeps login and settings in it."""
        client = copy.copy(self._clients[service])
        client.settings = self._reading
        client.plugins = []
        return client

    def _token(self, token: Token) -> Any:
        return self._token_class(
            token.username,
            token.password.reveal(),
            created=dt.datetime.now(dt.UTC),
            dt_diff=token.offset,
            use_digest=True,
            zulu_timestamp=True,  # some firmware does not read "+00:00"
        )


class _Files:
    """zeep's transport, as far as WSDLs need one: our own files, never the network."""

    def __init__(self) -> None:
        paths = [path for path in WSDL.iterdir() if path.suffix in (".wsdl", ".xsd")]
        contents = {path.name: path.read_bytes() for path in paths}
        contents["b-2.xsd"] = _with_topics_as_text(contents["b-2.xsd"])
        self._used = {**excerpt(contents), _JOINT: _JOINT_CONTENT}

    def forget(self) -> None:
        """All was read; zeep keeps its transport."""
        self._used.clear()

    def load(self, url: str) -> bytes:
        path = Path(url).resolve()
        if path.parent != WSDL.resolve():
            raise ValueError(f"{url} is none of the files that belong to FalconEye")
        return self._used.get(path.name) or path.read_bytes()


def _with_topics_as_text(content: bytes) -> bytes:
    before, found, rest = content.partition(_TOPIC_TYPE)
    if not found:
        raise ValueError("b-2.xsd is not the one that is known")
    return before + _TOPIC_IS_TEXT + rest.partition(b"</xsd:complexType>")[2]


@contextmanager
def _log_configuration_kept() -> Iterator[None]:
    """`import onvif` calls `logging.basicConfig`, which does nothing where a handler is."""
    root, placeholder = logging.getLogger(), logging.NullHandler()
    root.addHandler(placeholder)
    try:
        yield
    finally:
        root.removeHandler(placeholder)


_lock = threading.Lock()
_shared: list[Definitions] = []


def shared_definitions() -> Definitions:
    """The one set of this process; the first call parses, others wait for it."""
    with _lock:
        if not _shared:
            _shared.append(Definitions())
            return_free_memory()  # the XML is gone: 2 MB, which nobody else might need so soon
        return _shared[0]
