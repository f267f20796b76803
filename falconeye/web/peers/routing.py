"""Which requests are answered where: a table of all routes, and one pure function.

`Here`: this node knows it, as configuration is replicated. `ToOwner`: the node that has the
camera's streams now. `ToHolder`: the node whose disk or runner holds one thing by its id.
`Gather`: each node has a part of the answer; this one puts it together, so it is answered here.
`ToNode`: what is of one node (a disk, a found camera at its port), which the query names: `node=`.

A page with a form may go elsewhere (its token comes along, `security/forwarded.py`), a route that
reads its CSRF token from a large form by itself may not: the token has to be checked here first.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Any, Final

PEER_PREFIX: Final = "/peer/"  # what peers ask each other is never passed on


class HeldKind(StrEnum):
    """What lies on one node."""

    RECORDING = "recording"
    JOB = "job"
    FOOTAGE = "footage"  # a segment's media, by its name in a playlist
    INIT = "init"  # an init segment, by its hash


NODE_PARAMETER: Final = "node"  # of an address: who has it (`storage.reading.playback_list`)
NAMED_IN_PLAYLISTS: Final = frozenset({HeldKind.FOOTAGE, HeldKind.INIT})


@dataclass(frozen=True, slots=True)
class Here:
    """By this node."""


@dataclass(frozen=True, slots=True)
class Gather:
    """By this node, of what all of them have."""


@dataclass(frozen=True, slots=True)
class ToOwner:
    """By the node that has the camera's streams."""

    camera_id: str


@dataclass(frozen=True, slots=True)
class ToHolder:
    """By the node that has this thing; `camera_id` is empty where the address names no camera."""

    kind: HeldKind
    id: str
    camera_id: str = ""


@dataclass(frozen=True, slots=True)
class ToNode:
    """By the node that the request names, by its id or its name."""

    node: str


Destination = Here | Gather | ToOwner | ToHolder | ToNode


class _Rule(Enum):
    HERE = "here"
    GATHER = "gather"
    NODE = "node"
    OWNER = "owner"
    RECORDING = "recording"
    JOB = "job"
    FOOTAGE = "footage"
    INIT = "init"


_HELD: Final[Mapping[_Rule, tuple[HeldKind, str]]] = {
    _Rule.RECORDING: (HeldKind.RECORDING, "recording_id"),
    _Rule.JOB: (HeldKind.JOB, "job_id"),
    _Rule.FOOTAGE: (HeldKind.FOOTAGE, "name"),
    _Rule.INIT: (HeldKind.INIT, "name"),
}

