"""One click for a person who knows that a device is a camera, where nothing proves it."""

from litestar import Response, post
from litestar.params import FromPath

from falconeye.accounts.model import Action
from falconeye.cameras.found.accepting import accept_claim, accept_replacement
from falconeye.web.audit import record
from falconeye.web.pages.asking import Asking, go_to, services_of, texts
from falconeye.web.security.access import needs


@post("/cameras/{camera_id:str}/accept", opt=needs(Action.CHANGE_CAMERA), include_in_schema=False)
async def accept_device(request: Asking, camera_id: FromPath[str]) -> Response[str]:
    """It has moved there, or it was replaced; Conflict where that changed meanwhile."""
    services, fields = services_of(request), await texts(request)
    if fields.get("replaced") == "true":
        detail = await accept_replacement(services.cameras, camera_id)
    else:
        detail = await accept_claim(
            services.cameras,
            services.finding.candidates.list(),
            camera_id,
            fields.get("candidate", ""),
            fields.get("place", ""),
        )
    await record(request, "camera.accepted", "camera", camera_id, detail)
    return go_to(f"/cameras/{camera_id}", done="accepted")
