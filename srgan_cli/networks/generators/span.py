"""SPAN: a convolutional network with parameter-free attention.

Source: C. Wan et al., Swift Parameter-free Attention Network for Efficient Super-Resolution, CVPRW 2024
(arXiv:2311.12770).
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from srgan_cli.networks.generators.base import RGB, BicubicResidual, Generator, zero_init


class SPAN(Generator):
    """Blocks of three convolutions with parameter-free attention; the outputs of several blocks are concatenated.

    Unlike in the paper, the result is added to bicubic upscaling, and training uses plain convolutions without
    reparameterisation.
    """

    def __init__(self, scale: int = 4, channels: int = 48, blocks: int = 6, bands: int = RGB) -> None:
        super().__init__(scale=scale, channels=channels, blocks=blocks, bands=bands)
        self.head = nn.Conv2d(bands, channels, 3, padding=1)
        self.body = nn.ModuleList(_AttentionBlock(channels) for _ in range(blocks))
        self.fuse = nn.Conv2d(channels, channels, 3, padding=1)
        self.join = nn.Conv2d(4 * channels, channels, 1)
        self.tail = zero_init(nn.Conv2d(channels, bands * scale**2, 3, padding=1))
        self.bicubic = BicubicResidual(scale)

    def forward(self, x: Tensor) -> Tensor:
        """The upscaled pictures. Before training, this is bicubic upscaling."""
        maps = [self.head(x)]
        for block in self.body:
            maps.append(block(maps[-1]))
        deep = self.join(torch.cat([maps[0], self.fuse(maps[-1]), maps[1], maps[-2]], 1))
        return F.pixel_shuffle(self.bicubic(x) + self.tail(deep), self.scale)


class _AttentionBlock(nn.Module):
    """(y + x) times the attention map sigmoid(y) - 0.5, where y is the output of the convolutions."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Conv2d(channels, channels, 3, padding=1) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        first, second, third = self.layers
        y: Tensor = third(F.silu(second(F.silu(first(x)))))
        return (y + x) * (torch.sigmoid(y) - 0.5)
