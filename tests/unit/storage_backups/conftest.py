"""Keys that cost little: what a passphrase costs to guess is one test's matter."""

import pytest

from falconeye.storage.backups import sealed_file


@pytest.fixture(autouse=True)
def cheap_keys(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "full_cost" not in request.fixturenames:
        monkeypatch.setattr(sealed_file, "_LOG2_N", 10)  # the least that a file may ask for
        monkeypatch.setattr(sealed_file, "_P", 1)


@pytest.fixture
def full_cost() -> None:
    """Keys cost what they cost in the product."""
