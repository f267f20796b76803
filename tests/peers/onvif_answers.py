"""What the ONVIF camera of the tests answers, operation by operation."""

import datetime as dt
import re
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from tests.peers.onvif_notifications import create, pull, renew, unsubscribe
from tests.peers.onvif_request import PATHS, TDS, TEV, TPTZ, TRT, TT, WSNT, Refused, Request
from tests.peers.onvif_state import Preset

if TYPE_CHECKING:
    from tests.peers.onvif_device import OnvifCamera

_NAMESPACES = {
    "s": "http://www.w3.org/2003/05/soap-envelope",
    "tds": TDS, "trt": TRT, "tptz": TPTZ, "tev": TEV, "wsnt": WSNT, "tt": TT,
    "ter": "http://www.onvif.org/ver10/error",
    "wsa": "http://www.w3.org/2005/08/addressing",
    "tns1": "http://www.onvif.org/ver10/topics",
    "x": "urn:x",
}  # fmt: skip
_DECLARED = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in _NAMESPACES.items())
_SIZES = {"main": (1920, 1080), "sub": (640, 360)}


def envelope(body: str) -> bytes:
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><s:Envelope {_DECLARED}>'
        f"<s:Header/><s:Body>{body}</s:Body></s:Envelope>"
    ).encode()


def fault(refusal: Refused) -> bytes:
    """SOAP 1.2, with ONVIF's subcode."""
    sub = f"<s:Subcode><s:Value>ter:{refusal.subcode}</s:Value></s:Subcode>" * bool(refusal.subcode)
    return envelope(
        f"<s:Fault><s:Code><s:Value>s:{refusal.code}</s:Value>{sub}</s:Code>"
        f'<s:Reason><s:Text xml:lang="en">{escape(refusal.reason)}</s:Text></s:Reason></s:Fault>'
    )


def old_fault(refusal: Refused) -> bytes:
    """SOAP 1.1."""
    old = "http://schemas.xmlsoap.org/soap/envelope/"
    return (
        f'<e:Envelope xmlns:e="{old}" xmlns:ter="{_NAMESPACES["ter"]}"><e:Body><e:Fault>'
        f"<faultcode>ter:{refusal.subcode}</faultcode>"
        f"<faultstring>{escape(refusal.reason)}</faultstring></e:Fault></e:Body></e:Envelope>"
    ).encode()


def answer(camera: "OnvifCamera", request: Request) -> bytes:
    """Refused where the camera has no such operation."""
    handler = _ANSWERS.get(request.operation)
    if handler is None:
        raise Refused("Receiver", f"no {request.operation}", "ActionNotSupported")
    return envelope(handler(camera, request))


def _time(camera: "OnvifCamera", _request: Request) -> str:
    told = camera.now() + dt.timedelta(seconds=camera.deviations.told_offset_s)
    month = 0 if camera.deviations.bad_date else told.month
    return (
        "<tds:GetSystemDateAndTimeResponse><tds:SystemDateAndTime>"
        "<tt:DateTimeType>NTP</tt:DateTimeType><tt:DaylightSavings>false</tt:DaylightSavings>"
        "<tt:TimeZone><tt:TZ>CET-1CEST,M3.5.0,M10.5.0/3</tt:TZ></tt:TimeZone><tt:UTCDateTime>"
        f"<tt:Time><tt:Hour>{told.hour}</tt:Hour><tt:Minute>{told.minute}</tt:Minute>"
        f"<tt:Second>{told.second}</tt:Second></tt:Time>"
        f"<tt:Date><tt:Year>{told.year}</tt:Year><tt:Month>{month}</tt:Month>"
        f"<tt:Day>{told.day}</tt:Day></tt:Date></tt:UTCDateTime>"
        "</tds:SystemDateAndTime></tds:GetSystemDateAndTimeResponse>"
    )


def _information(_camera: "OnvifCamera", _request: Request) -> str:
    return (
        "<tds:GetDeviceInformationResponse><tds:Manufacturer>Strict</tds:Manufacturer>"
        "<tds:Model>S-1</tds:Model><tds:FirmwareVersion>1.2.3</tds:FirmwareVersion>"
        "<tds:SerialNumber>0815</tds:SerialNumber><tds:HardwareId>rev-b</tds:HardwareId>"
        "</tds:GetDeviceInformationResponse>"
    )


