"""Adversary: the discriminator of a run, and the game that it plays."""

from typing import Any

import torch
from torch import Tensor, nn

from srgan_cli.networks import DISCRIMINATORS, Judgement
from srgan_cli.training.config import TrainConfig
from srgan_cli.training.games import GAMES, gradient_penalty, r1_penalty
from srgan_cli.training.losses import feature_matching_loss
from srgan_cli.training.optimisation import Learner, Precision, channels_last
from srgan_cli.world import ALONE, World

COLLAPSE = 1e-3
"""Below this part of its loss at chance, a discriminator is so sure that it teaches nothing."""


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

    def train_step(self, real: Tensor, fake: Tensor, random: torch.Generator) -> tuple[Tensor, bool]:
        """Learn from pictures (N, 3, H, W); the loss before the step, and whether it could be used.

        A discriminator that is too sure to teach does not learn: `collapsed` says so.
        """
        self.network.requires_grad_(True)
        run = self.learner.run
        loss = self.game.discriminator(
            self._judge(run, real).logits, self._judge(run, fake).logits, self.config.label_smoothing
        )
        sure = self.game.chance > 0 and bool(loss < COLLAPSE * self.game.chance)
        self.collapsed = self.world.all(sure)
        usable = self.collapsed or self.learner.learn(loss + self._penalty(real, fake, random))
        self.network.requires_grad_(False)
        return loss, usable

    def losses(self, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        """What the generator is to make small: `adversarial`, and `matching` of the discriminator's features."""
        with torch.no_grad():
            truth = self._judge(self.network, real)
        judged = self._judge(self.network, fake)
        return {
            "adversarial": self.game.generator(truth.logits, judged.logits),
            "matching": feature_matching_loss(judged.features, truth.features),
        }

    def state_dict(self) -> dict[str, Any]:
        """Everything that learning has changed."""
        return {"network": self.network.state_dict(), "learner": self.learner.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state_dict`.  Raises KeyError, RuntimeError or ValueError when it does not fit."""
        self.network.load_state_dict(state["network"])
        self.learner.load_state_dict(state["learner"])

    def _penalty(self, real: Tensor, fake: Tensor, random: torch.Generator) -> Tensor:
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

    def _judge(self, network: nn.Module, pictures: Tensor) -> Judgement:
        with self.precision.autocast():
            judged: Judgement = network(pictures.contiguous(memory_format=torch.channels_last))
        return Judgement(judged.logits.float(), judged.features)
