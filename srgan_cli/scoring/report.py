"""Scores of pictures against references, by a protocol that is printed with the numbers."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import cached_property, partial
from itertools import combinations
from statistics import fmean
from typing import Any

from srgan_cli.errors import MismatchError, UsageError
from srgan_cli.metrics import CLASSIC, FEATURES, METRICS, SET_METRICS, Metric, SetMetric
from srgan_cli.metrics.ssim import SSIM_SETTINGS
from srgan_cli.planes import Pixels, Planes, coloured, crop_border, full_luma, luma
from srgan_cli.scoring.intervals import Interval, mean_intervals

PROTOCOLS = {
    "sr-y": ("y", "gaussian"),
    "sr-y-grey": ("y-grey", "gaussian"),
    "rgb": ("rgb", "gaussian"),
    "skimage": ("rgb", "uniform"),
}
"""The channels and the window of SSIM by the protocol's name."""
RANGE = "0…1 of each file's own depth"


@dataclass(frozen=True)
class Protocol:
    """What is compared, and by which metrics.

    channels: y (BT.601 luma, 16–235), y-grey (the same, but grey pictures stay as they are) or rgb.
    border: pixels cut on every side.
    window: that of SSIM.  scale: what consistency shrinks by.  mismatch: what becomes of candidates of another size.
    features, patch: the network that set metrics see with, and the side of the patches they see, 0 for whole pictures.
    Metrics that look at whole pictures heed neither channels nor border.
    """

    channels: str = "y"
    border: int = 4
    metrics: tuple[str, ...] = CLASSIC
    window: str = "gaussian"
    scale: int = 4
    mismatch: str = "error"
    features: str = "inception"
    patch: int = 0

    def __post_init__(self) -> None:
        """Raises UsageError for an unknown metric and for unknown features."""
        if self.features not in FEATURES:
            raise UsageError(f"no features of {self.features!r}", f"there is: {', '.join(FEATURES)}")
        for name in self.metrics:
            if name not in METRICS and name not in SET_METRICS:
                raise UsageError(f"no metric {name!r}", f"there is: {', '.join([*METRICS, *SET_METRICS])}")

    def __str__(self) -> str:
        what = "RGB" if self.channels == "rgb" else "BT.601 luma (16–235)"
        parts = [f"{what}, border {self.border} px cut, range {RANGE}, SSIM with {SSIM_SETTINGS[self.window].label}"]
        if self.channels == "y-grey":
            parts.append("grey pictures in full range")
        if self.mismatch != "error":
            parts.append(f"pictures of another size: {self.mismatch}")
        if self.of_sets:
            seen = f"patches of {self.patch} px" if self.patch else "whole pictures"
            parts.append(
                f"{' and '.join(SET_METRICS[n].label for n in self.of_sets)} by {self.features}'s features of {seen}"
            )
        whole = [METRICS[name].label for name in self.of_pictures if METRICS[name].whole]
        return "; ".join(parts + ([f"{' and '.join(whole)} on whole RGB pictures"] if whole else []))

    @property
    def name(self) -> str:
        """Its name on the command line."""
        kind = self.channels, self.window
        return next((name for name, known in PROTOCOLS.items() if known == kind), " ".join(kind))

    @property
    def of_pictures(self) -> tuple[str, ...]:
        """The metrics that judge a picture."""
        return tuple(name for name in self.metrics if name in METRICS)

    @property
    def of_sets(self) -> tuple[str, ...]:
        """The metrics that judge a set of pictures as a whole."""
        return tuple(name for name in self.metrics if name in SET_METRICS)

    def describe(self) -> dict[str, Any]:
        """All of it, as JSON can hold it."""
        return {"name": self.name, **asdict(self), "range": RANGE, "description": str(self)}

    def prepare(self, pixels: Planes, grey: bool = False) -> Planes:
        """The part of a (1 or 3, H, W) picture that is compared; `grey` says that its reference is a grey picture."""
        if self.channels == "rgb":
            return crop_border(coloured(pixels), self.border)
        return crop_border(full_luma(pixels) if grey and self.channels == "y-grey" else luma(pixels), self.border)

    def measure(self, name: str) -> Callable[[Pixels, Pixels], float]:
        """The function of a metric, with this protocol's settings."""
        settled: dict[str, dict[str, Any]] = {"ssim": {"window": self.window}, "consistency": {"scale": self.scale}}
        return partial(METRICS[name].compute, **settled.get(name, {}))


def named_protocol(
    name: str,
    scale: int,
    border: int | None = None,
    metrics: tuple[str, ...] = CLASSIC,
    channels: str | None = None,
) -> Protocol:
    """One of PROTOCOLS, with other channels if told.

    Unless told, the border is the scale, and scikit-image's protocol has none.

    Raises UsageError for an unknown name.
    """
    if name not in PROTOCOLS:
        raise UsageError(f"no protocol {name!r}", f"there is: {', '.join(PROTOCOLS)}")
    usual_channels, window = PROTOCOLS[name]
    usual = 0 if name == "skimage" else scale
    return Protocol(channels or usual_channels, usual if border is None else border, metrics, window, scale)


def metric_of(name: str) -> Metric | SetMetric:
    """What is known about a metric, of pictures or of sets."""
    return METRICS[name] if name in METRICS else SET_METRICS[name]


@dataclass(frozen=True)
class Score:
    """One picture's values, by metric; or why it has none.  skipped: it was to be left out."""

    name: str
    values: dict[str, float]
    problem: str = ""
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
        failed = any(score.problem and not score.skipped for score in self.scores)
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
    def problems(self) -> list[str]:
        """What kept pictures from being scored, a sentence each."""
        several = len(self.methods) > 1
        return [
            *self.unavailable,
            *(f"{s.name}{f' ({s.method})' if several else ''}: {s.problem}" for s in self.scores if s.problem),
            *(f"{name}: only among the references" for name in self.only_reference),
            *(f"{name}: only among the candidates" for name in self.only_candidate),
        ]

    @property
    def best(self) -> dict[str, set[str]]:
        """The methods with the best mean of each metric, as far as it is printed; empty with fewer than two."""
        return {name: self._winners(name) for name in self.protocol.metrics} if len(self.methods) > 1 else {}

    def values(self, method: str) -> dict[str, dict[str, float]]:
        """A method's values by picture and metric."""
        return {score.name: score.values for score in self.scores if score.method == method and not score.problem}

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


def compare(reference: Planes, candidate: Planes, protocol: Protocol) -> dict[str, float]:
    """The metrics of two (1 or 3, H, W) pictures with values 0…1.  Raises MismatchError unless they fit each other."""
    if reference.shape[-2:] != candidate.shape[-2:]:
        sizes = [f"{pixels.shape[-1]} x {pixels.shape[-2]}" for pixels in (reference, candidate)]
        raise MismatchError(f"the reference is {sizes[0]}, the candidate {sizes[1]}", "compare pictures of one size")
    grey = len(reference) == 1
    whole = coloured(reference), coloured(candidate)
    prepared = protocol.prepare(reference, grey), protocol.prepare(candidate, grey)
    return {
        name: protocol.measure(name)(*(whole if METRICS[name].whole else prepared)) for name in protocol.of_pictures
    }


def _minus(left: float, right: float) -> float:
    """The difference; that of two infinities is none."""
    return 0.0 if left == right else left - right
