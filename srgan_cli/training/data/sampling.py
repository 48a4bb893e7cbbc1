"""Batches of random patches: cropped in random orientations, degraded and augmented."""

import os
from bisect import bisect_right
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from srgan_cli.image.ops import orient
from srgan_cli.system.distributed import SINGLE_PROCESS, World
from srgan_cli.training.config import TrainConfig
from srgan_cli.training.data.dataset import Pair
from srgan_cli.training.data.degradations import DEGRADATIONS, JPEG_BLOCK
from srgan_cli.training.data.measurements import valid_corners
from srgan_cli.training.data.random import bernoulli, randint, seeded
from srgan_cli.upscaling.tiles.geometry import Window

MARGIN = 8  # low-resolution pixels around a patch that are degraded with it, to avoid border effects
WORKERS = max(1, min(8, (os.cpu_count() or 1) // 2))
"""Threads that make batches in the background, and the number of batches made ahead."""
Patches = tuple[Tensor, ...]
"""Low-resolution patches (N, C, patch, patch), their partners (N, C, scale x patch, scale x patch), and for a teacher
its cached output (like the partners) or its clean input (like the low-resolution patches); levels 0…255."""


class Batch(NamedTuple):
    """The same as floats 0…1, with channels of noise beside the low-resolution patches if the generator has noise."""

    low: Tensor
    high: Tensor
    teacher: Tensor | None = None

    def to(self, device: torch.device) -> "Batch":
        """The batch on this device."""
        teacher = None if self.teacher is None else self.teacher.to(device)
        return Batch(self.low.to(device), self.high.to(device), teacher)


@dataclass(frozen=True)
class BatchRequest:
    """Identifies a batch of a run."""

    number: int
    """Counted from 0."""
    patch: int
    """Side of the low-resolution patches."""
    batch: int


class Sampler:
    """Makes the batches of a run.  A batch depends on the request, the pictures and the settings alone.

    Therefore a resumed run gets the same batches, and the next ones are made ahead in the background, on one torch
    thread each; threads that the process starts later have one, too.
    """

    def __init__(self, pairs: Sequence[Pair], config: TrainConfig, world: World = SINGLE_PROCESS) -> None:
        self.pairs, self.config, self.world = pairs, config, world
        self._ends = list(accumulate(pair.weight for pair in pairs))
        self._pool = ThreadPoolExecutor(WORKERS, initializer=torch.set_num_threads, initargs=(1,))
        self._ahead: dict[BatchRequest, Future[Patches]] = {}

    def take(self, request: BatchRequest) -> Batch:
        """The batch that `cut` gives.  The next batches are made in the background."""
        requests = [replace(request, number=request.number + later) for later in range(1 + WORKERS)]
        self._ahead = {batch: self._ahead.get(batch) or self._pool.submit(self._patches, batch) for batch in requests}
        return self._finish(request, *self._ahead[request].result())

    def cut(self, request: BatchRequest) -> Batch:
        """Random patches in random orientations; all processes and accumulated steps share one large batch."""
        return self._finish(request, *self._patches(request))

    def _patches(self, request: BatchRequest) -> Patches:
        """The patches as bytes, before mixup and noise."""
        rngs = patch_rngs("patch", request, self.config, self.world)
        patches = [self._patch(*place, rng) for place, rng in zip(self._places(rngs, request.patch), rngs, strict=True)]
        return tuple(torch.stack(side) for side in zip(*patches, strict=True))

    def _finish(self, request: BatchRequest, *patches: Tensor) -> Batch:
        rng = seeded(self.config.run.seed, "batch", request.number)
        parts = tuple(part / 255 for part in patches)
        if bernoulli(self.config.data.mixup_prob, rng):
            parts = mixup(parts, rng)
        low, *rest = parts
        if self.config.generator.noise:
            shape = (self.world.size, request.batch, self.config.generator.noise, request.patch, request.patch)
            low = torch.cat([low, torch.randn(shape, generator=rng)[self.world.rank]], 1)
        return Batch(low, *rest)

    def _patch(self, pair: Pair, window: Window, rng: torch.Generator) -> Patches:
        parts = self._cached_patch(pair, window, rng) if pair.teacher_samples else self._clean_patch(pair, window)
        if self._is_degraded(pair) and bernoulli(self.config.degradation.prob, rng):
            clean, degraded = parts[0], self._degraded(pair, window, rng)
            mixed = bernoulli(self.config.degradation.cutblur_prob, rng)
            parts[0] = cutblur(degraded, clean, rng) if mixed else degraded
        if bernoulli(self.config.data.channel_shuffle_prob, rng):
            order = torch.randperm(len(parts[0]), generator=rng)
            parts = [part[order] for part in parts]
        orientation = randint(8, rng)
        return tuple(orient(part, orientation) for part in parts)

    def _clean_patch(self, pair: Pair, window: Window) -> list[Tensor]:
        """The clean patches; the low-resolution one twice if it is the teacher's input."""
        low, high = pair.low[:, *window.slices], pair.high[:, *window.scaled(self.config.scale).slices]
        return [low, high, low] if self._teacher_sees_clean else [low, high]

    def _cached_patch(self, pair: Pair, window: Window, rng: torch.Generator) -> list[Tensor]:
        """The patch as the teacher saw it, the original, and the teacher's output."""
        sample = pair.teacher_samples[randint(len(pair.teacher_samples), rng)]
        enlarged = window.scaled(self.config.scale)
        return [sample.low[:, *window.slices], pair.high[:, *enlarged.slices], sample.output[:, *enlarged.slices]]

    def _is_degraded(self, pair: Pair) -> bool:
        """Whether patches are degraded as they are cut, rather than before the teacher saw them."""
        return self.config.degradation.kind in DEGRADATIONS and (not pair.teacher_samples or self._teacher_sees_clean)

    @property
    def _teacher_sees_clean(self) -> bool:
        return bool(self.config.teacher.models) and self.config.teacher.input == "clean"

    def _places(self, rngs: list[torch.Generator], patch: int) -> list[tuple[Pair, Window]]:
        """The position with the most detail among the candidates of each patch."""
        candidates = self.config.data.candidate_patches
        places = [place for rng in rngs for place in self._candidates(rng, patch)]
        if candidates == 1:
            return places
        looks = np.stack([pair.low.numpy()[:, *window.slices] for pair, window in places])  # faster than torch
        best = detail(torch.from_numpy(looks)).view(-1, candidates).argmax(1).tolist()
        return [places[candidates * row + column] for row, column in enumerate(best)]

    def _candidates(self, rng: torch.Generator, patch: int) -> list[tuple[Pair, Window]]:
        """Random squares in pairs that are sampled by their weights."""
        places = []
        for ticket, *position in _random_fractions((self.config.data.candidate_patches, 3), rng):
            pair = self.pairs[bisect_right(self._ends, ticket * self._ends[-1], hi=len(self.pairs) - 1)]
            window = square(pair.low, patch, *position)
            has_data = pair.valid is None or bool(pair.valid[:, *window.slices].all())
            places.append((pair, window if has_data else self._window_with_data(pair, patch, rng)))
        return places

    def _window_with_data(self, pair: Pair, patch: int, rng: torch.Generator) -> Window:
        """A random square of a measurement that has data everywhere."""
        assert pair.valid is not None
        corners = valid_corners(pair.valid, patch)[0].nonzero()
        top, left = corners[randint(len(corners), rng)].tolist()
        return Window(top, left, top + patch, left + patch)

    def _degraded(self, pair: Pair, window: Window, rng: torch.Generator) -> Tensor:
        """A window of the degraded picture.  The JPEG grid has a random offset."""
        height, width = pair.low.shape[-2:]
        padded = Window(
            max(0, window.top - MARGIN - randint(JPEG_BLOCK, rng)),
            max(0, window.left - MARGIN - randint(JPEG_BLOCK, rng)),
            min(height, window.bottom + MARGIN),
            min(width, window.right + MARGIN),
        )
        low, high = pair.low[:, *padded.slices], pair.high[:, *padded.scaled(self.config.scale).slices]
        return DEGRADATIONS[self.config.degradation.kind](low, high, rng)[:, *window.relative_to(padded).slices]


def cut_unpaired(pictures: Sequence[Tensor], request: BatchRequest, config: TrainConfig, world: World) -> Tensor:
    """Random patches of pictures (uint8) in random orientations: (batch, 3, patch, patch), values 0…1."""
    patches = []
    for rng in patch_rngs("unpaired", request, config, world):
        picture = pictures[randint(len(pictures), rng)]
        patches.append(orient(picture[:, *random_window(picture, request.patch, rng).slices], randint(8, rng)))
    return torch.stack(patches).float().div_(255)


def patch_rngs(stream: str, request: BatchRequest, config: TrainConfig, world: World) -> list[torch.Generator]:
    """The generators for the patches of this process in a batch; patches are numbered over the whole run."""
    first = (request.number * world.size + world.rank) * config.data.batch
    return [seeded(config.run.seed, stream, first + index) for index in range(request.batch)]


def random_window(pixels: Tensor, side: int, rng: torch.Generator) -> Window:
    """A random square in a picture (..., H, W)."""
    return square(pixels, side, *_random_fractions((2,), rng))


def square(pixels: Tensor, side: int, down: float, right: float) -> Window:
    """The square of a picture (..., H, W) at a position given as fractions of the free space, 0 to below 1."""
    height, width = pixels.shape[-2:]
    top, left = int(down * (height - side + 1)), int(right * (width - side + 1))
    return Window(top, left, top + side, left + side)


def detail(pixels: Tensor) -> Tensor:
    """The mean absolute difference of neighbouring grey values in pictures (N, C, H, W): (N,)."""
    grey = pixels.sum(1, dtype=torch.float32) / pixels.shape[1]
    down, right = (grey.diff(dim=dim).abs_().mean((-2, -1)) for dim in (-2, -1))
    return down + right


def mixup(parts: tuple[Tensor, ...], rng: torch.Generator) -> tuple[Tensor, ...]:
    """Every patch and its partners, blended with another of the batch by a uniformly random fraction.

    Source: H. Zhang et al., mixup: Beyond Empirical Risk Minimization, ICLR 2018 (arXiv:1710.09412).
    """
    others = torch.randperm(len(parts[0]), generator=rng)
    fraction = torch.rand(len(parts[0]), 1, 1, 1, generator=rng)
    return tuple(torch.lerp(part, part[others], fraction) for part in parts)


def cutblur(degraded: Tensor, clean: Tensor, rng: torch.Generator) -> Tensor:
    """A patch (3, S, S) that is clean inside or outside a square.

    Source: J. Yoo et al., Rethinking Data Augmentation for Image Super-resolution, CVPR 2020, section 3.2
    (arXiv:2004.00448).  The paper pastes high-resolution pixels; here they come from the clean low-resolution patch.
    """
    if bernoulli(0.5, rng):
        degraded, clean = clean, degraded
    window = random_window(degraded, 1 + randint(degraded.shape[-1], rng), rng)
    result = degraded.clone()
    result[:, *window.slices] = clean[:, *window.slices]
    return result


def _random_fractions(shape: tuple[int, ...], rng: torch.Generator) -> list[Any]:
    """Numbers from 0 to below 1 as nested lists of this shape, in one draw."""
    return torch.rand(shape, generator=rng, dtype=torch.float64).tolist()
