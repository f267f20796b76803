"""Each route that changes anything stands in the audit log, or in a list here with the reason.

The code of each handler is walked: what it calls, as far as modules and functions lead, until the
audit log is reached, and with it the words of the entry.
"""

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any, Final

from litestar.handlers.base import BaseRouteHandler

import falconeye
from falconeye.web.audit_words import ACTIONS
from falconeye.web.security.access import routes_of
from tests.integration.api.conftest import Served

SAFE: Final = {"GET", "HEAD", "OPTIONS", "WS", "ASGI"}
LOG: Final = {"record", "record_of", "record_once"}


class Walk:
    """From a function on: whether the log is reached, and all texts on the ways there."""

    def __init__(self, function: Any) -> None:
        self.is_noted = False
        self.texts: set[str] = set()
        self._seen: set[int] = set()
        self._waiting = [function]
        while self._waiting:
            self._take(self._waiting.pop())

    def _take(self, one: Any) -> None:
        match one:
            case str():
                self.texts.add(one)
            case dict():
                self._waiting.extend(one.values())
            case tuple() | list():
                self._waiting.extend(one)
            case partial():
                self._waiting.append(one.func)
            case MethodType():
                self._waiting.append(one.__func__)
            case FunctionType() if id(one) not in self._seen:
                self._seen.add(id(one))
                if one.__module__.startswith("falconeye."):
                    self._look_into(one)

    def _look_into(self, one: FunctionType) -> None:
        if one.__module__.startswith("falconeye.web.audit") and one.__name__ in LOG:
            self.is_noted = True
            return
        names: set[str] = set()
        for code in codes(one.__code__):
            names |= set(code.co_names)
            self.texts |= {text for text in code.co_consts if isinstance(text, str)}
        self.is_noted = self.is_noted or {"audit", "record"} <= names
        for name in names:
            thing = one.__globals__.get(name)
            if isinstance(thing, ModuleType) and thing.__name__.startswith("falconeye."):
                self._waiting.extend(getattr(thing, inner, None) for inner in names)
            else:
                self._waiting.append(thing)


def codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from codes(inner)


