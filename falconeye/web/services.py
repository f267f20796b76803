"""What handlers may use, nothing else."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from falconeye.accounts.service import Accounts
from falconeye.alerts.service import Alerts
from falconeye.base.clock import Clock
from falconeye.base.node_name import NodeName
from falconeye.cameras.found.finding import Finding
from falconeye.cameras.onvif.onvif_cameras import OnvifCameras
from falconeye.cameras.registry import CameraRegistry
from falconeye.config.settings import NodeSettings
from falconeye.devices.questions import DeviceQuestions
from falconeye.doctor.examination import Patient
from falconeye.events.bus import EventBus
from falconeye.jobs.runner import Jobs
from falconeye.jobs.system_work import SystemWorks
from falconeye.storage.backups.nightly import NightlyBackups
from falconeye.storage.backups.restoring import Restores
from falconeye.storage.export.export import Exports
from falconeye.storage.footage import CoverageParts, StorageParts
from falconeye.storage.reading.footage_stills import FootageStills
from falconeye.storage.reading.playback import Playback
from falconeye.storage.reading.recordings import Recordings
from falconeye.storage.reading.timeline import Timelines
from falconeye.storage.stores.event_store import EventStore
from falconeye.storage.stores.settings_store import SettingsStore
from falconeye.storage.volumes.volumes import Volumes
from falconeye.web.found_count import FoundCount
from falconeye.web.proposals import Proposals


@dataclass(frozen=True, slots=True)
class Services:
    """The node's parts as the web sees them."""

    node_id: str
    called: NodeName
    started_at_us: int
    settings: NodeSettings  # flags, environment, file: fixed while the process runs
    stored_settings: SettingsStore  # what an admin changes in the page
    clock: Clock
    bus: EventBus
    accounts: Accounts
    alerts: Alerts
    cameras: CameraRegistry
    finding: Finding
    onvif: OnvifCameras
    recordings: Recordings
    timelines: Timelines
    coverage: CoverageParts
    events: EventStore
    playback: Playback
    stills: FootageStills
    volumes: Volumes
    storage: StorageParts
    exports: Exports
    jobs: Jobs
    works: SystemWorks
    backups: NightlyBackups
    restores: Restores
    restart: Callable[[], None] | None  # ends the process; None: nobody would start it again
    patient: Patient  # of the doctor
    # Where each of `settings` came from; see `config.loading`.
    origins: Mapping[str, str] = field(default_factory=dict)
    # These have nothing to start or stop.
    questions: DeviceQuestions = field(default_factory=DeviceQuestions)
    proposals: Proposals = field(default_factory=Proposals)
    found_count: FoundCount = field(default_factory=FoundCount)

    @property
    def node_name(self) -> str:
        """What this node is called now."""
        return str(self.called)
