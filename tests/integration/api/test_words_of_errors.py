"""Pages about errors are in the language of who looks; the API's English stays."""

import pytest

from tests.integration.api.conftest import Served

pytestmark = pytest.mark.timeout(30)
FRENCH = {"accept-language": "fr"}


async def test_a_page_about_an_error_is_in_the_language_of_who_looks(served: Served) -> None:
    page = await served.viewer.get("/nothing-here", headers=FRENCH | {"accept": "text/html"})
    assert (page.status_code, page.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "<h1>Introuvable</h1>" in page.text
    told = await served.viewer.get("/api/nothing-here", headers=FRENCH)
    assert told.json() == {"detail": "there is nothing at this address"}
