"""Degrader: the way from a high-resolution picture to a low-resolution one, with all that befalls pictures on it."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from srgan_cli.image.ops import cubic
from srgan_cli.networks.generators.base import zero_init
from srgan_cli.networks.generators.srresnet import ResidualBlock


class Degrader(nn.Module):
    """Reduces pictures and spoils them: (N, 3, scale x H, scale x W) with values 0…1 to (N, 3, H, W), about 0…1.

    `noise` (N, 1, H, W) draws one of many results.  A filter, which begins as that of the bicubic reduction, learns
    blur and colours; a small network adds what is left, such as noise.
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
        """Let the filter be the bicubic reduction of what comes out of a kernel (K, K), K odd, in original pixels."""
        bicubic = _bicubic(self.scale, *self.filter.kernel_size)
        both = F.conv2d(bicubic[None, None], kernel[None, None], padding=kernel.shape[0] // 2)[0, 0]
        zero_init(self.filter).weight[range(3), range(3)] = (both / both.sum()).to(self.filter.weight)

    def forward(self, x: Tensor, noise: Tensor) -> Tensor:
        """The reduced pictures."""
        return self.filtered(x) + self.added(x, noise)

    def filtered(self, x: Tensor) -> Tensor:
        """What comes through the filter."""
        padded = F.pad(x, [(self.filter.kernel_size[0] - self.scale) // 2] * 4, mode="replicate")
        with torch.autocast(x.device.type, enabled=False):  # the picture itself never loses precision
            reduced: Tensor = self.filter(padded)
        return reduced

    def added(self, x: Tensor, noise: Tensor) -> Tensor:
        """What the network adds to it."""
        rest: Tensor = self.tail(self.body(self.head(torch.cat([self.fold(x), noise], 1))))
        return rest.float()


def _bicubic(scale: int, height: int, width: int) -> Tensor:
    """The filter (height, width) of the antialiased bicubic reduction."""
    lines = [cubic((torch.arange(size) - (size - 1) / 2) / scale) for size in (height, width)]
    return torch.outer(*[line / line.sum() for line in lines])
