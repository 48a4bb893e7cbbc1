"""Thresholds for means, set by --fail-under and --fail-over."""

from dataclasses import dataclass
from math import isnan

from srgan_cli.errors import UsageError
from srgan_cli.metrics import metric_of
from srgan_cli.scoring.report.summary import Report


@dataclass(frozen=True)
class Threshold:
    """A bound for the mean of a metric."""

    metric: str
    bound: float
    upper: bool
    """Whether the mean must not be above the bound, otherwise not below it."""


def parse_thresholds(lower: list[str], upper: list[str]) -> list[Threshold]:
    """The thresholds that means must not be below, and those that they must not be above, written as psnr=28."""
    return [*(_parse(text, upper=False) for text in lower), *(_parse(text, upper=True) for text in upper)]


def failed_thresholds(report: Report, thresholds: list[Threshold]) -> list[str]:
    """A message for each threshold that a candidate fails, or for which it has no mean.

    Baselines count only if there is no candidate. Infinite values of single pictures are left out of a mean, so that
    one perfect picture does not make up for the others.
    """
    candidates = [s for s in report.summaries if s.method not in report.baselines] or report.summaries
    cases = [(threshold, s.method, s.finite_mean.get(threshold.metric)) for threshold in thresholds for s in candidates]
    return [message for case in cases if (message := _failure(*case))]


def _parse(text: str, *, upper: bool) -> Threshold:
    """Raises UsageError for an unknown metric, and if the bound is not a number."""
    name, _, number = text.lower().partition("=")
    try:
        bound = float(number)
    except ValueError:
        bound = float("nan")
    if isnan(bound):
        raise UsageError(f"cannot read the threshold {text!r}", "write it as psnr=28")
    metric_of(name)
    return Threshold(name, bound, upper)


def _failure(threshold: Threshold, method: str, mean: float | None) -> str:
    """How a mean fails a threshold, as NaN always does; empty if it does not."""
    metric = metric_of(threshold.metric)
    if mean is None:
        return f"{method} has no {metric.label} to compare with the threshold of {threshold.bound:g}"
    passes, side = (mean <= threshold.bound, "above") if threshold.upper else (mean >= threshold.bound, "below")
    found = f"{metric.label} of {method} is {metric.format(mean)}, {side} the threshold of {threshold.bound:g}"
    return "" if passes else found
