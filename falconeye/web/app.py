"""The web application: routes, security shell, errors, headers, documentation, in one place."""

from litestar import Litestar
from litestar.connection import ASGIConnection
from litestar.datastructures import State
from litestar.di import Provide
from litestar.types import ControllerRouterHandler, Scope

from falconeye.accounts.model import Principal
from falconeye.web import api, i18n, pages, sse, static_files
from falconeye.web.assets import Assets, data_dir
from falconeye.web.authentication import Authentication, authenticate
from falconeye.web.errors import HANDLERS, MAX_BODY_BYTES, log_websocket_failure
from falconeye.web.headers import Compression, add_headers
from falconeye.web.open_streams import OpenStreams
from falconeye.web.openapi import openapi_config
from falconeye.web.reading import ReadRequest
from falconeye.web.rendering import build_environment
from falconeye.web.security import access
from falconeye.web.security.cors import CrossOrigin
from falconeye.web.security.credentials import Credential
from falconeye.web.services import Services
from falconeye.web.shell import STATE_KEY, Shell


def create_app(services: Services) -> Litestar:
    """The application around a node's services; it starts and stops nothing of them.

    Reads templates and static files: call it in a thread when the loop already runs. Raises
    StartError for a route without a declared need.
    """
    assets = Assets(data_dir("static"))
    templates = build_environment(data_dir("templates"), assets.url)
    for name in templates.list_templates():  # compiled now, never on the loop
        templates.get_template(name)

    async def who_is(credential: Credential) -> Principal | None:
        return await authenticate(services.accounts, credential)

    def trusted_origins() -> tuple[str, ...]:
        return services.stored_settings.current.cors_origins

    shell = Shell(services, assets, templates, OpenStreams(who_is), i18n.available_languages())
    app = Litestar(
        route_handlers=_routes(),
        middleware=[Compression()],
        guards=[access.guard],
        dependencies={
            "services": Provide(lambda: services, sync_to_thread=False, use_cache=True),
            "principal": Provide(_principal, sync_to_thread=False),
        },
        exception_handlers=HANDLERS,
        after_exception=[log_websocket_failure],
        before_send=[add_headers],
        request_class=ReadRequest,
        request_max_body_size=MAX_BODY_BYTES,
        openapi_config=openapi_config(assets),
        logging_config=None,
        state=State({STATE_KEY: shell, access.TRUSTED_ORIGINS: trusted_origins}),
        debug=False,
    )
    known = Authentication(app.asgi_handler, services.accounts, shell.streams)
    app.asgi_handler = CrossOrigin(known, trusted_origins)
    access.check_declarations(app)
    _ = app.openapi_schema  # made here, so that no request has to wait for it
    return app


def _principal(scope: Scope) -> Principal:
    """For handlers that take `principal: NamedDependency[Principal]`."""
    return access.principal_of(ASGIConnection(scope))


def _routes() -> list[ControllerRouterHandler]:
    """The lists of the API and of the pages, and what belongs to the shell itself."""
    return [static_files.static_file, sse.events, *api.ROUTES, *pages.ROUTES]
