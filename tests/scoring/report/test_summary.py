"""Reports: means, intervals, differences and the best method."""

from math import inf

import pytest

from srgan_cli.scoring.protocol import Protocol
from srgan_cli.scoring.report.summary import Report, Score


def test_report_without_any_score_has_no_mean() -> None:
    report = Report(Protocol(), [Score("a", {}, error="is damaged")], [], [])
    assert report.mean == {}
    assert report.summaries[0].count == 0


def report_of(values: dict[str, dict[str, float]], metric: str = "psnr") -> Report:
    """A report of methods with their values by picture."""
    scores = [
        Score(name, {metric: value}, method=method) for method, row in values.items() for name, value in row.items()
    ]
    return Report(Protocol(metrics=(metric,)), scores, [], [])


def test_difference_uses_the_pictures_of_both_methods() -> None:
    report = report_of({"a": {"x": 1, "y": 5, "z": 9}, "b": {"x": 2, "y": 4}, "c": {"z": 0}})
    found = {(d.first, d.second): (d.count, d.mean) for d in report.differences}
    assert found == {("a", "b"): (2, {"psnr": 0.0}), ("a", "c"): (1, {"psnr": 9.0}), ("b", "c"): (0, {})}


def test_interval_of_a_paired_difference_is_narrower_than_that_of_the_means() -> None:
    """The pictures differ by much, the methods by about 1 on every picture."""
    first = {str(n): 10.0 * n for n in range(8)}
    report = report_of({"a": first, "b": {name: value - 1 - 0.01 * value for name, value in first.items()}})
    (difference,) = report.differences
    mean, paired = report.summaries[0].interval["psnr"], difference.interval["psnr"]
    assert mean is not None
    assert paired is not None
    assert paired.low > 0
    assert paired.high - paired.low < (mean.high - mean.low) / 10


def test_infinite_values_have_no_interval_and_a_difference_of_0() -> None:
    report = report_of({"a": {"x": inf, "y": 2}, "b": {"x": inf, "y": 1}})
    assert report.summaries[0].mean == {"psnr": inf}
    assert report.summaries[0].interval == {"psnr": None}
    assert report.differences[0].mean == {"psnr": 0.5}


@pytest.mark.parametrize(("metric", "best"), [("psnr", {"b"}), ("sqd", {"a", "c"})])
def test_best_methods_follow_the_direction_of_the_metric_and_the_printed_decimals(metric: str, best: set[str]) -> None:
    report = report_of({"a": {"x": 1.00001}, "b": {"x": 1.1}, "c": {"x": 1.00002}}, metric)
    assert report.best == {metric: best}


def test_single_method_is_not_marked_as_best() -> None:
    assert report_of({"a": {"x": 1.0}}).best == {}
