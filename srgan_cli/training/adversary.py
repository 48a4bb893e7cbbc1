"""Adversary: the discriminator of a run, its optimiser, and the game that it plays."""

from typing import Any

import torch
from torch import Tensor

from srgan_cli.networks import DISCRIMINATORS, Judgement
from srgan_cli.training.config import TrainConfig
from srgan_cli.training.losses import GAMES, feature_matching_loss
from srgan_cli.training.optimisation import Precision, adam, channels_last, descend


class Adversary:
    """Learns to tell real pictures from generated ones, and tells the generator how far it is found out."""

    def __init__(self, config: TrainConfig, precision: Precision) -> None:
        self.precision = precision
        self.game = GAMES[config.game]
        network = DISCRIMINATORS[config.discriminator](config.discriminator_channels)
        self.network = channels_last(network.to(precision.device))
        self.optimizer = adam(self.network)

    def train_step(self, real: Tensor, fake: Tensor) -> Tensor:
        """Learn from pictures (N, 3, H, W); the loss before the step."""
        self.network.requires_grad_(True)
        loss = self.game.discriminator(self._judge(real).logits, self._judge(fake).logits)
        descend(loss, self.network, self.optimizer)
        self.network.requires_grad_(False)
        return loss

    def losses(self, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        """What the generator is to make small: `adversarial`, and `matching` of the discriminator's features."""
        with torch.no_grad():
            truth = self._judge(real)
        judged = self._judge(fake)
        return {
            "adversarial": self.game.generator(truth.logits, judged.logits),
            "matching": feature_matching_loss(judged.features, truth.features),
        }

    def state_dict(self) -> dict[str, Any]:
        """Everything that learning has changed."""
        return {"network": self.network.state_dict(), "optimizer": self.optimizer.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state_dict`.  Raises KeyError, RuntimeError or ValueError when it does not fit."""
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])

    def _judge(self, pictures: Tensor) -> Judgement:
        with self.precision.autocast():
            judged: Judgement = self.network(pictures.contiguous(memory_format=torch.channels_last))
        return Judgement(judged.logits.float(), judged.features)
