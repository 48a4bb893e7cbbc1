"""Adversary: the discriminator of a run, and the game that it plays."""

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

SATURATION = 1e-3
"""Below this part of its loss at chance, a discriminator is so sure that it teaches nothing."""


@dataclass(frozen=True)
class DiscriminatorPass:
    """Real and generated pictures (N, 3, H, W), and what the discriminator says of each.

    Both sides learn from it, so that every picture is judged once.
    """

    real: Tensor
    fake: Tensor
    real_output: DiscriminatorOutput
    fake_output: DiscriminatorOutput


class DiscriminatorTrainer:
    """Learns to tell real pictures from generated ones, and tells the generator how far it is found out."""

    def __init__(self, config: TrainConfig, compute: ComputeContext, world: World = SINGLE_PROCESS) -> None:
        self.config = config
        self.world = world
        self.compute = compute
        self.loss = ADVERSARIAL_LOSSES[config.loss.gan_loss]
        self.network = channels_last(build_discriminator(config).to(compute.device))
        self.learner = OptimizerStep(self.network, compute, config.optim.optimizer, config.optim.accumulate, world)
        self.saturated = False

    def discriminate(self, real: Tensor, fake: Tensor) -> DiscriminatorPass:
        """What the discriminator says of pictures (N, 3, H, W)."""
        return DiscriminatorPass(real, fake, self._discriminate(real), self._discriminate(fake))

    def losses(self, outputs: DiscriminatorPass) -> dict[str, Tensor]:
        """What the generator is to make small: `adversarial` and, where it counts, `matching` of the features."""
        real, fake = outputs.real_output, outputs.fake_output
        losses = {"adversarial": self.loss.generator(real.logits.detach(), fake.logits)}
        if self.config.loss.feature_matching_weight:
            target = [features.detach() for features in real.features]
            losses["matching"] = feature_matching_loss(fake.features, target)
        return losses

    def learn(self, outputs: DiscriminatorPass, rng: torch.Generator) -> tuple[Tensor, bool]:
        """Learn from a verdict; the loss before the step, and whether it could be used.

        A discriminator that is too sure to teach does not learn: `collapsed` says so.
        """
        real, fake = outputs.real_output.logits, outputs.fake_output.logits
        loss = self.loss.discriminator(real, fake, self.config.loss.label_smoothing)
        saturated = self.loss.chance_loss > 0 and bool(loss < SATURATION * self.loss.chance_loss)
        self.saturated = self.world.all_true(saturated)
        return loss, self.saturated or self.learner.learn(loss + self._penalty(outputs, rng))

    def state_dict(self) -> dict[str, Any]:
        """Everything that learning has changed."""
        return {"network": self.network.state_dict(), "learner": self.learner.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state_dict`.  Raises KeyError, RuntimeError or ValueError when it does not fit."""
        self.network.load_state_dict(state["network"])
        self.learner.load_state_dict(state["learner"])

    def _penalty(self, outputs: DiscriminatorPass, rng: torch.Generator) -> Tensor:
        real, fake = outputs.real, outputs.fake.detach()
        penalty = real.new_zeros(())
        if self.config.loss.gradient_penalty_weight:
            penalty = penalty + self.config.loss.gradient_penalty_weight * gradient_penalty(
                self._logits, real, fake, rng
            )
        if self.config.loss.r1_weight:
            penalty = penalty + self.config.loss.r1_weight * r1_penalty(self._logits, real)
        return penalty

    def _logits(self, pictures: Tensor) -> Tensor:
        """In full precision, for gradients of gradients."""
        logits: Tensor = self.network(pictures).logits
        return logits

    def _discriminate(self, pictures: Tensor) -> DiscriminatorOutput:
        with self.compute.autocast():
            output: DiscriminatorOutput = self.learner.run(pictures.contiguous(memory_format=torch.channels_last))
        return DiscriminatorOutput(output.logits.float(), output.features)
