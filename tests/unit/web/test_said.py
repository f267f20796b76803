"""What is said below the web layer, in the language of a page."""

import ast
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from falconeye.web import i18n
from falconeye.web.said import CONTEXT, MAX_LENGTH, MAX_LOOKUPS, said
from tests.said_texts import is_said, templates

LANGUAGES = ("de", "fr")
SOURCES = [source for source, _ in i18n.texts_of("de", CONTEXT)]


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    before = i18n.current_language.set("de")
    yield
    i18n.current_language.reset(before)


@pytest.mark.parametrize(
    ("english", "german"),
    [
        ("there is no such camera", "diese Kamera gibt es nicht"),
        ("no answer from 10.0.0.9", "keine Antwort von 10.0.0.9"),
        # As a sentence, made here or on another node.
        ("There is no such camera.", "Diese Kamera gibt es nicht."),
        ("No answer from 10.0.0.9.", "Keine Antwort von 10.0.0.9."),
        # A value that is such a text itself.
        (
            "the connection to 10.0.0.9 failed: the connection broke",
            "die Verbindung zu 10.0.0.9 ist gescheitert: die Verbindung brach ab",
        ),
        # One value beside another, one of which is empty.
        ("25:00 is no time such as 08:00-17:30", "25:00 ist keine Zeit wie 08:00-17:30"),
        # Joined below: what is not known stays as it was.
        ("Yard: the disk does not answer", "Yard: die Platte antwortet nicht"),
        ("quarx; it is over already", "quarx; er ist schon beendet"),
        ("3 files cannot be read", "3 Dateien nicht lesbar"),
        # Of one word with a value: that is a number or such a text itself.
        ("now throttled", "jetzt gedrosselt"),
        ("now too little voltage, throttled", "jetzt zu wenig Spannung, gedrosselt"),
        ("now quarx", "now quarx"),
        # Single words that are values.
        ("the camera is not running: stopped", "die Kamera läuft nicht: gestoppt"),
        ("the camera has no event service", "die Kamera hat keinen Dienst Ereignisse"),
        ("it has the same name as “Yard”", "sie hat denselben Namen wie „Yard“"),
        ("", ""),
        ("Front camera", "Front camera"),
        ("Die Kamera „{path}“ gibt es: nicht", "Die Kamera „{path}“ gibt es: nicht"),
    ],
)
def test_a_text_is_said_in_the_language_of_the_page(english: str, german: str) -> None:
    assert said(english) == german


def test_a_value_is_put_back_as_it_came() -> None:
    name = "{0} <b>„x“</b> {1} %(name)s"
    assert said(f"the camera “{name}” already has this address") == (
        f"die Kamera „{name}“ hat diese Adresse schon"
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_with_values_in_it_is_found_again(language: str) -> None:
    i18n.current_language.set(language)
    told = dict(i18n.texts_of(language, CONTEXT))
    lost = []
    for source in SOURCES:
        text, expected = source, told[source]
        for number in range(4):
            text = text.replace(f"{{{number}}}", f"{number}7")
            expected = expected.replace(f"{{{number}}}", f"{number}7")
        if said(text) != expected:
            lost.append((source, said(text)))
    assert lost == []


@given(st.text(max_size=300))
def test_english_is_as_it_is(text: str) -> None:
    i18n.current_language.set("en")
    assert said(text) == text


@given(
    st.sampled_from(LANGUAGES),
    st.lists(st.one_of(st.sampled_from(SOURCES), st.text(max_size=40)), max_size=12),
    st.sampled_from(("", " ", ": ", "; ", ", ", "{0}")),
)
def test_whatever_is_said_is_answered(language: str, parts: list[str], joint: str) -> None:
    i18n.current_language.set(language)
    text = joint.join(parts)
    assert said(text) or not text


@given(st.text(alphabet="qxyzQ:;, 01", max_size=400))
def test_what_fits_nothing_stays(text: str) -> None:
    assert said(text) == text


@pytest.mark.parametrize("piece", ["the ", ": ", "; ", ", ", "a: b; ", " is ", "{0}", "\u2029"])
def test_long_texts_have_a_bound(piece: str) -> None:
    """Each is looked up so often at most, and not at all beyond a length."""
    assert MAX_LOOKUPS <= 64
    for size in (MAX_LENGTH, MAX_LENGTH * 50):
        text = (piece * size)[:size]
        assert said(text) == text


def test_a_text_of_code_becomes_its_templates() -> None:
    def of(code: str) -> list[str]:
        return list(templates(ast.parse(code, mode="eval").body))

    assert of("f'no answer from {host} within {after:.0f} s'") == [
        "no answer from {0} within {1} s"
    ]
    assert of('f\'it {"is" if one else "are"} gone: {why}\'') == [
        "it is gone: {0}",
        "it are gone: {0}",
    ]
    assert of("'half ' + 'a text' + rest") == ["half a text{0}"]


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("there is no such camera", True),
        ("{0} is full", True),
        ("SELECT id FROM camera", False),
        ("[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", False),
        ("utf-8", False),
    ],
)
def test_what_is_for_programs_is_no_text(text: str, is_one: bool) -> None:
    assert is_said(text) is is_one
