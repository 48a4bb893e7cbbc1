"""Limits that a pipeline sets on means, and which of them a report breaks."""

from dataclasses import dataclass
from math import isnan

from srgan_cli.errors import UsageError
from srgan_cli.metrics import metric_of
from srgan_cli.scoring.report.report import Report


@dataclass(frozen=True)
class Limit:
    """A bound on a metric's mean.  upper: the mean may not be over it, else not under it."""

    metric: str
    bound: float
    upper: bool


def parse_limits(lower: list[str], upper: list[str]) -> list[Limit]:
    """The limits that means may not be under, and those that they may not be over, each written as psnr=28."""
    return [*(parse_limit(text, False) for text in lower), *(parse_limit(text, True) for text in upper)]


def parse_limit(text: str, upper: bool) -> Limit:
    """A limit such as psnr=28.  Raises UsageError for an unknown metric and for what is no number."""
    name, _, number = text.partition("=")
    metric_of(name)
    try:
        bound = float(number)
    except ValueError:
        bound = float("nan")
    if isnan(bound):
        raise UsageError(f"cannot read the limit {text!r}", "write it as psnr=28")
    return Limit(name, bound, upper)


def broken_limits(report: Report, limits: list[Limit]) -> list[str]:
    """A sentence for each limit that a candidate's mean breaks, or that has no mean to hold against.

    Baselines are not judged, unless there is nothing else.
    """
    judged = [s for s in report.summaries if s.method not in report.baselines] or report.summaries
    found = [(limit, summary.method, summary.mean.get(limit.metric)) for limit in limits for summary in judged]
    return [_sentence(*case) for case in found if _breaks(case[0], case[2])]


def _breaks(limit: Limit, mean: float | None) -> bool:
    if mean is None or isnan(mean):
        return True
    return mean > limit.bound if limit.upper else mean < limit.bound


def _sentence(limit: Limit, method: str, mean: float | None) -> str:
    label, decimals = metric_of(limit.metric).label, metric_of(limit.metric).decimals
    where = "over" if limit.upper else "under"
    if mean is None:
        return f"{method} has no {label} to hold against the limit of {limit.bound:g}"
    return f"{label} of {method} is {mean:.{decimals}f}, {where} the limit of {limit.bound:g}"
