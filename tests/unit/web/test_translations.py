"""The translations are whole: every text, each with its values, tags and forms, and compiled."""

import gettext
import re
from contextvars import copy_context
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po

from falconeye.web import i18n
from falconeye.web.languages import NAMES
from falconeye.web.rendering import build_environment, render
from tests.browser.samples import pages

ROOT = Path(__file__).parents[3]
LOCALE = ROOT / "falconeye" / "locale"
LANGUAGES = sorted(path.parent.parent.name for path in LOCALE.glob("*/LC_MESSAGES/*.po"))
# What a translation has as often as its source: values, tags, entities, what is typed as it is.
KEPT = re.compile(r"%\(\w+\)[a-z]|%%|\{[^{}]*\}|</?\w[^>]*>|`[^`]*`|&\w+;")
CODE = re.compile(r"<code>(.*?)</code>|<kbd>(.*?)</kbd>")
ENDS = ".?!:…"


@cache
def written(language: str) -> Catalog:
    with (LOCALE / language / "LC_MESSAGES" / "falconeye.po").open("rb") as file:
        return read_po(file, locale=language)


@cache
def sources() -> Catalog:
    with (LOCALE / "falconeye.pot").open("rb") as file:
        return read_po(file)


def texts(catalog: Catalog) -> dict[tuple[object, str | None], Message]:
    return {(message.id, message.context): message for message in catalog if message.id}


def forms(value: object) -> tuple[str, ...]:
    return value if isinstance(value, tuple) else (str(value),)


def pairs(language: str) -> list[tuple[str, str]]:
    """Each text with its translation; of forms of number each with its own."""
    return [
        (source, text)
        for message in texts(written(language)).values()
        for source, text in zip(forms(message.id), forms(message.string), strict=True)
    ]


def test_there_are_as_many_languages_as_are_offered() -> None:
    assert {*LANGUAGES, "en"} == set(NAMES) == set(i18n.available_languages())
    assert len(NAMES) >= 3


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_is_translated_and_no_other(language: str) -> None:
    found = texts(written(language))
    assert found.keys() == texts(sources()).keys()
    assert [key for key, message in found.items() if message.fuzzy] == []
    assert [source for source, text in pairs(language) if not text.strip()] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_values_tags_and_code_stay_as_they_are(language: str) -> None:
    wrong = [
        (source, text)
        for source, text in pairs(language)
        if sorted(KEPT.findall(source)) != sorted(KEPT.findall(text))
        or sorted(CODE.findall(source)) != sorted(CODE.findall(text))
    ]
    assert wrong == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_sentences_end_as_theirs_do_and_fragments_join_as_they_did(language: str) -> None:
    wrong = [
        (source, text)
        for source, text in pairs(language)
        if (source.rstrip()[-1] in ENDS) != (text.rstrip()[-1] in ENDS)
        or source[0].isspace() != text[0].isspace()
        or source[-1].isspace() != text[-1].isspace()
    ]
    assert wrong == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_compiled_is_what_is_written(language: str) -> None:
    path = LOCALE / language / "LC_MESSAGES" / "falconeye.mo"
    with path.open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    for message in texts(written(language)).values():
        for number, text in zip((1, 2), forms(message.string), strict=False):
            first, *more = forms(message.id)
            context = message.context
            if not more:
                told = compiled.pgettext(context, first) if context else compiled.gettext(first)
            elif context:
                told = compiled.npgettext(context, first, more[0], number)
            else:
                told = compiled.ngettext(first, more[0], number)
            assert told == text


def test_french_stops_stand_apart_and_german_quotes_are_german() -> None:
    """Typography that a reader of the language misses at once."""
    french = [
        text
        for _, text in pairs("fr")
        if re.search(r"[^\s\u00a0\u202f][;!?»]|“|”|\w'\w", _bare(text))
    ]
    german = [text for _, text in pairs("de") if "”" in text or '"' in _bare(text)]
    assert (french, german) == ([], [])


def _bare(text: str) -> str:
    """Without tags, code and addresses."""
    return re.sub(r"<[^>]*>|`[^`]*`|<code>.*?</code>|https?://\S+|&\w+;", "", text)


def test_a_page_speaks_the_language_that_is_wanted() -> None:
    assert i18n.choose_language("fr-CH, de;q=0.5", i18n.available_languages()) == "fr"
    assert i18n.translations("de").gettext("Settings") == "Einstellungen"
    assert i18n.translations("fr").gettext("Settings") == "Réglages"


@pytest.mark.parametrize(
    ("language", "size", "rate"),
    [("en", "1.2 TB", "4.1 Mb/s"), ("de", "1,2 TB", "4,1 Mb/s"), ("fr", "1,2 TB", "4,1 Mb/s")],
)
def test_numbers_are_written_as_the_language_writes_them(
    language: str, size: str, rate: str
) -> None:
    token = i18n.current_language.set(language)
    try:
        assert i18n.size_text(1_200_000_000_000) == size
        assert i18n.rate_text(4_100_000) == rate
        assert i18n.size_text(43_000_000_000) == "43 GB"
    finally:
        i18n.current_language.reset(token)


@pytest.mark.parametrize("language", sorted(NAMES))
def test_every_page_is_made(language: str) -> None:
    """Only a translation wants a number to count by: English takes a name as well."""
    environment = build_environment(ROOT / "templates", str)
    for template, frame, page in pages().values():
        spoken = replace(frame, language=language)
        made = copy_context().run(render, environment, template, spoken, page)
        assert f'lang="{language}"' in made
