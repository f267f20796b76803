"""Under Kubernetes: on which nodes agents run, and who leads."""

from typing import Annotated, Any

from litestar import Controller, Request, get, put
from litestar.params import JSONBody
from pydantic import BaseModel, ConfigDict, Field

from falconeye.accounts.model import Action
from falconeye.storage.stores.settings_store import KubeName
from falconeye.web.agent_nodes import AgentNodes, agent_nodes, choose
from falconeye.web.api.documentation import documented

Asking = Request[Any, Any, Any]
_Names = Annotated[list[KubeName], Field(max_length=1000)]


class AgentNodeAnswer(BaseModel):
    """One machine as Kubernetes knows it."""

    name: str
    ready: bool
    taints: list[str]
    labels: dict[str, str]
    selected: bool


class AgentsAnswer(BaseModel):
    """`placement`: auto, manual, or none where the node does not run under Kubernetes."""

    placement: str
    include: list[str] | None
    exclude: list[str]
    leader: str
    rolls: str
    problem: str
    told_at: str | None
    nodes: list[AgentNodeAnswer]

    @classmethod
    def of(cls, found: AgentNodes) -> "AgentsAnswer":
        return cls(
            placement=found.placement,
            include=found.include,
            exclude=found.exclude,
            leader=found.leader,
            rolls=found.rolls,
            problem=found.problem,
            told_at=found.told_at,
            nodes=[
                AgentNodeAnswer(
                    name=one.name,
                    ready=one.is_ready,
                    taints=list(one.taints),
                    labels=dict(one.labels),
                    selected=one.is_selected,
                )
                for one in found.nodes
            ],
        )


class AgentsChoice(BaseModel):
    """Names of Kubernetes nodes; `include` null: all, also those that come later."""

    model_config = ConfigDict(extra="forbid")

    include: _Names | None = None
    exclude: _Names = []


class AgentsController(Controller):
    """`/api/nodes/agents`."""

    path = "/api/nodes/agents"
    tags = ("Nodes",)

    @get("/", **documented(Action.MANAGE_SETTINGS, "On which Kubernetes nodes agents run"))
    async def get_agents(self, request: Asking) -> AgentsAnswer:
        return AgentsAnswer.of(agent_nodes(request))

    @put(
        "/",
        **documented(
            Action.MANAGE_SETTINGS,
            "Choose the Kubernetes nodes that run agents; one that is left out is drained first",
            400, 409, 422, 503,
        ),
    )  # fmt: skip
    async def choose_agents(self, request: Asking, data: JSONBody[AgentsChoice]) -> AgentsAnswer:
        await choose(request, data.include, data.exclude)
        return AgentsAnswer.of(agent_nodes(request))
