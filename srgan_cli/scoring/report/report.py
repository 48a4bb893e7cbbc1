"""The report: scores of pictures, and their means and differences by method."""

from dataclasses import KW_ONLY, dataclass, field
from functools import cached_property
from itertools import combinations
from statistics import fmean

from srgan_cli.metrics import metric_of
from srgan_cli.scoring.protocol import Protocol
from srgan_cli.scoring.report.bootstrap import Interval, mean_intervals
from srgan_cli.scoring.report.crops import Crop


@dataclass(frozen=True)
class Score:
    """The scores of one picture by one method."""

    name: str
    """The name of the picture."""
    values: dict[str, float]
    """The values by metric; empty after an error."""
    _: KW_ONLY
    method: str = ""
    error: str = ""
    """Why the picture could not be scored."""
    skipped: bool = False
    """Whether the error does not count, because the protocol skips pictures of another size."""


@dataclass(frozen=True, kw_only=True)
class Summary:
    """The means of one method."""

    method: str
    count: int
    """The number of scored pictures."""
    mean: dict[str, float]
    """The mean by metric; for a metric of sets, its value."""
    interval: dict[str, Interval | None]
    """The 95 % interval of the mean by metric."""
    counts: dict[str, int] = field(default_factory=dict)
    """The number of pictures or patches by metric of sets."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """The paired differences of two methods, first minus second, on the pictures that both have."""

    first: str
    second: str
    count: int
    """The number of these pictures."""
    mean: dict[str, float]
    """The mean difference by metric."""
    interval: dict[str, Interval | None]
    """Its 95 % interval by metric."""


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
    """The methods that are baselines."""
    crops: dict[str, Crop] = field(default_factory=dict)
    """Where the methods differ most, by picture; only for a figure."""

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
    def best(self) -> dict[str, set[str]]:
        """The methods with the best mean by metric, compared as printed; empty for fewer than two methods."""
        return {name: self._winners(name) for name in self.protocol.metrics} if len(self.methods) > 1 else {}

    def values(self, method: str) -> dict[str, dict[str, float]]:
        """The values of a method by picture and metric."""
        return {score.name: score.values for score in self.scores if score.method == method and not score.error}

    def _summary(self, method: str) -> Summary:
        rows = list(self.values(method).values())
        columns = {key: [row[key] for row in rows] for key in self.protocol.picture_metrics} if rows else {}
        set_scores = self.set_scores.get(method, {})
        mean = {key: fmean(column) for key, column in columns.items()}
        return Summary(
            method=method,
            count=len(rows),
            mean=mean | {key: value for key, (value, _) in set_scores.items()},
            interval=mean_intervals(columns),
            counts={key: count for key, (_, count) in set_scores.items()},
        )

    def _difference(self, first: str, second: str) -> Difference:
        left, right = self.values(first), self.values(second)
        common = [name for name in left if name in right]
        columns = {
            key: [_subtract(left[name][key], right[name][key]) for name in common]
            for key in (self.protocol.picture_metrics if common else ())
        }
        mean = {key: fmean(column) for key, column in columns.items()}
        return Difference(first=first, second=second, count=len(common), mean=mean, interval=mean_intervals(columns))

    def _winners(self, name: str) -> set[str]:
        metric = metric_of(name)
        means = {s.method: round(s.mean[name], metric.decimals) for s in self.summaries if name in s.mean}
        if not means:
            return set()
        best = max(means.values()) if metric.higher_is_better else min(means.values())
        return {method for method, value in means.items() if value == best}


def _subtract(left: float, right: float) -> float:
    """The difference; 0 for two infinities."""
    return 0.0 if left == right else left - right
