"""The doctor: what `falconeye doctor` finds on a node, as a page, and its archive for a report."""

import asyncio
from typing import Final

from litestar import Response, get

from falconeye.accounts.model import Action
from falconeye.base.times import to_datetime
from falconeye.doctor.bundle import make_bundle
from falconeye.doctor.examination import Examination, examine
from falconeye.web.audit import record
from falconeye.web.doctor_contexts import DoctorPage
from falconeye.web.node_choice import node_choices
from falconeye.web.pages.asking import Asking, services_of, show
from falconeye.web.range_response import attachment
from falconeye.web.security.access import needs

_LOOKING: Final = "doctor_looking"  # in the application's state: one examination at a time


@get("/doctor", opt=needs(Action.MANAGE_SETTINGS), include_in_schema=False)
async def doctor_page(request: Asking) -> Response[str]:
    """Look now, and show it; at another node where the address names it."""
    found = await _examine(request)
    page = DoctorPage(found.at_us, found.findings, node_choices(request))
    return show(request, "pages/doctor.html", page)


@get("/doctor/bundle", opt=needs(Action.MANAGE_SETTINGS), include_in_schema=False)
async def download_bundle(request: Asking) -> Response[bytes]:
    """The archive for a report."""
    services = services_of(request)
    examination = await _examine(request)
    stored = services.stored_settings
    content = await asyncio.to_thread(
        make_bundle, examination, services.settings, stored.current.model_dump(mode="json"),
        stored.secrets(),
    )  # fmt: skip
    await record(request, "doctor.bundle", "node", services.node_id)
    moment = to_datetime(examination.at_us).strftime("%Y%m%dT%H%M%SZ")
    name = f"falconeye-report-{services.node_name}-{moment}.zip"
    headers = {
        "content-disposition": attachment(name, inline=False),
        "cache-control": "no-store",
    }
    return Response(content, media_type="application/zip", headers=headers)


async def _examine(request: Asking) -> Examination:
    """Who comes while another looks waits for a turn: disks are written to, cameras asked."""
    services = services_of(request)
    looking: asyncio.Lock = request.app.state.setdefault(_LOOKING, asyncio.Lock())
    async with looking:
        return await examine(services.patient, await services.backups.kept())