def _services(camera: "OnvifCamera", _request: Request) -> str:
    if not camera.deviations.has_get_services:
        raise Refused("Receiver", "Optional Action Not Implemented", "ActionNotSupported")
    entries = "".join(
        f"<tds:Service><tds:Namespace>{namespace}</tds:Namespace>"
        f"<tds:XAddr>{camera.announced(path)}</tds:XAddr>"
        "<tds:Version><tt:Major>2</tt:Major><tt:Minor>6</tt:Minor></tds:Version></tds:Service>"
        for namespace, path in _offered(camera)
        if not (camera.deviations.forgets_events and namespace == TEV)
    )
    return f"<tds:GetServicesResponse>{entries}</tds:GetServicesResponse>"


def _capabilities(camera: "OnvifCamera", _request: Request) -> str:
    if camera.deviations.has_get_services and not camera.deviations.forgets_events:
        raise Refused("Receiver", "ask GetServices", "ActionNotSupported")
    names = {TDS: "Device", TRT: "Media", TPTZ: "PTZ", TEV: "Events"}
    inside = {
        "Events": "<tt:WSSubscriptionPolicySupport>true</tt:WSSubscriptionPolicySupport>"
        "<tt:WSPullPointSupport>true</tt:WSPullPointSupport>"
        "<tt:WSPausableSubscriptionManagerInterfaceSupport>false"
        "</tt:WSPausableSubscriptionManagerInterfaceSupport>",
        "Media": "<tt:StreamingCapabilities/>",
    }
    found = {names[namespace]: path for namespace, path in _offered(camera)}
    entries = "".join(
        f"<tt:{name}><tt:XAddr>{camera.announced(found[name])}</tt:XAddr>"
        f"{inside.get(name, '')}</tt:{name}>"
        for name in ("Device", "Events", "Media", "PTZ")
        if name in found
    )
    return (
        f"<tds:GetCapabilitiesResponse><tds:Capabilities>{entries}</tds:Capabilities>"
        "</tds:GetCapabilitiesResponse>"
    )


def _offered(camera: "OnvifCamera") -> list[tuple[str, str]]:
    offered = [(TDS, PATHS["device"]), (TRT, PATHS["media"])]
    if camera.deviations.has_ptz:
        offered.append((TPTZ, PATHS["ptz"]))
    if camera.deviations.has_events:
        offered.append((TEV, PATHS["events"]))
    return offered


def _endpoint(camera: "OnvifCamera", _request: Request) -> str:
    if not camera.deviations.has_endpoint_reference:
        raise Refused("Receiver", "no", "ActionNotSupported")
    return (
        f"<tds:GetEndpointReferenceResponse><tds:GUID>{camera.endpoint_reference}</tds:GUID>"
        "</tds:GetEndpointReferenceResponse>"
    )


def _interfaces(_camera: "OnvifCamera", _request: Request) -> str:
    entries = "".join(
        f'<tds:NetworkInterfaces token="{name}"><tt:Enabled>true</tt:Enabled><tt:Info>'
        f"<tt:Name>{name}</tt:Name><tt:HwAddress>{mac}</tt:HwAddress><tt:MTU>1500</tt:MTU>"
        "</tt:Info></tds:NetworkInterfaces>"
        for name, mac in (("eth0", "00-1A-2B-3C-4D-5E"), ("lo", "00:00:00:00:00:00"))
    )
    return f"<tds:GetNetworkInterfacesResponse>{entries}</tds:GetNetworkInterfacesResponse>"


def _profiles(camera: "OnvifCamera", _request: Request) -> str:
    entries = [_profile(camera, name) for name in _SIZES]
    if camera.deviations.reversed_profiles:
        entries.reverse()
    return f"<trt:GetProfilesResponse>{''.join(entries)}</trt:GetProfilesResponse>"


