"""The web port as the settings want it: plain, or TLS with certificates of one of two kinds."""

import socket
from contextlib import AsyncExitStack
from functools import partial

import uvicorn
from litestar import Litestar

from falconeye.storage.stores.authority_store import AuthorityStore
from falconeye.web.federated import Shared
from falconeye.web.https.state import STATE_KEY, Https
from falconeye.web.server import InLoopServer, WebServer, uvicorn_config
from falconeye.web.shell import STATE_KEY as SHELL_KEY
from falconeye.web.shell import Shell


async def open_web_server(
    app: Litestar, listening: socket.socket, shared: Shared, stack: AsyncExitStack
) -> WebServer:
    """The server of `app`, to be started; certificates are kept fresh until `stack` is left.

    StartError where the files of the settings cannot be used.
    """
    shell: Shell = app.state[SHELL_KEY]
    if shell.services.settings.tls == "off":
        return WebServer(app, listening)
    certificates = await _certificates(shell, shared)
    app.state[STATE_KEY] = certificates
    shell.services.alerts.watch_certificate(lambda: certificates.condition)
    certificates.start()
    stack.push_async_callback(certificates.stop)
    return WebServer(app, listening, partial(_https_server, app, certificates))


async def _certificates(shell: Shell, shared: Shared) -> Https:
    """Those modules read X.509, which takes 4 MB."""
    services = shell.services
    settings = services.settings
    if settings.tls == "files" and settings.tls_cert and settings.tls_key:
        from falconeye.web.https.files import FileCertificates  # noqa: PLC0415

        files = FileCertificates(settings.tls_cert, settings.tls_key, services.clock)
        await files.open()
        return files
    from falconeye.web.https.own import OwnCertificates  # noqa: PLC0415
    from falconeye.web.https.own_names import Called  # noqa: PLC0415

    called = Called(settings, lambda: services.node_name)
    own = OwnCertificates(AuthorityStore(shared.database, shared.cipher), called, services.clock)
    await own.open()

    async def applied(kinds: frozenset[str]) -> None:
        """A member brought another authority."""
        if "settings" in kinds:
            await own.check()

    shared.replica.on_applied.append(applied)
    return own


def _https_server(app: Litestar, https: Https, config: uvicorn.Config) -> InLoopServer:
    from falconeye.web.https.plain_door import PlainDoor  # noqa: PLC0415 - not without TLS
    from falconeye.web.https.server import HttpsServer  # noqa: PLC0415

    shell: Shell = app.state[SHELL_KEY]
    base_path = shell.services.settings.base_path
    door = PlainDoor(app, explains=https.authority is not None, base_path=base_path)
    return HttpsServer(config, uvicorn_config(door, lifespan="off"), lambda: https.context)
