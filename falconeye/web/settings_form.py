"""Settings as people write them: fields of the page, and values of what was typed."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

from falconeye.base.errors import InvalidInput
from falconeye.config.reference import NODE_SETTINGS
from falconeye.config.settings import NodeSettings
from falconeye.storage.stores.destinations import shown_settings
from falconeye.storage.stores.settings_reference import (
    BY_NAME,
    GROUP_WORDS,
    ON_THE_PAGE,
    SITE_SETTINGS,
    SettingGroup,
    SettingKind,
    SiteSetting,
)
from falconeye.storage.stores.settings_store import StoredSettings
from falconeye.web.i18n import gettext as _
from falconeye.web.i18n import size_text
from falconeye.web.settings_contexts import (
    NodeSettingRow,
    SettingField,
    SettingsGroup,
    ShownSetting,
)

GIGABYTE: Final = 1_000_000_000
WAS: Final = "was:"  # before the name of a field: what stood there before anybody typed
DEFAULT: Final = "default"  # as `config.loading` names where a value came from
_NUMBERS: Final = frozenset({SettingKind.NUMBER, SettingKind.GIGABYTES})


def shown(settings: StoredSettings) -> dict[str, str]:
    """What the page can change, as text in the units that people use."""
    values = settings.model_dump(mode="json")
    return {one.name: _text(one, values[one.name]) for one in ON_THE_PAGE}


def value_of(name: str, text: str) -> Any:
    """A field's text as the store takes it; InvalidInput for what is no number."""
    one = BY_NAME[name]
    if one.kind is SettingKind.LINES:
        return text.split()
    if not text and one.empty:
        return None
    if one.kind not in _NUMBERS:
        return text
    try:
        if one.kind is SettingKind.GIGABYTES:
            return round(float(text.replace(",", ".")) * GIGABYTE)
        return int(text)
    except (ValueError, OverflowError):
        raise InvalidInput(_("A number is needed here."), field=name) from None


def groups(
    settings: StoredSettings,
    defaults: StoredSettings,
    node_names: Sequence[str],
    typed: Mapping[str, str],
) -> tuple[SettingsGroup, ...]:
    """All settings of the site; `typed` stands in the fields instead of what is set.

    What of it stood there before anybody typed has a name with `WAS` before it.
    """
    values = settings.model_dump(mode="json")
    values |= shown_settings(values)
    usual = defaults.model_dump(mode="json")
    return tuple(
        SettingsGroup(
            key=group.value,
            title=_(GROUP_WORDS[group]),
            fields=tuple(
                _field(one, values[one.name], usual[one.name], node_names, typed)
                for one in ON_THE_PAGE
                if one.group is group
            ),
            shown=tuple(
                _shown(one, values[one.name], usual[one.name])
                for one in SITE_SETTINGS
                if one.group is group and one not in ON_THE_PAGE
            ),
        )
        for group in SettingGroup
    )


def node_rows(settings: NodeSettings, origins: Mapping[str, str]) -> tuple[NodeSettingRow, ...]:
    """What was set at this machine. They hold no secret: at most the paths of files with one."""
    values = {one.name: getattr(settings, one.name) for one in fields(settings)}
    return tuple(
        NodeSettingRow(
            name=one.name,
            value=_node_text(one.name, values[one.name]),
            origin="" if (said := origins.get(one.name, DEFAULT)) == DEFAULT else said,
            text=_(one.text),
            default=_(one.default) if one.default else "",
        )
        for one in NODE_SETTINGS
    )


def default_words(one: SiteSetting, value: Any) -> str:
    """A default as a person reads it."""
    if value in (None, (), [], {}):
        return _(one.empty) if one.empty else _("none")
    if one.kind is SettingKind.GIGABYTES:
        return size_text(value)
    if isinstance(value, bool):
        return _("on") if value else _("off")
    words = dict(one.choices).get(str(value))
    return _(words) if words else _text(one, value)


def _field(
    one: SiteSetting,
    value: Any,
    default: Any,
    node_names: Sequence[str],
    typed: Mapping[str, str],
) -> SettingField:
    text = typed.get(one.name, _text(one, value))
    choices = tuple((key, _(words)) for key, words in one.choices)
    if one.kind is SettingKind.NODE:
        names = sorted({*node_names, text} - {""})
        choices = (("", sentence_of(one.empty)), *((name, name) for name in names))
    return SettingField(
        name=one.name,
        label=_(one.label),
        hint=hint_of(one, default),
        value=text,
        kind=one.kind.value,
        choices=choices,
        is_default=value == default,
        was=typed.get(f"{WAS}{one.name}", _text(one, value)),
    )


def _shown(one: SiteSetting, value: Any, default: Any) -> ShownSetting:
    is_default = value == default
    is_word = is_default or isinstance(value, bool)
    words = default_words(one, value) if is_word else _text(one, value)
    if is_default:
        words = _("{value} (default)").format(value=words)
    return ShownSetting(one.name, _(one.label), hint_of(one, default), words, one.page)


def hint_of(one: SiteSetting, default: Any) -> str:
    """What it is for, what it may be, what it is by default."""
    words = default_words(one, default)
    if one.choices or one.kind is SettingKind.NODE:  # the choices say what it may be
        said = _("{text} Default: {default}.")
    elif one.empty and words != _(one.empty):
        said = _("{text} Allowed: {allowed}; empty: {empty}. Default: {default}.")
    elif one.empty:
        said = _("{text} Allowed: {allowed}. Default, when empty: {default}.")
    else:
        said = _("{text} Allowed: {allowed}. Default: {default}.")
    return said.format(
        text=_(one.text),
        allowed=_(one.allowed),
        empty=_(one.empty) if one.empty else "",
        default=words,
    )


def sentence_of(text: str) -> str:
    """A text of the reference with a capital, as a choice of its own."""
    words = _(text)
    return words[:1].upper() + words[1:]


def _text(one: SiteSetting, value: Any) -> str:
    if value is None:
        return ""
    if one.kind is SettingKind.GIGABYTES:
        return f"{value / GIGABYTE:g}"
    if isinstance(value, dict):
        return ", ".join(f"{name}: {each}" for name, each in value.items())
    if isinstance(value, (list, tuple)):
        return ("\n" if one.kind is SettingKind.LINES else ", ").join(map(str, value))
    return str(value)


def _node_text(name: str, value: Any) -> str:
    if value is None or value in ("", ()):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if name.endswith("_bytes"):
        return size_text(value)
    if isinstance(value, (tuple, Path)):
        return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
    return str(value)
