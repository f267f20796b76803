"""The addresses that a name has now, as the system's resolver tells them."""

import asyncio
import contextlib
import socket
import threading


async def addresses_of_name(host: str, port: int) -> tuple[str, ...]:
    """Each address as "host:port", sorted. OSError or UnicodeError where there is none.

    `getaddrinfo` cannot be interrupted: a thread of its own waits for it, and no stop for that.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[tuple[str, ...]] = loop.create_future()

    def settle(found: tuple[str, ...], error: OSError | UnicodeError | None) -> None:
        if answer.done():  # nobody waits any more
            return
        if error is None:
            answer.set_result(found)
        else:
            answer.set_exception(error)

    def ask() -> None:
        found: tuple[str, ...] = ()
        failure: OSError | UnicodeError | None = None
        try:
            told = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found = tuple(sorted({_joined(str(each[4][0]), port) for each in told}))
        except (OSError, UnicodeError) as error:
            failure = error
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(settle, found, failure)

    threading.Thread(target=ask, name=f"resolve-{host}", daemon=True).start()
    return await answer


def _joined(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
