"""The table of scenes: which pages are pictured, in which states."""

from dataclasses import dataclass

from tests.browser import screenshot_steps as steps
from tests.browser.running_site import LONG_NAME, Site
from tests.browser.screenshot_steps import Prepare, loaded, settled


@dataclass(frozen=True, slots=True)
class Scene:
    """One state of one page. `{name}` in the path is the id of that camera, person or wall."""

    name: str
    path: str
    prepare: Prepare = settled
    whole: bool = True  # the whole page, not the window alone
    guest: bool = False


def first_scenes(site: Site) -> list[Scene]:
    """Before the first account."""
    return [
        Scene("setup", site.node.setup_link, guest=True),
        Scene("setup-wrong-link", "/setup/nothing", guest=True),
    ]


def early_scenes(site: Site) -> list[Scene]:
    """With an account and no camera."""
    rtsp = site.peers.rtsp
    return [
        Scene("login", "/login", guest=True),
        Scene("login-refused", "/login", steps.refused, guest=True),
        Scene("wall-empty", "/"),
        Scene("recordings-empty", "/recordings"),
        Scene("form-add", "/cameras/add"),
        Scene("form-errors", "/cameras/add", steps.wrong_form),
        Scene("form-tested", "/cameras/add", steps.tested(rtsp.url("door"))),
        Scene("form-tested-hevc", "/cameras/add", steps.tested(rtsp.url("yard"))),
        Scene("form-test-failed", "/cameras/add", steps.tested("rtsp://127.0.0.1:9/stream1")),
        Scene("form-test-forbidden", "/cameras/add", steps.tested("rtsp://localhost:9/stream1")),
        Scene("health-empty", "/about"),
    ]


def full_scenes(recordings: dict[str, str], camera_id: str) -> list[Scene]:
    """With nine cameras and their recordings; the list is narrowed to that of `camera_id`."""
    camera = "/cameras/{%s}"
    return [
        Scene("wall-auto", "/"),
        Scene("wall-1", "/?layout=1"),
        Scene("wall-4", "/?layout=4"),
        Scene("wall-9", "/?layout=9", whole=False),
        Scene("wall-lost", "/", steps.lost, whole=False),
        Scene("wall-menu", "/", steps.opened_menu, whole=False),
        Scene("wall-table", "/?view=table", loaded),
        Scene("wall-arrange", "/walls/new", loaded),
        Scene("wall-tile", "/?view=grid", steps.opened_tile, whole=False),
        Scene("camera-live", camera % "Front door"),
        Scene("camera-saved", camera % "Front door" + "?done=saved", whole=False),
        Scene("camera-fullscreen", camera % "Front door", steps.fullscreen, whole=False),
        Scene("camera-refused", camera % "Garage"),
        Scene("camera-unreachable", camera % "Gate"),
        Scene("camera-stopped", camera % "Stairs, second floor"),
        Scene("camera-paused", camera % "Workshop"),
        Scene("schedules", camera % "Front door" + "/schedules"),
        Scene("schedules-errors", camera % "Front door" + "/schedules", steps.wrong_hours),
        Scene("camera-hevc", camera % "Yard"),
        Scene("camera-hevc-small", camera % "Parking"),
        Scene("camera-long-name", camera % LONG_NAME),
        Scene("camera-footage", camera % "Front door" + "/footage", steps.poster_seen),
        Scene("camera-footage-gaps", camera % "Stairs, second floor" + "/footage"),
        Scene(
            "footage-many",
            "/footage?cameras={Front door},{Parking},{Yard},{Stairs, second floor}",
            steps.many_playing,
        ),
        Scene("footage-many-fast", "/footage?cameras={Parking},{Yard}", steps.many_fast),
        Scene("footage-hevc", camera % "Yard" + "/footage", steps.keyframes_seen),
        Scene("camera-delete", camera % "Parking", steps.asked, whole=False),
        Scene("form-edit", camera % "Garage" + "/edit"),
        Scene("recordings", "/recordings"),
        Scene("recordings-filter", "/recordings", steps.opened_filter, whole=False),
        Scene("recordings-one", f"/recordings?camera={camera_id}&status=failed", whole=False),
        Scene("recordings-nothing", "/recordings?from=2001-01-01T00:00&to=2001-01-02T00:00"),
        Scene("recording", f"/recordings/{recordings['h264']}", steps.playing),
        Scene("recording-hevc", f"/recordings/{recordings['hevc']}", steps.told),
        Scene("recording-now", f"/recordings/{recordings['now']}"),
        Scene("recording-delete", f"/recordings/{recordings['h264']}", steps.asked, whole=False),
        Scene("settings", "/settings"),
        Scene("settings-errors", "/settings", steps.wrong_zone),
        Scene("notices", "/notices"),
        Scene("help", "/help"),
        Scene("help-found", "/help?q=disk+full"),
        Scene("help-gaps", "/help/gaps"),
        Scene("exports", "/exports"),
        Scene("jobs", "/jobs"),
        Scene("exports-made", "/exports?camera={Yard}", steps.exported),
        Scene("check-file", "/exports/check"),
        Scene("check-file-unknown", "/exports/check", steps.checked),
        Scene("settings-notices", "/settings/notices"),
        Scene("nodes", "/nodes"),
        Scene("storage", "/storage"),
        Scene("storage-opened", "/storage", steps.opened_details),
        Scene("storage-wrong-path", "/storage", steps.wrong_path),
        Scene("settings-backup", "/settings/backup"),
        Scene("settings-backup-errors", "/settings/backup", steps.wrong_passphrase),
        Scene("health", "/about"),
        Scene("doctor", "/doctor"),
        Scene("missing", "/nothing-here"),
    ]


