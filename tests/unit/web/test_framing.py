"""Which sites may show a page in a frame: what an origin is, and what the policy says then."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from falconeye.config.origins import origin
from falconeye.storage.stores.settings_store import StoredSettings
from falconeye.web.headers import content_security_policy


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("https://home.example:8123", "https://home.example:8123"),
        (" HTTPS://Home.Example/ ", "https://home.example"),
        ("http://192.168.1.5:8123", "http://192.168.1.5:8123"),
        ("http://[fd00::2]:8123", "http://[fd00::2]:8123"),
        ("https://xn--tr-xka.example", "https://xn--tr-xka.example"),
    ],
)
def test_an_origin_in_one_spelling(text: str, kept: str) -> None:
    assert origin(text) == kept


@given(st.text())
def test_no_origin_says_more_than_one_site(text: str) -> None:
    try:
        kept = origin(f"https://{text}")
    except ValueError:
        return
    assert kept.isascii()
    assert not set(kept) & set(" ;,'\"*\r\n\t@?#\\")
    assert kept.count("/") == 2


def test_each_site_counts_once() -> None:
    settings = StoredSettings(frame_ancestors=("https://b", "https://a/", "https://b"))
    assert settings.frame_ancestors == ("https://b", "https://a")


def test_nobody_may_unless_an_admin_said_so() -> None:
    assert StoredSettings().frame_ancestors == ()
    assert "; frame-ancestors 'none'; " in content_security_policy()
    allowed = content_security_policy(("https://a", "http://b:8123"))
    assert "; frame-ancestors https://a http://b:8123; " in allowed
    assert allowed.replace("https://a http://b:8123", "'none'") == content_security_policy()
