"""The few calls to the Kubernetes API server; the `kubernetes` client is loaded with the first.

Of that client only the transport is used: `kubernetes.aio` takes 22 MB, its blocking twin 13 MB and
a thread that nothing interrupts, the typed classes of pods and nodes 78 MB more. Objects are plain
JSON (https://kubernetes.io/docs/reference/using-api/api-concepts/): what this release does not know
of an object is kept when it is written back.
"""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from falconeye.base.clock import Clock
from falconeye.base.errors import FalconEyeError, Unavailable
from falconeye.base.times import MINUTE_US

if TYPE_CHECKING:
    from kubernetes.aio.client.rest import RESTClientObject

Json = dict[str, Any]

ANSWER_S: Final = 5.0
MAX_ANSWER_BYTES: Final = 32 << 20  # the nodes of a cluster of thousands
_LARGE_BYTES: Final = 64 << 10  # parsed in a thread
_POD_FILES: Final = "/var/run/secrets/kubernetes.io/serviceaccount"
_APPLY: Final = "application/apply-patch+yaml"


class ApiUnreachable(Unavailable):
    """No answer, or none that can be believed: it is asked again later."""


class ApiRefused(FalconEyeError):
    """The API server answered no; `code` is the HTTP status, the text is the server's."""

    status = 502

    def __init__(self, code: int, detail: str) -> None:
        super().__init__(f"the Kubernetes API server refused ({code}): {detail}")
        self.code = code


@dataclass(frozen=True, slots=True)
class Access:
    """Where the API server is, its certificate authority, and who we are to it."""

    url: str
    ca_file: Path
    token_file: Path  # the kubelet renews what is in it


def access_of_pod(environment: Mapping[str, str]) -> Access | None:
    """What Kubernetes tells each of its pods; None outside of one.

    `KUBE_ACCOUNT_DIR`: where token and authority lie, for a volume that is mounted elsewhere.
    """
    host = environment.get("KUBERNETES_SERVICE_HOST", "")
    port = environment.get("KUBERNETES_SERVICE_PORT", "443")
    if not host:
        return None
    where = f"[{host}]" if ":" in host else host
    files = Path(environment.get("KUBE_ACCOUNT_DIR") or _POD_FILES)
    return Access(f"https://{where}:{port}", files / "ca.crt", files / "token")


class ApiServer:
    """Lives on the loop. Each call raises ApiRefused or ApiUnreachable, and takes 5 s at most."""

    def __init__(self, access: Access, clock: Clock) -> None:
        self._access = access
        self._clock = clock
        self._client: RESTClientObject | None = None
        self._opening = asyncio.Lock()
        self._token = ""
        self._token_until_us = 0

    async def close(self) -> None:
        """Let go of the connections; a later call makes new ones."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def get(self, path: str, query: Mapping[str, str] | None = None) -> Json:
        return await self._ask("GET", path, query)

    async def create(self, path: str, body: Json) -> Json:
        return await self._ask("POST", path, body=body)

    async def replace(self, path: str, body: Json) -> Json:
        """The body's `metadata.resourceVersion` fences it: ApiRefused 409 where another wrote."""
        return await self._ask("PUT", path, body=body)

    async def apply(self, path: str, body: Json, field_manager: str) -> Json:
        """Server-side apply; 409 where another manager owns a field and wants another value."""
        return await self._ask("PATCH", path, {"fieldManager": field_manager}, body, _APPLY)

    async def delete(self, path: str, uid: str) -> None:
        """Delete the object of this uid, and none that took its name meanwhile (409)."""
        _ = await self._ask("DELETE", path, body={"preconditions": {"uid": uid}})

    async def _ask(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Json | None = None,
        content_type: str = "application/json",
    ) -> Json:
        try:
            async with asyncio.timeout(ANSWER_S):
                client = await self._opened()
                token = await self._read_token()
                headers = {
                    "Accept": "application/json",
                    "Authorization": f"Bearer {token}",
                    "Content-Type": content_type,
                    "User-Agent": "falconeye",
                }
                url = self._access.url + path + (f"?{urlencode(query)}" if query else "")
                code, data = await _exchange(client, method, url, headers, body)
        except TimeoutError as error:
            msg = f"the Kubernetes API server did not answer within {ANSWER_S:g} s"
            raise ApiUnreachable(msg) from error
        return await self._understood(code, data)

    async def _understood(self, code: int, data: bytes) -> Json:
        if code == 401:
            self._token_until_us = 0  # it may have been renewed since it was read
        try:
            parse = json.loads
            answer = (
                await asyncio.to_thread(parse, data) if len(data) > _LARGE_BYTES else parse(data)
            )
        except (ValueError, RecursionError):  # UnicodeDecodeError is one of the former
            answer = None
        if code >= 400:
            detail = answer.get("message", "") if isinstance(answer, dict) else ""
            if code in {429, 500, 502, 503, 504}:
                msg = f"the Kubernetes API server is not able to answer ({code}): {detail}"
                raise ApiUnreachable(msg)
            raise ApiRefused(code, str(detail))
        if not isinstance(answer, dict):
            msg = "what answers is no Kubernetes API server"
            raise ApiUnreachable(msg)
        return answer

    async def _opened(self) -> "RESTClientObject":
        async with self._opening:
            if self._client is None:
                self._client = await asyncio.to_thread(_open, self._access)
            return self._client

    async def _read_token(self) -> str:
        now_us = self._clock.monotonic_us()
        if now_us >= self._token_until_us:
            try:
                text = await asyncio.to_thread(self._access.token_file.read_text, "ascii")
            except (OSError, ValueError) as error:
                msg = f"the pod's token cannot be read: {error}"
                raise ApiUnreachable(msg) from error
            self._token, self._token_until_us = text.strip(), now_us + MINUTE_US
        return self._token


def _open(access: Access) -> "RESTClientObject":
    """In a thread: loading the library takes a quarter of a second, the certificates are read."""
    from kubernetes.aio.client.configuration import Configuration  # noqa: PLC0415
    from kubernetes.aio.client.rest import RESTClientObject  # noqa: PLC0415

    # trust_env would send what is for this cluster through a proxy, and read ~/.netrc on the loop.
    configuration = Configuration(
        host=access.url,
        ssl_ca_cert=str(access.ca_file),
        client_session_kwargs={"trust_env": False},
    )
    try:
        return RESTClientObject(configuration)
    except OSError as error:  # ssl.SSLError is one
        msg = f"the certificate authority of the API server cannot be read: {error}"
        raise ApiUnreachable(msg) from error


async def _exchange(
    client: "RESTClientObject", method: str, url: str, headers: dict[str, str], body: Json | None
) -> tuple[int, bytes]:
    """Status and body; ApiUnreachable where the connection fails or the body has no end."""
    from aiohttp import ClientError  # noqa: PLC0415

    try:
        asked = client.request(method, url, headers=headers, body=body)  # type: ignore[no-untyped-call]
        answer = await asked
        response = answer.response
        parts: list[bytes] = []
        size = 0
        async with response:
            async for part in response.content.iter_chunked(1 << 16):
                parts.append(part)
                size += len(part)
                if size > MAX_ANSWER_BYTES:
                    msg = "the answer of the Kubernetes API server is too large"
                    raise ApiUnreachable(msg)
        return answer.status, b"".join(parts)
    except (ClientError, OSError) as error:
        msg = f"the Kubernetes API server cannot be reached: {error}"
        raise ApiUnreachable(msg) from error
