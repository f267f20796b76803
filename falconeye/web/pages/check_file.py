"""Check a file: whether it is an export of this node, and unchanged."""

from litestar import Response, get, post

from falconeye.accounts.model import Action
from falconeye.base.errors import InvalidInput, Unavailable
from falconeye.web import own_jobs
from falconeye.web.hashed_upload import MAX_BYTES, uploads_of
from falconeye.web.job_contexts import CheckedFile, CheckPage
from falconeye.web.pages.asking import Asking, sentence, show
from falconeye.web.security.access import needs

_TEMPLATE = "pages/check_file.html"


@get("/exports/check", opt=needs(Action.EXPORT), include_in_schema=False)
async def check_page(request: Asking) -> Response[str]:
    """The question."""
    return show(request, _TEMPLATE, CheckPage())


@post(
    "/exports/check",
    opt=needs(Action.EXPORT, csrf=False),  # within the form, before the file: `hash_form` looks
    include_in_schema=False,
    request_max_body_size=MAX_BYTES,
    status_code=200,
)
async def check_file(request: Asking) -> Response[str]:
    """Hash what is sent, and say whose it is."""
    try:
        sha256 = await uploads_of(request).hash_form(request)
    except (InvalidInput, Unavailable) as error:
        field = getattr(error, "field", None) or ""
        words = sentence(type(error)(str(error).removeprefix(f"{field}: ")))
        return show(request, _TEMPLATE, CheckPage(errors={field: words}), status=error.status)
    known = await own_jobs.known_file(request, sha256)
    if known is None:
        return show(request, _TEMPLATE, CheckPage(CheckedFile(sha256), sha256))
    result = CheckedFile(
        sha256=sha256,
        name=known.name,
        size_bytes=known.size_bytes,
        camera_names=tuple(name for _, name in known.cameras),
        from_us=known.from_us,
        to_us=known.to_us,
        made_us=known.made_us,
        is_kept=await own_jobs.is_kept(request, known),
        copy_of=known.copy_of,
    )
    return show(request, _TEMPLATE, CheckPage(result, sha256))
