"""Every setting is documented in one source: its text, what it may be, and its default."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from falconeye.config import reference
from falconeye.config.loading import SETTINGS
from falconeye.config.settings import NodeSettings
from falconeye.storage.stores.settings_reference import (
    GROUP_WORDS,
    ON_THE_PAGE,
    SITE_SETTINGS,
    SettingGroup,
    SettingKind,
)
from falconeye.storage.stores.settings_store import StoredSettings
from falconeye.web.api.settings import SettingsAnswer
from falconeye.web.settings_form import groups, shown, value_of

README = (Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8")


def test_every_field_of_the_node_is_documented_and_nothing_else() -> None:
    names = [one.name for one in reference.NODE_SETTINGS]
    assert names == list(SETTINGS)
    assert sorted(names) == sorted(field.name for field in fields(NodeSettings))


def test_every_stored_setting_is_documented_and_nothing_else() -> None:
    names = [one.name for one in SITE_SETTINGS]
    assert sorted(names) == sorted(StoredSettings.model_fields)
    assert len(names) == len(set(names))


def test_the_api_answers_with_every_stored_setting() -> None:
    placed = {"agent_nodes_include", "agent_nodes_exclude"}  # `/api/nodes/agents` has them
    assert set(StoredSettings.model_fields) - placed <= set(SettingsAnswer.model_fields)


@pytest.mark.parametrize(
    "one", [*SITE_SETTINGS, *reference.NODE_SETTINGS], ids=lambda one: one.name
)
def test_each_says_what_it_is_for(one: object) -> None:
    assert getattr(one, "text")  # noqa: B009 - of two classes
    assert getattr(one, "allowed")  # noqa: B009


@pytest.mark.parametrize("one", SITE_SETTINGS, ids=lambda one: one.name)
def test_each_setting_of_the_site_has_its_place(one: object) -> None:
    found = next(each for each in SITE_SETTINGS if each is one)
    assert found.label
    assert found.group in GROUP_WORDS
    assert (found.kind is SettingKind.ELSEWHERE) == bool(found.page)
    assert (found.kind is SettingKind.CHOICE) == bool(found.choices)
    default = StoredSettings().model_dump()[found.name]
    may_be_none = type(None) in getattr(StoredSettings.model_fields[found.name].annotation,
                                        "__args__", ())  # fmt: skip
    if default is None or may_be_none:
        assert found.empty, "an empty field is allowed, and nothing says what it means"


def test_the_readme_has_what_the_source_says() -> None:
    section = README.split("\n## Settings\n", 1)[1].split("\n## ", 1)[0]
    rows = [line for line in section.splitlines() if re.match(r"\| `\w+` \|", line)]
    assert rows == reference.markdown_rows()


def test_every_group_has_settings_and_words() -> None:
    assert {one.group for one in SITE_SETTINGS} == set(SettingGroup) == set(GROUP_WORDS)


def test_what_is_shown_is_read_back_as_it_was() -> None:
    settings = StoredSettings(
        keep_days=30,
        keep_bytes=1_500_000_000,
        cors_origins=("https://a.example", "https://b.example:81"),
        default_recorder_node="pi-2",
        clock_format="12h",
        audit_keep_days=None,
    )
    texts = shown(settings)
    values = settings.model_dump(mode="json")
    assert {name: value_of(name, text) for name, text in texts.items()} == {
        one.name: values[one.name] for one in ON_THE_PAGE
    }


def test_each_hint_tells_the_default() -> None:
    for group in groups(StoredSettings(), StoredSettings(), ["pi-1"], {}):
        told = [(one.name, one.hint) for one in group.fields]
        for name, hint in (*told, *((one.name, one.hint) for one in group.shown)):
            assert "Default" in hint, name
            assert "{" not in hint, name


def test_no_secret_is_shown() -> None:
    settings = StoredSettings(
        notify_urls=("mailto://*** cipher-1",),
        webhook_url="https://ha.lan/*** cipher-2",
        webhook_secret="*** cipher-3",
        heartbeat_url="https://hc.lan/*** cipher-4",
    )
    found = groups(settings, StoredSettings(), [], {})
    texts = " ".join(one.value for group in found for one in group.shown)
    assert "https://ha.lan/***" in texts
    assert "cipher" not in texts
