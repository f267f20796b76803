"""Whether what should record does, as Prometheus reads it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from falconeye.alerts.faults import WANTED
from falconeye.alerts.service import Alerts
from falconeye.cameras.views import Camera
from falconeye.storage.ledger.coverage import GapReason
from falconeye.storage.stores.notice_store import Cause

_CAMERA = ("camera_id", "camera")


@dataclass(frozen=True, slots=True)
class CoverageFigures:
    """One camera. Nothing is known of it in the second in which it is added."""

    camera_id: str
    name: str
    is_known: bool
    reason: GapReason | None  # what keeps it from recording now
    not_recorded_s: Mapping[Cause, float]


def coverage_figures(alerts: Alerts, camera: Camera) -> CoverageFigures:
    """A camera now."""
    config = camera.config
    is_known, reason = alerts.reason(config.id)
    seconds = alerts.not_recorded_s(config.id)
    return CoverageFigures(config.id, config.name, is_known, reason, seconds)


def coverage_metrics(figures: Sequence[CoverageFigures]) -> Iterator[Metric]:
    """Alert on `expected == 1 and recorded == 0`."""
    expected = GaugeMetricFamily(
        "falconeye_camera_recording_expected", "1: it should record now", labels=_CAMERA
    )
    recorded = GaugeMetricFamily(
        "falconeye_camera_recorded", "1: nothing keeps it from recording now", labels=_CAMERA
    )
    seconds = CounterMetricFamily(
        "falconeye_camera_not_recorded_seconds",
        "For how long it was not recorded since the start, and why",
        labels=(*_CAMERA, "reason"),
    )
    for camera in figures:
        labels = [camera.camera_id, camera.name]
        if camera.is_known:
            expected.add_metric(labels, float(camera.reason not in WANTED))
            recorded.add_metric(labels, float(camera.reason is None))
        for reason, total_s in camera.not_recorded_s.items():
            seconds.add_metric([*labels, reason.value], total_s)
    yield from (expected, recorded, seconds)
