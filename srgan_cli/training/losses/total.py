"""Objective: everything that the generator is to make small, and how much each part counts."""

import torch
from torch import Tensor

from srgan_cli.training.config import TrainConfig
from srgan_cli.training.losses.perceptual import PerceptualLoss
from srgan_cli.training.losses.pixel import PIXEL_LOSSES, frequency_loss, l2_loss, phase_loss
from srgan_cli.training.optim.optimizer import ComputeContext


class GeneratorLoss:
    """The weighted sum of the generator's losses."""

    def __init__(self, config: TrainConfig, compute: ComputeContext) -> None:
        """Raises WeightsError when the backbone of the perceptual loss cannot be had."""
        self.config = config
        wanted = config.loss.perceptual_weight and config.schedule.pretrain_fraction < 1
        self.perceptual = PerceptualLoss(config, compute) if wanted else None

    def losses(self, generated: Tensor, target: Tensor, squared: bool, pixel_only: bool) -> dict[str, Tensor]:
        """Every loss of pictures (N, 3, H, W) by its name, but for the adversary's.

        squared: take squared differences of pixels.  pixel_only: there is no adversary yet.
        """
        pixel_loss = l2_loss if squared else PIXEL_LOSSES[self.config.loss.pixel_loss]
        losses = {"pixel": pixel_loss(generated, target)}
        if self.config.loss.frequency_weight:
            losses["frequency"] = frequency_loss(generated, target)
        if self.config.loss.phase_weight:
            losses["phase"] = phase_loss(generated, target, self.config.scale)
        if self.perceptual and not pixel_only:
            losses["perceptual"] = self.perceptual(generated, target)
        return losses

    def total(self, losses: dict[str, Tensor], adversarial_ramp: float) -> Tensor:
        """The weighted sum; `adversarial_ramp`, 0…1, is how far the generator heeds the discriminator yet."""
        weights = {
            "pixel": self.config.loss.pixel_weight,
            "frequency": self.config.loss.frequency_weight,
            "phase": self.config.loss.phase_weight,
            "perceptual": self.config.loss.perceptual_weight,
            "matching": self.config.loss.feature_matching_weight,
            "adversarial": adversarial_ramp * self.config.loss.adversarial_weight,
        }
        return torch.stack([weights[name] * loss for name, loss in losses.items() if weights[name]]).sum()