# "METHOD METHOD path", by rule; "WS" stands for a WebSocket.
_ROUTES: Final[Mapping[_Rule, tuple[str, ...]]] = {
    _Rule.OWNER: (
        "WS /api/cameras/{camera_id}/live",
        "WS /display/api/cameras/{camera_id}/live",
        "GET /display/api/cameras/{camera_id}/snapshot.jpg",
        "GET /api/cameras/{camera_id}/live.mp4",
        "GET /api/cameras/{camera_id}/stream",
        "GET /api/cameras/{camera_id}/snapshot.jpg",
        "GET /api/cameras/{camera_id}/controls",
        "PUT /api/cameras/{camera_id}/controls/{key}",
        "GET POST /api/cameras/{camera_id}/ptz",
        "POST /api/cameras/{camera_id}/ptz/presets",
        "DELETE /api/cameras/{camera_id}/ptz/presets/{token}",
        "POST /api/cameras/{camera_id}/start",
        "POST /api/cameras/{camera_id}/stop",
        "POST /api/cameras/{camera_id}/restart",
        "POST /api/cameras/{camera_id}/recording/start",
        "POST /api/cameras/{camera_id}/recording/stop",
        "PUT /api/cameras/{camera_id}/recording",
        "GET /api/cameras/{camera_id}/recording/status",
        "POST /api/cameras/{camera_id}/events",
        "POST /cameras/{camera_id}/accept",
        "POST /cameras/{camera_id}/action",
        "GET /cameras/{camera_id}/controls",
        "POST /cameras/{camera_id}/controls/{key}",
        "GET POST /cameras/{camera_id}/ptz",
        "POST /cameras/{camera_id}/ptz/presets",
        "GET /cameras/{camera_id}/streams",
    ),
    _Rule.RECORDING: (
        "GET PATCH DELETE /api/recordings/{recording_id}",
        "GET HEAD /api/recordings/{recording_id}/download",
        "GET /recordings/{recording_id}",
        "GET POST /recordings/{recording_id}/delete",
        "POST /recordings/{recording_id}/protection",
    ),
    _Rule.JOB: (
        "GET DELETE /api/jobs/{job_id}",
        "POST /api/jobs/{job_id}/h264",
        "POST /api/jobs/{job_id}/pause",
        "POST /api/jobs/{job_id}/resume",
        "POST /api/jobs/{job_id}/retry",
        "GET HEAD /api/jobs/{job_id}/result",
        "GET HEAD /api/jobs/{job_id}/sheet",
        "GET HEAD /api/jobs/{job_id}/sidecar",
        "POST /jobs/{job_id}/action",
        "GET POST /jobs/{job_id}/delete",
    ),
    _Rule.FOOTAGE: ("GET HEAD /api/cameras/{camera_id}/footage/{name}",),
    _Rule.INIT: ("GET HEAD /api/cameras/{camera_id}/inits/{name}",),
    _Rule.NODE: (
        "POST /cameras/{camera_id}/protections/{protection_id}/let-go",
        "DELETE /api/cameras/{camera_id}/protections/{protection_id}",
        "GET /api/storage/mounts",
        "POST /api/storage/volumes",
        "PATCH DELETE /api/storage/volumes/{volume_id}",
        "GET /about",
        "GET /doctor",
        "GET /doctor/bundle",
        "GET /storage",
        "POST /storage/volumes",
        "GET POST /storage/volumes/{volume_id}/remove",
        "POST /storage/volumes/{volume_id}/role",
        "POST /api/candidates/{candidate_id}/ignore",
        "POST /api/candidates/{candidate_id}/show",
        "GET POST DELETE /api/nodes/scan",
        "GET POST /cameras/found/scan",
        "POST /cameras/found/scan/cancel",
        "POST /cameras/found/import/add",
        "POST /cameras/found/{candidate_id}/action",
        "GET POST /cameras/found/{candidate_id}/add",
        "POST /cameras/found/{candidate_id}/add-as-it-is",
        "POST /cameras/found/{candidate_id}/add-looked-into",
        "GET /cameras/found/{candidate_id}/by-address",
        "POST /cameras/found/{candidate_id}/is",
        "POST /cameras/found/{candidate_id}/look-into",
        "GET /cameras/found/{candidate_id}/picture.jpg",
        "POST /cameras/found/{candidate_id}/test",
    ),
    _Rule.GATHER: (
        "GET /",
        "GET /events",
        "GET /api/audit",
        "GET /api/audit/download",
        "GET /api/cameras",
        "GET /api/cameras/{camera_id}",
        "GET /api/cameras/{camera_id}/events",
        "POST /api/cameras/{camera_id}/export",
        "DELETE /api/cameras/{camera_id}/footage",
        "GET /api/cameras/{camera_id}/playback.m3u8",
        "GET POST /api/cameras/{camera_id}/protections",
        "GET /api/cameras/{camera_id}/still.jpg",
        "GET /api/cameras/{camera_id}/timeline",
        "GET /api/candidates",
        "POST /api/exports",
        "GET POST /api/exports/check",
        "GET /api/jobs",
        "GET /api/nodes",
        "GET /api/nodes/{name}",
        "GET /api/nodes/scan/cameras",
        "GET /api/notices",
        "GET POST /api/recordings",
        "POST /api/settings/restart-all",
        "GET /api/storage",
        "GET /api/storage/volumes",
        "GET /audit",
        "GET /cameras/found",
        "POST /cameras/found/look",
        "GET /cameras/{camera_id}",
        "GET /cameras/{camera_id}/footage",
        "POST /cameras/{camera_id}/footage/protections",
        "GET POST /exports",
        "GET POST /exports/check",
        "GET /footage",
        "GET /footage/days",
        "GET /jobs",
        "GET /jobs/list",
        "GET /nodes",
        "GET /notices",
        "GET /recordings",
        "POST /settings/cameras/restart",
        "GET POST /storage/delete",
    ),
    _Rule.HERE: (
        "GET HEAD /static/{path}",
        "GET /ca",
        "GET /ca.crt",
        "GET /ca.pem",
        "GET /healthz",
        "GET /offline",
        "GET /worker.js",
        "GET /readyz",
        "GET /metrics",
        "GET /display",
        "GET /display/api/events",
        "GET POST /display/link/{secret}",
        "POST /display/pairing",
        "GET POST /login",
        "POST /logout",
        "GET /setup",
        "GET POST /setup/{secret}",
        "GET POST /invitation/{secret}",
        "GET /account",
        "POST /account/password",
        "POST /account/sessions/{session_id}/end",
        "GET /api/account",
        "POST /api/account/confirm",
        "POST /api/account/password",
        "GET DELETE /api/account/sessions",
        "GET /api/backups",
        "POST /api/backups/look",
        "POST DELETE /api/backups/restore",
        "POST /api/cameras",
        "PATCH DELETE /api/cameras/{camera_id}",
        "POST DELETE /api/cameras/{camera_id}/privacy",
        "GET /api/cameras/{camera_id}/stream-info",
        "GET POST /api/displays",
        "GET PATCH DELETE /api/displays/{display_id}",
        "POST /api/displays/{display_id}/pairing",
        "GET POST DELETE /api/imports",
        "POST /api/imports/add",
        "GET POST /api/invitations",
        "DELETE /api/invitations/{user_id}",
        "POST /api/invitations/{user_id}/renew",
        "GET PUT /api/nodes/agents",
        "GET /api/notices/channels",
        "POST /api/notices/test",
        "GET PATCH /api/settings",
        "GET /api/settings/reference",
        "POST /api/settings/reset",
        "DELETE /api/sessions/{session_id}",
        "GET POST /api/walls",
        "GET PATCH DELETE /api/walls/{wall_id}",
        "DELETE /api/settings/cameras/all",
        "GET POST /api/tokens",
        "GET PATCH DELETE /api/tokens/{token_id}",
        "GET POST /api/users",
        "GET PATCH DELETE /api/users/{user_id}",
        "POST /api/users/{user_id}/password",
        "GET /api/users/{user_id}/sessions",
        "GET POST /cameras/add",
        "GET POST /cameras/found/import",
        "POST /cameras/found/import/forget",
        "POST /cameras/found/import/values",
        "POST /cameras/test",
        "GET POST /cameras/{camera_id}/delete",
        "GET POST /cameras/{camera_id}/edit",
        "GET POST /cameras/{camera_id}/schedules",
        "GET /help",
        "GET /help/{topic}",
        "GET POST /nodes/agents",
        "GET POST /nodes/code",
        "GET POST /nodes/join",
        "GET POST /nodes/move",
        "GET POST /nodes/rebalance",
        "GET POST /nodes/{node_id}/remove",
        "GET POST /nodes/{node_id}/rename",
        "GET POST /nodes/{node_id}/replace",
        "GET /people",
        "GET POST /people/add",
        "GET /people/{user_id}",
        "POST /people/{user_id}/invitation",
        "GET POST /people/{user_id}/password",
        "GET POST /people/{user_id}/remove",
        "GET POST /people/{user_id}/rights",
        "POST /people/{user_id}/sessions/{session_id}/end",
        "GET /people/tokens",
        "GET POST /people/tokens/add",
        "GET POST /people/tokens/{token_id}",
        "GET POST /people/tokens/{token_id}/remove",
        "GET /people/displays",
        "GET POST /people/displays/add",
        "GET POST /people/displays/{display_id}",
        "GET POST /people/displays/{display_id}/pair",
        "GET POST /people/displays/{display_id}/remove",
        "GET /schema",
        "GET /schema/elements",
        "GET /schema/oauth2-redirect.html",
        "GET /schema/openapi.json",
        "GET /schema/openapi.yaml",
        "GET /schema/openapi.yml",
        "GET /schema/rapidoc",
        "GET /schema/redoc",
        "GET /schema/swagger",
        "GET /schema/{path}",
        "GET POST /settings",
        "POST /settings/reset",
        "GET POST /settings/reset-all",
        "GET POST /settings/cameras/delete",
        "GET POST /settings/backup",
        "POST /settings/backup/forget",
        "GET POST /settings/backup/look",
        "POST /settings/backup/restore",
        "GET POST /settings/notices",
        "POST /settings/notices/test",
        "POST /settings/language",
        "POST /settings/theme",
        "GET POST /walls/new",
        "GET POST /walls/{wall_id}",
        "POST /walls/{wall_id}/delete",
    ),
}


