"""The help says what is there: each code, setting, command and word; its links lead somewhere."""

import dataclasses
import re
from html import unescape
from pathlib import Path

import jinja2
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from falconeye.cli.exit_codes import ExitCode
from falconeye.config.settings import NodeSettings
from falconeye.events.camera_state import ReasonCode
from falconeye.storage.ledger.coverage import Gap, GapReason
from falconeye.storage.stores.settings_store import StoredSettings
from falconeye.web import views
from falconeye.web.help.book import HelpBook, sections_of
from falconeye.web.help.contexts import Section
from falconeye.web.help.places import PLACES, target_of
from falconeye.web.help.searching import MAX_FOUND, MAX_QUERY, clean_query, find
from falconeye.web.help.topics import BY_KEY, TOPICS, beside
from falconeye.web.rendering import build_environment
from tests.browser.samples import FRAME
from tests.unit.cli.commands import COMMANDS

ROOT = Path(__file__).resolve().parents[3]
TEMPLATES = ROOT / "templates"
# What a page says in fewer words than its help.
SHORTER = {GapReason.RECORDING_STOPPED}


@pytest.fixture(scope="module")
def environment() -> jinja2.Environment:
    return build_environment(TEMPLATES, lambda name: f"/static/{name}")


@pytest.fixture(scope="module")
def book(environment: jinja2.Environment) -> HelpBook:
    return HelpBook(environment, TEMPLATES)


@pytest.fixture(scope="module")
def bodies(book: HelpBook) -> dict[str, str]:
    """Each topic as a page shows it, behind a proxy with a base path."""
    return {topic.key: str(book.read(topic, FRAME_BELOW)[0]) for topic in TOPICS}


FRAME_BELOW = type(FRAME)(**{  # the frame of a page below /nvr
    **{name: getattr(FRAME, name) for name in FRAME.__slots__}, "root": "/nvr",
})  # fmt: skip


def sections(bodies: dict[str, str], topic: str) -> dict[str, Section]:
    return {one.anchor: one for one in sections_of(bodies[topic])}


def exists(bodies: dict[str, str], target: str) -> bool:
    """Whether "topic" or "topic#section" is there."""
    topic, _, anchor = target.partition("#")
    return topic in bodies and (not anchor or f'id="{anchor}"' in bodies[topic])


def test_every_topic_has_its_template_and_every_template_its_topic() -> None:
    files = {path.stem for path in (TEMPLATES / "help").glob("*.html")} - {"parts"}
    assert files == set(BY_KEY)
    assert len(BY_KEY) == len(TOPICS)


def test_the_help_is_not_compiled_with_the_pages(
    environment: jinja2.Environment, book: HelpBook
) -> None:
    assert not [name for name in environment.list_templates() if name.startswith("help/")]
    for topic in TOPICS:
        book.read(topic, FRAME)
    assert book._environment.cache is not environment.cache
    assert book._environment.cache is not None
    assert len(book._environment.cache) <= 4


def test_links_lead_somewhere_below_the_base_path(bodies: dict[str, str]) -> None:
    for topic, body in bodies.items():
        for href in re.findall(r'href="([^"]*)"', body):
            assert href.startswith("/nvr/help/"), (topic, href)
            assert exists(bodies, href.removeprefix("/nvr/help/")), (topic, href)


def test_anchors_are_unique_and_sections_say_something(bodies: dict[str, str]) -> None:
    for topic, body in bodies.items():
        ids = re.findall(r'id="([^"]*)"', body)
        assert len(ids) == len(set(ids)), topic
        found = sections_of(body)
        assert found, topic
        for one in found:
            assert one.title, (topic, one.anchor)
            assert len(one.text) > 20, (topic, one.anchor)


def test_every_reason_of_a_state_is_told_of(bodies: dict[str, str]) -> None:
    told = set(sections(bodies, "states")) - {"chips"}
    assert told == {code.value for code in ReasonCode}


def test_every_reason_of_a_gap_is_told_of_by_the_words_of_the_pages(
    bodies: dict[str, str],
) -> None:
    found = sections(bodies, "gaps")
    assert set(found) - {"ledger", "untold"} == {reason.value for reason in GapReason}
    for reason in set(GapReason) - SHORTER:
        words = views.gap_words(Gap(0, 0, reason))
        title = found[reason.value].title.removeprefix("…because ")
        assert words.startswith(title), reason


def test_every_setting_has_words(bodies: dict[str, str]) -> None:
    of_node = [field.name for field in dataclasses.fields(NodeSettings)]
    for name in (*of_node, *StoredSettings.model_fields):
        assert f'id="setting-{name}"' in bodies["settings"]
    assert "`" not in bodies["settings"]


def test_every_command_is_told_of_and_no_other(bodies: dict[str, str]) -> None:
    listed = sections_of(bodies["commands"])[1]
    codes = re.findall(r"<code>([a-z -]+?)(?: [A-Z].*?)?</code>", bodies["commands"])
    told = {code for code in codes if not code.startswith(("falconeye", "sudo", "-"))}
    assert listed.anchor == "commands"
    assert told == set(COMMANDS)


