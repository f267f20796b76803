"""Which place wins, what is refused and in what words."""

import errno
import os
from dataclasses import fields
from pathlib import Path

import pytest

from falconeye.base.errors import InvalidInput
from falconeye.config.default_directories import default_data_dir
from falconeye.config.loading import PATHS, SETTINGS, load_settings
from falconeye.config.settings import NodeSettings


def test_every_field_of_the_settings_can_be_set_and_nothing_else() -> None:
    assert list(SETTINGS) == [field.name for field in fields(NodeSettings)]
    assert {field.name for field in fields(NodeSettings) if "Path" in str(field.type)} == PATHS


def test_flags_win_over_environment_over_file_over_defaults(tmp_path: Path) -> None:
    file = tmp_path / "falconeye.toml"
    file.write_text('port = 1001\nhost = "::"\nsegment_s = 30\n')
    loaded = load_settings(
        {"data_dir": tmp_path, "port": 1003},
        {"FALCONEYE_PORT": "1002", "FALCONEYE_HOST": "0.0.0.0"},  # noqa: S104 - the value under test
    )
    assert loaded.settings.port == 1003
    assert loaded.settings.host == "0.0.0.0"  # noqa: S104
    assert loaded.settings.segment_s == 30
    assert loaded.settings.sync_interval_s == 2.0
    assert loaded.file == file
    assert {name: loaded.origins[name] for name in ("port", "host", "segment_s", "demo")} == {
        "port": "--port", "host": "FALCONEYE_HOST", "segment_s": str(file), "demo": "default",
    }  # fmt: skip


def test_the_directory_of_another_user_is_refused_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exists(path: Path) -> bool:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr(Path, "exists", exists)
    with pytest.raises(InvalidInput, match=f"cannot look into {tmp_path}: Permission denied"):
        load_settings({"data_dir": tmp_path}, {})


def test_media_lie_below_the_data_unless_said_otherwise(tmp_path: Path) -> None:
    assert load_settings({"data_dir": tmp_path}, {}).settings.media_dir == tmp_path / "media"
    other = load_settings({"data_dir": tmp_path}, {"FALCONEYE_MEDIA_DIR": "/srv/video"})
    assert other.settings.media_dir == Path("/srv/video")


def test_relative_paths_of_a_file_begin_at_the_file(tmp_path: Path) -> None:
    file = tmp_path / "etc" / "node.toml"
    file.parent.mkdir()
    file.write_text('data_dir = "../data"\n')
    loaded = load_settings({}, {"FALCONEYE_CONFIG": str(file)})
    assert loaded.settings.data_dir == tmp_path / "etc" / "../data"
    assert loaded.settings.media_dir == tmp_path / "etc" / "../data" / "media"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("FALCONEYE_PORT", "tcp://10.43.0.1:8900"),
        ("FALCONEYE_PROT", "8901"),
        ("FALCONEYE_ADMIN_PASSWORD", "hunter2"),
    ],
)
def test_what_is_ignored_is_said(tmp_path: Path, variable: str, value: str) -> None:
    loaded = load_settings({"data_dir": tmp_path}, {variable: value})
    assert loaded.settings.port == 8900
    [notice] = loaded.notices
    assert variable in notice
    assert "hunter2" not in notice


def test_what_kubernetes_injects_beside_the_port_is_no_notice(tmp_path: Path) -> None:
    environment = {
        "FALCONEYE_SERVICE_HOST": "10.43.0.1",
        "FALCONEYE_SERVICE_PORT": "8900",
        "FALCONEYE_PORT_8900_TCP_PROTO": "tcp",
        "FALCONEYE_DEMO": "",
    }
    assert load_settings({"data_dir": tmp_path}, environment).notices == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("port = 70000", ["port = 70000", "0 for any free port"]),
        ("port = true", ["port = True", "whole number"]),
        ('port = "http"', ["whole number"]),
        ("demo = 3", ["true or false"]),
        ('log_level = "loud"', ["log_level", '"debug", "info"']),
        ('host = "http://0.0.0.0"', ["without scheme"]),
        ('memory_budget_bytes = "1 kB"', ["at least 16 MB"]),
        ("sync_interval_s = nan", ["0.1 to 60"]),
        ("data_dir = 3", ["a directory"]),
        ("prot = 8901", ["unknown key 'prot'", "did you mean 'port'", "log_format"]),
        ("port = ", ["not valid TOML"]),
        ("port = \0", ["not valid TOML"]),
        ("port = " + "9" * 5000, ["not valid TOML"]),
        ("port = " + "[" * 100_000, ["nested too deep"]),
        ("port = " + "{a = " * 100_000, ["nested too deep"]),
        ("[server]\nport = 1", ["unknown key 'server'"]),
    ],
)
def test_a_bad_file_names_file_key_and_what_is_allowed(
    tmp_path: Path, text: str, words: list[str]
) -> None:
    file = tmp_path / "node.toml"
    file.write_text(text)
    with pytest.raises(InvalidInput) as caught:
        load_settings({}, {}, file)
    for word in [str(file), *words]:
        assert word in str(caught.value)


