"""What this node has of each camera's time, for a peer that says how far it knows."""

from typing import Annotated, Any

from litestar import Request, post
from pydantic import BaseModel, ConfigDict, Field

from falconeye.federation.coverage_exchange import MAX_POSITION, PATH, page_json
from falconeye.web.peers.questions import question_of
from falconeye.web.security.access import for_peers
from falconeye.web.shell import shell_of


class KnownCoverage(BaseModel):
    """How far the peer knows; "": nothing yet."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    position: Annotated[str, Field(max_length=MAX_POSITION)] = ""


@post(PATH, status_code=200, opt=for_peers(), include_in_schema=False)
async def tell_coverage(request: Request[Any, Any, Any]) -> dict[str, Any]:
    """A page of what came since: to members, of all cameras; who may see it is asked on reading."""
    asked = await question_of(request, KnownCoverage)
    return page_json(await shell_of(request).services.coverage.since.since(asked.position))
