"""What a person says of the reverse proxy in front of a node."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from falconeye.base.errors import InvalidInput
from falconeye.config.loading import load_settings
from falconeye.config.reverse_proxy import base_path, is_base_path, trusted_proxies


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("", ""), ("/", ""), ("/falconeye", "/falconeye"), (" /falconeye/ ", "/falconeye"),
        ("/house/falcon-eye_1.0~", "/house/falcon-eye_1.0~"), ("/.well", "/.well"),
    ],
)  # fmt: skip
def test_a_base_path_has_no_slash_at_its_end(text: str, path: str) -> None:
    assert base_path(text) == path
    assert is_base_path(path)


@pytest.mark.parametrize(
    "text",
    [
        "falconeye", "//falconeye", "/a//b", "/a/../b", "/..", "/.", "/a b", "/a%20b", "/a?b",
        "/a#b", "/ä", "/a\\b", '/a"b', "/a\r\nb", "/a;b", "http://x/a", "/" + "a" * 128, None, 1,
    ],
)  # fmt: skip
def test_what_is_no_base_path_is_refused(text: object) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the words are for people
        base_path(text)


@given(st.text())
def test_any_base_path_is_one_place_of_this_site(text: str) -> None:
    try:
        path = base_path(text)
    except ValueError:
        return
    assert path == "" or (path[0] == "/" and path[1] not in "/\\")
    assert path.isascii()
    assert not set(path) & set("\"'<>;?#% \r\n\t")


@pytest.mark.parametrize(
    ("given_", "networks"),
    [
        ("127.0.0.1", ("127.0.0.1/32",)),
        ("127.0.0.1, ::1", ("127.0.0.1/32", "::1/128")),
        (["10.1.0.0/16", "fd00::/64 10.1.0.0/16"], ("10.1.0.0/16", "fd00::/64")),
        ("", ()),
    ],
)
def test_networks_of_proxies(given_: object, networks: tuple[str, ...]) -> None:
    assert trusted_proxies(given_) == networks


@pytest.mark.parametrize(
    "given_",
    ["0.0.0.0/0", "::/0", "10.0.0.1/8", "proxy.lan", "10.0.0.0/33", "10.0.0.1:80", 5, [5], None,
     [f"10.0.0.{number}" for number in range(65)]],
)  # fmt: skip
def test_what_is_no_network_or_everybody_is_refused(given_: object) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the words are for people
        trusted_proxies(given_)


def test_flags_and_variables(tmp_path: Path) -> None:
    flags = {"data_dir": tmp_path, "trusted_proxy": ["127.0.0.1", "::1"], "base_path": "/eye/"}
    settings = load_settings(flags, {}).settings
    assert (settings.trusted_proxy, settings.base_path) == (("127.0.0.1/32", "::1/128"), "/eye")
    variables = {"FALCONEYE_TRUSTED_PROXY": "10.0.0.2,10.0.0.3", "FALCONEYE_BASE_PATH": "/eye"}
    settings = load_settings({"data_dir": tmp_path}, variables).settings
    assert settings.trusted_proxy == ("10.0.0.2/32", "10.0.0.3/32")
    with pytest.raises(InvalidInput, match=r"FALCONEYE_TRUSTED_PROXY: .*is everybody"):
        load_settings({"data_dir": tmp_path}, {"FALCONEYE_TRUSTED_PROXY": "0.0.0.0/0"})
    with pytest.raises(InvalidInput, match=r"--base-path: .*it must be a path such as"):
        load_settings({"data_dir": tmp_path, "base_path": "eye"}, {})
