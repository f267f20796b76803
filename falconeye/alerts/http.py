"""One HTTP request to an address that an admin gave: checked, bounded, never redirected.

The name is resolved once and the connection goes to an address that was checked, so that no second
answer of a name server leads elsewhere. Of the answer only the status is read and shown. Loaded by
`outside` when the first such address is used: httpx takes 0.05 s and 5 MB.
"""

import asyncio
import ssl
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import httpx

from falconeye.alerts.delivery import NotDelivered, Request, checked_addresses, is_refusal
from falconeye.alerts.threads import in_thread

STEP_S: Final = 5.0  # connecting, writing, waiting for the status: each
TRY_S: Final = 20.0  # all of it
MAX_REASON: Final = 80  # characters behind the status, which pages and the log show


async def request(wanted: Request, *, allow_local: bool) -> str:
    """Send it; what came back, in words. NotDelivered for all but 2xx."""
    parts = urlsplit(wanted.url.reveal())
    is_tls = parts.scheme == "https"
    host, port = parts.hostname or "", parts.port or (443 if is_tls else 80)
    try:
        async with asyncio.timeout(TRY_S):
            addresses = await in_thread(
                f"resolve-{host}", lambda: checked_addresses(host, port, allow_local=allow_local)
            )
            # Reading the certificates of all authorities takes 20 ms: not on the loop.
            context = await in_thread("alerts-tls", httpx.create_ssl_context) if is_tls else None
            return await _send(wanted, port, addresses, context)
    except TimeoutError:
        raise NotDelivered(f"no answer within {TRY_S:g} s") from None


async def _send(
    wanted: Request, port: int, addresses: list[str], context: ssl.SSLContext | None
) -> str:
    """To the first address that can be connected to."""
    parts = urlsplit(wanted.url.reveal())
    named = httpx.URL(wanted.url.reveal())  # in the form that names beyond ASCII have on the wire
    headers = {"User-Agent": "FalconEye", **wanted.headers, "Host": named.netloc.decode("ascii")}
    failure: httpx.HTTPError | None = None
    async with httpx.AsyncClient(
        verify=context or False, trust_env=False, timeout=STEP_S, follow_redirects=False
    ) as client:
        for address in addresses:
            netloc = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
            asked = client.stream(
                wanted.method,
                urlunsplit(parts._replace(netloc=netloc, fragment="")),
                headers=headers,
                content=wanted.body or None,
                extensions={"sni_hostname": named.raw_host.decode("ascii")},
            )
            try:
                async with asked as answer:
                    return _said(answer)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                failure = error
            except httpx.HTTPError as error:
                raise NotDelivered(_in_words(error)) from error
    assert failure  # noqa: S101 - there is at least one address
    raise NotDelivered(_in_words(failure)) from failure


def _said(answer: httpx.Response) -> str:
    reason = "".join(filter(str.isprintable, answer.reason_phrase[:MAX_REASON]))
    words = f"it answered {answer.status_code} {reason}".rstrip()
    if answer.is_redirect:
        raise NotDelivered(f"{words}; FalconEye follows no redirect: give the address itself")
    if not answer.is_success:
        raise NotDelivered(words, refused=is_refusal(answer.status_code))
    return words


def _in_words(error: httpx.HTTPError) -> str:
    """Without the URL, which may hold a secret."""
    match error:
        case httpx.ConnectTimeout() | httpx.ReadTimeout() | httpx.WriteTimeout():
            return "no answer in time"
        case httpx.ConnectError():
            return f"it cannot be connected to ({error})" if str(error) else "no connection"
        case _:
            return f"the connection broke ({type(error).__name__})"
