"""DiscriminatorTrainer: trains the discriminator and computes the generator's adversarial loss."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from srgan_cli.networks import DiscriminatorOutput
from srgan_cli.system.distributed import SINGLE_PROCESS, World
from srgan_cli.training.config import TrainConfig
from srgan_cli.training.losses.adversarial import ADVERSARIAL_LOSSES, gradient_penalty, r1_penalty
from srgan_cli.training.losses.pixel import feature_matching_loss
from srgan_cli.training.models.build import build_discriminator
from srgan_cli.training.optim.optimizer import ComputeContext, OptimizerStep, channels_last

SATURATION = 1e-3  # a loss below this fraction of the loss at chance means a saturated discriminator


@dataclass(frozen=True)
class DiscriminatorPass:
    """One forward pass of the discriminator over real and generated pictures; both networks learn from it."""

    real: Tensor
    """Real pictures (N, 3, H, W)."""
    fake: Tensor
    """Generated pictures (N, 3, H, W)."""
    real_output: DiscriminatorOutput
    fake_output: DiscriminatorOutput


class DiscriminatorTrainer:
    """Trains the discriminator and computes the generator's adversarial loss."""

    def __init__(self, config: TrainConfig, compute: ComputeContext, world: World = SINGLE_PROCESS) -> None:
        self.config, self.world, self.compute = config, world, compute
        self.loss = ADVERSARIAL_LOSSES[config.loss.gan_loss]
        self.network = channels_last(build_discriminator(config).to(compute.device))
        name, accumulate = config.optim.optimizer, config.optim.accumulate
        self.optimizer_step = OptimizerStep(self.network, compute, name, accumulate=accumulate, world=world)
        self.saturated = False
        """Whether the discriminator was saturated in the last step: its loss was near 0, so it gave no gradient."""

    def discriminate(self, real: Tensor, fake: Tensor) -> DiscriminatorPass:
        """The discriminator's outputs for real and generated pictures (N, 3, H, W)."""
        return DiscriminatorPass(real, fake, self._forward(real), self._forward(fake))

    def generator_losses(self, outputs: DiscriminatorPass) -> dict[str, Tensor]:
        """The generator's `adversarial` loss and, if it has a weight, the feature `matching` loss."""
        real, fake = outputs.real_output, outputs.fake_output
        losses = {"adversarial": self.loss.generator(real.logits.detach(), fake.logits)}
        if self.config.loss.feature_matching_weight:
            losses["matching"] = feature_matching_loss(fake.features, [features.detach() for features in real.features])
        return losses

    def train_step(self, outputs: DiscriminatorPass, rng: torch.Generator) -> tuple[Tensor, bool]:
        """Update the discriminator unless it is saturated.  The loss before the step, and whether it was finite."""
        real, fake = outputs.real_output.logits, outputs.fake_output.logits
        loss = self.loss.discriminator(real, fake, self.config.loss.label_smoothing)
        saturated = self.loss.chance_loss > 0 and bool(loss < SATURATION * self.loss.chance_loss)
        self.saturated = self.world.all_true(saturated)
        return loss, self.saturated or self.optimizer_step.minimize(loss + self._penalty(outputs, rng))

    def state_dict(self) -> dict[str, Any]:
        """The state of network and optimizer."""
        return {"network": self.network.state_dict(), "learner": self.optimizer_step.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore `state_dict`.  Raises KeyError, RuntimeError or ValueError if it does not match."""
        self.network.load_state_dict(state["network"])
        self.optimizer_step.load_state_dict(state["learner"])

    def _penalty(self, outputs: DiscriminatorPass, rng: torch.Generator) -> Tensor:
        real, fake, loss = outputs.real, outputs.fake.detach(), self.config.loss
        penalty = real.new_zeros(())
        if loss.gradient_penalty_weight:
            penalty = penalty + loss.gradient_penalty_weight * gradient_penalty(self._logits, real, fake, rng)
        if loss.r1_weight:
            penalty = penalty + loss.r1_weight * r1_penalty(self._logits, real)
        return penalty

    def _logits(self, pictures: Tensor) -> Tensor:
        logits: Tensor = self.network(pictures).logits
        return logits

    def _forward(self, pictures: Tensor) -> DiscriminatorOutput:
        with self.compute.autocast():
            output = self.optimizer_step.forward(pictures.contiguous(memory_format=torch.channels_last))
        return DiscriminatorOutput(output.logits.float(), output.features)
