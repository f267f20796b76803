"""A running site for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.web_security.routes import ROUTES
from tests.integration.web_security.site import Site, running_site


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    """With the routes of `routes.py` beside its own."""
    async with running_site(tmp_path, list(ROUTES)) as started:
        yield started