def test_a_bad_variable_names_the_variable(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"FALCONEYE_SEGMENT_S.*5 to 600"):
        load_settings({"data_dir": tmp_path}, {"FALCONEYE_SEGMENT_S": "one"})


def test_a_named_file_must_exist_and_may_not_be_binary(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"cannot read the settings file .*No such file"):
        load_settings({}, {}, tmp_path / "missing.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InvalidInput, match="not valid TOML"):
        load_settings({}, {}, tmp_path / "binary.toml")


def test_a_file_in_the_data_directory_cannot_move_it(tmp_path: Path) -> None:
    (tmp_path / "falconeye.toml").write_text('data_dir = "/elsewhere"\n')
    with pytest.raises(InvalidInput, match="data_dir cannot be set"):
        load_settings({"data_dir": tmp_path}, {})


def test_sizes_are_bytes_or_texts(tmp_path: Path) -> None:
    environment = {"FALCONEYE_FREE_FLOOR_BYTES": "10 GB", "FALCONEYE_MEMORY_BUDGET_BYTES": "64MiB"}
    settings = load_settings({"data_dir": tmp_path}, environment).settings
    assert settings.free_floor_bytes == 10_000_000_000
    assert settings.memory_budget_bytes == 64 * 1024 * 1024


def test_the_default_data_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setenv("HOME", "/home/eve")
    assert default_data_dir({"STATE_DIRECTORY": "/var/lib/a:/var/lib/b"})[0] == Path("/var/lib/a")
    assert default_data_dir({"XDG_DATA_HOME": "/data"})[0] == Path("/data/falconeye")
    at_home = Path("/home/eve/.local/share/falconeye")
    assert default_data_dir({"XDG_DATA_HOME": "not/absolute"})[0] == at_home
    assert default_data_dir({})[0] == at_home
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert default_data_dir({})[0] == Path("/var/lib/falconeye")


def test_a_home_that_nobody_has_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidInput, match=r"--media-dir: media_dir = .* must be a directory"):
        load_settings({"data_dir": tmp_path, "media_dir": Path("~nobody-of-that-name/video")}, {})

    def home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setattr(Path, "home", home)
    with pytest.raises(InvalidInput, match="give --data-dir"):
        load_settings({}, {})


@pytest.mark.parametrize("root", [".", "data", "data/media/imports", "link"])
def test_the_import_root_shares_nothing_with_the_nodes_own_files(tmp_path: Path, root: str) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(
        InvalidInput, match=r"--import-root: the import directory .* apart"
    ) as refused:
        load_settings({"data_dir": tmp_path / "data", "import_root": tmp_path / root}, {})
    assert refused.value.field == "import_root"


def test_an_import_root_beside_the_nodes_own_files(tmp_path: Path) -> None:
    flags = {"data_dir": tmp_path / "data", "import_root": tmp_path / "database"}
    assert load_settings(flags, {}).settings.import_root == tmp_path / "database"


@pytest.mark.parametrize(
    ("flags", "environment", "tls"),
    [
        ({}, {}, "off"),
        ({"tls": "auto"}, {}, "auto"),
        ({"tls_cert": "a.crt", "tls_key": "a.key"}, {}, "files"),
        ({}, {"FALCONEYE_TLS_CERT": "a.crt", "FALCONEYE_TLS_KEY": "a.key"}, "files"),
        ({"tls": "off"}, {"FALCONEYE_TLS_CERT": "a.crt", "FALCONEYE_TLS_KEY": "a.key"}, "off"),
    ],
)
def test_a_certificate_and_its_key_mean_files(
    tmp_path: Path, flags: dict[str, str], environment: dict[str, str], tls: str
) -> None:
    loaded = load_settings({"data_dir": tmp_path, **flags}, environment)
    assert loaded.settings.tls == tls
    assert loaded.settings.scheme == ("http" if tls == "off" else "https")


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"FALCONEYE_TLS_CERT": "a.crt"}, "FALCONEYE_TLS_CERT.*give the key"),
        ({"FALCONEYE_TLS_KEY": "a.key"}, "FALCONEYE_TLS_KEY.*give the certificate"),
        ({"FALCONEYE_TLS": "files"}, "FALCONEYE_TLS.*needs a certificate"),
        ({"FALCONEYE_TLS": "auto", "FALCONEYE_TLS_CERT": "a.crt"}, "does without the file that"),
        ({"FALCONEYE_TLS": "on"}, "FALCONEYE_TLS.*must be"),
        ({"FALCONEYE_TLS_NAMES": "a b"}, "FALCONEYE_TLS_NAMES.*'a b' is neither"),
    ],
)
def test_half_a_setting_of_tls_is_refused(
    tmp_path: Path, environment: dict[str, str], words: str
) -> None:
    with pytest.raises(InvalidInput, match=words):
        load_settings({"data_dir": tmp_path}, environment)
