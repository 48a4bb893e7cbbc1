"""The discriminator of Real-ESRGAN: a U-Net with spectral normalisation.

Source: X. Wang et al., Real-ESRGAN: Training Real-World Blind Super-Resolution with Pure Synthetic Data,
ICCVW 2021, section 3.3 (arXiv:2107.10833), after E. Schönfeld et al., A U-Net Based Discriminator for
Generative Adversarial Networks, CVPR 2020 (arXiv:2002.12655); T. Miyato et al., Spectral Normalization for
Generative Adversarial Networks, ICLR 2018 (arXiv:1802.05957).
"""

from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from srgan_cli.networks.discriminators.base import Discriminator, DiscriminatorOutput


class UNetDiscriminator(Discriminator):
    """One logit per pixel: (N, bands, H, W) to (N, 1, H, W), for sides from 8 pixels.

    Three strided convolutions halve the size and grow the channels from `channels` (64 in the paper) to eight times as
    many. Three bilinear upsamplings follow, each with a skip connection from the map of its size.
    """

    def __init__(self, channels: int = 64, bands: int = 3) -> None:
        super().__init__(channels=channels)
        widths = [channels * factor for factor in (1, 2, 4, 8)]
        self.head = nn.Conv2d(bands, channels, 3, padding=1)
        self.down = nn.ModuleList(_layer(a, b, 4, stride=2) for a, b in pairwise(widths))
        widths.reverse()
        self.up = nn.ModuleList(_layer(a, b, 3) for a, b in pairwise(widths))
        first, second = (_layer(channels, channels, 3) for _ in range(2))
        self.tail = nn.Sequential(first, nn.LeakyReLU(0.2), second, nn.LeakyReLU(0.2))
        self.judge = nn.Conv2d(channels, 1, 3, padding=1)

    def forward(self, x: Tensor) -> DiscriminatorOutput:
        """The sigmoid of a logit is the probability that the pixel is real."""
        maps = [_activate(self.head(x))]
        for layer in self.down:
            maps.append(_activate(layer(maps[-1])))
        features = list(maps)
        deep = maps.pop()
        for layer in self.up:
            skip = maps.pop()
            upsampled = F.interpolate(deep, skip.shape[-2:], mode="bilinear", align_corners=False)
            deep = _activate(layer(upsampled)) + skip
            features.append(deep)
        return DiscriminatorOutput(self.judge(self.tail(deep)), features)


def _layer(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Module:
    return spectral_norm(nn.Conv2d(inputs, outputs, kernel, stride, padding=1, bias=False))


def _activate(x: Tensor) -> Tensor:
    return F.leaky_relu(x, 0.2)
