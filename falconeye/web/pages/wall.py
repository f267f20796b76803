"""The wall: every camera at once."""

from typing import Annotated

from litestar import Response, get
from litestar.params import QueryParameter

from falconeye.accounts.model import Action
from falconeye.web import views
from falconeye.web.pages.asking import Asking, services_of, show
from falconeye.web.security.access import needs, principal_of


@get("/", opt=needs(Action.VIEW_LIVE), include_in_schema=False)
async def wall(
    request: Asking,
    layout: Annotated[str, QueryParameter(max_length=8)] = views.AUTO,
    number: Annotated[int, QueryParameter(name="page", ge=1, le=10_000)] = 1,
) -> Response[str]:
    """All cameras that the viewer may see, in a layout of auto, 1, 4, 9 or 16."""
    cameras = views.shown_cameras(services_of(request), principal_of(request))
    return show(request, "pages/wall.html", views.wall(cameras, layout, number))
