"""PerceptualLoss: the distance of generated and real pictures in the features of a classifier."""

from pathlib import Path

import torch
from torch import Tensor

from srgan_cli.networks.backbones import Backbone, feature_distance
from srgan_cli.training.config import TrainConfig
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
