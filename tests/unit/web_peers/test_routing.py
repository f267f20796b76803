"""The table of who answers what."""

from litestar import Litestar

from falconeye.web.app import _routes
from falconeye.web.peers.routing import (
    Gather,
    HeldKind,
    Here,
    ToHolder,
    ToOwner,
    destination,
    is_listed,
    listed,
)
from falconeye.web.security.access import access_of, routes_of


def application() -> Litestar:
    return Litestar(_routes(), logging_config=None)


def all_routes() -> list[tuple[str, str]]:
    """(method, template) of every route, as a request's scope has them."""
    app = application()
    formats = {route.path: route.path_format for route in app.routes}
    return [(method, formats[path]) for method, path, _ in routes_of(app)]


def test_every_route_stands_in_the_table() -> None:
    assert not [route for route in all_routes() if not is_listed(*route)]


def test_the_table_has_no_route_that_is_gone() -> None:
    assert not listed() - set(all_routes())


def test_what_reads_its_own_token_is_answered_here() -> None:
    """The token has to be checked before a request leaves, and it is read late."""
    app = application()
    formats = {route.path: route.path_format for route in app.routes}
    parameters = {"camera_id": "c", "recording_id": "r", "job_id": "j", "name": "n"}
    for method, path, handler in routes_of(app):
        declared = access_of(handler)
        if declared is not None and not declared.csrf:
            where = destination(method, formats[path], parameters)
            assert isinstance(where, Here | Gather), path


def test_who_answers_what() -> None:
    camera = "/api/cameras/{camera_id}"
    door = {"camera_id": "door"}
    assert destination("WS", f"{camera}/live", door) == ToOwner("door")
    assert destination("GET", f"{camera}/live.mp4", door) == ToOwner("door")
    assert destination("POST", f"{camera}/recording/start", door) == ToOwner("door")
    assert destination("PATCH", camera, door) == Here()
    assert destination("POST", f"{camera}/privacy", door) == Here()
    assert destination("GET", f"{camera}/timeline", door) == Gather()
    assert destination("GET", "/api/recordings", {}) == Gather()
    download = destination("HEAD", "/api/recordings/{recording_id}/download", {"recording_id": "r"})
    assert download == ToHolder(HeldKind.RECORDING, "r")
    result = destination("GET", "/api/jobs/{job_id}/result", {"job_id": "j"})
    assert result == ToHolder(HeldKind.JOB, "j")
    media = destination("GET", f"{camera}/footage/{{name}}", {**door, "name": "main-1-2.m4s"})
    assert media == ToHolder(HeldKind.FOOTAGE, "main-1-2.m4s", "door")


def test_what_is_unknown_or_between_peers_goes_nowhere() -> None:
    assert destination("GET", "/nothing", {}) == Here()
    assert is_listed("POST", "/peer/beat")
    assert destination("POST", "/peer/beat", {}) == Here()
    assert not is_listed("GET", "/nothing")
