"""Files of other recorders, as page and API take them and tell of them; logins stay out of both."""

from typing import Any, Final

from litestar import Request

from falconeye.base.errors import InvalidInput
from falconeye.base.secret import Secret
from falconeye.cameras.found.importing import THERE
from falconeye.cameras.found.imports import MAX_FILES, PlannedCamera, PlannedFile, Refused
from falconeye.discovery.imports.imported import MAX_BYTES
from falconeye.web.audit import record
from falconeye.web.found_contexts import ImportFileView, ImportPage, ImportRow
from falconeye.web.i18n import gettext as _
from falconeye.web.services import Services
from falconeye.web.shell import shell_of
from falconeye.web.streamed_form import FILE_FIELD, StreamedForm

Asking = Request[Any, Any, Any]

FORM_BYTES: Final = (2 * MAX_FILES) * MAX_BYTES  # one that is a little too large hears why
_MAX_FIELDS: Final = 64  # files, and values of variables
VARIABLE: Final = "FRIGATE_"


class _File:
    """A file's bytes, at most one more than is read: what is too large is not held."""

    def __init__(self) -> None:
        self.data = bytearray()

    async def add(self, piece: bytes | bytearray) -> None:
        self.data += piece[: MAX_BYTES + 1 - len(self.data)]


async def read_upload(request: Asking) -> tuple[int, list[Refused]]:
    """Read the files of a posted form: how many could be; those that could not, and why.

    Fields whose names begin with FRIGATE_ are values that a file only names. InvalidInput without
    a file, BadRequest for what is no form, NotAllowed without the form's token.
    """
    files: dict[str, _File] = {}

    async def begin(name: str) -> _File:
        unique, number = name, 1
        while unique in files:  # browsers leave the directory out
            number += 1
            unique = f"{number}-{name}"
        files[unique] = _File()
        return files[unique]

    form = StreamedForm(request, begin, max_files=MAX_FILES, max_fields=_MAX_FIELDS)
    await form.read()
    if not files:
        raise InvalidInput(_("Choose a file."), field=FILE_FIELD)
    services = shell_of(request).services
    imports = services.finding.imports
    data = {name: bytes(file.data) for name, file in files.items()}
    refused = await imports.read(data, services.node_name)
    given = {name: Secret(text) for name, text in form.fields.items() if name.startswith(VARIABLE)}
    for file in imports.plan() if given else ():
        if values := {name: given[name] for name in file.variables if name in given}:
            await imports.fill(file.name, values)
    read = len(files) - len(refused)
    await record(request, "import.read", "import", None, f"{read} files")
    return read, refused


def import_page(services: Services, **more: Any) -> ImportPage:
    """All that was read and not yet forgotten."""
    files = services.finding.imports.plan()
    cameras = [one for file in files for one in file.cameras if one.is_new]
    return ImportPage(
        files=tuple(map(_file_view, files)),
        new=len(cameras),
        at_once=sum(not one.is_asked for one in cameras),
        **more,
    )


def refused_words(refused: list[Refused]) -> tuple[str, ...]:
    """Each with its name."""
    return tuple(f"{one.name}: {one.words}" for one in refused)


def _file_view(file: PlannedFile) -> ImportFileView:
    kinds = {
        "motioneye": "motionEye",
        "frigate": "Frigate",
        "csv": _("list of cameras"),
    }
    return ImportFileView(
        name=file.name,
        kind=kinds.get(file.kind, file.kind),
        rows=tuple(map(_row, file.cameras)),
        left_out=tuple(map(str, file.left_out)),
        variables=file.variables,
    )


def _row(one: PlannedCamera) -> ImportRow:
    camera, planned = one.planned.camera, one.planned
    return ImportRow(
        id=one.id,
        name=camera.name,
        address=camera.address or "",
        sub_address=camera.sub_address or "",
        is_new=one.is_new,
        is_there=planned.action == THERE,
        words=_new_words(one) if one.is_new else planned.detail,
        notes=camera.notes,
    )


def _new_words(one: PlannedCamera) -> str:
    camera = one.planned.camera
    words = [
        {
            "continuous": _("records always"),
            "schedule": _("records by a schedule"),
            "event": _("records when something happens"),
            "manual": _("records when someone presses Record"),
            "off": _("live only"),
        }[camera.record.value]
    ]
    if camera.username or camera.password:
        words.append(_("with its login"))
    if not camera.enabled:
        words.append(_("was off there: it stays stopped"))
    if one.is_asked:
        words.append(_("is asked for its streams when it is added"))
    return ", ".join(words)
