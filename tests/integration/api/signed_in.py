"""People who are signed in at a served node, as their browsers are: a cookie and a CSRF token."""

import httpx

from falconeye.accounts.model import Role
from falconeye.accounts.users import Rights, User
from falconeye.base.secret import Secret
from falconeye.web.security.credentials import SESSION_COOKIE
from falconeye.web.security.csrf import CSRF_HEADER, make_csrf_token
from tests.integration.api.conftest import Served
from tests.nodes import NO_TLS

PASSWORD = "four words in a row"


async def add_person(served: Served, name: str, role: Role, **limits: object) -> User:
    """A user with `PASSWORD`."""
    rights = Rights(role, **limits)  # type: ignore[arg-type]
    return await served.services.accounts.users.add(name, Secret(PASSWORD), rights)


def browser(served: Served) -> httpx.AsyncClient:
    """One without a session; the test closes it."""
    return httpx.AsyncClient(base_url=served.url, timeout=8, trust_env=False, verify=NO_TLS)


async def sign_in(client: httpx.AsyncClient, name: str, password: str = PASSWORD) -> None:
    """By the form; the client's requests carry the token of the new session."""
    answer = await client.post("/login", data={"name": name, "password": password})
    assert answer.status_code == 303, answer.text
    carry_token(client)


def carry_token(client: httpx.AsyncClient) -> None:
    """What scripts of a page send."""
    client.headers[CSRF_HEADER] = make_csrf_token(client.cookies[SESSION_COOKIE])
