"""Found cameras as the pages tell them: what each is, where, how it was found, what to do."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from falconeye.cameras.found.accepting import claims
from falconeye.cameras.found.found_pictures import PictureState
from falconeye.cameras.found.plugged import Offer
from falconeye.cameras.views import Camera
from falconeye.discovery.candidates import Candidate
from falconeye.discovery.evidence import Evidence, Way
from falconeye.discovery.merging import Kind
from falconeye.discovery.scan import ScanState
from falconeye.events.camera_state import ReasonCode
from falconeye.web.claim_contexts import ClaimView
from falconeye.web.claim_views import moved_view
from falconeye.web.found_contexts import (
    FoundOffer,
    FoundPage,
    FoundRow,
    FoundState,
    FoundStill,
    ScanView,
)
from falconeye.web.i18n import gettext as _
from falconeye.web.services import Services

ORDER: Final = {state: number for number, state in enumerate(FoundState)}


def found_page(services: Services) -> FoundPage:
    """Everything that was found, for those who see all cameras."""
    cameras = {one.config.id: one for one in services.cameras.list()}
    names = {camera_id: one.config.name for camera_id, one in cameras.items()}
    finding = services.finding
    candidates = {one.id: one for one in finding.candidates.list()}
    rows = [
        replace(
            row,
            imported=finding.imports.id_of(candidates[row.id]) or "",
            picture=_still(services, candidates[row.id]),
            claims=_claims(candidates[row.id], cameras),
        )
        for row in found_rows(candidates.values(), finding.offers(), names)
    ]
    return FoundPage(
        rows=tuple(row for row in rows if row.state is not FoundState.IGNORED),
        ignored=tuple(row for row in rows if row.state is FoundState.IGNORED),
        looks_in_network=services.finding.looks_in_network,
        scan=scan_view(services),
    )


def _claims(candidate: Candidate, cameras: Mapping[str, Camera]) -> tuple[ClaimView, ...]:
    """One for each camera that may have moved here, and is not where it was."""
    return tuple(
        moved_view(claim, cameras[camera_id].config.name)
        for camera_id in candidate.camera_ids
        if camera_id in cameras
        for claim in claims(cameras[camera_id], [candidate])
    )


def _still(services: Services, candidate: Candidate) -> FoundStill | None:
    """Whoever sees the page wishes for the pictures of those that can be added, and are here."""
    is_here = any(one.way is not Way.IMPORT for one in candidate.evidence)
    if state_of(candidate) is not FoundState.NEW or not is_here:
        return None
    picture = services.finding.pictures.wish(candidate)
    words = ""
    if picture.state is PictureState.NONE:
        words = {
            ReasonCode.PASSWORD_NEEDED: _("Its pictures need a login."),
            ReasonCode.DEVICE_BUSY: _("It is busy: no picture now."),
            ReasonCode.TOO_MANY_SESSIONS: _("It is busy: no picture now."),
            ReasonCode.NONE: _("It tells no more without a login."),
        }.get(picture.reason, _("It gave no picture."))
    return FoundStill(picture.state, picture.taken_us, words)


def scan_view(services: Services) -> ScanView | None:
    """The scan that runs, or ran last; None before the first."""
    scan = services.finding.discovery.scan_now
    if scan is None:
        return None
    words = {
        ScanState.RUNNING: "",
        ScanState.DONE: _("done"),
        ScanState.CANCELLED: _("cancelled"),
        ScanState.FAILED: _("failed: see the log"),
    }
    return ScanView(
        networks=", ".join(map(str, scan.targets.networks)),
        hosts_done=scan.hosts_done,
        hosts_total=scan.hosts_total,
        found=len(scan.found),
        is_running=scan.state is ScanState.RUNNING,
        words=words[scan.state],
    )


def found_rows(
    candidates: Iterable[Candidate], offers: Sequence[Offer], names: Mapping[str, str]
) -> list[FoundRow]:
    """A row for each, new ones first; `names`: id and name of the cameras of this system."""
    rows = [_row(candidate, offers, names) for candidate in candidates]
    return sorted(rows, key=lambda row: ORDER[row.state])


def state_of(candidate: Candidate) -> FoundState:
    """What it is to this system. A camera of it is never hidden, even if it was ignored once."""
    if candidate.moved:
        return FoundState.MOVED
    if candidate.camera_ids:
        return FoundState.CAMERA
    if candidate.ignored:
        return FoundState.IGNORED
    return FoundState.NEW if candidate.usable else FoundState.UNUSABLE


def name_of(candidate: Candidate) -> str:
    """What a person calls it; never empty."""
    made = f"{candidate.make} {candidate.model}".strip()
    return candidate.name or made or candidate.address or candidate.device_path or _("Camera")


def _row(candidate: Candidate, offers: Sequence[Offer], names: Mapping[str, str]) -> FoundRow:
    name, state = name_of(candidate), state_of(candidate)
    kind = " ".join(text for text in (candidate.make, candidate.model) if text and text not in name)
    return FoundRow(
        id=candidate.id,
        name=name,
        state=state,
        kind=kind,
        place=place_of(candidate),
        found_by=tuple(dict.fromkeys(evidence_words(one) for one in candidate.evidence)),
        cameras=tuple((one, names[one]) for one in candidate.camera_ids if one in names),
        words=_words(candidate, state),
        ids=tuple(sorted(candidate.aliases | {candidate.id})),
        doubt=_doubt(candidate),
        needs_nothing=candidate.device_identity is not None,
        offers=tuple(
            FoundOffer(offer.camera_id, names[offer.camera_id])
            for offer in offers
            if state in (FoundState.NEW, FoundState.CAMERA)
            and offer.camera_id in names
            and offer.device_identity == candidate.device_identity
            and offer.device_path == candidate.device_path
        ),
    )


def evidence_words(evidence: Evidence) -> str:
    """How it was found, to stand in a list."""
    if evidence.way is Way.SCAN and evidence.port:
        return _("port {port} answers").format(port=evidence.port)
    return {
        Way.USB: _("plugged in"),
        Way.CSI: _("a camera module"),
        Way.ONVIF: _("answers ONVIF"),
        Way.MDNS: _("announces itself"),
        Way.SCAN: _("answers"),
        Way.IMPORT: _("from a file"),
    }[evidence.way]


def place_of(candidate: Candidate) -> str:
    """Address and port, or device and USB port."""
    if candidate.address:
        address = candidate.address
        shown = f"[{address}]" if ":" in address and candidate.port else address
        return f"{shown}:{candidate.port}" if candidate.port else address
    return ", ".join(text for text in (candidate.device_path or "", port_of(candidate)) if text)


def port_of(candidate: Candidate) -> str:
    """The USB port in words; empty where it is at none."""
    ports = (one.details.get("port", "") for one in candidate.evidence)
    return port_words(next(filter(None, ports), ""))


def port_words(port: str) -> str:
    """The part of a port's path that tells the sockets of one machine apart: "USB 1.2"."""
    socket = port.rpartition("-usb-")[2].partition(":")
    return _("USB port {port}").format(port=socket[2] or socket[0]) if "usb" in port else ""


