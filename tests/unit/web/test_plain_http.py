"""When a page says that its connection is not encrypted."""

from typing import Any

import pytest
from litestar.connection import ASGIConnection

from falconeye.web.frame import is_plain_http


@pytest.mark.parametrize(
    ("scheme", "client", "server", "is_plain"),
    [
        ("http", ("192.168.1.9", 5), ("192.168.1.5", 8900), True),
        ("http", ("127.0.0.1", 5), ("127.0.0.1", 8900), False),
        ("http", ("::ffff:127.0.0.1", 5), ("::", 8900), False),
        ("http", ("::1", 5), ("::1", 8900), False),
        ("http", ("192.168.1.5", 5), ("192.168.1.5", 8900), False),  # the machine itself
        ("http", None, None, True),
        ("http", ("192.168.1.9", 5), None, True),
        ("https", ("192.168.1.9", 5), ("192.168.1.5", 8900), False),
    ],
)
def test_where_it_crosses_a_network(
    scheme: str, client: tuple[str, int] | None, server: tuple[str, int] | None, is_plain: bool
) -> None:
    scope: Any = {"type": "http", "scheme": scheme, "client": client, "server": server}
    assert is_plain_http(ASGIConnection(scope)) is is_plain
