"""`falconeye config`: the settings in effect and where each comes from. They hold no secrets."""

from dataclasses import fields

from falconeye.cli.arguments import Arguments
from falconeye.cli.configuration import load
from falconeye.cli.exit_codes import ExitCode
from falconeye.cli.output import note, print_json, print_rows


def show_config(arguments: Arguments) -> ExitCode:
    loaded = load(arguments)
    rows = [
        {
            "setting": field.name,
            "value": getattr(loaded.settings, field.name),
            "from": loaded.origins[field.name],
        }
        for field in fields(loaded.settings)
    ]
    if arguments.json:
        file = str(loaded.file) if loaded.file else None
        print_json({"file": file, "settings": rows})
        return ExitCode.OK
    print_rows(rows, as_json=False, empty="")
    if loaded.file is None:
        note("no settings file was found")
    return ExitCode.OK