def _words(candidate: Candidate, state: FoundState) -> str:
    if state is FoundState.MOVED:
        before = ", ".join(
            f"{moved.from_address}:{moved.from_port}"
            if moved.from_port
            else str(moved.from_address)
            for moved in candidate.moved
        )
        if any(moved.same_mac is False for moved in candidate.moved):
            return _(
                "It says that it is this camera, which was at {place}, but it is another device."
                " Its login is shown here only if you say that you have replaced it by this one."
            ).format(place=before)
        return _(
            "It was at {place} before. Nothing proves that it is the camera: its login is shown"
            " here only if you say so, or edit the camera."
        ).format(place=before)
    if candidate.usable:
        return ""
    return {
        "csi": _(
            "A camera module speaks no language of cameras by itself. Send its pictures to an RTSP"
            " server such as MediaMTX, by rpicam-vid or libcamerasrc, and add the address of that."
        ),
        "incomplete": _("The file does not say all that is needed: add it by its address."),
        "homekit": _(
            "It gives its pictures to Apple Home alone. Where its own app can switch on RTSP or"
            " ONVIF, do so; it shows up here then."
        ),
    }.get(candidate.note, _("It told nothing that a recorder can use."))


def _doubt(candidate: Candidate) -> str:
    """Why it is told apart from another row that it may be."""
    if not candidate.shares:
        return ""
    kinds = {identity.kind for identity in candidate.shares}
    if kinds <= {Kind.ADDRESS}:
        return _("Another camera answers at the same address: a recorder or a router, perhaps.")
    return _(
        "Another one claims to be this camera. Cheap ones share a number of the factory: they are"
        " kept apart."
    )
