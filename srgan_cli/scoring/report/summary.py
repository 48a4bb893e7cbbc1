"""The report: scores of pictures, and their means and differences by method."""

from collections.abc import Iterator
from dataclasses import KW_ONLY, dataclass, field
from functools import cached_property
from itertools import combinations
from math import isfinite
from statistics import fmean
from typing import Any

from srgan_cli.metrics import metric_of
from srgan_cli.scoring.protocol import Protocol
from srgan_cli.scoring.report.bootstrap import Interval, mean_intervals
from srgan_cli.scoring.report.crops import Crop
from srgan_cli.system.arguments import checked


@checked
@dataclass(frozen=True)
class Score:
    """The scores of one picture by one method."""

    name: str
    values: dict[str, float]
    """The values by metric; empty after an error."""
    _: KW_ONLY
    method: str = ""
    error: str = ""
    """Why the picture could not be scored."""
    skipped: bool = False
    """Whether the error does not count, because the protocol skips pictures of another size."""
    frames: int = 1
    """The number of frames or pages that were compared."""
    value_range: tuple[float, float] = (0.0, 1.0)
    """The range of values in which they were compared, in the units of the reference."""
    excluded: tuple[int, int] = (0, 0)
    """The pixels that were left out because they have no value: in the reference, and in the candidate."""
    notes: tuple[str, ...] = ()
    """A sentence for everything that was done before the comparison."""
    lacking: dict[str, str] = field(default_factory=dict)
    """A message for each metric that could not be computed."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """The means of values of pictures, by metric."""

    count: int
    mean: dict[str, float]
    """The mean; for a metric of sets, its value."""
    finite_mean: dict[str, float]
    """The mean without infinite values, unless all are infinite. This is printed, and compared with thresholds."""
    infinite: dict[str, list[str]]
    """The names of the pictures that `finite_mean` leaves out, for metrics that have any."""
    interval: dict[str, Interval | None]
    """The 95 % interval of the mean."""


@checked
@dataclass(frozen=True, kw_only=True)
class Summary(Estimate):
    """The means of one method."""

    method: str
    counts: dict[str, int] = field(default_factory=dict)
    """The number of pictures or patches by metric of sets."""


@checked
@dataclass(frozen=True, kw_only=True)
class Difference(Estimate):
    """The paired differences of two methods, first minus second, on the pictures that both have."""

    first: str
    second: str


@checked
@dataclass(frozen=True)
class Report:
    """The scores of sets of pictures."""

    protocol: Protocol
    scores: list[Score]
    only_reference: list[str]
    """The names of references without a candidate."""
    only_candidate: list[str]
    """The names of candidates without a reference."""
    _: KW_ONLY
    set_scores: dict[str, dict[str, tuple[float, int]]] = field(default_factory=dict)
    """Value and number of pictures, by method and metric of sets."""
    unavailable: list[str] = field(default_factory=list)
    """A message for each metric that could not be computed."""
    baselines: tuple[str, ...] = ()
    crops: dict[str, Crop] = field(default_factory=dict)
    """Where the methods differ most, by picture; only for a figure."""
    has_intervals: bool = True

    @property
    def complete(self) -> bool:
        """Whether every picture had a partner and was scored by every metric."""
        failed = any(score.error and not score.skipped for score in self.scores)
        return not (self.only_reference or self.only_candidate or self.unavailable or failed)

    @property
    def methods(self) -> list[str]:
        """The methods in the given order."""
        return list(dict.fromkeys(score.method for score in self.scores))

    @property
    def mean(self) -> dict[str, float]:
        """The means of the first method by metric; empty if no picture was scored."""
        return self.summaries[0].mean if self.summaries else {}

    @cached_property
    def summaries(self) -> list[Summary]:
        """The summary of each method."""
        return [self._summary(method) for method in self.methods]

    @cached_property
    def differences(self) -> list[Difference]:
        """The difference of each two methods."""
        return [self._difference(*pair) for pair in combinations(self.methods, 2)]

    @property
    def errors(self) -> list[str]:
        """A message for each metric and picture that could not be scored."""
        several = len(self.methods) > 1
        return [
            *self.unavailable,
            *(f"{s.name}{f' ({s.method})' if several else ''}: {s.error}" for s in self.scores if s.error),
            *(f"{name}: only among the references" for name in self.only_reference),
            *(f"{name}: only among the candidates" for name in self.only_candidate),
        ]

    @property
    def notes(self) -> list[str]:
        """A sentence for everything that changes what is compared or averaged."""
        labels = {method: f" ({method})" if len(self.methods) > 1 else "" for method in self.methods}
        return [
            *(f"{s.name}{labels[s.method]}: {note}" for s in self.scores for note in [*s.notes, *_excluded_notes(s)]),
            *(note for s in self.summaries for note in _infinite_notes(s, labels[s.method])),
        ]

    @property
    def value_ranges(self) -> list[tuple[float, float]]:
        """The ranges of values in which pictures were compared, each once, in order."""
        return sorted({score.value_range for score in self.scores if not score.error})

    @property
    def best(self) -> dict[str, set[str]]:
        """The methods with the best mean by metric, compared as printed; empty for fewer than two methods."""
        return {name: self._winners(name) for name in self.protocol.metrics} if len(self.methods) > 1 else {}

    def values(self, method: str) -> dict[str, dict[str, float]]:
        """The values of a method by picture and metric."""
        return {score.name: score.values for score in self.scores if score.method == method and not score.error}

    def _summary(self, method: str) -> Summary:
        values = self.values(method)
        columns = {key: [row[key] for row in values.values()] for key in self.protocol.picture_metrics if values}
        estimate = self._estimate(list(values), columns)
        of_sets = {key: value for key, (value, _) in self.set_scores.get(method, {}).items()}
        estimate |= {key: estimate[key] | of_sets for key in ("mean", "finite_mean")}
        counts = {key: count for key, (_, count) in self.set_scores.get(method, {}).items()}
        return Summary(method=method, counts=counts, **estimate)

    def _difference(self, first: str, second: str) -> Difference:
        left, right = self.values(first), self.values(second)
        common = [name for name in left if name in right]
        metrics = self.protocol.picture_metrics if common else ()
        columns = {key: [_subtract(left[name][key], right[name][key]) for name in common] for key in metrics}
        return Difference(first=first, second=second, **self._estimate(common, columns))

    def _estimate(self, names: list[str], columns: dict[str, list[float]]) -> dict[str, Any]:
        """The fields of an Estimate, from a column of values for each metric, with one for each name."""
        infinite = {key: _left_out(names, column) for key, column in columns.items()}
        return {
            "count": len(names),
            "mean": {key: fmean(column) for key, column in columns.items()},
            "finite_mean": {key: fmean(list(filter(isfinite, column)) or column) for key, column in columns.items()},
            "infinite": {key: left_out for key, left_out in infinite.items() if left_out},
            "interval": mean_intervals(columns) if self.has_intervals else dict.fromkeys(columns),
        }

    def _winners(self, name: str) -> set[str]:
        metric = metric_of(name)
        means = {s.method: round(s.finite_mean[name], metric.decimals) for s in self.summaries if name in s.finite_mean}
        if not means:
            return set()
        best = max(means.values()) if metric.higher_is_better else min(means.values())
        return {method for method, value in means.items() if value == best}


def _left_out(names: list[str], column: list[float]) -> list[str]:
    """The names of the values that `finite_mean` leaves out."""
    infinite = [name for name, value in zip(names, column, strict=True) if not isfinite(value)]
    return infinite if len(infinite) < len(names) else []


def _infinite_notes(summary: Summary, label: str) -> Iterator[str]:
    for key, names in summary.infinite.items():
        others = summary.count - len(names)
        listed = ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
        yield f"{metric_of(key).label}{label} is infinite for {listed}; the mean is that of the other {others}"


def _excluded_notes(score: Score) -> Iterator[str]:
    of_reference, of_candidate = score.excluded
    if of_reference or of_candidate:
        yield f"pixels without data are left out: {of_reference} of the reference, {of_candidate} of the candidate"


def _subtract(left: float, right: float) -> float:
    """The difference; 0 for two infinities."""
    return 0.0 if left == right else left - right
