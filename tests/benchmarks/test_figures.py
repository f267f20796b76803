"""What the benchmarks say about their numbers."""

from pathlib import Path

import pytest

from tests.benchmarks import idle_nodes
from tests.benchmarks.figures import Result, Row, number, percentile
from tests.benchmarks.metrics import LATENESS, Metrics, quantile
from tests.benchmarks.report import Report, as_text

TEXT = f"""\
# TYPE {LATENESS} histogram
{LATENESS}_bucket{{le="0.001"}} 90.0
{LATENESS}_bucket{{le="0.002"}} 98.0
{LATENESS}_bucket{{le="0.005"}} 100.0
{LATENESS}_bucket{{le="+Inf"}} 100.0
{LATENESS}_sum 0.05
{LATENESS}_count 100.0
# TYPE falconeye_stream_dropped_fragments counter
falconeye_stream_dropped_fragments_total{{camera="a",stream="main"}} 3.0
falconeye_stream_dropped_fragments_total{{camera="b",stream="main"}} 4.0
"""


def test_the_median_is_judged() -> None:
    assert Row("x", "ms", (1.0, 9.0, 5.0), budget=5.0).verdict == "met"
    assert Row("x", "ms", (1.0, 9.0, 6.0), budget=5.0).verdict == "missed by 1.00 (20%)"
    assert Row("x", "", (2.0,), budget=0.0).verdict == "missed by 2.00"
    assert Row("x", "ms", (9.0,)).verdict == "–"


def test_a_row_needs_a_run() -> None:
    with pytest.raises(ValueError, match="no run"):
        Row("x", "ms", ())


def test_numbers_have_three_digits() -> None:
    assert [number(value) for value in (0.0123, 1.234, 56.78, 432.1)] == [
        "0.012",
        "1.23",
        "56.8",
        "432",
    ]


def test_percentiles_of_values() -> None:
    values = list(range(1, 101))
    assert percentile(values, 0.5) == 51
    assert percentile(values, 0.99) == 100
    assert percentile([7.0], 0.95) == 7.0


def test_quantiles_of_what_was_counted_between_two_answers() -> None:
    metrics = Metrics.parse(TEXT)
    assert metrics.total("falconeye_stream_dropped_fragments_total") == 7
    after = metrics.buckets(LATENESS)
    assert quantile({}, after, 0.45) == pytest.approx(0.0005)
    assert quantile({}, after, 0.99) == pytest.approx(0.0035)
    assert quantile({}, after, 1.0) == pytest.approx(0.005)
    before = {0.001: 90.0, 0.002: 90.0, 0.005: 90.0, float("inf"): 90.0}
    assert quantile(before, after, 0.5) == pytest.approx(0.001 + 0.001 * 5 / 8)
    with pytest.raises(ValueError, match="nothing"):
        quantile(after, after, 0.5)


def test_a_result_of_this_run_takes_the_place_of_the_older_one(tmp_path: Path) -> None:
    older, other, newer = (Result(name, f"About {name}") for name in ("a", "b", "a"))
    older.add("weight", "kg", [1.0])
    other.add("height", "m", [2.0, 4.0], budget=2.5)
    newer.add("weight", "kg", [9.0])
    for result in (older, other):
        Report(tmp_path).put(result, {"machine": "a small one"}, ("b", "a"))
    Report(tmp_path).put(newer, {"machine": "a small one"}, ("b", "a"))
    text = (tmp_path / "RESULTS.md").read_text(encoding="utf-8")
    assert "Not measured on ARM" in text
    assert "| weight | 9.00 kg | – | – | 1 |" in text
    assert "| height | 3.00 m (2.00–4.00) | ≤ 2.50 m | missed by 0.500 (20%) | 2 |" in text
    assert "1.00 kg" not in text
    assert text.index("About b") < text.index("About a")


def test_the_terminal_shows_the_verdict() -> None:
    result = Result("a", "About a")
    result.add("weight", "kg", [1.0], budget=2)
    assert "budget 2.00: met" in as_text(result)


def test_more_nodes_are_foreseen_from_the_slope() -> None:
    alone, eight = idle_nodes.Cost(0, 5.0), idle_nodes.Cost(7000, 12.0)
    words = idle_nodes.foreseen({1: alone, 8: eight})
    assert "of 8 each peer costs a node 1.00 ms/s of CPU and 1.00 kB/s" in words
    assert "50 nodes would take 5.40 % of a core and 392 kb/s of each node, 9.80 Mb/s" in words
    assert "500 nodes would take 50.4 % of a core" in words
    assert "about 101 nodes" in words
    assert "any number of nodes" in idle_nodes.foreseen({1: eight, 8: alone})
    # A peer of two costs 500 bytes/s, one of eight 1000: each node that comes makes it 83 more.
    grows = idle_nodes.foreseen({1: alone, 2: idle_nodes.Cost(500, 6.0), 8: eight})
    assert "50 nodes would take 5.40 % of a core and 1764 kb/s of each node" in grows


def test_a_benchmark_that_was_never_run_leaves_no_hole(tmp_path: Path) -> None:
    """The table renders with and without its row."""
    report = Report(tmp_path)
    ran = Result("b", "About b")
    ran.add("height", "m", [2.0])
    report.put(ran, {"machine": "a small one"}, ("a", "b", "c"))
    text = (tmp_path / "RESULTS.md").read_text(encoding="utf-8")
    assert [line for line in text.splitlines() if line.startswith("## ")] == ["## About b"]
