"""Batches of random patches, cut from a dataset in random orientations, degraded and augmented as asked."""

from collections.abc import Sequence

import torch
from torch import Tensor

from srgan_cli.tiling import Window
from srgan_cli.training.config import TrainConfig
from srgan_cli.training.data import Pair
from srgan_cli.training.degrade import DEGRADATIONS, JPEG_BLOCK
from srgan_cli.world import ALONE, World

MARGIN = 8
"""Low-resolution pixels around a patch that are degraded with it, so that its edges look like the rest."""


def sample_batch(
    pairs: Sequence[Pair],
    config: TrainConfig,
    random: torch.Generator,
    patch: int,
    batch: int,
    world: World = ALONE,
) -> tuple[Tensor, Tensor]:
    """Random patches in random orientations: (batch, 3, patch, patch) and their partners, values 0…1.

    A `config.degraded_share` of the low-resolution ones are degraded.  Every process of `world` cuts its own part of
    the patches that one process would cut for a batch as large as all of theirs.
    """
    seeds = torch.randint(2**62, (world.size * batch,), generator=random).tolist()
    own = seeds[world.rank * batch : (world.rank + 1) * batch]
    patches = [_random_patch(pairs, config, torch.Generator().manual_seed(seed), patch) for seed in own]
    low, high = (torch.stack(side).float().div_(255) for side in zip(*patches, strict=True))
    return mix(low, high, random) if _chance(config.mixup_share, random) else (low, high)


def turn(pixels: Tensor, orientation: int) -> Tensor:
    """One of the eight orientations of a square (..., S, S), by number 0 to 7."""
    turned = torch.rot90(pixels, orientation % 4, (-2, -1))
    return turned.flip(-1) if orientation >= 4 else turned


def mix(low: Tensor, high: Tensor, random: torch.Generator) -> tuple[Tensor, Tensor]:
    """Every patch blended with another of the batch, by a share drawn evenly for each, and the partners alike.

    Source: H. Zhang et al., mixup: Beyond Empirical Risk Minimization, ICLR 2018 (arXiv:1710.09412).
    """
    others = torch.randperm(len(low), generator=random)
    share = torch.rand(len(low), 1, 1, 1, generator=random)
    return torch.lerp(low, low[others], share), torch.lerp(high, high[others], share)


def _random_patch(
    pairs: Sequence[Pair], config: TrainConfig, random: torch.Generator, patch: int
) -> tuple[Tensor, Tensor]:
    pair = pairs[_below(len(pairs), random)]
    height, width = pair.low.shape[-2:]
    top, left = _below(height - patch + 1, random), _below(width - patch + 1, random)
    window = Window(top, left, top + patch, left + patch)
    spoilt = _chance(config.degraded_share, random)
    low = _degraded(pair, window, config, random) if spoilt else pair.low[:, *window.slices]
    high = pair.high[:, *window.scaled(config.scale).slices]
    if _chance(config.colour_share, random):
        order = torch.randperm(3, generator=random)
        low, high = low[order], high[order]
    orientation = _below(8, random)
    return turn(low, orientation), turn(high, orientation)


def _degraded(pair: Pair, window: Window, config: TrainConfig, random: torch.Generator) -> Tensor:
    """A window of a degraded picture, made from the original; JPEG's blocks may begin anywhere in it."""
    height, width = pair.low.shape[-2:]
    around = Window(
        max(0, window.top - MARGIN - _below(JPEG_BLOCK, random)),
        max(0, window.left - MARGIN - _below(JPEG_BLOCK, random)),
        min(height, window.bottom + MARGIN),
        min(width, window.right + MARGIN),
    )
    original = pair.high[:, *around.scaled(config.scale).slices]
    return DEGRADATIONS[config.degradation](original, config.scale, random)[:, *window.within(around).slices]


def _below(end: int, random: torch.Generator) -> int:
    return int(torch.randint(end, (), generator=random))


def _chance(share: float, random: torch.Generator) -> bool:
    return share > 0 and float(torch.rand((), generator=random)) < share
