"""Is the process there, can it do its work, and how is it doing."""

import asyncio
from typing import Any

from litestar import Request, Response, get
from pydantic import BaseModel

from falconeye.accounts.model import Action
from falconeye.base.errors import Unavailable
from falconeye.web.api.documentation import documented, documented_open
from falconeye.web.coverage_metrics import coverage_figures
from falconeye.web.metrics import CONTENT_TYPE, exposition, status_of
from falconeye.web.pod_state import problem_in_pod
from falconeye.web.security.access import may_on, principal_of
from falconeye.web.shell import shell_of

Asking = Request[Any, Any, Any]


class Health(BaseModel):
    """Names nothing: these routes are open."""

    status: str


@get("/healthz", tags=["Health"], **documented_open("The process answers"))
async def healthz() -> Health:
    return Health(status="ok")


@get(
    "/readyz",
    tags=["Health"],
    **documented_open("Database, volumes, cameras and cluster key are there", 503),
)
async def readyz(request: Asking) -> Health:
    if problem := problem_in_pod(request.app):
        raise Unavailable(problem)
    if not await status_of(request.app).is_ready():
        msg = "not ready"
        raise Unavailable(msg)
    return Health(status="ready")


@get(
    "/metrics",
    tags=["Health"],
    media_type=CONTENT_TYPE,
    **documented(Action.READ_METRICS, "For Prometheus; only cameras you may see", 503),
)
async def metrics(request: Asking) -> Response[bytes]:
    services, status = shell_of(request).services, status_of(request.app)
    who = principal_of(request)
    cameras = [
        camera
        for camera in services.cameras.list()
        if may_on(who, Action.READ_METRICS, camera.config.id)
    ]
    text = await asyncio.to_thread(  # of many cameras it takes a while, and touches values alone
        exposition,
        cameras,
        status.figures(),
        status.probe,
        started_at_us=services.started_at_us,
        coverage=[coverage_figures(services.alerts, camera) for camera in cameras],
        channels=await services.alerts.channels(),
        certificate=services.alerts.certificate(),
    )
    return Response(text, media_type=CONTENT_TYPE)
