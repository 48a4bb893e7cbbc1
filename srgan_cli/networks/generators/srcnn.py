"""SRCNN: the first convolutional network for super-resolution, a baseline for later ones.

Source: C. Dong et al., Image Super-Resolution Using Deep Convolutional Networks, TPAMI 2016 (arXiv:1501.00092).
"""

import torch
from torch import Tensor, nn

from srgan_cli.networks.generators.base import BICUBIC_RADIUS, RGB, BicubicResidual, Generator, zero_init


class SRCNN(Generator):
    """Three convolutions (9 x 9, 5 x 5, 5 x 5) after bicubic upscaling, with a residual connection around them.

    The network of the paper takes luma; this one takes RGB and learns the difference to bicubic upscaling. Its input is
    centred and its weights are initialised as in He et al. (ICCV 2015); without this, its wide kernels die at usual
    learning rates.
    """

    def __init__(self, scale: int = 4, channels: int = 64, bands: int = RGB) -> None:
        super().__init__(scale=scale, channels=channels, bands=bands)
        self.bicubic = nn.Sequential(BicubicResidual(scale), nn.PixelShuffle(scale))
        self.extract = nn.Conv2d(bands, channels, 9, padding=4)
        self.map = nn.Conv2d(channels, channels // 2, 5, padding=2)
        for layer in (self.extract, self.map):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        self.reconstruct = zero_init(nn.Conv2d(channels // 2, bands, 5, padding=2))

    @property
    def receptive_radius(self) -> int:
        """In input pixels. The convolutions run after upscaling."""
        return -(-(4 + 2 + 2) // self.scale) + BICUBIC_RADIUS

    def forward(self, x: Tensor) -> Tensor:
        """The upscaled pictures. Before training, this is bicubic upscaling."""
        upscaled: Tensor = self.bicubic(x)
        features = torch.relu(self.map(torch.relu(self.extract(upscaled - 0.5))))
        residual: Tensor = self.reconstruct(features)
        return upscaled + residual.float()
