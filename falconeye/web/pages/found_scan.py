"""Addresses asked one by one, for cameras that announce nothing: begun, followed, ended by page."""

from dataclasses import replace

from litestar import Response, get, post

from falconeye.accounts.model import Action, require
from falconeye.base.errors import BadRequest, Conflict, InvalidInput
from falconeye.web import found_views
from falconeye.web.audit import record
from falconeye.web.i18n import gettext as _
from falconeye.web.pages.asking import Asking, go_to, part, sentence, services_of, show, texts
from falconeye.web.pages.found import HERE
from falconeye.web.peers.found import gather
from falconeye.web.peers.lists import here_of
from falconeye.web.security.access import needs, principal_of
from falconeye.web.security.peer import came_from_peer

MAX_NETWORKS = 16


@post(f"{HERE}/scan", opt=needs(Action.TEST_CAMERA), include_in_schema=False)
async def begin_scan(request: Asking) -> Response[str]:
    """Ask the addresses of the typed networks, or of the recorder's own."""
    services, fields = services_of(request), await texts(request)
    typed = fields.get("networks", "")
    insist = fields.get("insist") == "true"
    if insist:
        require(principal_of(request), Action.CHANGE_CAMERA)
    try:
        scan = services.finding.scan(_networks(typed), insist=insist)
    except (BadRequest, Conflict, InvalidInput) as error:
        page = await gather(request)
        page = replace(page, networks=typed, errors={"networks": sentence(error)})
        return show(request, "pages/found.html", page, status=error.status)
    asked = ", ".join(map(str, scan.targets.networks))
    await record(request, "network.scanned", "network", "", asked)
    return go_to(HERE, done="scanning")


def _networks(typed: str) -> list[str] | None:
    """Those that were typed; None where the field was left empty."""
    networks = typed.replace(",", " ").split()
    if len(networks) > MAX_NETWORKS:
        raise InvalidInput(_("These are too many networks."), field="networks")
    return networks or None


@get(f"{HERE}/scan", opt=needs(Action.TEST_CAMERA), include_in_schema=False)
async def scan_state(request: Asking) -> Response[str]:
    """How far it is, asked for again while it runs."""
    scan = found_views.scan_view(services_of(request))
    node_id, node_name = here_of(request) if came_from_peer(request) else ("", "")
    return part(
        request, "partials/scan.html", scan=scan, scan_node_id=node_id, scan_node_name=node_name
    )


@post(f"{HERE}/scan/cancel", opt=needs(Action.TEST_CAMERA), include_in_schema=False)
async def cancel_scan(request: Asking) -> Response[str]:
    """End it; what it found stays."""
    scan = services_of(request).finding.discovery.scan_now
    if scan is not None:
        await scan.cancel()
    return go_to(HERE, done="scan-cancelled")
