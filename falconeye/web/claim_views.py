"""Devices that may be a camera which is away, as its page and the found cameras offer them."""

from collections.abc import Sequence
from typing import Any

from litestar import Request

from falconeye.accounts.model import Action
from falconeye.cameras.found.accepting import Claim, claims, is_replaced
from falconeye.cameras.views import Camera
from falconeye.config.camera import Protocol
from falconeye.discovery.candidates import Candidate
from falconeye.web.claim_contexts import ClaimView
from falconeye.web.i18n import gettext as _
from falconeye.web.security.access import may_on, principal_of
from falconeye.web.services import Services
from falconeye.web.shell import shell_of

Asking = Request[Any, Any, Any]


def claim_views(request: Asking, camera: Camera) -> tuple[ClaimView, ...]:
    """On the camera's page: none for who may not change it, nor while it delivers."""
    services, camera_id = shell_of(request).services, camera.config.id
    if camera.state.online or not may_on(principal_of(request), Action.CHANGE_CAMERA, camera_id):
        return ()
    candidates = services.finding.candidates.list()
    if camera.config.protocol is Protocol.USB:
        general = may_on(principal_of(request), Action.CHANGE_CAMERA)
        return tuple(_plugged(services, camera, candidates)) if general else ()
    views = [moved_view(claim, "") for claim in claims(camera, candidates)]
    if is_replaced(camera):
        views.append(
            ClaimView(
                _("Another device is at the address of this camera. If you replaced it, its login"
                  " is shown to the new one."),
                _("It was replaced: this device is the camera now"),
                f"/cameras/{camera_id}/accept",
                {"replaced": "true"},
            )
        )  # fmt: skip
    return tuple(views)


def moved_view(claim: Claim, name: str) -> ClaimView:
    """`name`: of the camera, where it is not clear which is meant."""
    words = _(
        "A device at {place} says that it is this camera, and nothing proves it. If you know that"
        " it is, the camera's login is shown there."
    )
    label = _("It is {name}: follow it to {place}") if name else ""
    label = label or _("It is this camera: follow it to {place}")
    if claim.moved.same_mac is False:
        words = _(
            "A device at {place} says that it is this camera, but its hardware is another. If you"
            " replaced the camera by it, the login is shown there."
        )
        label = _("It replaced {name}: follow it to {place}") if name else ""
        label = label or _("It replaced this camera: follow it to {place}")
    return ClaimView(
        words.format(place=claim.place),
        label.format(name=name, place=claim.place),
        f"/cameras/{claim.camera_id}/accept",
        {"candidate": claim.candidate_id, "place": claim.place},
    )


def _plugged(
    services: Services, camera: Camera, candidates: Sequence[Candidate]
) -> list[ClaimView]:
    """Devices of its kind at other ports."""
    offered = {
        (offer.device_identity, offer.device_path)
        for offer in services.finding.offers()
        if offer.camera_id == camera.config.id
    }
    return [
        ClaimView(
            _("A device of its kind is plugged in: {place}.").format(place=one.device_path),
            _("It is this camera"),
            f"/cameras/found/{one.id}/is",
            {"camera": camera.config.id},
        )
        for one in candidates
        if (one.device_identity, one.device_path) in offered
    ]