def _read() -> dict[tuple[str, str], _Rule]:
    found: dict[tuple[str, str], _Rule] = {}
    for rule, lines in _ROUTES.items():
        for line in lines:
            *methods, path = line.split(" ")
            for method in methods:
                if (method, path) in found:
                    msg = f"{method} {path} is in the table twice"
                    raise ValueError(msg)
                found[method, path] = rule
    return found


_TABLE: Final = _read()


def is_listed(method: str, template: str) -> bool:
    """Whether the table has the route; tests let no other one pass."""
    return template.startswith(PEER_PREFIX) or (method, template) in _TABLE


def listed() -> frozenset[tuple[str, str]]:
    """All that the table has: (method, template)."""
    return frozenset(_TABLE)


def destination(
    method: str, template: str, parameters: Mapping[str, Any], node: str = ""
) -> Destination:
    """Who answers a request: `template` is the route's path with `{camera_id}` for a parameter.

    `node`: what the query names; empty where it names none. `method` is "WS" for a WebSocket. What
    the table does not have is answered here.
    """
    rule = _TABLE.get((method, template), _Rule.HERE)
    match rule:
        case _Rule.HERE:
            return Here()
        case _Rule.GATHER:
            return Gather()
        case _Rule.NODE:
            return ToNode(node) if node else Gather()
        case _Rule.JOB if node:  # what nodes do by themselves is called alike on all of them
            return ToNode(node)
        case _Rule.OWNER:
            return ToOwner(str(parameters["camera_id"]))
        case _:
            kind, parameter = _HELD[rule]
            return ToHolder(kind, str(parameters[parameter]), str(parameters.get("camera_id", "")))
