"""Limits on means."""

import pytest

from srgan_cli.errors import UsageError
from srgan_cli.scoring.protocol import Protocol
from srgan_cli.scoring.report.report import Report, Score
from srgan_cli.scoring.report.thresholds import Threshold, failed_thresholds, parse_threshold, parse_thresholds


def report(baselines: tuple[str, ...] = (), **means: float) -> Report:
    scores = [Score("a", {"psnr": mean}, method=name) for name, mean in means.items()]
    return Report(Protocol(metrics=("psnr",)), scores, [], [], baselines=baselines)


def test_limits_are_read() -> None:
    assert parse_thresholds(["psnr=28"], ["sqd=0.3"]) == [Threshold("psnr", 28, False), Threshold("sqd", 0.3, True)]


@pytest.mark.parametrize("text", ["psnr", "psnr=", "psnr=high", "psnr=nan"])
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="cannot read the limit"):
        parse_threshold(text, upper=True)


def test_an_unknown_metric_is_refused() -> None:
    with pytest.raises(UsageError, match="unknown metric 'beauty'"):
        parse_threshold("beauty=1", upper=True)


@pytest.mark.parametrize(
    ("upper", "bound", "expected"),
    [
        (False, 28, ["PSNR of m is 27.50, under the limit of 28"]),
        (False, 27.5, []),
        (True, 27.5, []),
        (True, 27, ["PSNR of m is 27.50, over the limit of 27"]),
    ],
)
def test_a_mean_beyond_a_limit_is_told(upper: bool, bound: float, expected: list[str]) -> None:
    assert failed_thresholds(report(m=27.5), [Threshold("psnr", bound, upper)]) == expected


def test_baselines_are_judged_only_among_themselves() -> None:
    limits = [Threshold("psnr", 28, False)]
    assert failed_thresholds(report(("b",), m=29, b=20), limits) == []
    assert len(failed_thresholds(report(("b",), b=20), limits)) == 1


@pytest.mark.parametrize(
    "empty", [Report(Protocol(), [Score("a", {}, "is damaged", "m")], [], []), report(m=float("nan"))]
)
def test_a_mean_that_is_not_there_breaks_every_limit(empty: Report) -> None:
    assert len(failed_thresholds(empty, parse_thresholds(["psnr=1"], ["psnr=99"]))) == 2
