"""Names of what the audit log tells of by ids, as far as they are known here now."""

from collections.abc import Iterable
from typing import Any

from litestar import Request

from falconeye.storage.stores.audit_store import AuditEntry
from falconeye.web import timelines
from falconeye.web.peers.lists import OfNode
from falconeye.web.shell import shell_of

Asking = Request[Any, Any, Any]


def names_of(request: Asking, entries: Iterable[OfNode[AuditEntry]]) -> dict[str, str]:
    """By the id of an object: cameras, users, tokens, nodes, recordings.

    A deleted camera is called as its last entry on this page says.
    """
    services = shell_of(request).services
    users, tokens = services.accounts.users.list(), services.accounts.tokens.list()
    names = {
        **timelines.node_names(request.app, services),
        **{one.id: one.name for one in users},
        **{one.id: one.name for one in tokens},
        **{one.config.id: one.config.name for one in services.cameras.list()},
    }
    told = [one.row for one in entries]
    for entry in told:
        if entry.object_id and entry.action in {"camera.deleted", "camera.added"}:
            _ = names.setdefault(entry.object_id, entry.detail.partition(", footage")[0])
    for entry in told:
        camera_id, found, time = (entry.object_id or "").partition("_")
        if entry.object_kind == "recording" and found and camera_id in names:
            _ = names.setdefault(entry.object_id or "", f"{names[camera_id]}, {time}")
    return names
