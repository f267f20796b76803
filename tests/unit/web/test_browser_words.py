"""What browsers say of themselves, as people call it."""

import pytest

from falconeye.web.browser_words import device_words

LINUX_FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36"
WINDOWS = f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {CHROME}"
SAMSUNG = CHROME.replace("Chrome", "SamsungBrowser/28.0 Chrome")
WEBKIT = "AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.0 Mobile/15E148 Safari/604.1"


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (LINUX_FIREFOX, "Firefox, Linux"),
        (WINDOWS, "Chrome, Windows"),
        (f"{WINDOWS} Edg/150.0", "Edge, Windows"),
        (f"Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) {WEBKIT}", "Safari, iPhone"),
        (f"Mozilla/5.0 (Linux; Android 15; SM-X200) {SAMSUNG}", "Samsung Internet, Android"),
        ("python-httpx/0.28", "python-httpx/0.28"),
        ("x" * 200, "x" * 40),
        ("", ""),
        ("   ", ""),
    ],
)
def test_devices_in_words(said: str, words: str) -> None:
    assert device_words(said) == words
