"""Which node records which camera: one moved by hand, or all moved so that the load is even."""

from litestar import Response, get, post

from falconeye.accounts.model import Action
from falconeye.base.errors import FalconEyeError, InvalidInput
from falconeye.federation.cluster_actions import ClusterAct, ClusterActions
from falconeye.web import views
from falconeye.web.audit import record
from falconeye.web.cluster import cluster_of
from falconeye.web.i18n import gettext as _
from falconeye.web.node_contexts import NodeMovePage, NodeRebalancePage
from falconeye.web.pages.asking import Asking, go_to, sentence, services_of, show, texts
from falconeye.web.pages.node_actions import actions_for
from falconeye.web.pages.nodes import HERE
from falconeye.web.security.access import needs, principal_of, require_camera

_ADMIN = needs(Action.MANAGE_SETTINGS)


@get(f"{HERE}/move", opt=_ADMIN, include_in_schema=False)
async def move_question(request: Asking) -> Response[str]:
    """Which camera goes where; with both chosen, what that means."""
    actions = actions_for(request, ClusterAct.MOVE)
    given = request.query_params
    camera_id, node_id = given.get("camera", ""), given.get("node", "")
    return await _show_move(request, actions, camera_id, node_id)


@post(f"{HERE}/move", opt=_ADMIN, include_in_schema=False)
async def move(request: Asking) -> Response[str]:
    """Have another node record a camera."""
    actions = actions_for(request, ClusterAct.MOVE)
    given = await texts(request)
    camera_id, node_id = given.get("camera", ""), given.get("node", "")
    require_camera(principal_of(request), Action.CHANGE_CAMERA, camera_id)
    done = await actions.move_camera(camera_id, node_id)
    await record(request, "camera.placed", "camera", camera_id, f"{done.from_name}: {done.to_name}")
    return go_to(HERE, done="camera-placed")


@get(f"{HERE}/rebalance", opt=_ADMIN, include_in_schema=False)
async def rebalance_question(request: Asking) -> Response[str]:
    """The moves that would even out the load."""
    moves = await actions_for(request, ClusterAct.REBALANCE).plan_rebalance()
    return show(request, "pages/node_rebalance.html", NodeRebalancePage(moves))


@post(f"{HERE}/rebalance", opt=_ADMIN, include_in_schema=False)
async def rebalance(request: Asking) -> Response[str]:
    """Begin them."""
    moves = await actions_for(request, ClusterAct.REBALANCE).rebalance()
    words = "; ".join(f"{one.camera_name}: {one.from_name}, {one.to_name}" for one in moves)
    await record(request, "cameras.rebalanced", "node", None, words)
    return go_to(HERE, done="rebalanced")


async def _show_move(
    request: Asking, actions: ClusterActions, camera_id: str, node_id: str
) -> Response[str]:
    services, who = services_of(request), principal_of(request)
    plan, errors, status = None, {}, 200
    if camera_id or node_id:
        try:
            if not camera_id or not node_id:
                raise InvalidInput(_("Choose a camera and a node."))
            require_camera(who, Action.CHANGE_CAMERA, camera_id)
            plan = await actions.plan_move(camera_id, node_id)
        except FalconEyeError as error:
            errors, status = {"node": sentence(error)}, error.status
    page = NodeMovePage(
        cameras=tuple(
            (one.config.id, one.config.name) for one in views.visible_cameras(services, who)
        ),
        nodes=tuple((one.node_id, one.name) for one in await cluster_of(request.app).nodes()),
        camera_id=camera_id,
        node_id=node_id,
        plan=plan,
        errors=errors,
    )
    return show(request, "pages/node_move.html", page, status=status)
