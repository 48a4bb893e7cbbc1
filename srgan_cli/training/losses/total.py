"""GeneratorLoss: the weighted sum of the generator's losses."""

import torch
from torch import Tensor

from srgan_cli.training.config import TrainConfig
from srgan_cli.training.losses.perceptual import PerceptualLoss
from srgan_cli.training.losses.pixel import PIXEL_LOSSES, frequency_loss, phase_loss
from srgan_cli.training.optim.optimizer import ComputeContext


class GeneratorLoss:
    """The weighted sum of the generator's losses."""

    def __init__(self, config: TrainConfig, compute: ComputeContext) -> None:
        """Raises WeightsError when the backbone of the perceptual loss is not available."""
        self.config = config.loss
        self.scale = config.scale
        self.seen = list(config.data.shown_bands)
        """The bands that the perceptual loss compares."""
        wanted = config.loss.perceptual_weight and config.schedule.pretrain_fraction < 1
        self.perceptual = PerceptualLoss(config, compute) if wanted else None

    def losses(self, generated: Tensor, target: Tensor, *, squared: bool, pixel_only: bool) -> dict[str, Tensor]:
        """The generator's losses by name, with the squared pixel loss or without the perceptual one on request."""
        losses = {"pixel": PIXEL_LOSSES["l2" if squared else self.config.pixel_loss](generated, target)}
        if self.config.frequency_weight:
            losses["frequency"] = frequency_loss(generated, target)
        if self.config.phase_weight:
            losses["phase"] = phase_loss(generated, target, self.scale)
        if self.perceptual and not pixel_only:
            losses["perceptual"] = self.perceptual(generated[:, self.seen], target[:, self.seen])
        return losses

    def total(self, losses: dict[str, Tensor], adversarial_ramp: float) -> Tensor:
        """The weighted sum; `adversarial_ramp`, 0…1, scales the weight of the adversarial loss."""
        weights = {
            "pixel": self.config.pixel_weight,
            "frequency": self.config.frequency_weight,
            "phase": self.config.phase_weight,
            "perceptual": self.config.perceptual_weight,
            "matching": self.config.feature_matching_weight,
            "adversarial": adversarial_ramp * self.config.adversarial_weight,
        }
        return torch.stack([weights[name] * loss for name, loss in losses.items() if weights[name]]).sum()