def viewer_scenes() -> list[Scene]:
    """As somebody who may only watch."""
    return [
        Scene("viewer-wall", "/"),
        Scene("viewer-camera", "/cameras/{Front door}"),
        Scene("viewer-refused", "/cameras/add"),
        Scene("viewer-settings", "/settings"),
    ]


def people_scenes() -> list[Scene]:
    """Who may do what, screens and walls: what an admin sees of them."""
    found = {
        "people": "/people",
        "person": "/people/{Grandmother}",
        "person-self": "/people/{anna}",
        "person-invited": "/people/{Eve}",
        "person-rights": "/people/{Grandmother}/rights",
        "person-password": "/people/{Grandmother}/password",
        "person-remove": "/people/{Grandmother}/remove",
        "person-add": "/people/add",
        "account": "/account",
        "tokens": "/people/tokens",
        "token": "/people/tokens/{Home Assistant}",
        "token-add": "/people/tokens/add",
        "token-remove": "/people/tokens/{Home Assistant}/remove",
        "displays": "/people/displays",
        "display": "/people/displays/{Hall tablet}",
        "display-add": "/people/displays/add",
        "display-pair": "/people/displays/{Hall tablet}/pair",
        "display-remove": "/people/displays/{Hall tablet}/remove",
        "walls-arrange": "/walls/{House and garden}",
        "audit": "/audit",
        "audit-filter": "/audit?object_kind=camera&from=2001-01-01T00:00",
        "audit-nothing": "/audit?from=2001-01-01T00:00&to=2001-01-02T00:00",
        "about-nodes": "/nodes/agents",
        "node-code": "/nodes/code",
        "node-join": "/nodes/join",
        "found": "/cameras/found",
        "found-scan": "/cameras/found/scan",
        "found-import": "/cameras/found/import",
        "controls": "/cameras/{Front door}/controls",
        "footage-days": "/footage/days?cameras={Front door}",
        "storage-delete": "/storage/delete",
        "settings-reset": "/settings/reset-all",
        "settings-cameras": "/settings/cameras/delete",
        "authority": "/ca",
        "offline": "/offline",
        "help-first-steps": "/help/first-steps",
        "help-people": "/help/people",
        "help-settings": "/help/settings",
        "help-states": "/help/states",
        "help-words": "/help/words",
    }
    return [
        *(Scene(name, path, loaded) for name, path in found.items()),
        Scene("wall-saved", "/?wall={House and garden}", loaded),
        Scene("person-add-wrong", "/people/add", steps.wrong_person),
        Scene("language", "/settings", steps.opened_language, whole=False),
    ]


def outside_scenes(invitation: str) -> list[Scene]:
    """What somebody sees who is nobody: an invited person, a screen that waits."""
    return [
        Scene("invitation", invitation, loaded, guest=True),
        Scene("invitation-over", "/invitation/" + "a" * 32, loaded, guest=True),
        Scene("display-code", "/display", steps.coded, whole=False, guest=True),
    ]
