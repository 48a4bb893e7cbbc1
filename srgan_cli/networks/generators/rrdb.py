"""RRDBNet, the generator of ESRGAN, made of residual-in-residual dense blocks.

Source: X. Wang et al., ESRGAN: Enhanced Super-Resolution Generative Adversarial Networks, ECCVW 2018
(arXiv:1809.00219).
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from srgan_cli.networks.generators.base import RGB, Generator

RESIDUAL_SCALE = 0.2
UPSAMPLING = {2: (2,), 3: (3,), 4: (2, 2)}
"""The factors of nearest-neighbour upsampling for each scale; a convolution follows each."""


class RRDBNet(Generator):
    """Dense blocks at input resolution, then nearest-neighbour upsampling and convolutions.

    With 64 channels, 23 blocks and a growth of 32 it is the network of the public ESRGAN files, whose names it has.
    """

    half_formats = (torch.float16,)  # the steps of bfloat16 are 1/256 near 1, and nothing restores the precision

    def __init__(
        self, scale: int = 4, channels: int = 64, blocks: int = 23, growth: int = 32, bands: int = RGB
    ) -> None:
        """Raises ValueError for a scale that is not in UPSAMPLING."""
        super().__init__(scale=scale, channels=channels, blocks=blocks, growth=growth, bands=bands)
        if scale not in UPSAMPLING:
            raise ValueError(f"the scale is {scale}, expected one of {', '.join(map(str, UPSAMPLING))}")
        self.conv_first = nn.Conv2d(bands, channels, 3, padding=1)
        self.body = nn.Sequential(*[RRDB(channels, growth) for _ in range(blocks)])
        self.conv_body = nn.Conv2d(channels, channels, 3, padding=1)
        for index, _ in enumerate(UPSAMPLING[scale], 1):
            self.add_module(f"conv_up{index}", nn.Conv2d(channels, channels, 3, padding=1))
        self.conv_hr = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv_last = nn.Conv2d(channels, bands, 3, padding=1)

    @property
    def receptive_radius(self) -> int:
        """In input pixels. The last convolutions run after upsampling."""
        radius = 2  # conv_hr and conv_last
        for factor in reversed(UPSAMPLING[self.scale]):
            radius = -(-(radius + 1) // factor)
        return radius + 2 + 15 * len(self.body)

    def forward(self, x: Tensor) -> Tensor:
        """The upscaled pictures."""
        shallow = self.conv_first(x)
        features = shallow + self.conv_body(self.body(shallow))
        for index, factor in enumerate(UPSAMPLING[self.scale], 1):
            upsampled = F.interpolate(features, scale_factor=factor, mode="nearest")
            features = _activate(self.get_submodule(f"conv_up{index}")(upsampled))
        upscaled: Tensor = self.conv_last(_activate(self.conv_hr(features)))
        return upscaled.float()


class RRDB(nn.Module):
    """Three dense blocks, whose residual is added with a factor of 0.2."""

    def __init__(self, channels: int, growth: int) -> None:
        super().__init__()
        self.rdb1, self.rdb2, self.rdb3 = (_DenseBlock(channels, growth) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        """The block's output, of the shape of its input."""
        residual: Tensor = self.rdb3(self.rdb2(self.rdb1(x)))
        return x + RESIDUAL_SCALE * residual


class _DenseBlock(nn.Module):
    """Five convolutions, each of which takes the outputs of all before it."""

    def __init__(self, channels: int, growth: int) -> None:
        super().__init__()
        for index in range(1, 6):
            layer = nn.Conv2d(channels + (index - 1) * growth, growth if index < 5 else channels, 3, padding=1)
            with torch.no_grad():
                layer.weight.mul_(0.1)
            self.add_module(f"conv{index}", layer)

    def forward(self, x: Tensor) -> Tensor:
        features = x
        for index in range(1, 5):
            features = torch.cat([features, _activate(self.get_submodule(f"conv{index}")(features))], 1)
        residual: Tensor = self.get_submodule("conv5")(features)
        return x + RESIDUAL_SCALE * residual


def _activate(x: Tensor) -> Tensor:
    return F.leaky_relu(x, 0.2)
