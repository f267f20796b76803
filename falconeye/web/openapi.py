"""`/schema`: the API's contract, generated from the routes, with the role that each one needs.

Swagger UI is vendored and works under the content security policy; nothing comes from elsewhere.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from litestar import Litestar, MediaType, Request, Response, Router, get
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import OpenAPIRenderPlugin
from litestar.openapi.spec import Components, License, SecurityRequirement, SecurityScheme
from litestar.serialization import default_serializer
from markupsafe import escape
from typing_extensions import override

from falconeye import __version__
from falconeye.accounts.model import LOWEST_ROLE
from falconeye.web.assets import Assets
from falconeye.web.base_path import base_path, outward
from falconeye.web.frame import csrf_token_of
from falconeye.web.openapi_errors import add_errors
from falconeye.web.security.access import Access, access_of, public, routes_of, signed_in
from falconeye.web.security.credentials import SECURE_SESSION_COOKIE, SESSION_COOKIE
from falconeye.web.security.csrf import CSRF_HEADER

PATH: Final = "/schema"
ROLE_KEY: Final = "x-falconeye-role"  # viewer | operator | admin | none (open to everybody)
_NOBODY: Final = "none"
_SCHEMES: Final[Mapping[str, SecurityScheme]] = {
    "bearer": SecurityScheme(type="http", scheme="bearer", description="An API token"),
    "basic": SecurityScheme(
        type="http", scheme="basic", description="Any name, and an API token as password"
    ),
    "session": SecurityScheme(
        type="apiKey",
        security_scheme_in="cookie",
        name=SESSION_COOKIE,
        description=(
            f"A signed-in browser, by TLS with {SECURE_SESSION_COOKIE} instead; "
            f"unsafe requests also need {CSRF_HEADER}"
        ),
    ),
}
# Swagger UI's own settings live in a script of ours: the policy allows no inline script.
_INITIALIZER: Final = """\
const token = document.querySelector('meta[name="csrf-token"]').content;
SwaggerUIBundle({
  url: "{document}",
  dom_id: "#swagger-ui",
  deepLinking: true,
  showExtensions: true,
  validatorUrl: null,
  presets: [SwaggerUIBundle.presets.apis],
  requestInterceptor: (request) => {
    if (token) request.headers["X-CSRF-Token"] = token;
    return request;
  },
});
"""


class _SwaggerPage(OpenAPIRenderPlugin):
    """The page with the vendored Swagger UI."""

    def __init__(self, assets: Assets) -> None:
        super().__init__(path="/", media_type=MediaType.HTML)
        self._assets = assets

    @override
    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        def url(name: str) -> str:
            return outward(self._assets.url(name))

        return (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f'<meta name="csrf-token" content="{escape(csrf_token_of(request))}">'
            "<title>FalconEye API</title>"
            f'<link rel="icon" href="{url("favicon.svg")}" type="image/svg+xml">'
            f'<link rel="stylesheet" href="{url("vendor/swagger-ui/swagger-ui.css")}">'
            f'<script defer src="{url("vendor/swagger-ui/swagger-ui-bundle.js")}"></script>'
            f'<script defer src="{outward(PATH)}/initializer.js"></script>'
            '</head><body><main id="swagger-ui"></main></body></html>'
        ).encode()

    @override
    def receive_router(self, router: Router) -> None:
        router.register(_initializer)


@get("/initializer.js", opt=public(), sync_to_thread=False, media_type="text/javascript")
def _initializer() -> Response[str]:
    text = _INITIALIZER.replace("{document}", outward(f"{PATH}/openapi.json"))
    return Response(text, headers={"cache-control": "no-cache"})


class _Document(OpenAPIRenderPlugin):
    """The document itself, with roles; made once for a base path."""

    def __init__(self) -> None:
        super().__init__(path="/openapi.json", media_type=MediaType.JSON)
        self._encoded: tuple[str, bytes] | None = None

    @override
    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        server = base_path() or "/"
        if self._encoded is None or self._encoded[0] != server:
            add_roles(request.app, openapi_schema)
            document = {**openapi_schema, "servers": [{"url": server}]}
            text = json.dumps(document, ensure_ascii=False, default=partial(default_serializer))
            self._encoded = server, text.encode()
        return self._encoded[1]


def openapi_config(assets: Assets) -> OpenAPIConfig:
    """What Litestar needs to describe the routes that are in the schema."""
    anything: Sequence[SecurityRequirement] = [{name: []} for name in _SCHEMES]
    return OpenAPIConfig(
        title="FalconEye",
        version=__version__,
        description="Cameras, live pictures and recordings of this node.",
        license=License(name="Apache-2.0", identifier="Apache-2.0"),
        security=list(anything),
        components=Components(security_schemes=dict(_SCHEMES)),
        render_plugins=[_SwaggerPage(assets), _Document()],
        openapi_router=Router(
            PATH,
            route_handlers=[],
            include_in_schema=False,
            opt=signed_in(),
            before_request=_made_first(),
        ),
    )


def _made_first() -> Callable[[Request[Any, Any, Any]], Awaitable[None]]:
    """Describe the routes in a thread when somebody asks for the first time.

    It takes 60 ms of a core and 3 MB, which a node that nobody programs for does not need.
    """
    making = asyncio.Lock()

    async def made(request: Request[Any, Any, Any]) -> None:
        async with making:
            _ = await asyncio.to_thread(lambda: request.app.openapi_schema)  # Litestar keeps it

    return made


def add_roles(app: Litestar, document: dict[str, Any]) -> None:
    """Write its role and its errors into every operation; open routes need no security."""
    for method, path, handler in routes_of(app):
        operation = _operation(document, method, path)
        declared = access_of(handler)
        if operation is None or declared is None:
            continue
        operation[ROLE_KEY] = role_of(declared)
        add_errors(operation)
        if declared.public:
            operation["security"] = []


def role_of(declared: Access) -> str:
    """The lowest role that a declaration lets pass."""
    if declared.public:
        return _NOBODY
    return LOWEST_ROLE[declared.action].value if declared.action is not None else "viewer"


def _operation(document: dict[str, Any], method: str, path: str) -> dict[str, Any] | None:
    """The document names parameters without their type: `/api/cameras/{camera_id}`."""
    parts = [
        f"{{{part[1:-1].partition(':')[0].strip()}}}" if part.startswith("{") else part
        for part in path.split("/")
    ]
    item = document.get("paths", {}).get("/".join(parts) or "/", {})
    operation: dict[str, Any] | None = item.get(method.lower())
    return operation
