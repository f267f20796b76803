"""The web application: routes, security shell, errors, headers, documentation, in one place."""

from functools import partial

from litestar import Litestar
from litestar.connection import ASGIConnection
from litestar.datastructures import State
from litestar.di import Provide
from litestar.plugins.pydantic import PydanticPlugin
from litestar.types import ControllerRouterHandler, Middleware, Scope

from falconeye.accounts.model import Principal
from falconeye.base.memory import return_free_memory
from falconeye.web import api, display_events, i18n, pages, sse, static_files
from falconeye.web.assets import Assets, data_dir
from falconeye.web.authentication import Authentication, authenticate
from falconeye.web.base_path import outward
from falconeye.web.behind_proxy import behind_proxy
from falconeye.web.display_walls import shown_walls
from falconeye.web.errors import HANDLERS, MAX_BODY_BYTES, log_websocket_failure
from falconeye.web.headers import Compression, adding_headers
from falconeye.web.open_streams import OpenStreams
from falconeye.web.openapi import openapi_config
from falconeye.web.peers.proxy import Proxy
from falconeye.web.peers.proxy_upstream import Elsewhere
from falconeye.web.peers.routes import ROUTES as PEER_ROUTES
from falconeye.web.reading import ReadRequest
from falconeye.web.rendering import build_environment, compile_all
from falconeye.web.security import access
from falconeye.web.security.cors import CrossOrigin
from falconeye.web.security.credentials import Credential
from falconeye.web.services import Services
from falconeye.web.shell import STATE_KEY, Shell


def create_app(services: Services, elsewhere: Elsewhere | None = None) -> Litestar:
    """The application around a node's services; it starts and stops nothing of them.

    `elsewhere` tells of the other nodes, which answer what is theirs; None where there are none.
    Reads templates and static files: call it in a thread when the loop already runs. Raises
    StartError for a route without a declared need.
    """
    assets = Assets(data_dir("static"))
    templates = build_environment(data_dir("templates"), lambda name: outward(assets.url(name)))
    compile_all(templates)  # now, never on the loop

    services.accounts.displays.walls = partial(shown_walls, services)

    async def who_is(credential: Credential) -> Principal | None:
        return await authenticate(services.accounts, credential)

    def trusted_origins() -> tuple[str, ...]:
        return services.stored_settings.current.cors_origins

    def framing_sites() -> tuple[str, ...]:
        return services.stored_settings.current.frame_ancestors

    shell = Shell(services, assets, templates, OpenStreams(who_is), i18n.available_languages())
    app = Litestar(
        route_handlers=_routes(),
        # Lax by default, whatever the models say: "5" would pass for 5, and "yes" for true.
        plugins=[PydanticPlugin(validate_strict=True)],
        middleware=[*_proxies(services, elsewhere), Compression()],
        guards=[access.guard],
        dependencies={
            "services": Provide(lambda: services, sync_to_thread=False, use_cache=True),
            "principal": Provide(_principal, sync_to_thread=False),
        },
        exception_handlers=HANDLERS,
        after_exception=[log_websocket_failure],
        before_send=[adding_headers(framing_sites)],
        request_class=ReadRequest,
        request_max_body_size=MAX_BODY_BYTES,
        openapi_config=openapi_config(assets),
        logging_config=None,
        state=State({STATE_KEY: shell, access.TRUSTED_ORIGINS: trusted_origins}),
        debug=False,
    )
    known = Authentication(app.asgi_handler, services.accounts, shell.streams)
    shared = CrossOrigin(known, trusted_origins)
    app.asgi_handler = behind_proxy(shared, services.settings, [each.path for each in app.routes])
    access.check_declarations(app)
    return_free_memory()  # compiling templates leaves a good MB
    return app


def _proxies(services: Services, elsewhere: Elsewhere | None) -> list[Middleware]:
    return [] if elsewhere is None else [Proxy(elsewhere, services)]


def _principal(scope: Scope) -> Principal:
    """For handlers that take `principal: NamedDependency[Principal]`."""
    return access.principal_of(ASGIConnection(scope))


def _routes() -> list[ControllerRouterHandler]:
    """The lists of the API, the pages and the peers, and what belongs to the shell itself."""
    shell = [static_files.static_file, sse.events, display_events.display_events]
    return [*shell, *api.ROUTES, *pages.ROUTES, *PEER_ROUTES]
