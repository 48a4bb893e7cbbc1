"""Adversary: the discriminator of a run, and the game that it plays."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from srgan_cli.networks import DISCRIMINATORS, Judgement
from srgan_cli.system.distributed import ALONE, World
from srgan_cli.training.config import TrainConfig
from srgan_cli.training.losses.adversarial import GAMES, gradient_penalty, r1_penalty
from srgan_cli.training.losses.pixel import feature_matching_loss
from srgan_cli.training.optim.optimizer import Learner, Precision, channels_last

COLLAPSE = 1e-3
"""Below this part of its loss at chance, a discriminator is so sure that it teaches nothing."""


@dataclass(frozen=True)
class Verdict:
    """Real and generated pictures (N, 3, H, W), and what the discriminator says of each.

    Both sides learn from it, so that every picture is judged once.
    """

    real: Tensor
    fake: Tensor
    of_real: Judgement
    of_fake: Judgement


class Adversary:
    """Learns to tell real pictures from generated ones, and tells the generator how far it is found out."""

    def __init__(self, config: TrainConfig, precision: Precision, world: World = ALONE) -> None:
        self.config = config
        self.world = world
        self.precision = precision
        self.game = GAMES[config.game]
        network = DISCRIMINATORS[config.discriminator](**config.discriminator_config)
        self.network = channels_last(network.to(precision.device))
        self.learner = Learner(self.network, precision, config.optimizer, config.accumulate, world)
        self.collapsed = False

    def judge(self, real: Tensor, fake: Tensor) -> Verdict:
        """What the discriminator says of pictures (N, 3, H, W)."""
        return Verdict(real, fake, self._judgement(real), self._judgement(fake))

    def losses(self, verdict: Verdict) -> dict[str, Tensor]:
        """What the generator is to make small: `adversarial` and, where it counts, `matching` of the features."""
        real, fake = verdict.of_real, verdict.of_fake
        losses = {"adversarial": self.game.generator(real.logits.detach(), fake.logits)}
        if self.config.matching_weight:
            target = [features.detach() for features in real.features]
            losses["matching"] = feature_matching_loss(fake.features, target)
        return losses

    def learn(self, verdict: Verdict, random: torch.Generator) -> tuple[Tensor, bool]:
        """Learn from a verdict; the loss before the step, and whether it could be used.

        A discriminator that is too sure to teach does not learn: `collapsed` says so.
        """
        real, fake = verdict.of_real.logits, verdict.of_fake.logits
        loss = self.game.discriminator(real, fake, self.config.label_smoothing)
        sure = self.game.chance > 0 and bool(loss < COLLAPSE * self.game.chance)
        self.collapsed = self.world.all(sure)
        return loss, self.collapsed or self.learner.learn(loss + self._penalty(verdict, random))

    def state_dict(self) -> dict[str, Any]:
        """Everything that learning has changed."""
        return {"network": self.network.state_dict(), "learner": self.learner.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state_dict`.  Raises KeyError, RuntimeError or ValueError when it does not fit."""
        self.network.load_state_dict(state["network"])
        self.learner.load_state_dict(state["learner"])

    def _penalty(self, verdict: Verdict, random: torch.Generator) -> Tensor:
        real, fake = verdict.real, verdict.fake.detach()
        penalty = real.new_zeros(())
        if self.config.gradient_penalty_weight:
            penalty = penalty + self.config.gradient_penalty_weight * gradient_penalty(self._logits, real, fake, random)
        if self.config.r1_weight:
            penalty = penalty + self.config.r1_weight * r1_penalty(self._logits, real)
        return penalty

    def _logits(self, pictures: Tensor) -> Tensor:
        """In full precision, for gradients of gradients."""
        logits: Tensor = self.network(pictures).logits
        return logits

    def _judgement(self, pictures: Tensor) -> Judgement:
        with self.precision.autocast():
            judged: Judgement = self.learner.run(pictures.contiguous(memory_format=torch.channels_last))
        return Judgement(judged.logits.float(), judged.features)
