"""Checks before a run: problems of the pictures, and the cost of the training."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from srgan_cli.image.luma import crop_multiple, luma
from srgan_cli.image.ops import downscale, resize
from srgan_cli.system.devices import peak_memory
from srgan_cli.training.config import TrainConfig
from srgan_cli.training.data.dataset import VALIDATION_SIDE, Dataset, Pair, centre, training_files
from srgan_cli.training.data.degradations import JPEG_BLOCK
from srgan_cli.training.data.inspection import inspect_files
from srgan_cli.training.data.registration import register
from srgan_cli.training.data.teacher import Teacher, TeacherCache
from srgan_cli.training.run.initial_weights import InitialWeights
from srgan_cli.training.trainer import Trainer

MAX_SIDE = 1024  # side in pixels of the centre of a picture that is examined
MISSING_DETAIL = 7.5
"""Largest drop in dB from the second finest octave to the finest; sharp photographs have -1 to 7."""
BLOCKINESS = 1.4  # ratio of the steps between JPEG blocks to those inside, at about quality 50
MIN_STEP, MIN_POWER = 0.5 / 255, 1e-9
THUMBNAIL, DUPLICATE_DISTANCE, DUPLICATE_ROWS = 12, 0.01, 1024
"""Side in pixels of the thumbnails that are compared, their largest difference, and the number compared at once."""
SAMPLED_PAIRS = 64  # the most pairs whose registration is checked


@dataclass(frozen=True)
class Finding:
    """A problem of a picture."""

    name: str
    remark: str


@dataclass(frozen=True)
class Cost:
    """The cost of a run."""

    rates: dict[str, float]
    """Steps a second by phase."""
    hours: float
    memory: int
    """Bytes of memory."""
    disk: int
    """Bytes on the disk."""
    teacher_hours: float = 0.0
    """For the cache of a teacher, before the training."""


def find_problems(dataset: Dataset, config: TrainConfig, *, max_pixels: int | None = None) -> Iterator[Finding]:
    """The problems of the pictures of a dataset. Those of reading are counted over all files."""
    for skip in dataset.skipped:
        yield Finding(skip.path.name, f"cannot be used: {skip.reason}")
    pairs = [*dataset.training, *dataset.validation]
    duplicates = _near_duplicates(pairs, config.scale)
    for number, pair in enumerate(pairs):
        if number in duplicates:
            yield Finding(pair.name, f"looks the same as {pairs[duplicates[number]].name}")
        for remark in _remarks(pair, config):
            yield Finding(pair.name, remark)
    yield from find_misplaced(pairs, config)
    for count, remark in inspect_files(training_files(config), max_pixels=max_pixels):
        yield Finding(f"{count} file{'s' * (count > 1)}", remark)


def find_misplaced(pairs: list[Pair], config: TrainConfig, *, most: int = SAMPLED_PAIRS) -> Iterator[Finding]:
    """Which of at most `most` pairs of real partners are shifted against each other, or show different things."""
    for pair in pairs[:: -(-len(pairs) // most)] if config.data.low else ():
        crop = centre(pair, config.scale, MAX_SIDE)
        low, high = (luma(pixels.float() / 255) for pixels in (crop.low, crop.high))
        found = register(downscale(high, config.scale), low)
        if found.is_unlike:
            yield Finding(pair.name, f"looks unlike its low-resolution partner (correlation {found.correlation:.2f})")
        elif found.is_shifted:
            place = f"{found.down:z.1f} low-resolution pixels down and {found.right:z.1f} right"
            yield Finding(pair.name, f"is shifted {place} of its partner")


def estimate_cost(
    config: TrainConfig, dataset: Dataset, initial: InitialWeights | None = None, teacher: Teacher | None = None
) -> Cost:
    """Measure the cost of a run on a few steps of each phase, with the teacher's cache.  Nothing is written."""
    cache = TeacherCache.plan(config, dataset) if teacher and config.teacher.cache == "on" else None
    dataset = cache.placeholders(dataset) if cache else dataset
    fractions = config.phase_fractions
    rates, disk = {}, 0
    for phase in fractions:
        trainer = Trainer(config, dataset, initial=initial)
        rates[phase] = trainer.benchmark(phase)
        disk = max(disk, trainer.bytes_on_disk())
    steps = config.schedule.steps or 0
    seconds = config.schedule.seconds or sum(fractions[phase] * steps / rate for phase, rate in rates.items())
    cost = Cost(rates, seconds / 3600, peak_memory(trainer.device), disk)
    if not (teacher and cache):
        return cost
    return replace(cost, disk=disk + sum(cache.sizes), teacher_hours=cache.estimate_seconds(teacher) / 3600)


def _remarks(pair: Pair, config: TrainConfig) -> Iterator[str]:
    high = luma(centre(pair, config.scale, MAX_SIDE).high.float() / 255)
    half, finest = _octave(high)
    if (missing := _octave(half)[1] - finest) > MISSING_DETAIL:
        yield f"lacks fine detail (by {missing:.0f} dB): upscaled or out of focus?"
    if (blocks := _blockiness(high)) > BLOCKINESS:
        yield f"has visible JPEG blocks (steps {blocks:.2f} times as large as inside blocks)"


def _octave(pixels: Tensor) -> tuple[Tensor, float]:
    """The picture at half its size, and the power in dB of the detail that is lost."""
    even = crop_multiple(pixels, 2)
    half = downscale(even, 2)
    lost = (even - resize(half, *even.shape[-2:])).square().mean()
    return half, float(10 * torch.log10(lost + MIN_POWER))


def _blockiness(high: Tensor) -> float:
    """The median step at the strongest of eight grid offsets relative to the others; the mean of both directions."""
    ratios = []
    for lines in (high, high.mT):
        steps = lines.diff(dim=-1).abs()
        grid = torch.stack([steps[..., place::JPEG_BLOCK].median() for place in range(JPEG_BLOCK)])
        ratios.append(float((grid.max() + MIN_STEP) / (grid.median() + MIN_STEP)))
    return sum(ratios) / 2


def _near_duplicates(pairs: list[Pair], scale: int) -> dict[int, int]:
    """The indices of pictures that look like an earlier one, apart from small changes of size and compression.

    Each maps to the index of that earlier picture.  The whole and the centre are compared, because the dataset holds
    only the centre of pictures for validation.
    """
    owners = [number for number in range(len(pairs)) for _ in range(2)]
    parts = (part for pair in pairs for part in (pair, centre(pair, scale, VALIDATION_SIDE)))
    lumas = (resize(luma(part.low.float() / 255), THUMBNAIL, THUMBNAIL) for part in parts)
    thumbnails = torch.stack([thumbnail.flatten() for thumbnail in lumas])
    found: dict[int, int] = {}
    for start in range(0, len(thumbnails), DUPLICATE_ROWS):
        near = torch.cdist(thumbnails[start : start + DUPLICATE_ROWS], thumbnails) < DUPLICATE_DISTANCE * THUMBNAIL
        for row, column in near.nonzero().tolist():
            later, earlier = owners[start + row], owners[column]
            if earlier < later:
                found[later] = min(earlier, found.get(later, earlier))
    return found
