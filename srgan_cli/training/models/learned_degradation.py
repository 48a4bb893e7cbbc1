"""PartnerMaker: low-resolution partners that are spoilt as unpaired low-resolution pictures are."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from srgan_cli.image.ops import to_bytes
from srgan_cli.system.distributed import World
from srgan_cli.training.config import TrainConfig
from srgan_cli.training.data.blur import blur_between
from srgan_cli.training.data.dataset import Dataset, Pair
from srgan_cli.training.data.degradations import gaussian
from srgan_cli.training.data.random import seeded
from srgan_cli.training.data.sampling import BatchRequest, Sampler, cut_unpaired
from srgan_cli.training.models.cycle_gan import CycleGAN
from srgan_cli.training.optim.optimizer import ComputeContext

GRID = 8
"""Discriminators take patches whose sides are multiples of it."""
BLUR_PATCHES = 512
"""Patches of either kind whose spectra tell how blurred the unpaired pictures are."""
SMALLEST_BLUR = 0.2
"""The standard deviation in original pixels below which a blur is none."""


class LearnedDegradation:
    """Learns from a CycleGAN what befell the unpaired pictures; once it is taught, it makes partners by that."""

    def __init__(self, config: TrainConfig, dataset: Dataset, compute: ComputeContext, world: World) -> None:
        self.config = config
        self.dataset = dataset
        self.world = world
        self.device = compute.device
        self.sampler = Sampler(dataset.training, config, world)
        self.cycle: CycleGAN | None = CycleGAN(config, compute, world)
        self.degrader = self.cycle.degrader
        self._init_blur()

    def learn(self, number: int, rng: torch.Generator) -> tuple[dict[str, Tensor], bool]:
        """Learn from the batch of this number: its losses, and whether they could be used."""
        assert self.cycle
        wanted = BatchRequest(number, self._patch, self.config.data.batch)
        reduced, high = self.sampler.cut(wanted)
        low = cut_unpaired(self.dataset.unpaired, wanted, self.config, self.world)
        high, reduced, low = (side.to(self.device) for side in (high, reduced[:, :3], low))
        return self.cycle.learn(high, reduced, low, rng)

    def _init_blur(self) -> None:
        """Let the degrader begin with the blur that the spectra of the unpaired pictures tell of."""
        wanted = BatchRequest(0, self._patch, BLUR_PATCHES)
        bicubic = [pair.low for pair in self.dataset.training]
        sharp, blurred = (cut_unpaired(kind, wanted, self.config) for kind in (bicubic, self.dataset.unpaired))
        deviation = self.config.scale * blur_between(sharp, blurred)
        if deviation > SMALLEST_BLUR:
            self.degrader.init_filter(gaussian(deviation))

    @property
    def _patch(self) -> int:
        return self.config.data.patch // GRID * GRID

    def set_learning_rate(self, factor: float) -> None:
        """The learning rates from the next step on, as a part of the paper's."""
        assert self.cycle
        self.cycle.set_learning_rate(factor)

    @property
    def discriminator_saturated(self) -> bool:
        """Whether a discriminator was too sure to teach in the last step."""
        return self.cycle is not None and self.cycle.discriminator_saturated

    def drop_discriminators(self) -> None:
        """Forget all that only teaches."""
        self.cycle = None

    def make_partners(self) -> None:
        """Put those that were learned to be made in the place of the bicubic ones, in all of the dataset."""
        pairs = [*self.dataset.training, *self.dataset.validation]
        for pair, low in zip(pairs, self.partners(pairs), strict=True):
            pair.low.copy_(low)

    @torch.no_grad()
    def partners(self, pairs: Sequence[Pair]) -> Iterator[Tensor]:
        """What is made of pictures, uint8 (3, H, W); the seed of the run and their order draw the noise."""
        for number, pair in enumerate(pairs):
            noise = torch.randn(1, 1, *pair.low.shape[-2:], generator=seeded(self.config.run.seed, "partner", number))
            made = self.degrader(pair.high[None].to(self.device) / 255, noise.to(self.device))
            yield to_bytes(made[0]).cpu()

    def parts(self) -> dict[str, Any]:
        """What learns, by its name in the checkpoint."""
        return {"cycle": self.cycle} if self.cycle else {"degrader": self.degrader}
