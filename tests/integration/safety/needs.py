"""Which person may use which route: a table of all routes, written down for a second time.

It is made of what the public API promises and of what the roles mean, and not of what the routes
declare: a declaration that is wrong, or has changed unseen, disagrees with it. Nothing here is
imported from `falconeye`.

Roles: a viewer sees, an operator also controls, an admin also changes. Limits take away:
"live only" leaves what a wall shows, a list of cameras leaves these cameras, an end date nothing.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Final

ROLES: Final = ("viewer", "operator", "admin")


class Need(Enum):
    """What one has to be for a route."""

    NOTHING = "nothing"  # everybody, also who is nobody
    SIGNED_IN = "signed in"  # everybody who is somebody
    WATCH = "watch"  # viewers, also those of live pictures only
    LOOK_BACK = "look back"  # viewers: footage, downloads, lists of what was, metrics
    OPERATE = "operate"  # operators, on their cameras
    OPERATE_ALL = "operate all"  # operators of all cameras: what leads beyond those that are listed
    DELETE = "delete"  # admins, on their cameras: footage
    CHANGE = "change"  # admins, on their cameras and nothing beyond them
    ADMINISTER = "administer"  # admins of all cameras
    IN_PERSON = "in person"  # the same, by a session: a password is asked for once more
    PERSON = "a person"  # everybody who is somebody by a session: programs have no account
    SCREEN = "a screen"  # displays, which are nobody of these

    @property
    def role(self) -> str:
        """The lowest role; empty for nobody."""
        return _LOWEST[self]


_LOWEST: Final[Mapping[Need, str]] = {
    Need.NOTHING: "",
    Need.SIGNED_IN: "viewer",
    Need.WATCH: "viewer",
    Need.LOOK_BACK: "viewer",
    Need.OPERATE: "operator",
    Need.OPERATE_ALL: "operator",
    Need.DELETE: "admin",
    Need.CHANGE: "admin",
    Need.ADMINISTER: "admin",
    Need.IN_PERSON: "admin",
    Need.PERSON: "viewer",
    Need.SCREEN: "admin",
}
PEERS_ONLY: Final = "/peer/"  # what nodes ask each other: at the web port there is no such address

# "METHOD METHOD path" by need; "WS" stands for a WebSocket.
_ROUTES: Final[Mapping[Need, tuple[str, ...]]] = {
    Need.NOTHING: (
        "GET /healthz",
        "GET /readyz",
        "GET POST /login",
        "GET /setup",
        "GET POST /setup/{secret}",
        "GET HEAD /static/{path}",
        "GET /offline",  # what an installed page shows where no recorder is reached
        "GET /worker.js",
        "GET /schema/initializer.js",
        "GET /ca",  # what devices are to trust
        "GET /ca.crt",
        "GET /ca.pem",
        "GET /display",  # a screen that is nobody yet
        "GET POST /display/link/{secret}",
        "POST /display/pairing",
        "GET POST /invitation/{secret}",
    ),
    Need.SCREEN: (
        "WS /display/api/cameras/{camera_id}/live",
        "GET /display/api/cameras/{camera_id}/snapshot.jpg",
        "GET /display/api/events",
    ),
    Need.PERSON: (
        "GET /account",
        "POST /account/password",
        "POST /account/sessions/{session_id}/end",
        "GET DELETE /api/account/sessions",
    ),
    Need.SIGNED_IN: (
        "POST /logout",
        "GET /settings",
        "GET /help",
        "GET /help/{topic}",
        "GET /api/account",
        "POST /api/account/confirm",  # a program is refused once its words were read
        "POST /api/account/password",
        "DELETE /api/sessions/{session_id}",  # of others: admins; who may not finds none
        "POST /settings/language",
        "POST /settings/theme",
        "GET /schema",
        "GET /schema/openapi.json",
        "GET /schema/{path}",
    ),
    Need.WATCH: (
        "GET /",
        "GET /about",
        "GET /events",
        "GET /nodes",
        "GET /api/nodes",
        "GET /api/nodes/{name}",
        "GET /api/cameras",
        "GET /api/cameras/{camera_id}",
        "GET /api/cameras/{camera_id}/stream-info",
        "GET /api/cameras/{camera_id}/stream",
        "GET /api/cameras/{camera_id}/snapshot.jpg",
        "GET /api/cameras/{camera_id}/live.mp4",
        "WS /api/cameras/{camera_id}/live",
        "GET /api/cameras/{camera_id}/recording/status",
        "GET /cameras/{camera_id}",
        "GET /cameras/{camera_id}/streams",
        "GET POST /api/walls",
        "GET PATCH DELETE /api/walls/{wall_id}",
        "GET POST /walls/new",
        "GET POST /walls/{wall_id}",
        "POST /walls/{wall_id}/delete",
    ),
    Need.LOOK_BACK: (
        "GET /metrics",
        "GET /api/cameras/{camera_id}/timeline",
        "GET /api/cameras/{camera_id}/events",
        "GET /api/cameras/{camera_id}/playback.m3u8",
        "GET HEAD /api/cameras/{camera_id}/footage/{name}",
        "GET HEAD /api/cameras/{camera_id}/inits/{name}",
        "GET /api/cameras/{camera_id}/still.jpg",
        "GET /api/cameras/{camera_id}/protections",
        "GET /api/recordings",
        "GET /api/recordings/{recording_id}",
        "GET HEAD /api/recordings/{recording_id}/download",
        "GET /api/jobs",
        "GET /api/jobs/{job_id}",
        "GET /api/notices",
        "GET /api/storage",
        "GET /api/storage/volumes",
        "GET /cameras/{camera_id}/footage",
        "GET /footage",
        "GET /footage/days",
        "GET /recordings",
        "GET /recordings/{recording_id}",
        "GET /jobs",
        "GET /jobs/list",
        "GET /notices",
        "GET /storage",
    ),
    Need.OPERATE: (
        "POST /api/cameras/{camera_id}/start",
        "POST /api/cameras/{camera_id}/stop",
        "POST /api/cameras/{camera_id}/restart",
        "POST /api/cameras/{camera_id}/recording/start",
        "POST /api/cameras/{camera_id}/recording/stop",
        "PUT /api/cameras/{camera_id}/recording",
        "POST /api/cameras/{camera_id}/events",
        "POST DELETE /api/cameras/{camera_id}/privacy",
        "POST /api/cameras/{camera_id}/protections",
        "DELETE /api/cameras/{camera_id}/protections/{protection_id}",
        "GET /api/cameras/{camera_id}/controls",
        "PUT /api/cameras/{camera_id}/controls/{key}",
        "GET POST /api/cameras/{camera_id}/ptz",
        "POST /api/cameras/{camera_id}/ptz/presets",
        "DELETE /api/cameras/{camera_id}/ptz/presets/{token}",
        "POST /api/cameras/{camera_id}/export",
        "POST /api/exports",
        "GET POST /api/exports/check",
        "POST /api/recordings",
        "PATCH /api/recordings/{recording_id}",
        "DELETE /api/jobs/{job_id}",
        "POST /api/jobs/{job_id}/h264",
        "POST /api/jobs/{job_id}/retry",
        "GET HEAD /api/jobs/{job_id}/result",
        "GET HEAD /api/jobs/{job_id}/sheet",
        "GET HEAD /api/jobs/{job_id}/sidecar",
        "POST /cameras/{camera_id}/action",
        "GET /cameras/{camera_id}/controls",
        "POST /cameras/{camera_id}/controls/{key}",
        "GET POST /cameras/{camera_id}/ptz",
        "POST /cameras/{camera_id}/ptz/presets",
        "POST /cameras/{camera_id}/footage/protections",
        "POST /cameras/{camera_id}/protections/{protection_id}/let-go",
        "POST /recordings/{recording_id}/protection",
        "GET POST /exports",
        "GET POST /exports/check",
        "POST /jobs/{job_id}/action",
        "GET POST /jobs/{job_id}/delete",
    ),
    Need.OPERATE_ALL: (
        "GET /api/candidates",
        "POST /api/candidates/{candidate_id}/ignore",
        "POST /api/candidates/{candidate_id}/show",
        "GET POST DELETE /api/nodes/scan",
        "GET /api/nodes/scan/cameras",
        "POST /cameras/test",
        "GET /cameras/found",
        "POST /cameras/found/look",
        "GET POST /cameras/found/scan",
        "POST /cameras/found/scan/cancel",
        "GET /cameras/found/{candidate_id}/picture.jpg",
        "POST /cameras/found/{candidate_id}/action",
    ),
    Need.DELETE: (
        "DELETE /api/cameras/{camera_id}/footage",
        "DELETE /api/recordings/{recording_id}",
        "GET POST /recordings/{recording_id}/delete",
        "GET POST /storage/delete",
    ),
    Need.CHANGE: (
        "PATCH DELETE /api/cameras/{camera_id}",
        "GET POST /cameras/{camera_id}/edit",
        "GET POST /cameras/{camera_id}/delete",
        "GET POST /cameras/{camera_id}/schedules",
        "POST /cameras/{camera_id}/accept",
    ),
    Need.ADMINISTER: (
        "POST /api/cameras",
        "DELETE /api/settings/cameras/all",
        "POST /api/settings/restart-all",
        "GET PATCH /api/settings",
        "GET /api/audit",
        "GET /api/audit/download",
        "GET /api/backups",
        "POST DELETE /api/backups/restore",
        "GET POST DELETE /api/imports",
        "POST /api/imports/add",
        "POST /api/jobs/{job_id}/pause",
        "POST /api/jobs/{job_id}/resume",
        "GET PUT /api/nodes/agents",
        "GET /api/notices/channels",
        "POST /api/notices/test",
        "GET /api/storage/mounts",
        "POST /api/storage/volumes",
        "PATCH DELETE /api/storage/volumes/{volume_id}",
        "GET /audit",
        "GET POST /cameras/add",
        "GET POST /cameras/found/import",
        "POST /cameras/found/import/add",
        "POST /cameras/found/import/forget",
        "POST /cameras/found/import/values",
        "GET POST /cameras/found/{candidate_id}/add",
        "POST /cameras/found/{candidate_id}/add-as-it-is",
        "POST /cameras/found/{candidate_id}/add-looked-into",
        "GET /cameras/found/{candidate_id}/by-address",
        "POST /cameras/found/{candidate_id}/is",
        "POST /cameras/found/{candidate_id}/look-into",
        "POST /cameras/found/{candidate_id}/test",
        "GET /doctor",
        "GET /doctor/bundle",
        "GET POST /nodes/agents",
        "GET POST /nodes/code",
        "GET POST /nodes/join",
        "GET POST /nodes/move",
        "GET POST /nodes/rebalance",
        "GET POST /nodes/{node_id}/remove",
        "GET POST /nodes/{node_id}/rename",
        "GET POST /nodes/{node_id}/replace",
        "POST /settings",
        "GET /api/settings/reference",
        "POST /api/settings/reset",
        "GET POST /settings/cameras/delete",
        "POST /settings/cameras/restart",
        "POST /settings/reset",
        "GET POST /settings/reset-all",
        "GET POST /api/displays",
        "GET PATCH DELETE /api/displays/{display_id}",
        "POST /api/displays/{display_id}/pairing",
        "GET POST /api/invitations",
        "DELETE /api/invitations/{user_id}",
        "POST /api/invitations/{user_id}/renew",
        "GET POST /api/tokens",
        "GET PATCH DELETE /api/tokens/{token_id}",
        "GET POST /api/users",
        "GET PATCH DELETE /api/users/{user_id}",
        "POST /api/users/{user_id}/password",
        "GET /api/users/{user_id}/sessions",
        "GET /people",
        "GET POST /people/add",
        "GET /people/displays",
        "GET POST /people/displays/add",
        "GET POST /people/displays/{display_id}",
        "GET POST /people/displays/{display_id}/pair",
        "GET POST /people/displays/{display_id}/remove",
        "GET /people/tokens",
        "GET POST /people/tokens/add",
        "GET POST /people/tokens/{token_id}",
        "GET POST /people/tokens/{token_id}/remove",
        "GET /people/{user_id}",
        "POST /people/{user_id}/invitation",
        "GET POST /people/{user_id}/password",
        "GET POST /people/{user_id}/remove",
        "GET POST /people/{user_id}/rights",
        "POST /people/{user_id}/sessions/{session_id}/end",
        "GET POST /settings/backup",
        "POST /settings/backup/forget",
        "GET /settings/backup/look",
        "GET POST /settings/notices",
        "POST /settings/notices/test",
        "POST /storage/volumes",
        "GET POST /storage/volumes/{volume_id}/remove",
        "POST /storage/volumes/{volume_id}/role",
    ),
    Need.IN_PERSON: (
        "POST /api/backups/look",
        "POST /settings/backup/look",
        "POST /settings/backup/restore",
    ),
}


def _read() -> dict[tuple[str, str], Need]:
    found: dict[tuple[str, str], Need] = {}
    for need, lines in _ROUTES.items():
        for line in lines:
            *methods, path = line.split(" ")
            for method in methods:
                assert (method, path) not in found, f"{method} {path} is in the table twice"
                found[method, path] = need
    return found


TABLE: Final[Mapping[tuple[str, str], Need]] = _read()


def may_use(
    need: Need,
    role: str,
    *,
    camera: bool,
    listed: bool | None = None,
    live_only: bool = False,
    in_person: bool = False,
) -> bool:
    """Whether somebody with that role may: `camera` says whether the path names one.

    `role`: empty for nobody. `listed`: None for all cameras; else whether the one that is named is
    on the list of whoever asks. `in_person`: by a session.
    """
    if need in {Need.NOTHING, Need.SCREEN}:
        return need is Need.NOTHING
    has_role = bool(role) and ROLES.index(role) >= ROLES.index(need.role)
    in_limits = not live_only or need in {Need.SIGNED_IN, Need.PERSON, Need.WATCH}
    if need in {Need.OPERATE_ALL, Need.ADMINISTER, Need.IN_PERSON}:
        on_camera = listed is None
    elif need is Need.CHANGE:
        on_camera = listed is None or (camera and listed)
    else:
        on_camera = listed is None or listed or not camera or need is Need.SIGNED_IN
    as_asked = in_person or need not in {Need.IN_PERSON, Need.PERSON}
    return has_role and in_limits and on_camera and as_asked
