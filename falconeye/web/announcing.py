"""Says where the node serves, to the terminal or journal, and how to set it up."""

import asyncio
import logging
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from falconeye.accounts.service import Accounts
from falconeye.config.serving_address import (
    below,
    reachable_url,
    remove_serving_address,
    write_serving_address,
)
from falconeye.config.settings import NodeSettings

log = logging.getLogger(__name__)


async def announce(
    settings: NodeSettings, name: str, accounts: Accounts, port: int, stack: AsyncExitStack
) -> str:
    """The address; told to other commands, too, by a file until `stack` is left."""
    url = below(await asyncio.to_thread(_url, settings, port), settings.base_path)
    await _note_address(settings.data_dir, partial(write_serving_address, url=url))
    stack.push_async_callback(_note_address, settings.data_dir, remove_serving_address)
    log.info("node %s serves %s", name, url)
    if settings.tls == "auto":
        where = reachable_url(urlsplit(url).hostname or "", port)
        log.info("browsers trust it once they know its authority, see %sca", where)
    # A cluster by key makes its first admin itself, when it knows that there is none: whoever reads
    # the log of a machine that comes new must not become one.
    is_made = settings.cluster_key_file is not None and settings.admin_password_file is not None
    is_made = is_made and not await accounts.has_users()
    if not is_made and not await accounts.has_admin():
        link = await accounts.make_setup_link(url)
        what = "Make a new admin" if await accounts.has_users() else "Set up FalconEye"
        # Not through the log: its filter would take the secret out, and files keep it.
        sys.stderr.write(f"\n  {what} within an hour, once:\n  {link}\n\n")
        sys.stderr.flush()
    return url


def _url(settings: NodeSettings, port: int) -> str:
    """By a name of the certificate where somebody gave one, because browsers compare; blocks."""
    url = reachable_url(settings.host, port, settings.scheme)
    if settings.tls != "files" or settings.tls_cert is None or settings.tls_key is None:
        return url
    from falconeye.tls.pair import read_pair  # noqa: PLC0415 - it reads X.509, 4 MB

    names = read_pair(settings.tls_cert, settings.tls_key).names
    named = [name for name in names.dns if not name.startswith("*.")]
    if not named or urlsplit(url).hostname in {*named, *map(str, names.addresses)}:
        return url
    return reachable_url(named[0], port, settings.scheme)


async def _note_address(data_dir: Path, change: Callable[[Path], None]) -> None:
    """Write or remove it for other commands; a full disk is no reason not to record."""
    try:
        await asyncio.to_thread(change, data_dir)
    except OSError as error:
        log.warning("the node's address is not noted for other commands: %s", error)
