"""Validation: scores of a generator on the held-out pictures, upscaled as users do."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import inf
from statistics import fmean
from typing import Any

import torch
from torch import Tensor

from srgan_cli.image.codec.raster import UNSPECIFIED, BandLayout
from srgan_cli.image.codec.samples import UNIT_RANGE
from srgan_cli.image.ops import quantise, resize
from srgan_cli.image.picture import Picture
from srgan_cli.metrics import PIXEL_METRICS
from srgan_cli.metrics.perceptual.lpips import lpips_is_available
from srgan_cli.networks import Generator
from srgan_cli.scoring.protocol import Protocol, compare
from srgan_cli.system.distributed import World
from srgan_cli.training.config import DEGRADATION
from srgan_cli.training.data.dataset import Pair
from srgan_cli.training.data.measurements import LEVELS
from srgan_cli.training.run.clock import RunProgress
from srgan_cli.upscaling.upscaler import Upscaler
from srgan_cli.weights.backbones import is_available

VALIDATIONS = 20
MAX_TIME_FRACTION, MIN_STEPS = 1 / 15, 200
"""The largest fraction of a timed run that validation takes; the fewest steps between validations in others."""
MAX_PSNR_LOSS = 1.5  # the largest loss of PSNR in dB that the adversarial phase may trade for perceptual quality


@dataclass
class Validation:
    """The last validation of a run."""

    scores: dict[str, float] = field(default_factory=dict)
    step: int = 0
    """The step that it followed."""
    ended: float = 0.0
    """When it ended, in seconds of training."""
    cost: float = 0.0
    """How long it took in seconds."""

    def is_past(self, progress: RunProgress, fraction: float) -> bool:
        """Whether the next validation is due.  In a run by steps that does not depend on the speed of the machine."""
        if progress.config.schedule.steps is None:
            rare_enough = progress.seconds - self.ended >= self.cost / MAX_TIME_FRACTION
        else:
            rare_enough = progress.steps - self.step >= MIN_STEPS
        return rare_enough and fraction - progress.fraction_at(self.step, self.ended) >= 1 / VALIDATIONS


@dataclass
class BestValidation:
    """The validation of the adversarial phase with the best perceptual score and an acceptable PSNR."""

    fidelity: float | None = None
    """PSNR in dB at the start of the phase; None before it."""
    value: float = inf
    """The perceptual score; lower is better."""
    measure: str = ""
    """The metric of the score; empty before the first one."""

    def update(self, scores: dict[str, float], measure: str) -> bool:
        """Take these scores if they are better, or of another measure than before; returns whether they are taken."""
        if self.fidelity is None or scores["psnr"] < self.fidelity - MAX_PSNR_LOSS:
            return False
        same = self.measure or measure
        if same in scores and scores[same] >= self.value:
            return False
        self.measure = same if same in scores else measure
        self.value = scores[self.measure]
        return True


def validation_protocol(scale: int) -> Protocol:
    """The protocol of validation; its last metric is the best perceptual one whose weights are available."""
    available = {"sqd": is_available("squeezenet"), "lpips": lpips_is_available()}
    names = [name for name, found in available.items() if found]
    return Protocol(border=scale, scale=scale, metrics=(*PIXEL_METRICS, "gradients", *names))


class HeldOut:
    """The held-out pictures, and their PSNR over the run.  Every process scores a part of them."""

    def __init__(self, pairs: list[Pair], device: torch.device, world: World, shown: Sequence[int] = (0, 1, 2)) -> None:
        """`shown` are the bands of measurements that stand for colour."""
        self.pairs, self.shown = pairs[world.rank :: world.size], list(shown)
        self.device, self.world = device, world
        self.psnr: list[float] = []  # of every validation, in dB; the first one is that of the initial weights
        self.bicubic: float | None = None  # of bicubic upscaling, in dB

    def start(self, lines: list[dict[str, Any]], scale: int) -> None:
        """Take over the validations on the present partners from a log, and score bicubic upscaling of them."""
        self.psnr = [line["psnr"] for line in lines if "psnr" in line and line["phase"] != DEGRADATION]
        self.bicubic = mean(self.world.gather([_score_bicubic(pair, scale, self.shown) for pair in self.pairs]))["psnr"]

    def score(self, generator: Generator) -> tuple[list[Tensor], dict[str, float]]:
        """Upscale the pictures of this process, quantise to 8 bits and score.

        The outputs (3, H, W), values 0…1, and the mean scores over all processes.
        """
        measured = UNIT_RANGE if any(pair.low.is_floating_point() for pair in self.pairs) else None
        upscaler = Upscaler(generator, self.device, value_range=measured)
        protocol = validation_protocol(generator.scale)
        results = [_result(upscaler, pair, protocol, self.shown) for pair in self.pairs]
        mean_scores = mean(self.world.gather([scores for _, scores in results]))
        self.psnr.append(mean_scores["psnr"])
        return [output for output, _ in results], mean_scores


def mean(rows: list[dict[str, float]]) -> dict[str, float]:
    """The mean of every value that all rows have; empty for no rows."""
    return {key: fmean(row[key] for row in rows) for key in rows[-1] if all(key in row for row in rows)} if rows else {}


def _score_bicubic(pair: Pair, scale: int, shown: list[int]) -> dict[str, float]:
    """The PSNR of bicubic upscaling of a pair's low-resolution picture, by the same protocol."""
    output = resize(pair.low.float() / LEVELS, *pair.high.shape[-2:])
    return _scores(pair, output, replace(validation_protocol(scale), metrics=("psnr",)), shown)


def _result(upscaler: Upscaler, pair: Pair, protocol: Protocol, shown: list[int]) -> tuple[Tensor, dict[str, float]]:
    output = upscaler.upscale(_picture(pair.low)).pixels
    return output[shown[: len(output)]].clamp(0, 1), _scores(pair, output, protocol, shown)


def _picture(low: Tensor) -> Picture:
    """The picture of a photograph, or of the bands of a measurement."""
    if not low.is_floating_point():
        return Picture(low.float() / LEVELS)
    layout = BandLayout(1, (UNSPECIFIED,) * (len(low) - 1))
    return Picture(low / LEVELS, depth=32, sample_type="float32", layout=layout)


def _scores(pair: Pair, output: Tensor, protocol: Protocol, shown: list[int]) -> dict[str, float]:
    """The scores of an enlarged picture: a photograph with 8 bits, or a measurement where it has data.

    The PSNR of a measurement is that of all bands, and the other metrics see the bands that stand for colour.
    """
    high = pair.high.float() / LEVELS
    if not pair.low.is_floating_point():
        return compare(high, quantise(output), protocol)
    scale, low = protocol.scale, pair.valid
    valid = None if low is None else low.repeat_interleave(scale, -2).repeat_interleave(scale, -1).numpy()
    psnr = compare(high, output, replace(protocol, metrics=("psnr",)), valid=valid, measured=True)
    colour, original = (part[shown].clamp(0, 1) for part in (output, high))
    return compare(original, colour, protocol) | psnr
