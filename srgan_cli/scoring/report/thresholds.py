"""Limits that a pipeline sets on means, and which of them a report breaks."""

from dataclasses import dataclass
from math import isnan

from srgan_cli.errors import UsageError
from srgan_cli.metrics import metric_of
from srgan_cli.scoring.report.report import Report


@dataclass(frozen=True)
class Threshold:
    """A bound on a metric's mean.  upper: the mean may not be over it, else not under it."""

    metric: str
    bound: float
    upper: bool


def parse_thresholds(lower: list[str], upper: list[str]) -> list[Threshold]:
    """The limits that means may not be under, and those that they may not be over, each written as psnr=28."""
    return [*(parse_threshold(text, False) for text in lower), *(parse_threshold(text, True) for text in upper)]


def parse_threshold(text: str, upper: bool) -> Threshold:
    """A limit such as psnr=28.  Raises UsageError for an unknown metric and for what is no number."""
    name, _, number = text.partition("=")
    metric_of(name)
    try:
        bound = float(number)
    except ValueError:
        bound = float("nan")
    if isnan(bound):
        raise UsageError(f"cannot read the limit {text!r}", "write it as psnr=28")
    return Threshold(name, bound, upper)


def failed_thresholds(report: Report, thresholds: list[Threshold]) -> list[str]:
    """A sentence for each limit that a candidate's mean breaks, or that has no mean to hold against.

    Baselines are not judged, unless there is nothing else.
    """
    judged = [s for s in report.summaries if s.method not in report.baselines] or report.summaries
    found = [(limit, summary.method, summary.mean.get(limit.metric)) for limit in thresholds for summary in judged]
    return [_sentence(*case) for case in found if _fails(case[0], case[2])]


def _fails(threshold: Threshold, mean: float | None) -> bool:
    if mean is None or isnan(mean):
        return True
    return mean > threshold.bound if threshold.upper else mean < threshold.bound


def _sentence(threshold: Threshold, method: str, mean: float | None) -> str:
    label, decimals = metric_of(threshold.metric).label, metric_of(threshold.metric).decimals
    where = "over" if threshold.upper else "under"
    if mean is None:
        return f"{method} has no {label} to hold against the limit of {threshold.bound:g}"
    return f"{label} of {method} is {mean:.{decimals}f}, {where} the limit of {threshold.bound:g}"
