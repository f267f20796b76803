"""What nodes of one Kubernetes ask each other: to be a member by the cluster key, and to drain."""

from typing import Any

from litestar import Request, post

from falconeye.base.errors import NotFound
from falconeye.federation.draining import PATH as DRAIN_PATH
from falconeye.federation.key_words import KEY_PATH, MAX_KEY_BYTES, Proved
from falconeye.web.pod_state import pod_of
from falconeye.web.security.access import for_peers

Asking = Request[Any, Any, Any]


@post(
    KEY_PATH,
    status_code=200,
    opt=for_peers(),
    include_in_schema=False,
    request_max_body_size=2 * MAX_KEY_BYTES,
)
async def introduce(request: Asking) -> dict[str, Any]:
    """A node that holds the cluster key becomes a member; anybody may ask, the proof decides."""
    pod = pod_of(request.app)
    if pod is None or pod.keyed is None:
        raise NotFound("nobody joins this node by a cluster key")
    proved = Proved.parse(await request.json())
    came_from = request.client.host if request.client else ""
    return (await pod.keyed.admit(proved, came_from)).model_dump()


@post(DRAIN_PATH, status_code=200, opt=for_peers(), include_in_schema=False)
async def drain(request: Asking) -> dict[str, bool]:
    """The leader wants this node's cameras elsewhere; whether they are."""
    pod = pod_of(request.app)
    if pod is None:
        raise NotFound("this node is in no pod: nobody places it")
    return {"drained": pod.draining.ask()}