# "METHOD path", and what it notes. Parts of an action that come from what it is done to (`export.`,
# `copy.`, `move.`) stand for their kind.
AUDITED: Final[dict[str, tuple[str, ...]]] = {
    "POST /account/password": ("user.password_changed",),
    "POST /account/sessions/{session_id}/end": ("session.ended",),
    "POST /api/account/password": ("user.password_changed",),
    "DELETE /api/account/sessions": ("session.ended",),
    "PUT /api/cameras/{camera_id}/recording": ("recording.started", "recording.stopped"),
    "POST /api/displays": ("display.added",),
    "DELETE /api/displays/{display_id}": ("display.removed",),
    "PATCH /api/displays/{display_id}": ("display.changed",),
    "POST /api/displays/{display_id}/pairing": ("display.paired", "display.link_made"),
    "POST /api/invitations": ("user.invited",),
    "DELETE /api/invitations/{user_id}": ("invitation.withdrawn",),
    "POST /api/invitations/{user_id}/renew": ("invitation.renewed",),
    "DELETE /api/sessions/{session_id}": ("session.ended",),
    "POST /api/tokens": ("token.added",),
    "PATCH /api/tokens/{token_id}": ("token.changed",),
    "DELETE /api/tokens/{token_id}": ("token.revoked",),
    "POST /api/users": ("user.added",),
    "DELETE /api/users/{user_id}": ("user.removed",),
    "PATCH /api/users/{user_id}": ("user.changed",),
    "POST /api/users/{user_id}/password": ("user.password_changed",),
    "POST /api/walls": ("wall.added",),
    "PATCH /api/walls/{wall_id}": ("wall.changed",),
    "DELETE /api/walls/{wall_id}": ("wall.deleted",),
    "POST /display/link/{secret}": ("display.began",),
    "POST /display/pairing": ("display.began",),
    "POST /invitation/{secret}": ("invitation.accepted",),
    "POST /people/add": ("user.added", "user.invited"),
    "POST /people/displays/add": ("display.added",),
    "POST /people/displays/{display_id}": ("display.changed",),
    "POST /people/displays/{display_id}/pair": ("display.paired", "display.link_made"),
    "POST /people/displays/{display_id}/remove": ("display.removed",),
    "POST /people/tokens/add": ("token.added",),
    "POST /people/tokens/{token_id}": ("token.changed",),
    "POST /people/tokens/{token_id}/remove": ("token.revoked",),
    "POST /people/{user_id}/invitation": ("invitation.renewed",),
    "POST /people/{user_id}/password": ("user.password_changed",),
    "POST /people/{user_id}/remove": ("user.removed",),
    "POST /people/{user_id}/rights": ("user.changed",),
    "POST /people/{user_id}/sessions/{session_id}/end": ("session.ended",),
    "POST /walls/new": ("wall.added",),
    "POST /walls/{wall_id}": ("wall.changed",),
    "POST /walls/{wall_id}/delete": ("wall.deleted",),
    "DELETE /api/backups/restore": ("backup.restore_dropped",),
    "POST /api/backups/restore": ("backup.restore_asked",),
    "POST /api/cameras": ("camera.added",),
    "DELETE /api/cameras/{camera_id}": ("camera.deleted",),
    "PATCH /api/cameras/{camera_id}": ("camera.changed",),
    "PUT /api/cameras/{camera_id}/controls/{key}": ("camera.changed",),
    "POST /api/cameras/{camera_id}/events": ("event.told",),
    "POST /api/cameras/{camera_id}/export": ("export.asked",),
    "DELETE /api/cameras/{camera_id}/footage": ("footage.deleted",),
    "DELETE /api/cameras/{camera_id}/privacy": ("camera.switched_on",),
    "POST /api/cameras/{camera_id}/privacy": ("camera.paused",),
    "POST /api/cameras/{camera_id}/protections": ("footage.protected",),
    "DELETE /api/cameras/{camera_id}/protections/{protection_id}": ("footage.unprotected",),
    "POST /api/cameras/{camera_id}/ptz": ("camera.moved",),
    "POST /api/cameras/{camera_id}/ptz/presets": ("preset.set",),
    "DELETE /api/cameras/{camera_id}/ptz/presets/{token}": ("preset.removed",),
    "POST /api/cameras/{camera_id}/recording/start": ("recording.started",),
    "POST /api/cameras/{camera_id}/recording/stop": ("recording.stopped",),
    "POST /api/cameras/{camera_id}/restart": ("camera.restarted",),
    "POST /api/cameras/{camera_id}/start": ("camera.started",),
    "POST /api/cameras/{camera_id}/stop": ("camera.stopped",),
    "POST /api/candidates/{candidate_id}/ignore": ("candidate.ignored", "candidate.shown"),
    "POST /api/candidates/{candidate_id}/show": ("candidate.ignored", "candidate.shown"),
    "POST /api/exports": ("export.asked",),
    "POST /api/imports": ("import.read",),
    "POST /api/imports/add": ("camera.added",),
    "DELETE /api/jobs/{job_id}": ("export.stopped", "export.deleted"),
    "POST /api/jobs/{job_id}/h264": ("copy.asked",),
    "POST /api/jobs/{job_id}/pause": ("move.paused",),
    "POST /api/jobs/{job_id}/resume": ("move.resumed",),
    "POST /api/jobs/{job_id}/retry": ("export.retried",),
    "PUT /api/nodes/agents": ("agents.placed",),
    "POST /api/nodes/scan": ("network.scanned",),
    "POST /api/notices/test": ("notice.tested",),
    "POST /api/recordings": ("recording.registered",),
    "DELETE /api/recordings/{recording_id}": ("recording.deleted", "recording.hidden"),
    "PATCH /api/recordings/{recording_id}": ("recording.changed",),
    "PATCH /api/settings": ("settings.changed",),
    "DELETE /api/settings/cameras/all": ("camera.deleted",),
    "POST /api/settings/reset": ("settings.changed",),
    "POST /api/settings/restart-all": ("cameras.restarted",),
    "POST /api/storage/volumes": ("volume.added",),
    "DELETE /api/storage/volumes/{volume_id}": ("volume.forgotten", "volume.removed"),
    "PATCH /api/storage/volumes/{volume_id}": ("volume.changed",),
    "POST /cameras/add": ("camera.added", "camera.tested"),
    "POST /cameras/found/import": ("import.read",),
    "POST /cameras/found/import/add": ("camera.added",),
    "POST /cameras/found/scan": ("network.scanned",),
    "POST /cameras/found/{candidate_id}/action": ("candidate.ignored", "candidate.shown"),
    "POST /cameras/found/{candidate_id}/add": ("camera.added", "camera.tested"),
    "POST /cameras/found/{candidate_id}/add-as-it-is": ("camera.added",),
    "POST /cameras/found/{candidate_id}/add-looked-into": ("camera.added",),
    "POST /cameras/found/{candidate_id}/is": ("camera.changed",),
    "POST /cameras/found/{candidate_id}/look-into": ("camera.tested",),
    "POST /cameras/found/{candidate_id}/test": ("camera.tested",),
    "POST /cameras/test": ("camera.tested",),
    "POST /cameras/{camera_id}/accept": ("camera.accepted",),
    "POST /cameras/{camera_id}/action": (
        "camera.paused",
        "camera.restarted",
        "camera.started",
        "camera.stopped",
        "camera.switched_on",
        "recording.started",
        "recording.stopped",
    ),
    "POST /cameras/{camera_id}/controls/{key}": ("camera.changed",),
    "POST /cameras/{camera_id}/delete": ("camera.deleted",),
    "POST /cameras/{camera_id}/edit": ("camera.changed", "camera.tested"),
    "POST /cameras/{camera_id}/footage/protections": ("footage.protected",),
    "POST /cameras/{camera_id}/protections/{protection_id}/let-go": ("footage.unprotected",),
    "POST /cameras/{camera_id}/ptz": ("camera.moved",),
    "POST /cameras/{camera_id}/ptz/presets": ("preset.removed", "preset.set"),
    "POST /cameras/{camera_id}/schedules": ("camera.changed",),
    "POST /exports": ("export.asked",),
    "POST /jobs/{job_id}/action": ("export.stopped", "copy.asked"),
    "POST /jobs/{job_id}/delete": ("export.deleted",),
    "POST /login": ("login", "login.refused"),
    "POST /logout": ("logout",),
    "POST /nodes/agents": ("agents.placed",),
    "POST /nodes/code": ("node.code_made",),
    "POST /nodes/join": ("node.joining",),
    "POST /nodes/move": ("camera.placed",),
    "POST /nodes/rebalance": ("cameras.rebalanced",),
    "POST /nodes/{node_id}/remove": ("node.removed",),
    "POST /nodes/{node_id}/rename": ("node.renamed",),
    "POST /nodes/{node_id}/replace": ("node.replaced",),
    "POST /recordings/{recording_id}/delete": ("recording.deleted",),
    "POST /recordings/{recording_id}/protection": ("recording.changed",),
    "POST /settings": ("settings.changed",),
    "POST /settings/backup": ("backup.downloaded",),
    "POST /settings/backup/forget": ("backup.restore_dropped",),
    "POST /settings/backup/restore": ("backup.restore_asked",),
    "POST /settings/cameras/delete": ("camera.deleted",),
    "POST /settings/cameras/restart": ("cameras.restarted",),
    "POST /settings/notices": ("settings.changed",),
    "POST /settings/notices/test": ("notice.tested",),
    "POST /settings/reset": ("settings.changed",),
    "POST /settings/reset-all": ("settings.changed",),
    "POST /setup/{secret}": ("login", "setup"),
    "POST /storage/delete": ("footage.deleted",),
    "POST /storage/volumes": ("volume.added",),
    "POST /storage/volumes/{volume_id}/remove": ("volume.forgotten", "volume.removed"),
    "POST /storage/volumes/{volume_id}/role": ("volume.changed",),
}
# What looks and takes away.
READS: Final[dict[str, tuple[str, ...]]] = {
    "WS /api/cameras/{camera_id}/live": ("live.viewed",),
    "GET /api/cameras/{camera_id}/live.mp4": ("live.viewed",),
    "GET /api/cameras/{camera_id}/stream": ("live.viewed",),
    "GET /api/cameras/{camera_id}/snapshot.jpg": ("live.viewed",),
    "GET /api/cameras/{camera_id}/still.jpg": ("footage.viewed", "footage.still_saved"),
    "GET /api/cameras/{camera_id}/footage/{name}": ("footage.viewed",),
    "GET /api/recordings/{recording_id}/download": ("recording.viewed", "recording.downloaded"),
    "GET /api/jobs/{job_id}/result": ("export.downloaded",),
    "GET /api/audit/download": ("audit.downloaded",),
    "GET /doctor/bundle": ("doctor.bundle",),
}
NOT_AUDITED: Final[dict[str, str]] = {
    "POST /api/backups/look": "reads a file that was sent, and changes nothing",
    "POST /settings/backup/look": "the same",
    "POST /api/exports/check": "says whether a file that was sent is an export",
    "POST /exports/check": "the same",
    "DELETE /api/imports": "drops from memory what was read and not added",
    "POST /cameras/found/import/forget": "the same",
    "POST /cameras/found/import/values": "fills in what was read and not added, in memory",
    "DELETE /api/nodes/scan": "ends a scan; its beginning is noted",
    "POST /cameras/found/scan/cancel": "the same",
    "POST /cameras/found/look": "looks again at what is found",
    "POST /settings/theme": "a cookie of this device",
    "POST /api/account/confirm": "shows a password once more, and changes nothing",
    "POST /settings/language": "a cookie of this device",
}
# Between nodes: what changes something there for a person is noted there, with that person's name;
# all others are questions, or what nodes tell each other by themselves.
PEERS: Final[dict[str, tuple[str, ...]]] = {
    "POST /peer/footage/delete": ("footage.deleted",),
    "POST /peer/protections/add": ("footage.protected",),
    "POST /peer/protections/let-go": ("footage.unprotected",),
    "POST /peer/restart-all": ("cameras.restarted",),
}
BY_KIND: Final = ("export.", "copy.", "move.")


