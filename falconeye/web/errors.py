"""Every error as the right status and words: JSON for programs, a page for people.

`{"detail": …}` for the API, `pages/error.html` for pages, a line of text for htmx. Bad input never
is a 500; an unexpected exception is one, with an id that stands in the log.
"""

import logging
import secrets
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote

import jinja2
from litestar import Request, Response
from litestar.enums import MediaType, ScopeType
from litestar.exceptions import (
    HTTPException,
    InternalServerException,
    SerializationException,
    ValidationException,
    WebSocketException,
)
from litestar.exceptions.http_exceptions import RequestEntityTooLarge
from litestar.status_codes import HTTP_500_INTERNAL_SERVER_ERROR
from litestar.types import ExceptionHandlersMap, Scope
from markupsafe import escape

from falconeye.base.errors import FalconEyeError, NotAuthenticated, TooManyAttempts
from falconeye.base.redact import redact_text
from falconeye.web import htmx, languages
from falconeye.web.contexts import ErrorPage
from falconeye.web.frame import page
from falconeye.web.i18n import gettext as _
from falconeye.web.security.challenge import challenges
from falconeye.web.security.paths import is_page_path, login_url

log = logging.getLogger(__name__)

Asking = Request[Any, Any, Any]

MAX_BODY_BYTES: Final = 1_000_000
_WORDS: Final = {
    404: "there is nothing at this address",
    405: "this address does not know that method",
}
_SIZES: Final = {"TiB": 1 << 40, "GiB": 1 << 30, "MiB": 1 << 20, "MB": 10**6, "kB": 1000}
_NO_DATA: Final = "'data'"  # Litestar's words for a request without a body that needs one
_NO_BODY: Final = "the request has no body: it needs one of JSON"
_LEFT: Final = "client disconnected prematurely"  # Litestar's words for a client that hung up


def on_falconeye_error(request: Asking, error: FalconEyeError) -> Response[Any]:
    """An error we raised on purpose: its own status and words."""
    if isinstance(error, NotAuthenticated):
        return _not_authenticated(request, str(error))
    headers: dict[str, str] = {}
    if isinstance(error, TooManyAttempts):
        headers["retry-after"] = str(max(1, round(error.retry_after_s + 0.5)))
    if error.status >= 500:
        log.warning("%s %s: %s", request.method, _route(request), redact_text(str(error)))
    return _answer(request, error.status, redact_text(str(error)), headers, code=error.stable_code)


def on_http_exception(request: Asking, error: HTTPException) -> Response[Any]:
    """An error that Litestar found: a bad path, body, parameter or header."""
    if isinstance(error, InternalServerException) and error.detail == _LEFT:
        return Response({"detail": _LEFT}, status_code=400)  # nobody reads it
    if error.status_code >= HTTP_500_INTERNAL_SERVER_ERROR:
        return on_unexpected(request, error)
    if isinstance(error, ValidationException):
        return _answer(request, 422, validation_words(error))
    if error.status_code == 401:
        return _not_authenticated(request, error.detail)
    detail = _WORDS.get(error.status_code, error.detail) or HTTPStatus(error.status_code).phrase
    if isinstance(error, RequestEntityTooLarge):
        detail = _too_large(request)
    if isinstance(error.__cause__, SerializationException):
        detail = f"not JSON: {error.detail}"
    headers = {name.lower(): value for name, value in (error.headers or {}).items()}
    return _answer(request, error.status_code, redact_text(detail), headers)


def on_unexpected(request: Asking, error: Exception) -> Response[Any]:
    """Our fault: the trace goes to the log under an id, the person gets the id."""
    error_id = secrets.token_hex(4)
    log.error("%s %s failed, id %s", request.method, _route(request), error_id, exc_info=error)
    detail = "this is our fault, not yours"
    if not is_page_path(request.scope["path"]):  # the page shows the id by itself
        detail += f"; the log of this node tells more under {error_id}"
    return _answer(request, 500, detail, error_id=error_id)


HANDLERS: Final[ExceptionHandlersMap] = {
    FalconEyeError: on_falconeye_error,
    HTTPException: on_http_exception,
    HTTP_500_INTERNAL_SERVER_ERROR: on_unexpected,
}


