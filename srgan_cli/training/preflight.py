"""Looking at a run before hours are spent on it: the pictures, and what the training will take."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from shutil import disk_usage

import torch
from torch import Tensor

from srgan_cli.errors import SrganError
from srgan_cli.image.luma import crop_border, crop_multiple, luma
from srgan_cli.image.ops import downscale, resize
from srgan_cli.system.memory import peak_rss
from srgan_cli.training.config import TrainConfig
from srgan_cli.training.data.dataset import VALIDATION_SIDE, Dataset, Pair, centre
from srgan_cli.training.data.degradations import JPEG_BLOCK
from srgan_cli.training.run.origin import InitialWeights
from srgan_cli.training.trainer import Trainer

LARGEST_LOOK = 1024
"""Side of the middle part of a picture that is looked at, in pixels."""
MISSING_DETAIL = 7.5
"""By how many dB the finest octave of a picture may be weaker than the next; sharp photographs have -1 to 7."""
BLOCKINESS = 1.4
"""How much larger the steps between JPEG's blocks are than those within, from about quality 50 down."""
SMALLEST_STEP, SMALLEST_POWER = 0.5 / 255, 1e-9
THUMBNAIL, DUPLICATE_DISTANCE, DUPLICATE_ROWS = 12, 0.01, 1024
"""Side in pixels of what is compared to tell twins, their largest difference, and how many are compared at once."""
LARGEST_SHIFT = 2
CLEARLY_BETTER = 0.8
"""Part of the squared error at rest that a shift must get below to be believed."""


@dataclass(frozen=True)
class Finding:
    """What is remarkable about a picture."""

    name: str
    remark: str


@dataclass(frozen=True)
class Cost:
    """What a run takes: steps a second in the phases it has, hours, and bytes of memory and on the disk."""

    rates: dict[str, float]
    hours: float
    memory: int
    disk: int


def find_problems(dataset: Dataset, config: TrainConfig) -> Iterator[Finding]:
    """Everything remarkable about the pictures of a dataset."""
    for skip in dataset.skipped:
        yield Finding(skip.path.name, f"cannot be used: {skip.reason}")
    pairs = [*dataset.training, *dataset.validation]
    twins = _near_duplicates(pairs, config.scale)
    for number, pair in enumerate(pairs):
        if number in twins:
            yield Finding(pair.name, f"looks the same as {pairs[twins[number]].name}")
        for remark in _remarks(pair, config):
            yield Finding(pair.name, remark)


def estimate_cost(config: TrainConfig, dataset: Dataset, initial: InitialWeights | None = None) -> Cost:
    """Measured on a few steps of each phase, of which nothing is kept."""
    shares = config.phase_fractions
    rates, disk = {}, 0
    for phase in shares:
        trainer = Trainer(config, dataset, initial)
        rates[phase] = trainer.benchmark(phase)
        disk = max(disk, trainer.bytes_on_disk())
    seconds = config.schedule.seconds or sum(
        shares[phase] * (config.schedule.steps or 0) / rate for phase, rate in rates.items()
    )
    return Cost(rates, seconds / 3600, peak_memory(trainer.device), disk)


def check_disk_space(cost: Cost, run: Path) -> None:
    """Raises SrganError when the disk has less room than a run takes."""
    place = next(folder for folder in (run, *run.resolve().parents) if folder.exists())
    free = disk_usage(place).free
    if cost.disk > free:
        raise SrganError(
            f"{run} has room for {free / 1e6:.0f} MB, the run takes {cost.disk / 1e6:.0f} MB",
            "free some space, or name another place with --run",
        )


def peak_memory(device: torch.device) -> int:
    """Bytes of memory that this process, or its part of the GPU, has held at most; 0 where the system does not tell."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return peak_rss() or 0


def _remarks(pair: Pair, config: TrainConfig) -> Iterator[str]:
    middle = centre(pair, config.scale, LARGEST_LOOK)
    low, look = (luma(pixels.float() / 255) for pixels in (middle.low, middle.high))
    half, finest = _octave(look)
    missing = _octave(half)[1] - finest
    if missing > MISSING_DETAIL:
        yield f"lacks fine detail (by {missing:.0f} dB): enlarged before, or out of focus?"
    blocks = _blockiness(look)
    if blocks > BLOCKINESS:
        yield f"shows JPEG's blocks ({blocks:.2f} times the steps of its surroundings)"
    shift = _shift(low, downscale(look, config.scale)) if config.data.low else None
    if shift:
        yield f"lies {shift[0]} pixels below and {shift[1]} right of its low-resolution partner"


def _octave(pixels: Tensor) -> tuple[Tensor, float]:
    """The picture at half its size, and the power in dB of what that loses."""
    even = crop_multiple(pixels, 2)
    half = downscale(even, 2)
    lost = (even - resize(half, *even.shape[-2:])).square().mean()
    return half, float(10 * torch.log10(lost + SMALLEST_POWER))


def _blockiness(look: Tensor) -> float:
    """How much the most marked of eight places of a grid stands out, by median steps; the mean of both directions."""
    ratios = []
    for lines in (look, look.mT):
        steps = lines.diff(dim=-1).abs()
        grid = torch.stack([steps[..., place::JPEG_BLOCK].median() for place in range(JPEG_BLOCK)])
        ratios.append(float((grid.max() + SMALLEST_STEP) / (grid.median() + SMALLEST_STEP)))
    return sum(ratios) / 2


def _near_duplicates(pairs: list[Pair], scale: int) -> dict[int, int]:
    """The numbers of pictures that look like an earlier one, small changes of size and compression aside, and of that.

    Both the whole and the middle are compared, since of held-out pictures there is only the middle.
    """
    owners = [number for number in range(len(pairs)) for _ in range(2)]
    looks = torch.stack([_thumbnail(part) for pair in pairs for part in (pair, centre(pair, scale, VALIDATION_SIDE))])
    found: dict[int, int] = {}
    for start in range(0, len(looks), DUPLICATE_ROWS):
        near = torch.cdist(looks[start : start + DUPLICATE_ROWS], looks) < DUPLICATE_DISTANCE * THUMBNAIL
        for row, column in near.nonzero().tolist():
            later, earlier = owners[start + row], owners[column]
            if earlier < later:
                found[later] = min(earlier, found.get(later, earlier))
    return found


def _thumbnail(pair: Pair) -> Tensor:
    """The luma of a picture reduced to a few numbers."""
    return resize(luma(pair.low.float() / 255), THUMBNAIL, THUMBNAIL).flatten()


def _shift(low: Tensor, made: Tensor) -> tuple[int, int] | None:
    """By how many pixels what was made of the original lies below and right of its partner; None where it does not."""
    errors = {
        (down, right): float(
            crop_border(torch.roll(low, (down, right), (-2, -1)) - made, LARGEST_SHIFT).square().mean()
        )
        for down in range(-LARGEST_SHIFT, LARGEST_SHIFT + 1)
        for right in range(-LARGEST_SHIFT, LARGEST_SHIFT + 1)
    }
    best = min(errors, key=errors.__getitem__)
    return best if errors[best] < CLEARLY_BETTER * errors[0, 0] else None
