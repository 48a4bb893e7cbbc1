"""Thresholds for means."""

from math import inf

import pytest

from srgan_cli.errors import UsageError
from srgan_cli.scoring.protocol import Protocol
from srgan_cli.scoring.report.summary import Report, Score
from srgan_cli.scoring.report.thresholds import Threshold, failed_thresholds, parse_thresholds


def report(baselines: tuple[str, ...] = (), **means: float) -> Report:
    scores = [Score("a", {"psnr": mean}, method=name) for name, mean in means.items()]
    return Report(Protocol(metrics=("psnr",)), scores, [], [], baselines=baselines)


def test_thresholds_are_parsed() -> None:
    assert parse_thresholds(["psnr=28"], ["sqd=0.3"]) == [Threshold("psnr", 28, False), Threshold("sqd", 0.3, True)]


@pytest.mark.parametrize("text", ["psnr", "psnr=", "psnr=high", "psnr=nan"])
def test_bound_that_is_not_a_number_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="cannot read the threshold"):
        parse_thresholds([], [text])


def test_unknown_metric_is_refused() -> None:
    with pytest.raises(UsageError, match="unknown metric 'beauty'"):
        parse_thresholds(["beauty=1"], [])


def test_one_perfect_picture_does_not_pass_for_the_others() -> None:
    scores = [Score(name, {"psnr": value}, method="m") for name, value in (("a", inf), ("b", 20.0))]
    bad = Report(Protocol(metrics=("psnr",)), scores, [], [])
    assert failed_thresholds(bad, [Threshold("psnr", 40, False)]) == ["PSNR of m is 20.00, below the threshold of 40"]
    perfect = Report(Protocol(metrics=("psnr",)), scores[:1], [], [])
    assert failed_thresholds(perfect, [Threshold("psnr", 40, False)]) == []


@pytest.mark.parametrize(
    ("upper", "bound", "expected"),
    [
        (False, 28, ["PSNR of m is 27.50, below the threshold of 28"]),
        (False, 27.5, []),
        (True, 27.5, []),
        (True, 27, ["PSNR of m is 27.50, above the threshold of 27"]),
    ],
)
def test_mean_beyond_a_threshold_is_reported(upper: bool, bound: float, expected: list[str]) -> None:
    assert failed_thresholds(report(m=27.5), [Threshold("psnr", bound, upper)]) == expected


def test_baselines_count_only_without_candidates() -> None:
    thresholds = [Threshold("psnr", 28, False)]
    assert failed_thresholds(report(("b",), m=29, b=20), thresholds) == []
    assert len(failed_thresholds(report(("b",), b=20), thresholds)) == 1


@pytest.mark.parametrize(
    "empty", [Report(Protocol(), [Score("a", {}, error="is damaged", method="m")], [], []), report(m=float("nan"))]
)
def test_missing_mean_fails_every_threshold(empty: Report) -> None:
    assert len(failed_thresholds(empty, parse_thresholds(["psnr=1"], ["psnr=99"]))) == 2
