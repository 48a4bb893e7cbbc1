"""SRCNN: the first convolutional network for super-resolution, the yardstick of the later ones.

Source: C. Dong et al., Image Super-Resolution Using Deep Convolutional Networks, TPAMI 2016 (arXiv:1501.00092).
"""

import torch
from torch import Tensor, nn

from srgan_cli.networks.generators.base import BicubicResidual, Generator, enlarged_radius, zero_init


class SRCNN(Generator):
    """Three convolutions (9 x 9, 5 x 5, 5 x 5) on the bicubic enlargement, added to it.

    The paper's network takes luma; this one takes and gives RGB, and learns the difference to bicubic.  Its values are
    centred and its weights begin as He et al. (ICCV 2015) propose, without which its wide kernels die at usual rates.
    Input (N, 3, H, W), output (N, 3, scale x H, scale x W).
    """

    def __init__(self, scale: int = 4, channels: int = 64) -> None:
        super().__init__(scale=scale, channels=channels)
        self.bicubic = nn.Sequential(BicubicResidual(scale), nn.PixelShuffle(scale))
        self.extract = nn.Conv2d(3, channels, 9, padding=4)
        self.map = nn.Conv2d(channels, channels // 2, 5, padding=2)
        for layer in (self.extract, self.map):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        self.reconstruct = zero_init(nn.Conv2d(channels // 2, 3, 5, padding=2))

    @property
    def receptive_radius(self) -> int:
        """In input pixels; the convolutions run on the enlarged picture."""
        return enlarged_radius(4 + 2 + 2, self.scale)

    def forward(self, x: Tensor) -> Tensor:
        """The enlarged pictures.  An untrained generator gives the bicubic enlargement."""
        enlarged: Tensor = self.bicubic(x)
        features = torch.relu(self.map(torch.relu(self.extract(enlarged - 0.5))))
        change: Tensor = self.reconstruct(features)
        return enlarged + change.float()
