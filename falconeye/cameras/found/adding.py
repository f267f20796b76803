"""From a found camera to one that can be added: asked, tried, and with a picture to show.

Cameras lock accounts. So a login that was refused once, by ONVIF or for the pictures, is not shown
again for the same request of a person, wherever else the camera might be asked.
"""

import asyncio
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

from falconeye.base.errors import Conflict, FalconEyeError, InvalidInput
from falconeye.base.secret import Secret
from falconeye.cameras.found.candidate_streams import onvif_url, streams
from falconeye.cameras.found.finding import Finding
from falconeye.cameras.identity.neighbours import NEIGHBOURS
from falconeye.cameras.identity.onvif_address import OnvifPlace, ask
from falconeye.cameras.registry import CameraRegistry
from falconeye.cameras.usb import named
from falconeye.cameras.views import NewCamera, TestResult
from falconeye.config.camera import Protocol
from falconeye.discovery.candidates import Candidate
from falconeye.events.camera_state import ReasonCode

MAX_STREAMS: Final = 4  # addresses that are tried, each for some seconds
LOOK_S: Final = 50.0  # all of it: a page waits for a minute


class ProposalState(StrEnum):
    """What a person can do next."""

    READY = "ready"  # add it
    LOGIN_NEEDED = "login_needed"  # give user and password
    LOGIN_REFUSED = "login_refused"  # give others
    UNREACHABLE = "unreachable"  # see to its network, or wait
    UNUSABLE = "unusable"  # give its address by hand, or leave it


_STATES: Final = {
    ReasonCode.PASSWORD_NEEDED: ProposalState.LOGIN_NEEDED,
    ReasonCode.PASSWORD_REFUSED: ProposalState.LOGIN_REFUSED,
    ReasonCode.NAME_NOT_FOUND: ProposalState.UNREACHABLE,
    ReasonCode.NO_ROUTE: ProposalState.UNREACHABLE,
    ReasonCode.CONNECTION_REFUSED: ProposalState.UNREACHABLE,
    ReasonCode.NO_ANSWER: ProposalState.UNREACHABLE,
    ReasonCode.DISCONNECTED: ProposalState.UNREACHABLE,
}
_NOTES: Final = {
    "csi": "a camera module needs a program that makes an RTSP stream of it",
    "homekit": "this camera speaks HomeKit only",
    "incomplete": "the file does not say all that is needed: give its address by hand",
}
# Whatever else is tried, the answer would be of the same login, or forbidden all the same.
_ENDS: Final = frozenset({ProposalState.LOGIN_NEEDED, ProposalState.LOGIN_REFUSED})


@dataclass(frozen=True, slots=True)
class Proposal:
    """What looking into a found camera came to; `words` say why it is not ready."""

    state: ProposalState
    words: str = ""
    new: NewCamera | None = None  # ready: add it with another name, or as it is
    main: TestResult | None = None  # of the trial of its main stream
    sub: TestResult | None = None  # of its substream; where that failed, `new` is without


