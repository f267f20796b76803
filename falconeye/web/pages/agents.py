"""Under Kubernetes: the machines, and which of them run FalconEye."""

from dataclasses import dataclass, field

from litestar import Response, get, post

from falconeye.accounts.model import Action
from falconeye.base.errors import FalconEyeError
from falconeye.web.agent_nodes import AgentNodes, agent_nodes, choose
from falconeye.web.pages.asking import Asking, go_to, sentence, show
from falconeye.web.pages.nodes import HERE
from falconeye.web.security.access import needs

_ADMIN = needs(Action.MANAGE_SETTINGS)


@dataclass(frozen=True, slots=True)
class AgentsPage:
    """The machines; `errors` stand at "nodes"."""

    found: AgentNodes
    errors: dict[str, str] = field(default_factory=dict)


@get(f"{HERE}/agents", opt=_ADMIN, include_in_schema=False)
async def agents_page(request: Asking) -> Response[str]:
    """Which machines there are, who leads, and why nothing moves if nothing does."""
    return show(request, "pages/node_agents.html", AgentsPage(agent_nodes(request)))


@post(f"{HERE}/agents", opt=_ADMIN, include_in_schema=False)
async def choose_agents(request: Asking) -> Response[str]:
    """Leave out the machines that are not ticked; those that come later are taken."""
    form = await request.form()
    ticked = {value for value in form.getall("node", []) if isinstance(value, str)}
    found = agent_nodes(request)
    shown = {value for value in form.getall("shown", []) if isinstance(value, str)}
    # What the page did not show stays as it is.
    left_out = (set(found.exclude) - shown) | (shown - ticked)
    include = None if found.include is None else sorted(set(found.include) | ticked)
    try:
        await choose(request, include, sorted(left_out))
    except FalconEyeError as error:
        page = AgentsPage(found, {"nodes": sentence(error)})
        return show(request, "pages/node_agents.html", page, status=error.status)
    return go_to(HERE, done="agents-placed")
