"""What admins do to the cluster: each with a page before it that says what will happen."""

from collections.abc import Mapping
from typing import Final

from litestar import Response, get, post
from litestar.params import FromPath

from falconeye.accounts.granting import require_endless
from falconeye.accounts.model import Action
from falconeye.base.errors import (
    Conflict,
    FalconEyeError,
    InvalidInput,
    NotFound,
    Unavailable,
)
from falconeye.base.secret import Secret
from falconeye.federation.cluster_actions import ClusterAct, ClusterActions
from falconeye.federation.cluster_view import NodeView
from falconeye.web.audit import record
from falconeye.web.cluster import cluster_of
from falconeye.web.confirming import password_errors
from falconeye.web.i18n import gettext as _
from falconeye.web.node_contexts import (
    NodeCodePage,
    NodeJoinPage,
    NodeRemovePage,
    NodeRenamePage,
    NodeReplacePage,
)
from falconeye.web.pages.asking import Asking, go_to, sentence, show, texts
from falconeye.web.pages.nodes import HERE
from falconeye.web.security.access import needs, principal_of

MAX_CODE: Final = 2000
_ADMIN: Final = needs(Action.MANAGE_SETTINGS)


def actions_for(request: Asking, act: ClusterAct) -> ClusterActions:
    """The cluster's actions, if `act` is among them now; Unavailable.

    NotAllowed where it brings in accounts, for an access with an end date.
    """
    if act in {ClusterAct.CODE, ClusterAct.JOIN}:
        require_endless(principal_of(request))
    actions = cluster_of(request.app).actions
    if actions is None or act not in actions.possible:
        raise Unavailable(_("This node cannot do that now."))
    return actions


async def node_of(request: Asking, node_id: str) -> NodeView:
    """One of the cluster's nodes. NotFound."""
    for node in await cluster_of(request.app).nodes():
        if node.node_id == node_id:
            return node
    raise NotFound(_("There is no such node any more."))


@get(f"{HERE}/code", opt=_ADMIN, include_in_schema=False)
async def code_question(request: Asking) -> Response[str]:
    """What a code is good for."""
    actions_for(request, ClusterAct.CODE)
    return show(request, "pages/node_code.html", NodeCodePage())


@post(f"{HERE}/code", status_code=200, opt=_ADMIN, include_in_schema=False)
async def make_code(request: Asking) -> Response[str]:
    """Make one, and show it this once."""
    actions = actions_for(request, ClusterAct.CODE)
    if errors := await password_errors(request, await texts(request)):
        return show(request, "pages/node_code.html", NodeCodePage(errors=errors), status=422)
    made = await actions.make_join_code()
    await record(request, "node.code_made", "node", None)
    return show(request, "pages/node_code.html", NodeCodePage(made, made.code.reveal()))


@get(f"{HERE}/join", opt=_ADMIN, include_in_schema=False)
async def join_question(request: Asking) -> Response[str]:
    """The field for a code."""
    actions_for(request, ClusterAct.JOIN)
    return show(request, "pages/node_join.html", NodeJoinPage())


@post(f"{HERE}/join", status_code=200, opt=_ADMIN, include_in_schema=False)
async def join(request: Asking) -> Response[str]:
    """First what joining means; with `confirmed` and the password, join."""
    actions = actions_for(request, ClusterAct.JOIN)
    given = await texts(request)
    code = given.get("code", "")
    try:
        if not code or len(code) > MAX_CODE:
            raise InvalidInput(_("Give the code that the other node shows."), field="code")
        plan = await actions.plan_join(Secret(code))
    except FalconEyeError as error:
        page = NodeJoinPage(code, errors={"code": sentence(error)})
        return show(request, "pages/node_join.html", page, status=error.status)
    if given.get("confirmed") != "yes":
        return show(request, "pages/node_join.html", NodeJoinPage(code, plan))
    if errors := await password_errors(request, given):
        page = NodeJoinPage(code, plan, errors)
        return show(request, "pages/node_join.html", page, status=422)
    # Before: afterwards the person who asks may be none of the cluster's users.
    await record(request, "node.joining", "node", None, ", ".join(plan.members))
    await actions.join(Secret(code))
    return go_to(HERE, done="node-joined")


