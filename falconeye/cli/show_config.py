"""`falconeye config`: the settings in effect and where each comes from. They hold no secrets."""

from dataclasses import fields

from falconeye.cli.arguments import Arguments
from falconeye.cli.configuration import load
from falconeye.cli.exit_codes import ExitCode
from falconeye.cli.output import note, print_json, print_rows
from falconeye.config.reference import NODE_SETTINGS


class ConfigArguments(Arguments):
    """The words of `config`."""

    reference: bool


def show_config(arguments: ConfigArguments) -> ExitCode:
    """What is set; with `--reference` what each setting is for."""
    if arguments.reference:
        rows = _reference()
        if arguments.json:
            print_json(rows)
        for row in () if arguments.json else rows:
            print(f"{row['setting']}  ({row['of']}, default: {row['default'] or 'not set'})")
            print(f"    {row['for']}\n    {row['allowed']}")
        return ExitCode.OK
    loaded = load(arguments)
    found = [
        {
            "setting": field.name,
            "value": _shown(getattr(loaded.settings, field.name)),
            "from": loaded.origins[field.name],
        }
        for field in fields(loaded.settings)
    ]
    if arguments.json:
        file = str(loaded.file) if loaded.file else None
        print_json({"file": file, "settings": found})
        return ExitCode.OK
    print_rows(found, as_json=False, empty="")
    if loaded.file is None:
        note("no settings file was found")
    return ExitCode.OK


def _reference() -> list[dict[str, str]]:
    """Of this machine first, then of the site, which pages and `/api/settings` change."""
    from falconeye.storage.stores.settings_reference import SITE_SETTINGS  # noqa: PLC0415 - slow
    from falconeye.storage.stores.settings_store import StoredSettings  # noqa: PLC0415

    defaults = StoredSettings().model_dump(mode="json")
    return [
        {
            "setting": one.name,
            "of": "machine",
            "default": one.default.replace("`", ""),
            "allowed": one.allowed,
            "for": one.text.replace("`", ""),
        }
        for one in NODE_SETTINGS
    ] + [
        {
            "setting": one.name,
            "of": "site",
            "default": _default(defaults[one.name], one.empty),
            "allowed": one.allowed,
            "for": f"{one.label}. {one.text}",
        }
        for one in SITE_SETTINGS
    ]


def _default(value: object, empty: str) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return empty if value in (None, [], {}) else str(value)


def _shown(value: object) -> object:
    """A list as it is written in flags and variables."""
    return ", ".join(map(str, value)) if isinstance(value, tuple) else value