def _profile(camera: "OnvifCamera", name: str) -> str:
    width, height = _SIZES[name]
    able = getattr(camera.deviations, f"{name}_has_ptz") and camera.deviations.has_ptz
    ptz = (
        '<tt:PTZConfiguration token="ptz"><tt:Name>ptz</tt:Name><tt:UseCount>1</tt:UseCount>'
        "<tt:NodeToken>node</tt:NodeToken></tt:PTZConfiguration>"
    )
    return (
        f'<trt:Profiles token="{name}" fixed="true"><tt:Name>{name} stream</tt:Name>'
        f'<tt:VideoSourceConfiguration token="vsc"><tt:Name>v</tt:Name><tt:UseCount>2</tt:UseCount>'
        '<tt:SourceToken>VideoSource_1</tt:SourceToken><tt:Bounds x="0" y="0" width="1920"'
        ' height="1080"/></tt:VideoSourceConfiguration>'
        f'<tt:VideoEncoderConfiguration token="{name}_enc"><tt:Name>e</tt:Name>'
        f"<tt:UseCount>1</tt:UseCount><tt:Encoding>{camera.deviations.encoding}</tt:Encoding>"
        f"<tt:Resolution><tt:Width>{width}</tt:Width><tt:Height>{height}</tt:Height>"
        "</tt:Resolution><tt:Quality>5</tt:Quality><tt:RateControl><tt:FrameRateLimit>25"
        "</tt:FrameRateLimit><tt:EncodingInterval>1</tt:EncodingInterval><tt:BitrateLimit>4096"
        "</tt:BitrateLimit></tt:RateControl><tt:Multicast><tt:Address><tt:Type>IPv4</tt:Type>"
        "<tt:IPv4Address>0.0.0.0</tt:IPv4Address></tt:Address><tt:Port>0</tt:Port><tt:TTL>1</tt:TTL>"
        "<tt:AutoStart>false</tt:AutoStart></tt:Multicast><tt:SessionTimeout>PT60S"
        f"</tt:SessionTimeout></tt:VideoEncoderConfiguration>{ptz if able else ''}</trt:Profiles>"
    )


def _stream(camera: "OnvifCamera", request: Request) -> str:
    protocol = request.body.findtext(f".//{{{TT}}}Protocol")
    if protocol != "RTSP" or request.body.findtext(f".//{{{TT}}}Stream") != "RTP-Unicast":
        raise Refused("Sender", "only RTSP", "InvalidStreamSetup")
    host = camera.deviations.xaddr_host or "127.0.0.1"
    uri = f"rtsp://{camera.token_check.user}:{camera.token_check.password}@{host}:{camera.deviations.rtsp_port}/{_token(request)}"
    return _media_uri("GetStreamUri", uri)


def _snapshot(camera: "OnvifCamera", request: Request) -> str:
    if not camera.deviations.has_snapshot:
        raise Refused("Receiver", "no", "ActionNotSupported")
    return _media_uri("GetSnapshotUri", camera.announced(f"/snap/{_token(request)}.jpg?a=1&b=2"))


def _media_uri(operation: str, uri: str) -> str:
    return (
        f"<trt:{operation}Response><trt:MediaUri><tt:Uri>{escape(uri)}</tt:Uri>"
        "<tt:InvalidAfterConnect>false</tt:InvalidAfterConnect><tt:InvalidAfterReboot>false"
        "</tt:InvalidAfterReboot><tt:Timeout>PT0S</tt:Timeout></trt:MediaUri>"
        f"</trt:{operation}Response>"
    )


def _token(request: Request) -> str:
    token = request.text("ProfileToken")
    if token not in _SIZES:
        raise Refused("Sender", f"no profile {token}", "InvalidArgVal")
    return token


def _node(camera: "OnvifCamera", request: Request) -> str:
    if not camera.deviations.describes_ptz:
        raise Refused("Receiver", "no", "ActionNotSupported")
    if request.text("NodeToken") != "node":
        raise Refused("Sender", "no such node", "InvalidArgVal")
    space = (
        "<tt:{0}><tt:URI>http://www.onvif.org/ver10/tptz/{1}</tt:URI><tt:XRange><tt:Min>-1</tt:Min>"
        "<tt:Max>1</tt:Max></tt:XRange></tt:{0}>"
    )
    pan_tilt = space.format("ContinuousPanTiltVelocitySpace", "PanTiltSpaces/VelocityGenericSpace")
    return (
        '<tptz:GetNodeResponse><tptz:PTZNode token="node"><tt:Name>node</tt:Name>'
        f"<tt:SupportedPTZSpaces>{pan_tilt}</tt:SupportedPTZSpaces>"
        "<tt:MaximumNumberOfPresets>8</tt:MaximumNumberOfPresets>"
        "<tt:HomeSupported>true</tt:HomeSupported></tptz:PTZNode></tptz:GetNodeResponse>"
    )


def _move(camera: "OnvifCamera", request: Request) -> str:
    _movable(camera, request)
    move: dict[str, float | str] = {"timeout": request.text("Timeout") or ""}
    pan_tilt = request.body.find(f"{{{TPTZ}}}Velocity/{{{TT}}}PanTilt")
    zoom = request.body.find(f"{{{TPTZ}}}Velocity/{{{TT}}}Zoom")
    if pan_tilt is not None:
        move |= {"pan": float(pan_tilt.get("x")), "tilt": float(pan_tilt.get("y"))}
    if zoom is not None:
        move["zoom"] = float(zoom.get("x"))
    if not re.fullmatch(r"PT\d+(\.\d+)?S", str(move["timeout"])):
        raise Refused("Sender", "Timeout", "InvalidArgVal")
    with camera.changed:
        camera.moves.append(move)
        camera.position = (float(move.get("pan", 0)), float(move.get("tilt", 0)), 0.0)
        camera.changed.notify_all()
    return "<tptz:ContinuousMoveResponse/>"


