"""Scoring a generator on the held-out pictures, the way users will run it."""

from dataclasses import dataclass, field
from math import inf
from statistics import fmean

import torch
from torch import Tensor

from srgan_cli.image.ops import quantise
from srgan_cli.image.picture import Picture
from srgan_cli.metrics import PIXEL_METRICS
from srgan_cli.metrics.perceptual.lpips import lpips_is_available
from srgan_cli.networks import Generator
from srgan_cli.scoring.protocol import Protocol, compare
from srgan_cli.training.data.dataset import Pair
from srgan_cli.training.run.clock import RunProgress
from srgan_cli.upscaling.upscaler import Upscaler
from srgan_cli.weights.backbones import is_available

VALIDATIONS = 20
LARGEST_SHARE, FEWEST_STEPS = 1 / 15, 200
"""The part of its time that validations may take in a run by time, and the steps between them in a run by steps."""
LARGEST_LOSS = 1.5
"""Of PSNR in dB, that the adversarial phase may pay for looks."""


@dataclass
class Validation:
    """What was found, the step that it followed, when it ended and what it cost (seconds of the run's clock)."""

    scores: dict[str, float] = field(default_factory=dict)
    step: int = 0
    ended: float = 0.0
    cost: float = 0.0

    def is_past(self, progress: RunProgress, fraction: float) -> bool:
        """Whether it is time for another one; in a run by steps that does not depend on how fast the machine is."""
        if progress.config.schedule.steps is None:
            rare_enough = progress.seconds - self.ended >= self.cost / LARGEST_SHARE
        else:
            rare_enough = progress.steps - self.step >= FEWEST_STEPS
        return rare_enough and fraction - progress.fraction_at(self.step, self.ended) >= 1 / VALIDATIONS


@dataclass
class BestValidation:
    """The best validation of the adversarial phase: the nearest by a perceptual measure that is faithful enough.

    fidelity: PSNR in dB when the phase began; None before it.  value: of the measure, lower is better.
    measure: its name, once there is a best one.
    """

    fidelity: float | None = None
    value: float = inf
    measure: str = ""

    def update(self, scores: dict[str, float], measure: str) -> bool:
        """Whether these scores are better, which they then stand for.

        What was found by a measure that cannot be had any more is no longer compared: this one takes its place.
        """
        if self.fidelity is None or scores["psnr"] < self.fidelity - LARGEST_LOSS:
            return False
        same = self.measure or measure
        if same in scores and scores[same] >= self.value:
            return False
        self.measure = same if same in scores else measure
        self.value = scores[self.measure]
        return True


def validation_protocol(scale: int) -> Protocol:
    """How held-out pictures are scored at this scale; the last metric is the perceptual measure.

    That is LPIPS, or else the distance of SqueezeNet's features, where their weights are at hand; else the divergence
    of gradients, which also tells how far the statistics of edges have drifted.
    """
    available = {"sqd": is_available("squeezenet"), "lpips": lpips_is_available()}
    names = [name for name, found in available.items() if found]
    return Protocol(border=scale, scale=scale, metrics=(*PIXEL_METRICS, "gradients", *names))


@dataclass(frozen=True)
class ValidationResult:
    """A held-out picture as it came out, (3, H, W) with values 0…1, and its scores."""

    enlarged: Tensor
    scores: dict[str, float]


def validate(generator: Generator, device: torch.device, pairs: list[Pair]) -> list[ValidationResult]:
    """Every pair's low-resolution side enlarged, quantised to 8 bits and scored."""
    upscaler, rule = Upscaler(generator, device), validation_protocol(generator.scale)
    return [_result(upscaler, pair, rule) for pair in pairs]


def mean(rows: list[dict[str, float]]) -> dict[str, float]:
    """The mean of every value that all rows have; nothing for no rows."""
    return {key: fmean(row[key] for row in rows) for key in rows[-1] if all(key in row for row in rows)} if rows else {}


def _result(upscaler: Upscaler, pair: Pair, rule: Protocol) -> ValidationResult:
    enlarged = quantise(upscaler.upscale(Picture(pair.low.float() / 255)).pixels)
    return ValidationResult(enlarged, compare(pair.high.float() / 255, enlarged, rule))
