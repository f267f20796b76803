"""Static files: hashed addresses, one form in memory, nothing outside; vendored files unchanged."""

import hashlib
import re
from pathlib import Path

import pytest

from falconeye.web.assets import Assets, data_dir, slim


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    static = tmp_path / "static"
    (static / "vendor").mkdir(parents=True)
    (static / "app.css").write_text("body { color: black }\n" * 100)
    (static / "tiny.js").write_text("1")
    (static / "vendor" / "x.js").write_text("export const x = 1;\n" * 100)
    (static / "notes.md").write_text("not served")
    (tmp_path / "secret.txt").write_text("secret")
    return static


def test_a_hashed_address_finds_its_file(folder: Path) -> None:
    assets = Assets(folder)
    url = assets.url("vendor/x.js")
    asset, current = assets.find(url.removeprefix("/static"))
    assert current
    assert asset is not None
    assert asset.plain() == (folder / "vendor" / "x.js").read_bytes()
    assert asset.media_type == "text/javascript"


def test_an_old_or_missing_hash_finds_the_file_but_may_not_be_kept(folder: Path) -> None:
    assets = Assets(folder)
    for path in ("/app.css", f"/{'0' * 12}/app.css"):
        asset, current = assets.find(path)
        assert asset is not None
        assert not current


def test_the_hash_changes_with_any_file_and_with_nothing_else(folder: Path) -> None:
    before = Assets(folder).version
    assert Assets(folder).version == before
    (folder / "tiny.js").write_text("2")
    assert Assets(folder).version != before


@pytest.mark.parametrize(
    "path",
    ["/../secret.txt", "/vendor/../../secret.txt", "//etc/passwd", "/", "", "/notes.md",
     "/vendor", "/vendor/", "/APP.CSS", "/app.css/", "/app.css\0", "/./app.css",
     "/%2e%2e/secret.txt"],
)  # fmt: skip
def test_nothing_else_is_found(folder: Path, path: str) -> None:
    assets = Assets(folder)
    assert assets.find(path)[0] is None
    assert assets.find(f"/{assets.version}{path}")[0] is None


def test_what_compresses_is_kept_compressed_only(folder: Path) -> None:
    assets = Assets(folder)
    big, tiny = assets.find("/app.css")[0], assets.find("/tiny.js")[0]
    assert big is not None
    assert tiny is not None
    assert big.gzipped
    assert len(big.body) < 200
    assert not tiny.gzipped


def test_what_people_wrote_is_put_into_texts_as_it_is() -> None:
    """JavaScript's `replace` reads "$&" in a text, and a camera may be called so."""
    place = re.compile(r"""\.replace\((?:"\{(?:names?|place|way)\}"|`\{\$\{\w+\}\}`), (.*)""")
    found = {
        (path.name, rest)
        for path in data_dir("static").glob("*.js")
        for rest in place.findall(path.read_text())
    }
    assert len(found) >= 6
    assert {(name, rest) for name, rest in found if not rest.startswith("() =>")} == set()


def test_what_is_for_readers_of_the_source_is_not_sent() -> None:
    source = b"""// A comment,
/* and one
 * of three lines: a * b // c
 */
export const a = {

  b: 1,  // stays: beside code
  url: "http://x//y",
\tc: 4 /* stays */ / 2,
  // goes
};
"""
    assert slim(source) == (
        b'export const a = {\nb: 1,  // stays: beside code\nurl: "http://x//y",\n'
        b"c: 4 /* stays */ / 2,\n};\n"
    )


OWN = sorted([*data_dir("static").glob("*.js"), *data_dir("static").glob("*.css")])


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.name)
def test_no_text_of_ours_spans_lines(path: Path) -> None:
    """Else its blanks were taken away on the way: each template, and each line that goes on."""
    text = path.read_text()
    assert not [found for found in re.findall(r"`[^`]*`", text) if "\n" in found]
    assert "\\\n" not in text
    assert slim(slim(path.read_bytes())) == slim(path.read_bytes())
    asset = Assets(data_dir("static")).find(path.name)[0]
    assert asset is not None
    assert asset.plain() == slim(path.read_bytes())


def test_vendored_files_are_sent_as_they_were_given_out() -> None:
    assets = Assets(data_dir("static"))
    for path in (data_dir("static") / "vendor").glob("*.js"):
        asset = assets.find(f"vendor/{path.name}")[0]
        assert asset is not None
        assert asset.plain() == path.read_bytes()


def test_an_unknown_name_is_an_error_where_the_page_is_made(folder: Path) -> None:
    with pytest.raises(KeyError):
        Assets(folder).url("missing.css")


def vendored() -> list[list[str]]:
    lines = (data_dir("static") / "vendor" / "VERSIONS").read_text().splitlines()
    return [line.split(" | ") for line in lines if line and not line.startswith("#")]


def test_every_vendored_file_is_the_published_one_and_has_its_licence() -> None:
    folder = data_dir("static") / "vendor"
    for name, _, version, licence, licence_text, sha256 in vendored():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == sha256, name
        assert version[0].isdigit()
        assert licence in {"0BSD", "Apache-2.0", "MIT", "ISC", "BSD-3-Clause"}
        assert (folder / licence_text).is_file()


def test_no_vendored_script_is_left_out_of_the_list() -> None:
    folder = data_dir("static") / "vendor"
    scripts = {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.suffix in {".js", ".css", ".mjs", ".woff2"}
    }
    assert scripts == {row[0] for row in vendored()}
