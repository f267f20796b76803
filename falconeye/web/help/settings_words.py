"""What each setting means, for the help; the words stand in the two references of settings."""

from dataclasses import dataclass
from typing import Final

from falconeye.config.reference import NODE_SETTINGS
from falconeye.storage.stores.settings_reference import SITE_SETTINGS
from falconeye.storage.stores.settings_store import StoredSettings
from falconeye.web.help.topics import Topic
from falconeye.web.i18n import gettext
from falconeye.web.settings_form import default_words

_TOPIC: Final = "settings"  # the topic that lists them


@dataclass(frozen=True, slots=True)
class SettingWords:
    """One setting, in the language of the request; words in backticks are code."""

    name: str
    default: str
    meaning: str


@dataclass(frozen=True, slots=True)
class SettingGroup:
    """Settings of one kind, by name."""

    anchor: str
    title: str
    settings: tuple[SettingWords, ...]


def setting_groups(topic: Topic) -> tuple[SettingGroup, ...]:
    """All settings in the language of the request, for the topic that lists them."""
    if topic.key != _TOPIC:
        return ()
    defaults = StoredSettings()
    of_site = tuple(
        SettingWords(
            one.name,
            default_words(one, getattr(defaults, one.name)),
            gettext(one.text),
        )
        for one in SITE_SETTINGS
    )
    of_node = tuple(
        SettingWords(
            one.name,
            gettext(one.default) if one.default else gettext("none"),
            gettext(one.text),
        )
        for one in NODE_SETTINGS
    )
    return (
        SettingGroup("of-the-site", gettext("On the page Settings, or by the API"), of_site),
        SettingGroup("of-the-node", gettext("By flag, variable or file"), of_node),
    )