class Adding:
    """Lives on the loop; keeps nothing."""

    def __init__(self, finding: Finding, cameras: CameraRegistry) -> None:
        self._finding = finding
        self._cameras = cameras

    async def look_into(
        self,
        candidate_id: str,
        *,
        username: str | None = None,
        password: Secret | None = None,
        allow_local: bool = False,
    ) -> Proposal:
        """Ask the found camera, try its streams; up to 50 s, mostly a few. Nothing is stored.

        NotFound when it is not among the found ones any more, Unavailable when too many cameras
        are being tried. `allow_local`: an admin lets it be at a loopback or link-local address.
        """
        candidate = self._finding.candidates.get(candidate_id)
        if not candidate.usable:
            words = _NOTES.get(candidate.note, candidate.note or "this cannot be used as a camera")
            return Proposal(ProposalState.UNUSABLE, words)
        new = NewCamera(
            name=self._name(candidate),
            protocol=Protocol.RTSP,
            source_url=None,
            username=username or None,
            password=password if username else None,
            allow_local=allow_local,
            mac_address=candidate.mac,
            metadata=_metadata(candidate),
        )
        try:
            async with asyncio.timeout(LOOK_S):
                return await self._looked_into(candidate, new)
        except TimeoutError:
            words = "the camera takes too long to answer all that it is asked"
            return Proposal(ProposalState.UNREACHABLE, words)

    async def _looked_into(self, candidate: Candidate, new: NewCamera) -> Proposal:
        if candidate.device_path is not None:
            return await self._plugged(candidate, new)
        proposal = await self._by_onvif(candidate, new)
        if proposal is not None and (proposal.state in _ENDS or proposal.new is not None):
            return proposal
        return await self._by_address(candidate, new, proposal)

    async def _plugged(self, candidate: Candidate, new: NewCamera) -> Proposal:
        """A camera at a port of this node."""
        wanted = replace(
            new,
            protocol=Protocol.USB,
            username=None,
            password=None,
            mac_address=None,
            device_path=candidate.device_path,
        )
        try:
            found = await named(wanted)
        except (InvalidInput, Conflict) as error:
            return Proposal(ProposalState.UNUSABLE, str(error))
        return await self._tried(found)

    async def _by_onvif(self, candidate: Candidate, new: NewCamera) -> Proposal | None:
        """None where the candidate names no ONVIF service."""
        url = onvif_url(candidate)
        if url is None:
            return None
        # Loaded with the first such camera.
        from falconeye.onvif import errors  # noqa: PLC0415

        place = OnvifPlace.of(url)
        try:
            found = await ask(place, new.username, new.password, allow_local=new.allow_local)
        except errors.OnvifLoginNeeded as error:
            return Proposal(ProposalState.LOGIN_NEEDED, str(error))
        except (errors.OnvifLoginRefused, errors.OnvifNotPermitted) as error:
            return Proposal(ProposalState.LOGIN_REFUSED, str(error))
        except (errors.OnvifUnreachable, errors.OnvifTimeout) as error:
            return Proposal(ProposalState.UNREACHABLE, str(error))
        except errors.OnvifError as error:
            return Proposal(ProposalState.UNUSABLE, str(error))
        told = found.into(new)
        return await self._tried(replace(told, mac_address=candidate.mac or told.mac_address))

    async def _by_address(
        self, candidate: Candidate, new: NewCamera, earlier: Proposal | None
    ) -> Proposal:
        """By the streams that it announces, else those that its make usually has."""
        for protocol, main, sub in list(streams(candidate))[:MAX_STREAMS]:
            proposal = await self._tried(
                replace(new, protocol=protocol, source_url=main, sub_url=sub)
            )
            if proposal.state is ProposalState.READY or _is_enough(proposal):
                return proposal
            earlier = earlier or proposal
        nothing = "it does not say where its pictures are: give its address by hand"
        return earlier or Proposal(ProposalState.UNUSABLE, nothing)

    async def _tried(self, new: NewCamera) -> Proposal:
        """Main stream, then substream: at once, a wrong login would be shown twice."""
        try:
            main = await self._cameras.test(new)
        except (InvalidInput, Conflict) as error:
            return Proposal(ProposalState.UNUSABLE, str(error))
        # What it used a moment ago. What it told of itself counts where that cannot be known, and
        # only of devices that can be asked again.
        used = NEIGHBOURS.own_mac_of(urlsplit(new.source_url or "").hostname or "")
        told = new.mac_address if new.onvif_url else None
        new = replace(new, mac_address=used or told)
        if not main.ok:
            state = _STATES.get(main.reason_code, ProposalState.UNUSABLE)
            return Proposal(state, main.reason, new, main)
        if not new.sub_url:
            return Proposal(ProposalState.READY, "", new, main)
        sub = await self._sub_tried(new)
        return Proposal(
            ProposalState.READY, "", new if sub.ok else replace(new, sub_url=None), main, sub
        )

    async def _sub_tried(self, new: NewCamera) -> TestResult:
        """A camera without it is a camera still."""
        try:
            return await self._cameras.test(replace(new, source_url=new.sub_url, sub_url=None))
        except FalconEyeError as error:
            return TestResult(ok=False, reason_code=ReasonCode.CAMERA_ERROR, reason=str(error))

    def _name(self, candidate: Candidate) -> str:
        """One that no other camera has."""
        base = candidate.name or f"{candidate.make} {candidate.model}".strip()
        base = base or f"Camera {candidate.address or ''}".strip()
        taken = {camera.config.name.casefold() for camera in self._cameras.list()}
        names = (base, *(f"{base} {number}" for number in range(2, len(taken) + 3)))
        return next(name for name in names if name.casefold() not in taken)


def _is_enough(proposal: Proposal) -> bool:
    """Whether the login may not be shown once more; some cameras hang up in place of a refusal."""
    if proposal.state in _ENDS:
        return True
    hung_up = proposal.main and proposal.main.reason_code is ReasonCode.DISCONNECTED
    return bool(hung_up and proposal.new and proposal.new.username)


def _metadata(candidate: Candidate) -> dict[str, str]:
    told = {"make": candidate.make, "model": candidate.model, "serial": candidate.serial}
    return {name: value for name, value in told.items() if value}
