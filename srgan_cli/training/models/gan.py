"""GAN: the generator, its moving average, and the discriminator of the adversarial phase."""

import copy
from typing import Any

import torch
from torch import Tensor

from srgan_cli.networks import Generator
from srgan_cli.system.distributed import World
from srgan_cli.training.config import TrainConfig
from srgan_cli.training.data.sampling import Batch
from srgan_cli.training.losses.total import GeneratorLoss
from srgan_cli.training.models.discriminator import DiscriminatorTrainer
from srgan_cli.training.optim.equivariance import GROUPS, Equivariance
from srgan_cli.training.optim.optimizer import ComputeContext, OptimizerStep, StepResult, channels_last


class GAN:
    """Trains a generator: on the pixel loss, then with the perceptual loss and against a discriminator, if asked."""

    def __init__(self, config: TrainConfig, generator: Generator, compute: ComputeContext, world: World) -> None:
        """Raises WeightsError when the backbone of the perceptual loss is not available."""
        self.config, self.compute, self.world = config, compute, world
        self.generator = channels_last(generator.to(compute.device))
        self.ema = copy.deepcopy(self.generator).eval().requires_grad_(False)
        """The exponential moving average of the generator, which a run delivers."""
        if config.optim.compile:
            self.generator.compile()
        self.optimizer_step = self._new_optimizer_step()
        self.pretraining = True  # whether the pixel loss is the only one
        self.discriminator: DiscriminatorTrainer | None = None
        self.loss = GeneratorLoss(config, compute)

    def end_pretraining(self) -> None:
        """Start the adversarial phase: the generator continues from its average, with a new optimizer."""
        self.pretraining = False
        self.generator.load_state_dict(self.ema.state_dict())
        self.optimizer_step = self._new_optimizer_step()
        if self.config.loss.needs_discriminator:
            self.discriminator = DiscriminatorTrainer(self.config, self.compute, self.world)

    def train_step(
        self, batch: Batch, target: Tensor, *, squared: bool, adversarial_ramp: float, rng: torch.Generator
    ) -> StepResult:
        """Update the generator, then the discriminator if there is one, on a batch.

        `target`, like `batch.high`, is what the generated pictures should be; the discriminator compares them with
        `batch.high`.  `squared` selects the squared pixel loss.  `adversarial_ramp`, 0…1, scales the weight of the
        adversarial loss.
        """
        with self.compute.autocast():
            generated = self.optimizer_step.forward(batch.low.contiguous(memory_format=torch.channels_last)).float()
        losses = self.loss.losses(generated, target, squared=squared, pixel_only=self.pretraining)
        if not self.discriminator:
            return StepResult.of(losses, self.optimizer_step.minimize(self.loss.total(losses, adversarial_ramp)))
        outputs = self.discriminator.discriminate(batch.high, generated)
        losses |= self.discriminator.generator_losses(outputs)
        finite = self.optimizer_step.minimize(self.loss.total(losses, adversarial_ramp), retain_graph=True)
        losses["discriminator"], discriminator_finite = self.discriminator.train_step(outputs, rng)
        return StepResult.of(losses, finite and discriminator_finite)

    def set_learning_rate(self, factor: float) -> None:
        """Set the learning rates of the next steps to the configured ones times `factor`."""
        optim = self.config.optim
        base = optim.learning_rate if self.pretraining else optim.adversarial_learning_rate
        self.optimizer_step.set_learning_rate(base * factor)
        if self.discriminator:
            self.discriminator.optimizer_step.set_learning_rate(optim.discriminator_learning_rate * factor)

    @torch.no_grad()
    def update_ema(self, steps: int) -> None:
        """Update the moving average; it is shorter in the first steps of a phase, to forget the initial weights."""
        decay = min(self.config.optim.ema_decay, (1 + steps) / (10 + steps))
        for mean, current in zip(self.ema.parameters(), self.generator.parameters(), strict=True):
            mean.lerp_(current, 1 - decay)
        for statistic, latest in zip(self.ema.buffers(), self.generator.buffers(), strict=True):
            statistic.copy_(latest)

    @property
    def discriminator_saturated(self) -> bool:
        """Whether the discriminator was saturated in the last step."""
        return self.discriminator is not None and self.discriminator.saturated

    def parts(self) -> dict[str, Any]:
        """Everything that training changes, by its name in the checkpoint."""
        always = {"generator": self.generator, "average": self.ema, "learner": self.optimizer_step}
        return {**always, "adversary": self.discriminator} if self.discriminator else always

    def _new_optimizer_step(self) -> OptimizerStep:
        optim, transform = self.config.optim, None
        if optim.equivariance in GROUPS:
            transform = Equivariance(self.generator, optim.equivariance).average_gradients
        return OptimizerStep(
            self.generator,
            self.compute,
            optim.optimizer,
            accumulate=optim.accumulate,
            world=self.world,
            transform_gradients=transform,
        )
