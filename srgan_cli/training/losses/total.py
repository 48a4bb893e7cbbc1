"""GeneratorLoss: the weighted sum of the generator's losses, with the perceptual loss."""

from pathlib import Path

import torch
from torch import Tensor

from srgan_cli.networks.backbones import Backbone, feature_distance
from srgan_cli.training.config import TrainConfig
from srgan_cli.training.losses.pixel import PIXEL_LOSSES, frequency_loss, phase_loss
from srgan_cli.training.optim.optimizer import ComputeContext, channels_last
from srgan_cli.weights.backbones import load_backbone


class PerceptualLoss:
    """The feature distance of two batches (N, 3, H, W), values 0…1, as the mean over backbones.

    Gradients flow to the first batch.

    Source: J. Johnson et al., Perceptual Losses for Real-Time Style Transfer and Super-Resolution, ECCV 2016
    (arXiv:1603.08155), with the normalised features of LPIPS.
    """

    def __init__(self, config: TrainConfig, compute: ComputeContext) -> None:
        """Raises WeightsError when a backbone is not available."""
        path = Path(config.loss.perceptual_weights) if config.loss.perceptual_weights else None
        self.backbones = [channels_last(load_backbone(name, path).to(compute.device)) for name in config.loss.backbones]
        self.compute = compute

    def __call__(self, generated: Tensor, target: Tensor) -> Tensor:
        """The mean over pictures, layers and positions."""
        return torch.stack([self._distance(backbone, generated, target) for backbone in self.backbones]).mean()

    def _distance(self, backbone: Backbone, generated: Tensor, target: Tensor) -> Tensor:
        with self.compute.autocast():
            with torch.no_grad():
                real = backbone(target.contiguous(memory_format=torch.channels_last))
            fake = backbone(generated.contiguous(memory_format=torch.channels_last))
        return feature_distance(real, fake)


class GeneratorLoss:
    """The weighted sum of the generator's losses."""

    def __init__(self, config: TrainConfig, compute: ComputeContext) -> None:
        """Raises WeightsError when the backbone of the perceptual loss is not available."""
        self.config = config.loss
        self.scale = config.scale
        self.seen = list(config.data.shown_bands)  # the bands that the perceptual loss compares
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
        return torch.stack([weights[name] * loss for name, loss in losses.items()]).sum()
