"""The nodes: how each is, what it has, and what may be done to them."""

from litestar import Response, get

from falconeye import __version__
from falconeye.accounts.model import Action
from falconeye.web import node_views
from falconeye.web.agent_nodes import is_placed
from falconeye.web.cluster import cluster_of
from falconeye.web.node_contexts import NodesPage
from falconeye.web.pages.asking import Asking, services_of, show
from falconeye.web.partials import part_of_page, partial, set_language
from falconeye.web.security.access import may_on, needs, principal_of
from falconeye.web.sse import Changes, register_partials

HERE = "/nodes"


@get(HERE, opt=needs(Action.VIEW_LIVE), include_in_schema=False)
async def nodes_page(request: Asking) -> Response[str]:
    """All of them, as far as this one knows."""
    return show(request, "pages/nodes.html", await _page(request))


@register_partials
async def changed_nodes(request: Asking, changes: Changes) -> str:
    """The rows again, for a page that shows them."""
    if request.query_params.get("page") != "nodes" or not (changes.everything or changes.nodes):
        return ""
    set_language(request)
    page = await _page(request)
    return partial("node-rows", part_of_page(request, "partials/node_rows.html", HERE, page=page))


async def _page(request: Asking) -> NodesPage:
    services, who = services_of(request), principal_of(request)
    cluster = cluster_of(request.app)
    nodes = await cluster.nodes()
    is_admin = may_on(who, Action.MANAGE_SETTINGS)
    counts_cameras = who.cameras is None
    cards = tuple(
        node_views.node_card(
            node,
            own_version=__version__,
            now_us=services.clock.utc_us(),
            zone=services.stored_settings.zone,
            counts_cameras=counts_cameras,
        )
        for node in nodes
    )
    refusals = cluster.refusals() if is_admin else ()
    possible = cluster.actions.possible if is_admin and cluster.actions else frozenset()
    return NodesPage(
        cards=cards,
        summary=node_views.summary_words(nodes, counts_cameras=counts_cameras),
        refusals=tuple(node_views.refusal_row(one) for one in refusals),
        acts=frozenset(act.value for act in possible),
        is_placed=is_admin and is_placed(request),
    )
