"""The report: scores of pictures against references, what they come to, and how methods differ."""

from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations
from statistics import fmean

from srgan_cli.metrics import metric_of
from srgan_cli.scoring.protocol import Protocol
from srgan_cli.scoring.report.bootstrap import Interval, mean_intervals


@dataclass(frozen=True)
class Score:
    """One picture's values, by metric; or why it has none.  skipped: it was to be left out."""

    name: str
    values: dict[str, float]
    error: str = ""
    method: str = ""
    skipped: bool = False


@dataclass(frozen=True)
class Summary:
    """A method's number of pictures, its means and their 95 % intervals, by metric.

    counts: how many pictures or patches each metric of sets has seen.
    """

    method: str
    count: int
    mean: dict[str, float]
    interval: dict[str, Interval | None]
    counts: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Difference:
    """By how much the first method's mean exceeds the second's, over the pictures that both have."""

    first: str
    second: str
    count: int
    mean: dict[str, float]
    interval: dict[str, Interval | None]


@dataclass(frozen=True)
class Report:
    """The scores of sets of pictures, and the names that had no partner.

    sets: what metrics of sets found, by method, as value and number of pictures.  unavailable: metrics that could not
    be computed, a sentence each.  baselines: the methods that were made for comparison.
    """

    protocol: Protocol
    scores: list[Score]
    only_reference: list[str]
    only_candidate: list[str]
    sets: dict[str, dict[str, tuple[float, int]]] = field(default_factory=dict)
    unavailable: list[str] = field(default_factory=list)
    baselines: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether every picture had a partner and was scored by every metric."""
        failed = any(score.error and not score.skipped for score in self.scores)
        return not (self.only_reference or self.only_candidate or self.unavailable or failed)

    @property
    def methods(self) -> list[str]:
        """The methods in the order they were given."""
        return list(dict.fromkeys(score.method for score in self.scores))

    @property
    def mean(self) -> dict[str, float]:
        """The mean of each metric over the pictures that were scored; empty if none was.  Of the first method."""
        return self.summaries[0].mean if self.summaries else {}

    @cached_property
    def summaries(self) -> list[Summary]:
        """What each method's scores come to."""
        return [self._summary(method) for method in self.methods]

    @cached_property
    def differences(self) -> list[Difference]:
        """Of every two methods, the paired difference."""
        return [self._difference(*pair) for pair in combinations(self.methods, 2)]

    @property
    def errors(self) -> list[str]:
        """What kept pictures from being scored, a sentence each."""
        several = len(self.methods) > 1
        return [
            *self.unavailable,
            *(f"{s.name}{f' ({s.method})' if several else ''}: {s.error}" for s in self.scores if s.error),
            *(f"{name}: only among the references" for name in self.only_reference),
            *(f"{name}: only among the candidates" for name in self.only_candidate),
        ]

    @property
    def best(self) -> dict[str, set[str]]:
        """The methods with the best mean of each metric, as far as it is printed; empty with fewer than two."""
        return {name: self._winners(name) for name in self.protocol.metrics} if len(self.methods) > 1 else {}

    def values(self, method: str) -> dict[str, dict[str, float]]:
        """A method's values by picture and metric."""
        return {score.name: score.values for score in self.scores if score.method == method and not score.error}

    def _summary(self, method: str) -> Summary:
        rows = list(self.values(method).values())
        columns = {key: [row[key] for row in rows] for key in self.protocol.of_pictures} if rows else {}
        sets = self.sets.get(method, {})
        mean = {key: fmean(column) for key, column in columns.items()} | {
            key: value for key, (value, _) in sets.items()
        }
        counts = {key: count for key, (_, count) in sets.items()}
        return Summary(method, len(rows), mean, mean_intervals(columns), counts)

    def _difference(self, first: str, second: str) -> Difference:
        left, right = self.values(first), self.values(second)
        common = [name for name in left if name in right]
        columns = {
            key: [_minus(left[name][key], right[name][key]) for name in common]
            for key in (self.protocol.of_pictures if common else ())
        }
        mean = {key: fmean(column) for key, column in columns.items()}
        return Difference(first, second, len(common), mean, mean_intervals(columns))

    def _winners(self, name: str) -> set[str]:
        metric = metric_of(name)
        means = {s.method: round(s.mean[name], metric.decimals) for s in self.summaries if name in s.mean}
        if not means:
            return set()
        top = max(means.values()) if metric.higher_is_better else min(means.values())
        return {method for method, value in means.items() if value == top}


def _minus(left: float, right: float) -> float:
    """The difference; that of two infinities is none."""
    return 0.0 if left == right else left - right
