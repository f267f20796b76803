"""What pages say and compute, without a browser: catalogue, languages, times, sizes, walls."""

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.pofile import read_po
from hypothesis import given
from hypothesis import strategies as st

from falconeye.base.errors import InvalidInput
from falconeye.base.secret import Secret
from falconeye.config.camera import CameraConfig, Protocol
from falconeye.web import i18n, wall_views
from falconeye.web.contexts import DiskRoom
from falconeye.web.pages import camera_input
from falconeye.web.pages.about import PARTS
from falconeye.web.pages.camera_trial import holds_days
from falconeye.web.pages.recordings import group
from falconeye.web.rendering import build_environment, render
from falconeye.web.said import CONTEXT
from falconeye.web.wall_views import Chosen, wall_page
from tests.browser.layout_probes import served_pages
from tests.browser.samples import FRAME, camera, rows

ROOT = Path(__file__).resolve().parents[2]
CONFIG = CameraConfig(
    id="1",
    name="Yard",
    protocol=Protocol.RTSP,
    source_url="rtsp://10.0.0.9/1",
    created_at_us=0,
    updated_at_us=0,
    username="anna",
    password=Secret("kept"),
)


@pytest.mark.parametrize("context", [None, CONTEXT])
def test_the_catalogue_holds_every_text(context: str | None) -> None:
    """Run `make translations` when this fails: new texts want German and French words."""
    with (ROOT / "falconeye" / "locale" / "babel.cfg").open(encoding="utf-8") as file:
        methods, options = parse_mapping_cfg(file)  # type: ignore[no-untyped-call]
    web = "python" if context is None else "tests.said_texts:raised_in_web"
    only = {  # what is said, or the rest: each half of the work is done by one of the two
        "tests.said_texts:of_web": web,
        "tests.said_texts:below_web": "ignore" if context is None else "tests.said_texts:below_web",
        "jinja2": "jinja2" if context is None else "ignore",
    }
    methods = [(pattern, only.get(method, method)) for pattern, method in methods]
    words = {**DEFAULT_KEYWORDS, "gettext": None}
    found = {
        (text if isinstance(text, str) else text[0], of)
        for _file, _line, text, _comments, of in extract_from_dir(
            str(ROOT), methods, options, words
        )
    }
    with (ROOT / "falconeye" / "locale" / "falconeye.pot").open("rb") as file:
        known = {
            (message.id if isinstance(message.id, str) else message.id[0], message.context)
            for message in read_po(file)
            if message.id
        }
    is_half = [one for one in known if (one[1] == CONTEXT) == (context == CONTEXT)]
    assert {one for one in found if (one[1] == CONTEXT) == (context == CONTEXT)} == set(is_half)


def test_the_licences_name_every_requirement() -> None:
    project = (ROOT / "pyproject.toml").read_text().partition("dependencies = [")[2]
    named = {
        line.strip().strip('"').split(">")[0].split("[")[0]
        for line in project.partition("\n]")[0].splitlines()
        if line.strip()
    }
    assert named == set(PARTS)


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("de-DE,de;q=0.9,en;q=0.5", "de"),
        ("fr, en;q=0.5", "en"),
        ("de;q=0, en", "en"),
        ("en;q=0.4, de;q=0.9", "de"),
        ("en; q=0.4, de ; q=0.9", "de"),
        (";;q=x,,", "en"),
        ("", "en"),
    ],
)
def test_the_language_follows_the_browser(header: str, language: str) -> None:
    assert i18n.choose_language(header, ("de", "en")) == language


@given(st.floats(min_value=0, max_value=1e18))
def test_sizes_stay_short(size_bytes: float) -> None:
    text = i18n.size_text(size_bytes)
    assert len(text.split()[0]) <= 6
    assert text.split()[1] in {"B", "kB", "MB", "GB", "TB", "PB"}


def test_sizes_and_durations_in_words() -> None:
    assert i18n.size_text(43_200_000_000) == "43 GB"
    assert i18n.size_text(999_600_000) == "1.0 GB"
    assert i18n.rate_text(4_100_000) == "4.1 Mb/s"
    assert i18n.duration_text(3_723_000_000) == "1:02:03"
    assert (
        i18n.duration_text(int(timedelta(days=2, hours=2, minutes=5) / timedelta(microseconds=1)))
        == "2 d 2:05"
    )


@given(st.integers(0, 70), st.sampled_from([*wall_views.LAYOUTS, "7", ""]))
def test_every_camera_is_on_one_page_of_the_wall(count: int, layout: str) -> None:
    one = camera()
    cameras = [replace(one, config=replace(one.config, id=str(n))) for n in range(count)]
    pages = wall_page(cameras, Chosen(layout)).pages
    shown = [
        tile.id
        for number in range(pages)
        for tile in wall_page(cameras, Chosen(layout, number + 1)).tiles
    ]
    assert shown == [str(n) for n in range(count)]
    assert 1 <= wall_page(cameras, Chosen(layout, 99)).columns <= wall_views.MAX_COLUMNS


def test_a_day_is_that_of_the_site() -> None:
    late = tuple(rows(30))
    groups = group(late, ZoneInfo("Asia/Tokyo"))
    days = [i18n.local(one.day_us, ZoneInfo("Asia/Tokyo")).date() for one in groups]
    assert len(days) == len(set(days))
    assert sum(len(one.rows) for one in groups) == 30
    assert FRAME.zone != ZoneInfo("Asia/Tokyo")


def test_the_disk_holds_what_all_cameras_leave_room_for() -> None:
    disk = DiskRoom(
        total_bytes=500, free_bytes=100, floor_bytes=50, footage_bytes=350, other_bytes_per_day=10
    )
    assert holds_days(disk, 30) == 10


def test_an_empty_password_keeps_the_stored_one() -> None:
    form = camera_input.stored(CONFIG)
    assert form.password_stored
    assert camera_input.changes(form, "", CONFIG) == {}
    assert camera_input.changes(form, "new", CONFIG) == {"password": Secret("new")}


def test_secrets_in_an_address_are_hidden_and_survive_an_edit() -> None:
    hidden = replace(CONFIG, source_url="rtsp://10.0.0.9/1?token=abc")
    form = camera_input.stored(hidden)
    assert "abc" not in form.source_url
    assert camera_input.changes(form, "", hidden) == {}


@pytest.mark.parametrize("url", ["ftp://x", "", "javascript:alert(1)", "file:/etc/passwd"])
def test_other_addresses_are_refused_at_their_field(url: str) -> None:
    form = camera_input.typed(
        {"name": "a", "source_url": url, "transport": "auto", "record": "off"}
    )
    with pytest.raises(InvalidInput) as caught:
        camera_input.new_camera(form, "", may_be_local=True)
    assert caught.value.field == "source_url"


@pytest.mark.parametrize("language", ["de", "fr"])
def test_every_page_is_made_in_every_language(language: str) -> None:
    """A language with other forms of number refuses to count by a name, which English does not."""
    environment = build_environment(ROOT / "templates", str)
    for path, page in served_pages(language).items():
        assert f'lang="{language}"' in render(environment, *page), path


def test_the_first_value_of_a_text_that_counts_is_what_it_counts() -> None:
    """Jinja chooses the form of number by it."""
    counting = re.compile(
        r"{% trans (?:trimmed )?(\w+)=[^%]*%}(?:(?!endtrans).)*?{% plural", re.DOTALL
    )
    names = {
        name
        for path in (ROOT / "templates").rglob("*.html")
        for name in counting.findall(path.read_text())
    }
    assert names <= {"count", "seconds"}
