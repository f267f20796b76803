"""What Prometheus reads of notices on their way out, and of the certificate for browsers."""

from collections.abc import Iterator, Sequence

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from falconeye.alerts.channel import ChannelState
from falconeye.tls.condition import Condition, State


def channel_metrics(channels: Sequence[ChannelState]) -> Iterator[Metric]:
    """Of each way out of the node."""
    waiting = GaugeMetricFamily(
        "falconeye_notice_messages_waiting", "Messages not delivered yet", labels=("channel",)
    )
    lost = CounterMetricFamily(
        "falconeye_notice_messages_lost", "Messages given up", labels=("channel", "why")
    )
    for channel in channels:
        waiting.add_metric([channel.id], channel.waiting)
        lost.add_metric([channel.id, "too_many"], channel.dropped)
        lost.add_metric([channel.id, "refused"], channel.refused)
    yield from (waiting, lost)


def certificate_metrics(condition: Condition | None) -> Iterator[Metric]:
    """Names without a sample where there is no HTTPS."""
    state = GaugeMetricFamily(
        "falconeye_certificate_state", "1: the HTTPS certificate is so", labels=("state",)
    )
    end = GaugeMetricFamily(
        "falconeye_certificate_end_time_seconds",
        "When the HTTPS certificate that is served ends, UTC",
        labels=(),
    )
    if condition is not None:
        for each in State:
            state.add_metric([each.value], float(each is condition.state))
        if condition.ends_at is not None:
            end.add_metric([], condition.ends_at.timestamp())
    yield from (state, end)
