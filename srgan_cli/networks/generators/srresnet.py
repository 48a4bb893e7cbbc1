"""SRResNet: a residual generator.

Source: C. Ledig et al., Photo-Realistic Single Image Super-Resolution Using a Generative Adversarial
Network, CVPR 2017 (arXiv:1609.04802). Without batch norm, as in B. Lim et al., Enhanced Deep Residual Networks for
Single Image Super-Resolution, CVPRW 2017 (arXiv:1707.02921). Dropout before the last convolution, as in X. Kong
et al., Reflash Dropout in Image Super-Resolution, CVPR 2022 (arXiv:2112.12089).
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from srgan_cli.networks.generators.base import RGB, BicubicResidual, Generator, zero_init


class SRResNet(Generator):
    """Residual blocks at input resolution and one pixel shuffle, added to bicubic upscaling.

    Unlike in the paper, the first and last kernels are 3 x 3, and a single pixel shuffle at the end upscales by 2, 3 or
    4: every convolution runs at input resolution.
    """

    def __init__(
        self,
        scale: int = 4,
        channels: int = 48,
        blocks: int = 8,
        batch_norm: bool = False,
        dropout: float = 0.0,
        noise: int = 0,
        bands: int = RGB,
    ) -> None:
        regularisation = {"batch_norm": batch_norm, "dropout": dropout}
        super().__init__(scale=scale, channels=channels, blocks=blocks, **regularisation, noise=noise, bands=bands)
        self.head = nn.Conv2d(bands + noise, channels, 3, padding=1)
        self.body = nn.Sequential(*[ResidualBlock(channels, batch_norm) for _ in range(blocks)])
        self.fuse = nn.Conv2d(channels, channels, 3, padding=1)
        self.dropout = nn.Dropout2d(dropout)
        self.tail = zero_init(nn.Conv2d(channels, bands * scale**2, 3, padding=1))
        self.bicubic = BicubicResidual(scale)

    def forward(self, x: Tensor) -> Tensor:
        """The upscaled pictures. Before training, this is bicubic upscaling."""
        return F.pixel_shuffle(self._before_shuffle(x), self.scale)

    def _before_shuffle(self, x: Tensor) -> Tensor:
        """The input of the pixel shuffle. It is a method, so that the feature maps are freed before the shuffle."""
        missing_noise = [0, 0, 0, 0, 0, self.bands + self.noise - x.shape[1]]
        shallow = self.head(F.pad(x, missing_noise))
        deep = self.fuse(self.body(shallow)).add_(shallow)
        residual = self.tail(self.dropout(deep))
        del shallow, deep
        upscaled: Tensor = self.bicubic(x[:, : self.bands]).add_(residual)
        return upscaled


class ResidualBlock(nn.Module):
    """x + convolution(activation(convolution(x))), optionally with batch norm after each convolution."""

    def __init__(self, channels: int, batch_norm: bool) -> None:
        super().__init__()
        first, second = (nn.Conv2d(channels, channels, 3, padding=1) for _ in range(2))
        before, after = ([nn.BatchNorm2d(channels)] if batch_norm else [] for _ in range(2))
        self.layers = nn.Sequential(first, *before, nn.LeakyReLU(0.1, inplace=True), second, *after)
        with torch.no_grad():
            second.weight.mul_(0.1)

    def forward(self, x: Tensor) -> Tensor:
        """The block's output, of the shape of its input."""
        residual: Tensor = self.layers(x)
        return residual.add_(x)