@get(f"{HERE}/{{node_id:str}}/rename", opt=_ADMIN, include_in_schema=False)
async def rename_question(request: Asking, node_id: FromPath[str]) -> Response[str]:
    """Its name, to be changed."""
    actions_for(request, ClusterAct.RENAME)
    node = await node_of(request, node_id)
    page = NodeRenamePage(node_id, node.name, node.name)
    return show(request, "pages/node_rename.html", page)


@post(f"{HERE}/{{node_id:str}}/rename", opt=_ADMIN, include_in_schema=False)
async def rename(request: Asking, node_id: FromPath[str]) -> Response[str]:
    """Call it so on all nodes."""
    actions = actions_for(request, ClusterAct.RENAME)
    node = await node_of(request, node_id)
    name = (await texts(request)).get("name", "")
    try:
        await actions.rename(node_id, name)
    except (InvalidInput, Conflict) as error:
        page = NodeRenamePage(node_id, node.name, name, {"name": sentence(error)})
        return show(request, "pages/node_rename.html", page, status=error.status)
    await record(request, "node.renamed", "node", node_id, f"{node.name}: {name}")
    return go_to(HERE, done="node-renamed")


@get(f"{HERE}/{{node_id:str}}/remove", opt=_ADMIN, include_in_schema=False)
async def remove_question(request: Asking, node_id: FromPath[str]) -> Response[str]:
    """What becomes of its cameras, and which passwords it knows."""
    removal = await actions_for(request, ClusterAct.REMOVE).plan_removal(node_id)
    return show(request, "pages/node_remove.html", NodeRemovePage(node_id, removal))


@post(f"{HERE}/{{node_id:str}}/remove", opt=_ADMIN, include_in_schema=False)
async def remove(request: Asking, node_id: FromPath[str]) -> Response[str]:
    """Expel it."""
    actions = actions_for(request, ClusterAct.REMOVE)
    if errors := await password_errors(request, await texts(request)):
        page = NodeRemovePage(node_id, await actions.plan_removal(node_id), errors)
        return show(request, "pages/node_remove.html", page, status=422)
    removal = await actions.remove(node_id)
    await record(request, "node.removed", "node", node_id, removal.node_name)
    return go_to(HERE, done="node-removed")


@get(f"{HERE}/{{node_id:str}}/replace", opt=_ADMIN, include_in_schema=False)
async def replace_question(request: Asking, node_id: FromPath[str]) -> Response[str]:
    """Which node takes its place; with one chosen (`by`), what that means."""
    actions = actions_for(request, ClusterAct.REPLACE)
    page = await _replace_page(request, actions, node_id, request.query_params.get("by", ""))
    return show(request, "pages/node_replace.html", page)


@post(f"{HERE}/{{node_id:str}}/replace", opt=_ADMIN, include_in_schema=False)
async def replace(request: Asking, node_id: FromPath[str]) -> Response[str]:
    """Have another node take its place."""
    actions = actions_for(request, ClusterAct.REPLACE)
    given = await texts(request)
    by_node_id = given.get("by", "")
    if errors := await password_errors(request, given):
        page = await _replace_page(request, actions, node_id, by_node_id, errors)
        return show(request, "pages/node_replace.html", page, status=422)
    done = await actions.replace(node_id, by_node_id)
    await record(request, "node.replaced", "node", node_id, f"{done.old_name}: {done.new_name}")
    return go_to(HERE, done="node-replaced")


async def _replace_page(
    request: Asking,
    actions: ClusterActions,
    node_id: str,
    by_node_id: str,
    errors: Mapping[str, str] | None = None,
) -> NodeReplacePage:
    node = await node_of(request, node_id)
    others = [one for one in await cluster_of(request.app).nodes() if one.node_id != node_id]
    return NodeReplacePage(
        node_id=node_id,
        name=node.name,
        choices=tuple((one.node_id, one.name) for one in others),
        chosen=by_node_id,
        plan=await actions.plan_replacement(node_id, by_node_id) if by_node_id else None,
        errors=errors or {},
    )
