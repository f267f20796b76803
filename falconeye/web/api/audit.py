"""The audit log's view of an API call: who, from where, did what to what."""

from typing import Any

from litestar import Request

from falconeye.web.security.access import principal_of
from falconeye.web.shell import shell_of


async def record(
    request: Request[Any, Any, Any],
    action: str,
    object_kind: str,
    object_id: str | None,
    detail: str = "",
) -> None:
    """Write down what the caller has just done; it is on the disk when this returns."""
    await shell_of(request).services.accounts.audit.record(
        principal_of(request),
        action,
        object_kind,
        object_id,
        detail,
        request.client.host if request.client else "",
    )
