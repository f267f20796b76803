"""Notices: what should have recorded and did not; and the ways by which they leave the node."""

from typing import Annotated, Any, Literal

from litestar import Controller, Request, get, post
from litestar.params import JSONBody, QueryParameter
from pydantic import BaseModel, ConfigDict, Field

from falconeye.accounts.model import Action
from falconeye.alerts.channel import ChannelState
from falconeye.alerts.delivery import NotDelivered
from falconeye.alerts.messages import notice_document
from falconeye.base.times import rfc3339
from falconeye.storage.stores.notice_store import Notice
from falconeye.web.api.documentation import documented
from falconeye.web.api.parameters import DEFAULT_LIMIT, Limit, Offset
from falconeye.web.audit import record
from falconeye.web.peers.lists import OfNode
from falconeye.web.peers.notices import gather
from falconeye.web.shell import shell_of

Asking = Request[Any, Any, Any]


class NoticeAnswer(BaseModel):
    """One notice; `until` null: it lasts; `sent` null: it has not left the node.

    Of a volume or a camera; of neither: the HTTPS certificate, as its `reason` says
    (`certificate_ends_soon`, `certificate_ended`, `certificate_not_begun`, `certificate_unusable`).
    """

    id: str
    camera_id: str | None  # null: it is about a volume or the certificate
    camera_name: str | None
    volume_id: str | None
    volume_path: str | None
    since: str
    until: str | None
    reason: str
    detail: str
    sent: str | None
    node_name: str  # the node whose notice it is
    node_id: str

    @classmethod
    def of(cls, told: OfNode[Notice]) -> "NoticeAnswer":
        return cls(
            **notice_document(told.row),
            sent=_moment(told.row.sent_us),
            node_name=told.node_name,
            node_id=told.node_id,
        )


class NoticeList(BaseModel):
    """Of all nodes, the newest first; `total` is of all that match.

    `unreachable_nodes`: the names of nodes whose notices are not among them.
    """

    notices: list[NoticeAnswer]
    total: int
    unreachable_nodes: list[str]


class ChannelAnswer(BaseModel):
    """A way out of the node. `problem`: why the last try failed, empty when it did not.

    Messages that are lost: `dropped` because too many waited, `refused` because the receiver
    answered 4xx to each of several tries.
    """

    id: str
    address: str
    tried: str | None
    delivered: str | None
    problem: str
    waiting: int
    dropped: int
    refused: int

    @classmethod
    def of(cls, state: ChannelState) -> "ChannelAnswer":
        return cls(
            id=state.id,
            address=state.address,
            tried=_moment(state.tried_us),
            delivered=_moment(state.delivered_us),
            problem=state.problem,
            waiting=state.waiting,
            dropped=state.dropped,
            refused=state.refused,
        )


class ChannelList(BaseModel):
    """The ways that are set; none by default."""

    channels: list[ChannelAnswer]


class ChannelTest(BaseModel):
    """Which way to test."""

    model_config = ConfigDict(extra="forbid")

    channel: Annotated[str, Field(min_length=1, max_length=64)]


class TestAnswer(BaseModel):
    """What came back, in words."""

    ok: bool
    answer: str


class NoticeController(Controller):
    """`/api/notices`."""

    path = "/api/notices"
    tags = ("Notices",)

    @get(
        "/",
        **documented(
            Action.VIEW_FOOTAGE,
            "When something that should have recorded did not, the newest first",
            422,
        ),
    )
    async def list_notices(
        self,
        request: Asking,
        active: Annotated[
            Literal["true", "false"] | None,
            QueryParameter(description="true: those that last; false: those that ended"),
        ] = None,
        limit: Limit = DEFAULT_LIMIT,
        offset: Offset = 0,
    ) -> NoticeList:
        found = await gather(
            request,
            active=None if active is None else active == "true",
            limit=limit,
            offset=offset,
        )
        return NoticeList(
            notices=[NoticeAnswer.of(told) for told in found.rows],
            total=found.total,
            unreachable_nodes=list(found.silent),
        )

    @get(
        "/channels",
        **documented(Action.MANAGE_SETTINGS, "Where notices go, and how the last tries went"),
    )
    async def list_channels(self, request: Asking) -> ChannelList:
        channels = await shell_of(request).services.alerts.channels()
        return ChannelList(channels=[ChannelAnswer.of(state) for state in channels])

    @post(
        "/test",
        status_code=200,
        **documented(
            Action.MANAGE_SETTINGS,
            "Send a test by one of the channels, once, and say what came back",
            404,
            409,
            422,
        ),
    )
    async def send_test(self, request: Asking, data: JSONBody[ChannelTest]) -> TestAnswer:
        try:
            words = await shell_of(request).services.alerts.test(data.channel)
            answer = TestAnswer(ok=True, answer=words)
        except NotDelivered as error:
            answer = TestAnswer(ok=False, answer=str(error))
        await record(request, "notice.tested", "settings", None, f"{data.channel}: {answer.answer}")
        return answer


def _moment(utc_us: int | None) -> str | None:
    return None if utc_us is None else rfc3339(utc_us)
