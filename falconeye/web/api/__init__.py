"""The JSON API, live sockets, downloads, health and metrics; does not know the pages."""

from litestar.types import ControllerRouterHandler

from falconeye.web.api.account import AccountController
from falconeye.web.api.agents import AgentsController
from falconeye.web.api.audit import AuditController
from falconeye.web.api.backups import BackupController
from falconeye.web.api.camera_events import EventController
from falconeye.web.api.cameras import CameraController
from falconeye.web.api.candidates import CandidateController
from falconeye.web.api.controls import ControlController
from falconeye.web.api.display_media import DisplayMediaController
from falconeye.web.api.displays import DisplayController
from falconeye.web.api.download import download
from falconeye.web.api.export import check_file, check_hash, export, export_cameras
from falconeye.web.api.health import healthz, metrics, readyz
from falconeye.web.api.imports import ImportController
from falconeye.web.api.jobs import JobController
from falconeye.web.api.jobs import list_own as list_own_jobs
from falconeye.web.api.media import MediaController
from falconeye.web.api.nodes import NodeController
from falconeye.web.api.notices import NoticeController
from falconeye.web.api.playback import init, media, playlist, still
from falconeye.web.api.privacy import PrivacyController
from falconeye.web.api.protections import ProtectionController
from falconeye.web.api.ptz import PtzController
from falconeye.web.api.recording_control import RecordingControlController
from falconeye.web.api.recordings import RecordingController
from falconeye.web.api.scans import ScanController
from falconeye.web.api.settings import SettingsController
from falconeye.web.api.storage import StorageController
from falconeye.web.api.timeline import TimelineController
from falconeye.web.api.tokens import TokenController
from falconeye.web.api.users import InvitationController, UserController, end_session
from falconeye.web.api.walls import WallController

ROUTES: list[ControllerRouterHandler] = [
    CameraController,
    MediaController,
    DisplayMediaController,
    DisplayController,
    PrivacyController,
    ControlController,
    EventController,
    PtzController,
    RecordingControlController,
    RecordingController,
    download,
    TimelineController,
    ProtectionController,
    playlist,
    media,
    init,
    still,
    export,
    export_cameras,
    check_hash,
    check_file,
    JobController,
    list_own_jobs,
    AgentsController,
    NodeController,
    CandidateController,
    ImportController,
    ScanController,
    NoticeController,
    SettingsController,
    WallController,
    StorageController,
    BackupController,
    AuditController,
    AccountController,
    UserController,
    InvitationController,
    TokenController,
    end_session,
    healthz,
    readyz,
    metrics,
]
