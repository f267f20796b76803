"""Reads Prometheus text (exposition format 0.0.4) as far as the benchmarks need it."""

from dataclasses import dataclass, field

from prometheus_client.parser import text_string_to_metric_families

LATENESS = "falconeye_loop_lateness_seconds"


@dataclass(slots=True)
class Metrics:
    """All samples of one answer, by name."""

    samples: dict[str, list[tuple[dict[str, str], float]]] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> "Metrics":
        metrics = cls()
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                metrics.samples.setdefault(sample.name, []).append((sample.labels, sample.value))
        return metrics

    def of(self, name: str) -> list[float]:
        """The values of all series of a name."""
        return [value for _, value in self.samples.get(name, ())]

    def total(self, name: str) -> float:
        return sum(self.of(name))

    def buckets(self, name: str) -> dict[float, float]:
        """A histogram without labels: cumulative count by upper bound."""
        found = self.samples.get(f"{name}_bucket", ())
        return {float(labels["le"]): value for labels, value in found}


def quantile(before: dict[float, float], after: dict[float, float], share: float) -> float:
    """The quantile of what was counted between two histograms, linear within its bucket.

    In the last, unbounded bucket it is that bucket's lower bound, as Prometheus has it.
    """
    counts = {bound: value - before.get(bound, 0.0) for bound, value in sorted(after.items())}
    total = max(counts.values(), default=0.0)
    if total <= 0:
        msg = "nothing was counted"
        raise ValueError(msg)
    wanted, lower, below = share * total, 0.0, 0.0
    for bound, count in counts.items():
        if count >= wanted:
            if bound == float("inf"):
                return lower
            inside = (wanted - below) / (count - below) if count > below else 1.0
            return lower + (bound - lower) * inside
        lower, below = bound, count
    return lower