async def log_websocket_failure(error: Exception, scope: Scope) -> None:
    """`after_exception` hook: a WebSocket has no answer that could carry an id."""
    expected = (FalconEyeError, WebSocketException, HTTPException)
    if scope["type"] == ScopeType.WEBSOCKET and not isinstance(error, expected):
        log.error("WebSocket %s failed", scope.get("path_template", "?"), exc_info=error)


def validation_words(error: ValidationException) -> str:
    """All that Litestar found wrong, as `field: what is wrong; field: …`."""
    found: list[str] = []
    for item in error.extra if isinstance(error.extra, list) else ():
        if isinstance(item, dict) and item.get("message"):
            key = str(item.get("key") or "").removeprefix("data.")
            words = redact_text(str(item["message"])).removeprefix("Value error, ")
            words = _NO_BODY if words == _NO_DATA else words
            found.append(f"{key}: {words}" if key and key != "data" else words)
    return "; ".join(found) or redact_text(error.detail)


def _too_large(request: Asking) -> str:
    """Routes differ in what they take: the limit of this one, which is a round number."""
    limit_bytes = request.route_handler.resolve_request_max_body_size() or 0
    for unit, size_bytes in _SIZES.items():
        if limit_bytes and limit_bytes % size_bytes == 0:
            return f"the request is larger than {limit_bytes // size_bytes} {unit}"
    return f"the request is larger than {limit_bytes} bytes"


def _not_authenticated(request: Asking, detail: str) -> Response[Any]:
    """401 for programs and for htmx; pages go to where one signs in."""
    if not is_page_path(request.scope["path"]):
        headers = {"www-authenticate": ", ".join(challenges(request))}
        if htmx.is_htmx(request):
            headers[htmx.REDIRECT] = login_url(htmx.current_path(request) or "/")
        return _answer(request, 401, detail, headers)
    if htmx.is_htmx(request):
        headers = {htmx.REDIRECT: login_url(htmx.current_path(request) or "/")}
        return Response("", status_code=401, headers=headers, media_type=MediaType.HTML)
    query = request.scope["query_string"].decode("latin-1")
    asked = quote(request.scope["path"]) + (f"?{query}" if query else "")
    back = login_url(asked if request.method == "GET" else "/")
    return Response("", status_code=303, headers={"location": back}, media_type=MediaType.HTML)


def _answer(
    request: Asking,
    status: int,
    detail: str,
    headers: dict[str, str] | None = None,
    *,
    error_id: str = "",
    code: str = "",
) -> Response[Any]:
    if not is_page_path(request.scope["path"]):
        content = {"detail": detail, "code": code} if code else {"detail": detail}
        return Response(content, status_code=status, headers=headers, media_type=MediaType.JSON)
    if htmx.wants_part(request):
        html = f'<p class="error" role="alert">{escape(detail)}</p>'
        return Response(html, status_code=status, headers=headers, media_type=MediaType.HTML)
    return _error_page(request, status, detail, headers, error_id)


def _title(status: int) -> str:
    """What happened, in the language of the request."""
    titles = {
        400: _("That did not work"),
        401: _("Sign in first"),
        403: _("Not allowed"),
        404: _("Not found"),
        409: _("That clashes with what is there"),
        413: _("Too large"),
        422: _("Something is wrong with what was given"),
        429: _("Too many attempts"),
        500: _("Something broke"),
        503: _("Not available now"),
    }
    return titles.get(status, HTTPStatus(status).phrase)


def _error_page(
    request: Asking, status: int, detail: str, headers: dict[str, str] | None, error_id: str
) -> Response[Any]:
    """The error page; plain HTML when even that cannot be rendered."""
    title, sentence = HTTPStatus(status).phrase, detail[:1].upper() + detail[1:]
    try:
        languages.speak(request)
        title = _title(status)
        context = ErrorPage(status=status, title=title, detail=sentence, error_id=error_id)
        return page(request, "pages/error.html", context, status=status, headers=headers)
    except (jinja2.TemplateError, LookupError, AttributeError, TypeError):
        log.exception("the error page could not be rendered")
        text = f"<!doctype html><title>{escape(title)}</title><h1>{escape(title)}</h1>"
        html = f"{text}<p>{escape(sentence)}</p>"
        return Response(html, status_code=status, headers=headers, media_type=MediaType.HTML)


def _route(request: Asking) -> str:
    """The route, not the path: a path may hold a secret (the set-up link)."""
    return str(request.scope.get("path_template") or "an unknown address")
