"""A U-Net generator: an encoder and decoder of three sizes with skip connections.

Source: O. Ronneberger et al., U-Net: Convolutional Networks for Biomedical Image Segmentation, MICCAI 2015
(arXiv:1505.04597); dropout in the middle as in P. Isola et al., Image-to-Image Translation with Conditional
Adversarial Networks, CVPR 2017 (arXiv:1611.07004).
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from srgan_cli.networks.generators.base import RGB, BicubicResidual, Generator, pad_to_grid, zero_init


class UNet(Generator):
    """Two downsamplings and two upsamplings with skip connections, added to bicubic upscaling."""

    grid = 4

    def __init__(self, scale: int = 4, channels: int = 48, dropout: float = 0.0, bands: int = RGB) -> None:
        super().__init__(scale=scale, channels=channels, dropout=dropout, bands=bands)
        self.enter = _convolutions(bands, channels)
        self.down = nn.ModuleList([_convolutions(channels, 2 * channels), _convolutions(2 * channels, 4 * channels)])
        self.dropout = nn.Dropout2d(dropout)
        self.up = nn.ModuleList([_convolutions(6 * channels, 2 * channels), _convolutions(3 * channels, channels)])
        self.tail = zero_init(nn.Conv2d(channels, bands * scale**2, 3, padding=1))
        self.bicubic = BicubicResidual(scale)

    @property
    def receptive_radius(self) -> int:
        """An upper bound in input pixels: two convolutions per size in encoder and decoder, plus resampling."""
        return 2 * (2 + 2 * 2) + 2 * 4 + 1 + 2 * (2 + 4)

    def forward(self, x: Tensor) -> Tensor:
        """The upscaled pictures. Before training, this is bicubic upscaling."""
        height, width = x.shape[-2:]
        maps = [self.enter(pad_to_grid(x, self.grid))]
        for layers in self.down:
            maps.append(layers(F.avg_pool2d(maps[-1], 2)))
        deep = self.dropout(maps.pop())
        for layers in self.up:
            upsampled = F.interpolate(deep, scale_factor=2, mode="bilinear", align_corners=False)
            deep = layers(torch.cat([upsampled, maps.pop()], 1))
        return F.pixel_shuffle(self.bicubic(x) + self.tail(deep)[..., :height, :width], self.scale)


def _convolutions(inputs: int, outputs: int) -> nn.Module:
    first, second = (nn.Conv2d(width, outputs, 3, padding=1) for width in (inputs, outputs))
    return nn.Sequential(first, nn.LeakyReLU(0.1), second, nn.LeakyReLU(0.1))
