"""LearnedDegradation: low-resolution partners with the degradation of unpaired pictures."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from srgan_cli.image.ops import to_bytes
from srgan_cli.system.distributed import SINGLE_PROCESS, World
from srgan_cli.training.config import TrainConfig
from srgan_cli.training.data.blur import blur_between
from srgan_cli.training.data.dataset import Dataset, Pair
from srgan_cli.training.data.degradations import gaussian
from srgan_cli.training.data.random import seeded
from srgan_cli.training.data.sampling import BatchRequest, Sampler, cut_unpaired
from srgan_cli.training.models.cycle_gan import CycleGAN
from srgan_cli.training.optim.optimizer import ComputeContext, StepResult

BLUR_PATCHES = 512  # patches of either kind whose spectra are compared to estimate the blur
MIN_BLUR = 0.2  # standard deviations below this, in high-resolution pixels, count as no blur


class LearnedDegradation:
    """Learns the degradation of unpaired pictures with a CycleGAN, then applies it to make partners."""

    def __init__(self, config: TrainConfig, dataset: Dataset, compute: ComputeContext, world: World) -> None:
        self.config, self.dataset, self.world = config, dataset, world
        self.device = compute.device
        self.sampler = Sampler(dataset.training, config, world)
        self.cycle: CycleGAN | None = CycleGAN(config, compute, world)  # None when trained: the degrader stays
        self.degrader = self.cycle.degrader
        self._init_blur()

    def train_step(self, number: int, rng: torch.Generator) -> StepResult:
        """Update the CycleGAN on the batch of this number."""
        assert self.cycle
        request = BatchRequest(number, self.config.data.patch, self.config.data.batch)
        reduced, high, _ = self.sampler.cut(request)
        low = cut_unpaired(self.dataset.unpaired, request, self.config, self.world)
        high, reduced, low = (side.to(self.device) for side in (high, reduced[:, :3], low))
        return self.cycle.train_step(high, reduced, low, rng)

    def _init_blur(self) -> None:
        """Initialise the degrader with the blur that the spectra of the unpaired pictures show."""
        request = BatchRequest(0, self.config.data.patch, BLUR_PATCHES)
        bicubic, unpaired = [pair.low for pair in self.dataset.training], self.dataset.unpaired
        sharp, blurred = (cut_unpaired(kind, request, self.config, SINGLE_PROCESS) for kind in (bicubic, unpaired))
        if (deviation := self.config.scale * blur_between(sharp, blurred)) > MIN_BLUR:
            self.degrader.init_filter(gaussian(deviation))

    def set_learning_rate(self, factor: float) -> None:
        """Set the learning rates of the next steps to the paper's times `factor`."""
        assert self.cycle
        self.cycle.set_learning_rate(factor)

    @property
    def discriminator_saturated(self) -> bool:
        """Whether a discriminator was saturated in the last step."""
        return self.cycle is not None and self.cycle.discriminator_saturated

    def make_partners(self) -> None:
        """Replace the bicubic partners of the dataset by learned ones."""
        pairs = [*self.dataset.training, *self.dataset.validation]
        for pair, low in zip(pairs, self.partners(pairs), strict=True):
            pair.low.copy_(low)

    @torch.no_grad()
    def partners(self, pairs: Sequence[Pair]) -> Iterator[Tensor]:
        """The learned partners of pictures, uint8 (3, H, W).  The noise depends on the seed and on the order."""
        for number, pair in enumerate(pairs):
            noise = torch.randn(1, 1, *pair.low.shape[-2:], generator=seeded(self.config.run.seed, "partner", number))
            yield to_bytes(self.degrader(pair.high[None].to(self.device) / 255, noise.to(self.device))[0]).cpu()

    def parts(self) -> dict[str, Any]:
        """Everything that training changes, by its name in the checkpoint."""
        return {"cycle": self.cycle} if self.cycle else {"degrader": self.degrader}
