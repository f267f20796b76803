"""The first question between nodes: who are you, which release, what time is it at yours."""

from typing import Any, Final

from litestar import Request, get
from pydantic import BaseModel

from falconeye import __version__
from falconeye.web.security.access import for_peers
from falconeye.web.shell import shell_of

# Which forms of the questions under /peer/ this release answers. A number goes when no release that
# may still be in the cluster asks by it.
PEER_API: Final = (1,)


class Hello(BaseModel):
    """Newer releases may say more."""

    node_id: str
    name: str
    version: str
    time_us: int
    api: list[int]


@get("/peer/hello", opt=for_peers(), include_in_schema=False)
async def hello(request: Request[Any, Any, Any]) -> Hello:
    services = shell_of(request).services
    return Hello(
        node_id=services.node_id,
        name=services.node_name,
        version=__version__,
        time_us=services.clock.utc_us(),
        api=list(PEER_API),
    )
