"""SRResNet: a residual generator.

Source: C. Ledig et al., Photo-Realistic Single Image Super-Resolution Using a Generative Adversarial
Network, CVPR 2017 (arXiv:1609.04802); without batch norm as in B. Lim et al., Enhanced Deep Residual
Networks for Single Image Super-Resolution, CVPRW 2017 (arXiv:1707.02921).  Dropout before the last convolution:
X. Kong et al., Reflash Dropout in Image Super-Resolution, CVPR 2022 (arXiv:2112.12089).
"""

import torch
from torch import Tensor, nn

from srgan_cli.networks.generators.base import BicubicResidual, Generator, with_noise, zero_init


class SRResNet(Generator):
    """Residual blocks at input resolution, one sub-pixel layer, added to the bicubic enlargement.

    Unlike the paper's, the first and last kernels are 3 x 3 and the whole enlargement (2, 3 or 4) happens in
    one pixel shuffle at the end: every convolution runs at input resolution.

    Input (N, 3, H, W), output (N, 3, scale x H, scale x W).
    """

    def __init__(
        self,
        scale: int = 4,
        channels: int = 48,
        blocks: int = 8,
        batch_norm: bool = False,
        dropout: float = 0.0,
        noise: int = 0,
    ) -> None:
        super().__init__(
            scale=scale, channels=channels, blocks=blocks, batch_norm=batch_norm, dropout=dropout, noise=noise
        )
        self.head = nn.Conv2d(3 + noise, channels, 3, padding=1)
        self.body = nn.Sequential(*[ResidualBlock(channels, batch_norm) for _ in range(blocks)])
        self.fuse = nn.Conv2d(channels, channels, 3, padding=1)
        self.dropout = nn.Dropout2d(dropout)
        self.tail = zero_init(nn.Conv2d(channels, 3 * scale**2, 3, padding=1))
        self.bicubic = BicubicResidual(scale)
        self.shuffle = nn.PixelShuffle(scale)

    def forward(self, x: Tensor) -> Tensor:
        """The enlarged pictures.  An untrained generator gives the bicubic enlargement."""
        enlarged: Tensor = self.shuffle(self._phases(x))
        return enlarged

    def _phases(self, x: Tensor) -> Tensor:
        """The enlarged pictures before their pixel shuffle; what led to them is freed by then."""
        shallow = self.head(with_noise(x, self.noise))
        deep = self.fuse(self.body(shallow)).add_(shallow)
        change = self.tail(self.dropout(deep))
        del shallow, deep
        phases: Tensor = self.bicubic(x[:, :3]).add_(change)
        return phases


class ResidualBlock(nn.Module):
    """x + convolution(activation(convolution(x))), with batch norm after each convolution if asked for."""

    def __init__(self, channels: int, batch_norm: bool) -> None:
        super().__init__()
        first, second = (nn.Conv2d(channels, channels, 3, padding=1) for _ in range(2))
        self.layers = nn.Sequential(
            first,
            *_norm(channels, batch_norm),
            nn.LeakyReLU(0.1, inplace=True),
            second,
            *_norm(channels, batch_norm),
        )
        with torch.no_grad():
            second.weight.mul_(0.1)

    def forward(self, x: Tensor) -> Tensor:
        """The block's output, of the shape of its input."""
        change: Tensor = self.layers(x)
        return change.add_(x)


def _norm(channels: int, batch_norm: bool) -> list[nn.Module]:
    return [nn.BatchNorm2d(channels)] if batch_norm else []