def _stop(camera: "OnvifCamera", request: Request) -> str:
    _movable(camera, request)
    if (request.text("PanTilt"), request.text("Zoom")) != ("true", "true"):
        raise Refused("Sender", "PanTilt and Zoom", "InvalidArgVal")
    with camera.changed:
        camera.stops += 1
        camera.changed.notify_all()
    return "<tptz:StopResponse/>"


def _presets(camera: "OnvifCamera", request: Request) -> str:
    _movable(camera, request)
    entries = "".join(
        f'<tptz:Preset token="{token}"><tt:Name>{escape(preset.name)}</tt:Name></tptz:Preset>'
        for token, preset in camera.presets.items()
    )
    return f"<tptz:GetPresetsResponse>{entries}</tptz:GetPresetsResponse>"


def _set_preset(camera: "OnvifCamera", request: Request) -> str:
    _movable(camera, request)
    token = request.text("PresetToken") or uuid.uuid4().hex[:6]
    camera.presets[token] = Preset(request.text("PresetName") or "", camera.position)
    return (
        f"<tptz:SetPresetResponse><tptz:PresetToken>{token}</tptz:PresetToken>"
        "</tptz:SetPresetResponse>"
    )


def _go_to_preset(camera: "OnvifCamera", request: Request) -> str:
    camera.position = camera.presets[_preset(camera, request)].position
    return "<tptz:GotoPresetResponse/>"


def _remove_preset(camera: "OnvifCamera", request: Request) -> str:
    del camera.presets[_preset(camera, request)]
    return "<tptz:RemovePresetResponse/>"


def _preset(camera: "OnvifCamera", request: Request) -> str:
    _movable(camera, request)
    token = request.text("PresetToken") or ""
    if token not in camera.presets:
        raise Refused("Sender", f"no preset {token}", "InvalidArgVal")
    return token


def _home(camera: "OnvifCamera", request: Request) -> str:
    _movable(camera, request)
    camera.position = (0.0, 0.0, 0.0)
    return "<tptz:GotoHomePositionResponse/>"


def _set_home(_camera: "OnvifCamera", _request: Request) -> str:
    raise Refused("Receiver", "home is fixed", "CannotOverwriteHome")


def _status(camera: "OnvifCamera", request: Request) -> str:
    _movable(camera, request)
    pan, tilt, zoom = camera.position
    return (
        "<tptz:GetStatusResponse><tptz:PTZStatus><tt:Position>"
        f'<tt:PanTilt x="{pan}" y="{tilt}"/><tt:Zoom x="{zoom}"/></tt:Position>'
        "<tt:MoveStatus><tt:PanTilt>IDLE</tt:PanTilt><tt:Zoom>IDLE</tt:Zoom></tt:MoveStatus>"
        f"<tt:UtcTime>{camera.now():%Y-%m-%dT%H:%M:%SZ}</tt:UtcTime>"
        "</tptz:PTZStatus></tptz:GetStatusResponse>"
    )


def _movable(camera: "OnvifCamera", request: Request) -> None:
    if not getattr(camera.deviations, f"{_token(request)}_has_ptz"):
        raise Refused("Sender", "this profile has no PTZ configuration", "NoPTZProfile")


_ANSWERS: dict[str, Callable[["OnvifCamera", Request], str]] = {
    "GetSystemDateAndTime": _time,
    "GetDeviceInformation": _information,
    "GetServices": _services,
    "GetCapabilities": _capabilities,
    "GetEndpointReference": _endpoint,
    "GetNetworkInterfaces": _interfaces,
    "GetProfiles": _profiles,
    "GetStreamUri": _stream,
    "GetSnapshotUri": _snapshot,
    "GetNode": _node,
    "ContinuousMove": _move,
    "Stop": _stop,
    "GetPresets": _presets,
    "SetPreset": _set_preset,
    "GotoPreset": _go_to_preset,
    "RemovePreset": _remove_preset,
    "GotoHomePosition": _home,
    "SetHomePosition": _set_home,
    "GetStatus": _status,
    "CreatePullPointSubscription": create,
    "PullMessages": pull,
    "Renew": renew,
    "Unsubscribe": unsubscribe,
}
