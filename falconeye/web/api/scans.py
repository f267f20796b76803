"""A scan of networks for cameras that announce nothing: begun, followed, ended."""

from typing import Annotated, Any

from litestar import Controller, Request, delete, get, post
from litestar.params import JSONBody
from pydantic import BaseModel, ConfigDict, Field

from falconeye.accounts.model import Action
from falconeye.base.errors import NotAllowed, NotFound
from falconeye.discovery.scan import Scan
from falconeye.web.api.documentation import documented
from falconeye.web.audit import record
from falconeye.web.security.access import may_on, principal_of
from falconeye.web.shell import shell_of

Asking = Request[Any, Any, Any]
Network = Annotated[str, Field(min_length=1, max_length=50)]


class ScanInput(BaseModel):
    """Which networks; null: those of the node's own interfaces."""

    model_config = ConfigDict(strict=True, extra="forbid")

    networks: Annotated[list[Network], Field(min_length=1, max_length=16)] | None = None
    insist: bool = Field(default=False, description="networks that are not ours, too: admins only")


class FoundAddress(BaseModel):
    """What answered; the list of candidates has it with all else that is known."""

    address: str | None
    port: int | None
    url: str | None
    name: str
    make: str


class NetworkScanAnswer(BaseModel):
    """A scan, running or ended."""

    state: str  # running | done | cancelled | failed
    networks: list[str]
    hosts_total: int
    hosts_done: int
    hosts_there: int  # those that answered anything
    connects: int
    seconds: float
    found: list[FoundAddress]

    @classmethod
    def of(cls, scan: Scan) -> "NetworkScanAnswer":
        result = scan.result
        return cls(
            state=result.state.value,
            networks=[str(network) for network in result.targets.networks],
            hosts_total=scan.hosts_total,
            hosts_done=result.hosts_done,
            hosts_there=result.hosts_there,
            connects=result.connects,
            seconds=round(result.seconds, 1),
            found=[
                FoundAddress(
                    address=one.address, port=one.port, url=one.url, name=one.name, make=one.make
                )
                for one in result.found
            ],
        )


class ScanController(Controller):
    """`/api/nodes/scan`."""

    path = "/api/nodes/scan"
    tags = ("Nodes",)

    @post(
        "/",
        status_code=202,
        **documented(Action.TEST_CAMERA, "Ask networks' addresses for cameras", 400, 409, 422),
    )
    async def begin_scan(self, request: Asking, data: JSONBody[ScanInput]) -> NetworkScanAnswer:
        if data.insist and not may_on(principal_of(request), Action.CHANGE_CAMERA):
            raise NotAllowed("only an admin may have networks asked that are not the node's own")
        scan = shell_of(request).services.finding.scan(data.networks, insist=data.insist)
        answer = NetworkScanAnswer.of(scan)
        await record(request, "network.scanned", "network", "", ", ".join(answer.networks))
        return answer

    @get("/", **documented(Action.TEST_CAMERA, "How far the scan is that runs, or ran last", 404))
    async def get_scan(self, request: Asking) -> NetworkScanAnswer:
        return NetworkScanAnswer.of(_scan(request))

    @delete(
        "/",
        status_code=200,
        **documented(Action.TEST_CAMERA, "End the scan; what it found stays", 404),
    )
    async def cancel_scan(self, request: Asking) -> NetworkScanAnswer:
        scan = _scan(request)
        await scan.cancel()
        return NetworkScanAnswer.of(scan)


def _scan(request: Asking) -> Scan:
    scan = shell_of(request).services.finding.discovery.scan_now
    if scan is None:
        raise NotFound("no scan was begun since the node's start")
    return scan
