"""The audit log's view of a request: who, from where, did what to what."""

from typing import Any

from litestar.connection import ASGIConnection

from falconeye.accounts.audit import NOBODY
from falconeye.accounts.model import Principal
from falconeye.web.security.access import principal_of
from falconeye.web.shell import shell_of

Asking = ASGIConnection[Any, Any, Any, Any]  # a request, or a WebSocket


async def record(
    request: Asking, action: str, object_kind: str, object_id: str | None, detail: str = ""
) -> None:
    """Write down what the caller has just done; it is on the disk when this returns."""
    await record_of(request, principal_of(request), action, object_kind, object_id, detail)


async def record_of(
    request: Asking,
    who: Principal | None,
    action: str,
    object_kind: str,
    object_id: str | None,
    detail: str = "",
) -> None:
    """The same where `who` is not the one the request came as: set-up and login; None: nobody."""
    address = address_of(request)
    audit = shell_of(request).services.accounts.audit
    await audit.record(who, action, object_kind, object_id, detail, address, without=NOBODY)


def address_of(request: Asking) -> str:
    """Where it comes from; empty when the server does not know."""
    return request.client.host if request.client else ""
