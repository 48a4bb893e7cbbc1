"""Degrader: a learned model of the degradation from high-resolution to low-resolution pictures."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from srgan_cli.image.ops import cubic
from srgan_cli.networks.generators.base import zero_init
from srgan_cli.networks.generators.srresnet import ResidualBlock


class Degrader(nn.Module):
    """Downscales and degrades pictures: (N, 3, scale x H, scale x W), values 0…1, to (N, 3, H, W), values about 0…1.

    A strided filter, initialised as bicubic downscaling, learns blur and colour shifts. A small residual network adds
    the rest, such as noise; its input `noise` (N, 1, H, W) selects one of many results.
    """

    def __init__(self, scale: int, channels: int = 32, blocks: int = 2) -> None:
        super().__init__()
        self.scale = scale
        self.filter = nn.Conv2d(3, 3, 4 * scale + scale % 2, stride=scale)
        self.fold = nn.PixelUnshuffle(scale)
        self.head = nn.Conv2d(3 * scale**2 + 1, channels, 3, padding=1)
        self.body = nn.Sequential(*[ResidualBlock(channels, batch_norm=False) for _ in range(blocks)])
        self.tail = zero_init(nn.Conv2d(channels, 3, 3, padding=1))
        self.init_filter(torch.ones(1, 1))

    @torch.no_grad()
    def init_filter(self, kernel: Tensor) -> None:
        """Initialise the filter as a blur by `kernel` (K, K), K odd, at high resolution, then bicubic downscaling."""
        lines = [cubic((torch.arange(size) - (size - 1) / 2) / self.scale) for size in self.filter.kernel_size]
        bicubic = torch.outer(*[line / line.sum() for line in lines])
        combined = F.conv2d(bicubic[None, None], kernel[None, None], padding=kernel.shape[0] // 2)[0, 0]
        zero_init(self.filter).weight[range(3), range(3)] = (combined / combined.sum()).to(self.filter.weight)

    def forward(self, x: Tensor, noise: Tensor) -> Tensor:
        """The degraded pictures."""
        return self.apply_filter(x) + self.residual(x, noise)

    def apply_filter(self, x: Tensor) -> Tensor:
        """The pictures after the strided filter."""
        with torch.autocast(x.device.type, enabled=False):  # only the residual may use half precision
            low: Tensor = self.filter(F.pad(x, [(self.filter.kernel_size[0] - self.scale) // 2] * 4, mode="replicate"))
        return low

    def residual(self, x: Tensor, noise: Tensor) -> Tensor:
        """What the residual network adds."""
        residual: Tensor = self.tail(self.body(self.head(torch.cat([self.fold(x), noise], 1))))
        return residual.float()
