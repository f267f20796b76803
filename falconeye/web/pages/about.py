"""The node's health: disks, memory, cameras; and the licences of what it is made of."""

import platform
from collections.abc import Iterator
from functools import lru_cache
from importlib import metadata
from typing import Final

from litestar import Response, get

from falconeye.accounts.model import Action
from falconeye.cameras.views import Camera
from falconeye.storage.volumes.volume_facts import VolumeFacts
from falconeye.web import views
from falconeye.web.assets import data_dir
from falconeye.web.contexts import AboutPage, CameraHealth, DiskHealth
from falconeye.web.i18n import gettext as _
from falconeye.web.metrics import VolumeFigures, status_of
from falconeye.web.node_choice import node_choices
from falconeye.web.pages.asking import Asking, services_of, show
from falconeye.web.security.access import needs, principal_of

# FalconEye's own requirements (pyproject.toml); a test keeps the two in step.
PARTS: Final = (
    "aiosqlite", "alembic", "apprise", "argon2-cffi", "av", "cryptography",
    "http-message-signatures", "httpx", "jinja2", "kubernetes", "litestar", "lxml", "multipart",
    "onvif-zeep", "prometheus-client", "pydantic", "pyudev", "pyyaml", "sqlalchemy", "sqlmodel",
    "typing-extensions", "uvicorn", "uvloop", "websockets", "zeep", "zeroconf",
)  # fmt: skip


@get("/about", opt=needs(Action.VIEW_LIVE), include_in_schema=False)
async def about(request: Asking) -> Response[str]:
    """The node now; another one where the address names it."""
    services = services_of(request)
    status = status_of(request.app)
    process = status.figures()
    figures = {volume.volume: volume for volume in process.volumes}
    disks = tuple(disk_health(facts, figures[facts.id]) for facts in await services.volumes.facts())
    cameras = views.visible_cameras(services, principal_of(request))
    context = AboutPage(
        node_id=services.node_id,
        started_at_us=services.started_at_us,
        uptime_us=max(0, services.clock.utc_us() - services.started_at_us),
        python_version=platform.python_version(),
        disks=disks,
        cameras=tuple(camera_health(camera) for camera in cameras),
        memory_used_bytes=process.budget_used_bytes,
        memory_limit_bytes=process.budget_limit_bytes,
        loop_lateness_ms=status.probe.p99_s() * 1000,
        licences=LICENCES,
        nodes=node_choices(request),
    )
    return show(request, "pages/about.html", context)


def disk_health(facts: VolumeFacts, figures: VolumeFigures) -> DiskHealth:
    """One volume, with what is wrong in words."""
    problem = ""
    if not facts.present:
        problem = _("The disk is not there, or does not answer.")
    elif not figures.writable:
        problem = _("The disk is full.")
    return DiskHealth(
        label=facts.path.name,
        path=str(facts.path),
        total_bytes=facts.total_bytes,
        free_bytes=facts.free_bytes,
        floor_bytes=facts.floor_bytes,
        writable=figures.writable,
        sync_interval_s=figures.sync_interval_s,
        queue_bytes=figures.queue_bytes,
        problem=problem,
    )


def camera_health(camera: Camera) -> CameraHealth:
    """One row: rates of the main stream, totals of both."""
    main = camera.streams[0] if camera.streams else None
    return CameraHealth(
        id=camera.config.id,
        name=camera.config.name,
        state=camera.state,
        fps=main.fps if main else 0.0,
        bits_per_second=sum(stream.bits_per_second for stream in camera.streams),
        drops=sum(stream.drops for stream in camera.streams),
        reconnects=sum(stream.reconnects for stream in camera.streams),
        viewers=sum(stream.viewers for stream in camera.streams),
        bytes_written=sum(stream.bytes_written for stream in camera.streams),
    )


@lru_cache(maxsize=1)
def installed_licences() -> tuple[tuple[str, str, str], ...]:
    """Name, version and licence of FalconEye's own requirements, from their metadata. Blocks."""
    rows = list(_vendored())
    rows.append(("zxcvbn-ts (list of common passwords)", "4.1.3", "MIT"))
    for name in PARTS:
        package = metadata.metadata(name)
        # The newer field first; a licence's whole text in the older one is cut to its title.
        licence = (
            _first(package, "License-Expression")
            or _first(package, "License")
            or _classified(package)
        )
        rows.append((name, package["Version"], licence.strip().partition("\n")[0][:60]))
    return tuple(rows)


def _first(package: metadata.PackageMetadata, name: str) -> str:
    return package[name] if name in package else ""  # noqa: SIM401 - the protocol has no get()


def _classified(package: metadata.PackageMetadata) -> str:
    lines = package.get_all("Classifier") or []
    return next((line.rpartition(" :: ")[2] for line in lines if "License ::" in line), "")


def _vendored() -> Iterator[tuple[str, str, str]]:
    """Each package below `static/vendor` once; VERSIONS has file | package | version | licence."""
    seen = set()
    for line in (data_dir("static") / "vendor" / "VERSIONS").read_text().splitlines():
        if line.startswith("#") or line.count("|") < 4:
            continue
        _file, name, version, licence, *_rest = (word.strip() for word in line.split("|"))
        if name not in seen:
            seen.add(name)
            yield name, version, licence


# Read at import, before the loop runs.
LICENCES: Final = installed_licences()
