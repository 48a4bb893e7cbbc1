"""GAN: the generator, its moving average, and the adversary once it has joined."""

import copy
from typing import Any

import torch
from torch import Tensor

from srgan_cli.networks import Generator
from srgan_cli.system.distributed import World
from srgan_cli.training.config import TrainConfig
from srgan_cli.training.losses.total import GeneratorLoss
from srgan_cli.training.models.adversary import DiscriminatorTrainer
from srgan_cli.training.optim.equivariance import GROUPS, Equivariance
from srgan_cli.training.optim.optimizer import ComputeContext, OptimizerStep, channels_last


class GAN:
    """Everything that learns to enlarge, and how it learns from a batch."""

    def __init__(self, config: TrainConfig, generator: Generator, compute: ComputeContext, world: World) -> None:
        """Raises WeightsError when the backbone of the perceptual loss cannot be had."""
        self.config = config
        self.compute = compute
        self.world = world
        self.generator = channels_last(generator.to(compute.device))
        self.average = copy.deepcopy(self.generator).eval().requires_grad_(False)
        if config.optim.compile:
            self.generator.compile()
        self.learner = self._new_learner()
        self.adversary: DiscriminatorTrainer | None = None
        self.loss = GeneratorLoss(config, compute)

    def add_discriminator(self) -> None:
        """From here on the averaged generator plays against a discriminator."""
        self.generator.load_state_dict(self.average.state_dict())
        self.learner = self._new_learner()
        self.adversary = DiscriminatorTrainer(self.config, self.compute, self.world)

    def learn(
        self, low: Tensor, high: Tensor, squared: bool, adversarial_ramp: float, rng: torch.Generator
    ) -> tuple[dict[str, Tensor], bool]:
        """Learn from a batch: its losses, and whether they could be used.

        squared: take squared differences of pixels.  adversarial_ramp: how far the generator heeds the
        discriminator yet, 0…1.
        """
        with self.compute.autocast():
            generated = self.learner.run(low.contiguous(memory_format=torch.channels_last)).float()
        losses = self.loss.losses(generated, high, squared, pixel_only=not self.adversary)
        if not self.adversary:
            return losses, self.learner.learn(self.loss.total(losses, adversarial_ramp))
        outputs = self.adversary.discriminate(high, generated)
        losses |= self.adversary.losses(outputs)
        usable = self.learner.learn(self.loss.total(losses, adversarial_ramp), retain_graph=True)
        losses["discriminator"], discriminator_usable = self.adversary.learn(outputs, rng)
        return losses, usable and discriminator_usable

    def set_learning_rate(self, factor: float) -> None:
        """The learning rates from the next step on, as a part of those that were set."""
        base = self.config.optim.adversarial_learning_rate if self.adversary else self.config.optim.learning_rate
        self.learner.set_learning_rate(base * factor)
        if self.adversary:
            self.adversary.learner.set_learning_rate(self.config.optim.discriminator_learning_rate * factor)

    @torch.no_grad()
    def move_average(self, steps: int) -> None:
        """Exponential moving average, faster in the first steps of a phase so that it forgets where it began."""
        decay = min(self.config.optim.ema_decay, (1 + steps) / (10 + steps))
        for kept, current in zip(self.average.parameters(), self.generator.parameters(), strict=True):
            kept.lerp_(current, 1 - decay)
        for statistic, latest in zip(self.average.buffers(), self.generator.buffers(), strict=True):
            statistic.copy_(latest)

    @property
    def discriminator_saturated(self) -> bool:
        """Whether the discriminator was too sure to teach in the last step."""
        return self.adversary is not None and self.adversary.saturated

    def parts(self) -> dict[str, Any]:
        """What learns, by its name in the checkpoint."""
        always = {"generator": self.generator, "average": self.average, "learner": self.learner}
        return {**always, "adversary": self.adversary} if self.adversary else always

    def _new_learner(self) -> OptimizerStep:
        config = self.config
        kept = config.optim.equivariance in GROUPS
        transform_gradients = (
            Equivariance(self.generator, config.optim.equivariance).average_gradients if kept else None
        )
        return OptimizerStep(
            self.generator,
            self.compute,
            config.optim.optimizer,
            config.optim.accumulate,
            self.world,
            transform_gradients,
        )