def handlers(served: Served) -> dict[str, BaseRouteHandler]:
    """Of all routes, by "METHOD path"."""
    return {
        f"{method} {re.sub(r':[a-z]+}', '}', path)}": handler
        for method, path, handler in routes_of(served.app)
    }


async def test_each_route_that_changes_anything_is_noted_or_listed_with_the_reason(
    served: Served,
) -> None:
    unsafe = {
        head
        for head in handlers(served)
        if head.split(" ")[0] not in SAFE and " /peer/" not in head
    }
    assert sorted(unsafe - set(AUDITED) - set(NOT_AUDITED)) == []
    assert sorted(set(AUDITED) & set(NOT_AUDITED)) == []


async def test_each_reaches_the_log_with_its_own_words(served: Served) -> None:
    found = handlers(served)
    for head, actions in {**AUDITED, **READS, **PEERS}.items():
        walk = Walk(found[head].fn)
        assert walk.is_noted, head
        for action in actions:
            assert action in ACTIONS, f"{head}: {action} has no words"
            assert action in walk.texts or action.startswith(BY_KIND), (
                f"{head}: never says {action}"
            )


async def test_what_is_said_to_change_nothing_does_not_note_anything(served: Served) -> None:
    """A row that is not needed any more would hide a route that loses its entry."""
    found = handlers(served)
    looks = {"POST /api/backups/look", "POST /settings/backup/look"}  # their module asks, too
    for head in set(NOT_AUDITED) - looks - {"POST /cameras/found/import/values"}:
        assert not Walk(found[head].fn).is_noted, head


def test_all_actions_that_the_program_notes_have_words() -> None:
    """Every text in the call of a function that records, in all of the program."""
    said = re.compile(r"""(?:record|record_of|record_once|_note)\((?:[^()]|\([^()]*\))*?"""
                      r""""([a-z_]+\.[a-z_]+)\"""")  # fmt: skip
    root = Path(falconeye.__file__).parent
    found = {
        action
        for path in root.rglob("*.py")
        for action in said.findall(path.read_text(encoding="utf-8"))
    }
    assert len(found) > 50
    assert sorted(found - set(ACTIONS)) == []
