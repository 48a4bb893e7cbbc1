"""Batches of random patches, cut from a dataset in random orientations, degraded and augmented as asked."""

import os
from bisect import bisect_right
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any

import numpy as np
import torch
from torch import Tensor

from srgan_cli.image.ops import orient
from srgan_cli.system.distributed import SINGLE_PROCESS, World
from srgan_cli.training.config import TrainConfig
from srgan_cli.training.data.dataset import Pair
from srgan_cli.training.data.degradations import DEGRADATIONS, JPEG_BLOCK
from srgan_cli.training.data.random import bernoulli, randint, seeded
from srgan_cli.upscaling.tiles.tiling import Window

MARGIN = 8
"""Low-resolution pixels around a patch that are degraded with it, so that its edges look like the rest."""
CUTTERS = max(1, min(8, (os.cpu_count() or 1) // 2))
"""Threads that cut batches in the background, and how many batches are cut ahead."""
Patches = tuple[Tensor, Tensor]
"""Low-resolution patches (N, 3, patch, patch) and their partners (N, 3, scale x patch, scale x patch), uint8."""
Batch = tuple[Tensor, Tensor]
"""The same as floats 0…1, with noise beside the low-resolution patches where it is asked for."""


@dataclass(frozen=True)
class BatchRequest:
    """Which batch of a run it is, counted from 0, the side of its low-resolution patches, and how many there are."""

    number: int
    patch: int
    batch: int


class Sampler:
    """Cuts the batches of a run.  What is in one depends on the request, the pictures and the settings alone.

    So a resumed run gets what an unbroken one gets, and the next batches can be cut in the background, where torch
    computes on one thread; threads that the process begins later have one, too.
    """

    def __init__(self, pairs: Sequence[Pair], config: TrainConfig, world: World = SINGLE_PROCESS) -> None:
        self.pairs = pairs
        self.config = config
        self.world = world
        self._ends = list(accumulate(pair.weight for pair in pairs))
        self._background = ThreadPoolExecutor(CUTTERS, initializer=torch.set_num_threads, initargs=(1,))
        self._ahead: dict[BatchRequest, Future[Patches]] = {}

    def take(self, request: BatchRequest) -> Batch:
        """The batch that `cut` gives; the patches of those after it are cut while this one is learned from."""
        coming = [replace(request, number=request.number + later) for later in range(1 + CUTTERS)]
        self._ahead = {
            batch: self._ahead.get(batch) or self._background.submit(self._patches, batch) for batch in coming
        }
        return self._finish(request, *self._ahead[request].result())

    def cut(self, request: BatchRequest) -> Batch:
        """Random patches in random orientations, with channels of noise beside the low-resolution ones.

        Every process of the world cuts its own part of the patches that one process would cut for a batch as large as
        all of theirs, and batches that are accumulated are those that one batch as large would be.
        """
        return self._finish(request, *self._patches(request))

    def _patches(self, request: BatchRequest) -> Patches:
        """The batch in bytes, a quarter of the memory, before patches are blended and noise is added."""
        own = patch_rngs("patch", request, self.config, self.world)
        places = self._places(own, request.patch)
        patches = [self._patch(*place, drawn) for place, drawn in zip(places, own, strict=True)]
        low, high = (torch.stack(side) for side in zip(*patches, strict=True))
        return low, high

    def _finish(self, request: BatchRequest, low: Tensor, high: Tensor) -> Batch:
        random = seeded(self.config.run.seed, "batch", request.number)
        low, high = low / 255, high / 255
        if bernoulli(self.config.data.mixup_prob, random):
            low, high = mixup(low, high, random)
        if self.config.generator.noise:
            shape = (self.world.size, request.batch, self.config.generator.noise, request.patch, request.patch)
            low = torch.cat([low, torch.randn(shape, generator=random)[self.world.rank]], 1)
        return low, high

    def _patch(self, pair: Pair, window: Window, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        low, high = pair.low[:, *window.slices], pair.high[:, *window.scaled(self.config.scale).slices]
        if self.config.degradation.kind in DEGRADATIONS and bernoulli(self.config.degradation.prob, rng):
            degraded = self._degraded(pair, window, rng)
            low = cutblur(degraded, low, rng) if bernoulli(self.config.degradation.cutblur_prob, rng) else degraded
        if bernoulli(self.config.data.channel_shuffle_prob, rng):
            order = torch.randperm(3, generator=rng)
            low, high = low[order], high[order]
        orientation = randint(8, rng)
        return orient(low, orientation), orient(high, orientation)

    def _places(self, rngs: list[torch.Generator], patch: int) -> list[tuple[Pair, Window]]:
        """For every patch the place with the most detail of `config.data.candidate_patches` random ones."""
        choice = self.config.data.candidate_patches
        places = [place for random in rngs for place in self._drawn(random, patch)]
        if choice == 1:
            return places
        looks = np.stack([pair.low.numpy()[:, *window.slices] for pair, window in places])  # quicker than torch
        best = detail(torch.from_numpy(looks)).view(-1, choice).argmax(1).tolist()
        return [places[choice * row + column] for row, column in enumerate(best)]

    def _drawn(self, rng: torch.Generator, patch: int) -> list[tuple[Pair, Window]]:
        """Squares in `config.data.candidate_patches` pairs, each pair as often as its weight asks."""
        drawn = []
        for ticket, *place in _shares((self.config.data.candidate_patches, 3), rng):
            pair = self.pairs[bisect_right(self._ends, ticket * self._ends[-1], hi=len(self.pairs) - 1)]
            drawn.append((pair, square(pair.low, patch, *place)))
        return drawn

    def _degraded(self, pair: Pair, window: Window, rng: torch.Generator) -> Tensor:
        """A window of a degraded picture; JPEG's blocks may begin anywhere in it."""
        height, width = pair.low.shape[-2:]
        padded = Window(
            max(0, window.top - MARGIN - randint(JPEG_BLOCK, rng)),
            max(0, window.left - MARGIN - randint(JPEG_BLOCK, rng)),
            min(height, window.bottom + MARGIN),
            min(width, window.right + MARGIN),
        )
        low, high = pair.low[:, *padded.slices], pair.high[:, *padded.scaled(self.config.scale).slices]
        return DEGRADATIONS[self.config.degradation.kind](low, high, rng)[:, *window.relative_to(padded).slices]


def cut_unpaired(
    pictures: Sequence[Tensor], request: BatchRequest, config: TrainConfig, world: World = SINGLE_PROCESS
) -> Tensor:
    """Random patches of pictures (uint8) in random orientations: (batch, 3, patch, patch), values 0…1."""
    patches = []
    for random in patch_rngs("unpaired", request, config, world):
        picture = pictures[randint(len(pictures), random)]
        window = random_window(picture, request.patch, random)
        patches.append(orient(picture[:, *window.slices], randint(8, random)))
    return torch.stack(patches).float().div_(255)


def patch_rngs(stream: str, request: BatchRequest, config: TrainConfig, world: World) -> list[torch.Generator]:
    """What this process draws each of its patches of a batch from: patches are numbered over the whole run."""
    first = (request.number * world.size + world.rank) * config.data.batch
    return [seeded(config.run.seed, stream, first + index) for index in range(request.batch)]


def random_window(pixels: Tensor, side: int, rng: torch.Generator) -> Window:
    """A square somewhere in a picture (..., H, W)."""
    return square(pixels, side, *_shares((2,), rng))


def square(pixels: Tensor, side: int, down: float, right: float) -> Window:
    """The square of a picture (..., H, W) that lies at these shares of the way, from 0 to below 1."""
    height, width = pixels.shape[-2:]
    top, left = int(down * (height - side + 1)), int(right * (width - side + 1))
    return Window(top, left, top + side, left + side)


def detail(pixels: Tensor) -> Tensor:
    """How much neighbours in pictures (N, 3, H, W) differ in grey, in their own units: (N,)."""
    grey = pixels.sum(1, dtype=torch.float32) / 3
    down, right = (grey.diff(dim=dim).abs_().mean((-2, -1)) for dim in (-2, -1))
    return down + right


def mixup(low: Tensor, high: Tensor, rng: torch.Generator) -> Batch:
    """Every patch blended with another of the batch, by a share drawn evenly for each, and the partners alike.

    Source: H. Zhang et al., mixup: Beyond Empirical Risk Minimization, ICLR 2018 (arXiv:1710.09412).
    """
    others = torch.randperm(len(low), generator=rng)
    share = torch.rand(len(low), 1, 1, 1, generator=rng)
    return torch.lerp(low, low[others], share), torch.lerp(high, high[others], share)


def cutblur(degraded: Tensor, clean: Tensor, rng: torch.Generator) -> Tensor:
    """A patch (3, S, S) that is clean inside or outside of a square, so that both are learned side by side.

    Source: J. Yoo et al., Rethinking Data Augmentation for Image Super-resolution, CVPR 2020, section 3.2
    (arXiv:2004.00448).  There pixels of the original are pasted; here, where generators take small pictures, those of
    its clean partner.
    """
    if bernoulli(0.5, rng):
        degraded, clean = clean, degraded
    window = random_window(degraded, 1 + randint(degraded.shape[-1], rng), rng)
    result = degraded.clone()
    result[:, *window.slices] = clean[:, *window.slices]
    return result


def _shares(shape: tuple[int, ...], rng: torch.Generator) -> list[Any]:
    """Numbers from 0 to below 1 in nested lists of this shape: one draw costs as much as many."""
    return torch.rand(shape, generator=rng, dtype=torch.float64).tolist()