def test_every_exit_code_is_told_of(bodies: dict[str, str]) -> None:
    told = re.findall(r"<dt><code>(\d+)</code></dt>", bodies["commands"])
    assert told == [str(code.value) for code in ExitCode]


def test_the_words_of_the_pages_are_explained(bodies: dict[str, str]) -> None:
    glossary = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    shown = re.findall(r"^\| \*\*.+?\*\* \| .+? \| (.+?) \|$", glossary, re.MULTILINE)
    text = " ".join(f"{one.title} {one.text}" for one in sections_of(bodies["words"])).casefold()
    words = [word for word in shown if word not in {"–", "never shown"}]
    assert len(words) > 20
    for word in words:
        first = re.split(r"…|/|,", word.strip('"“”').casefold())[0].strip()
        assert first in text, word


def test_nothing_is_called_by_our_own_words(bodies: dict[str, str]) -> None:
    for topic, body in bodies.items():
        text = unescape(re.sub(r"<[^>]+>", " ", body)).casefold()
        for word in ("segment", "fragment", "gop", "init segment", "tombstone", "quorum"):
            assert not re.search(rf"\b{word}s?\b", text), (topic, word)


def test_pages_lead_to_help_that_exists(bodies: dict[str, str]) -> None:
    for target in PLACES.values():
        assert not target or exists(bodies, target), target
    for path in TEMPLATES.rglob("*.html"):
        for target in re.findall(r'help_link\([\w.]+, "([^"]+)"', path.read_text("utf-8")):
            whole = (
                [f"{target}{code.value}" for code in (*ReasonCode,)]
                if (target == "states#")
                else [f"{target}{code}" for code in ("untold", *GapReason)]
                if (target == "gaps#")
                else [target]
            )
            assert all(exists(bodies, one) for one in whole), (path.name, target)


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/", "/live#wall"),
        ("/cameras/0b1c/footage", "/footage"),
        ("/cameras/add", "/adding"),
        ("/cameras/found/usb-1/add", "/adding#found"),
        ("/cameras/found/import", "/adding#import"),
        ("/cameras/0b1c", "/live#camera"),
        ("/settings/backup/look", "/backup"),
        ("/nodes/0b1c/remove", "/nodes"),
        ("/help/gaps", ""),
        ("/settingsandmore", ""),
        ("/nothing/of/ours", ""),
    ],
)
def test_each_page_has_its_help(path: str, target: str) -> None:
    assert target_of(path) == target


def test_the_topics_are_a_chain() -> None:
    walked, topic = [TOPICS[0]], beside(TOPICS[0])[1]
    while topic is not None:
        assert beside(topic)[0] is walked[-1]
        walked.append(topic)
        topic = beside(topic)[1]
    assert tuple(walked) == TOPICS


@pytest.mark.parametrize(
    ("query", "topic", "anchor"),
    [
        ("disk full", "storage", "full"),
        ("forgotten password", "people", "forgotten"),
        ("FORGOTTEN   Passwörd", "people", "forgotten"),
        ("the disk was too slow", "gaps", "disk_too_slow"),
        ("stolen", "nodes", "remove"),
        ("vlc", "programs", "vlc"),
        ("keep_days", "settings", "of-the-site"),
        ("keyboard", "keys", ""),
    ],
)
def test_what_is_searched_for_is_found_first(
    book: HelpBook, query: str, topic: str, anchor: str
) -> None:
    found = find(book.index(FRAME), query)
    assert (topic, anchor) in [(one.topic.key, one.anchor) for one in found[:3]]


def test_what_is_not_there_is_not_found(book: HelpBook) -> None:
    assert find(book.index(FRAME), "xylophone") == ()
    assert find(book.index(FRAME), "disk xylophone") == ()
    assert find(book.index(FRAME), " \t\n") == ()


@given(st.text(max_size=2000))
@example("a" * 5000)
@example("disk " * 50)
def test_any_query_is_bounded(query: str) -> None:
    cleaned = clean_query(query)
    assert len(cleaned) <= MAX_QUERY
    assert "\n" not in cleaned


@given(st.text(alphabet="adeik .*[]()\\%_\x00ß", max_size=300))
def test_any_query_is_answered(book: HelpBook, query: str) -> None:
    found = find(book.index(FRAME), query)
    assert len(found) <= MAX_FOUND
    assert len({(one.topic.key, one.anchor) for one in found}) == len(found)


# Words in quotation marks that are no words of a page.
QUOTED_ELSEWHERE = {
    "Authorization: Bearer TOKEN",
    "Generic Camera",
    "H.264+",
    "smart codec",
    "It is Garage",  # a page says it with the camera's name
    "Was overwritten by…",
}


def test_what_the_help_quotes_stands_on_a_page() -> None:
    pages = [path for path in TEMPLATES.rglob("*.html") if path.parent.name != "help"]
    code = [path for path in (ROOT / "falconeye" / "web").rglob("*.py") if "help" not in path.parts]
    shown = "".join(path.read_text("utf-8") for path in (*pages, *code))
    for path in (TEMPLATES / "help").glob("*.html"):
        for quoted in re.findall(r"“([^”]+)”", path.read_text("utf-8")):
            assert quoted in QUOTED_ELSEWHERE or quoted.rstrip("….") in shown, (path.name, quoted)
