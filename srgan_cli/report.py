"""Scores of pictures against references, by a protocol that is printed with the numbers."""

import json
from dataclasses import asdict, dataclass
from math import isfinite
from pathlib import Path
from statistics import fmean
from typing import Any

from torch import Tensor

from srgan_cli.errors import PictureError, SrganError, UsageError
from srgan_cli.files import pair_by_name
from srgan_cli.metrics import CLASSIC, METRICS
from srgan_cli.picture import read_picture
from srgan_cli.pixels import crop_border, luma
from srgan_cli.progress import Progress


@dataclass(frozen=True)
class Protocol:
    """What is compared, and by which metrics.

    channels: y (BT.601 luma, 16–235) or rgb.  border: pixels cut on every side.  Metrics that look at whole pictures
    heed neither.
    """

    channels: str = "y"
    border: int = 4
    metrics: tuple[str, ...] = CLASSIC

    def __post_init__(self) -> None:
        """Raises UsageError for an unknown metric."""
        for name in self.metrics:
            if name not in METRICS:
                raise UsageError(f"no metric {name!r}", f"there is: {', '.join(METRICS)}")

    def __str__(self) -> str:
        what = "BT.601 luma (16–235)" if self.channels == "y" else "RGB"
        classic = f"{what}, border {self.border} px cut, SSIM with Gaussian window 11 x 11 sigma 1.5"
        whole = [METRICS[name].label for name in self.metrics if METRICS[name].whole]
        return f"{classic}; {' and '.join(whole)} on whole RGB pictures" if whole else classic

    def prepare(self, pixels: Tensor) -> Tensor:
        """The part of a (3, H, W) picture that is compared."""
        return crop_border(luma(pixels) if self.channels == "y" else pixels, self.border)


@dataclass(frozen=True)
class Score:
    """One picture's values, by metric; or why it has none."""

    name: str
    values: dict[str, float]
    problem: str = ""


@dataclass(frozen=True)
class Report:
    """The scores of a set of pictures, and the names that had no partner."""

    protocol: Protocol
    scores: list[Score]
    only_reference: list[str]
    only_candidate: list[str]

    @property
    def complete(self) -> bool:
        """Whether every picture had a partner and was scored."""
        return not (self.only_reference or self.only_candidate or any(s.problem for s in self.scores))

    @property
    def mean(self) -> dict[str, float]:
        """The mean of each metric over the pictures that were scored; empty if none was."""
        scored = [score.values for score in self.scores if not score.problem]
        return {key: fmean(values[key] for values in scored) for key in self.protocol.metrics} if scored else {}

    @property
    def problems(self) -> list[str]:
        """What kept pictures from being scored, a sentence each."""
        return [
            *(f"{score.name}: {score.problem}" for score in self.scores if score.problem),
            *(f"{name}: only among the references" for name in self.only_reference),
            *(f"{name}: only among the candidates" for name in self.only_candidate),
        ]

    def to_json(self) -> str:
        """The report as a JSON object; values that are not finite are written as null."""
        content: dict[str, Any] = {
            "protocol": {**asdict(self.protocol), "description": str(self.protocol)},
            "mean": _finite(self.mean),
            "pictures": [{"name": s.name, **_finite(s.values)} for s in self.scores if not s.problem],
            "problems": self.problems,
        }
        return json.dumps(content, indent=2, ensure_ascii=False)


def compare(reference: Tensor, candidate: Tensor, protocol: Protocol) -> dict[str, float]:
    """The metrics of two (3, H, W) pictures with values 0…1.  Raises PictureError unless they fit each other."""
    if reference.shape != candidate.shape:
        sizes = [f"{pixels.shape[-1]} x {pixels.shape[-2]}" for pixels in (reference, candidate)]
        raise PictureError(f"the reference is {sizes[0]}, the candidate {sizes[1]}", "compare pictures of one size")
    whole, prepared = (reference, candidate), (protocol.prepare(reference), protocol.prepare(candidate))
    metrics = {name: METRICS[name] for name in protocol.metrics}
    return {name: metric.compute(*(whole if metric.whole else prepared)) for name, metric in metrics.items()}


def score(
    reference: Path, candidate: Path, protocol: Protocol | None = None, progress: Progress | None = None
) -> Report:
    """Score a picture against its reference, or the pictures of a folder against those of another by name.

    Transparent pictures are laid on white.
    Pictures that cannot be read or differ in size are reported, not raised.  Raises SrganError when nothing can
    be paired.  `progress` is called with the pictures done and in all.
    """
    protocol = protocol or Protocol()
    pairing = pair_by_name(reference, candidate)
    scores = []
    for done, (name, left, right) in enumerate(pairing.pairs, 1):
        scores.append(_score_files(name, left, right, protocol))
        if progress:
            progress(done, len(pairing.pairs))
    return Report(protocol, scores, pairing.only_reference, pairing.only_candidate)


def _score_files(name: str, reference: Path, candidate: Path, protocol: Protocol) -> Score:
    try:
        return Score(name, compare(_on_paper(reference), _on_paper(candidate), protocol))
    except SrganError as error:
        return Score(name, {}, error.message)


def _on_paper(path: Path) -> Tensor:
    return read_picture(path).on_white.rgb


def _finite(values: dict[str, float]) -> dict[str, float | None]:
    return {key: value if isfinite(value) else None for key, value in values.items()}
