"""What every generator is, and the parts that they share."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from srgan_cli.image.ops import LARGEST_SCALE, cubic

BICUBIC_RADIUS = 2


class Generator(nn.Module):
    """Enlarges pictures: (N, 3, H, W) with values 0…1 to (N, 3, scale x H, scale x W), about 0…1, not clamped.

    With `noise` channels it also takes (N, 3 + noise, H, W), and different noise gives different pictures; where it
    is missing it is taken as zero.
    `grid`: windows that begin at multiples of it give what the whole picture gives, beyond the receptive radius.
    `exact_tiles`: whether the receptive radius is known, so that tiled equals whole.
    `blend`: how far, in input pixels, tiles are faded into each other; it may not exceed the receptive radius.
    `half_formats`: those in which it keeps its quality, the better one first.
    `memory_format`: how its weights, and so its activations, are laid out when it enlarges.
    `config` holds the constructor's arguments, so that `GENERATORS[name](**generator.config)` builds its twin.
    """

    grid: int = 1
    exact_tiles: bool = True
    blend: int = 0
    half_formats: tuple[torch.dtype, ...] = (torch.float16, torch.bfloat16)
    memory_format: torch.memory_format = torch.channels_last

    def __init__(self, **config: Any) -> None:
        super().__init__()
        self.config = config
        self.scale: int = config["scale"]
        self.noise: int = config.get("noise", 0)

    @property
    def receptive_radius(self) -> int:
        """How many input pixels away an input pixel can still change an output pixel.

        The sum of the convolutions' radii, which is exact for convolutions in a row at input resolution.
        """
        convolutions = [m for m in self.modules() if isinstance(m, nn.Conv2d)]
        return sum(m.dilation[0] * (m.kernel_size[0] - 1) // 2 for m in convolutions)

    @property
    def parameter_count(self) -> int:
        """How many numbers training adjusts."""
        return sum(p.numel() for p in self.parameters())


class Identity(Generator):
    """Gives back what it gets: plain resampling is a matter of what comes after."""

    def __init__(self) -> None:
        super().__init__(scale=1)

    def forward(self, x: Tensor) -> Tensor:
        """The same pictures."""
        return x


class BicubicResidual(nn.Module):
    """Bicubic enlargement before its pixel shuffle: (N, C, H, W) to (N, C x scale², H, W).

    Each of the scale² phases of an enlarged pixel is a fixed 5 x 5 filter on the input; the edge is repeated.
    Kept apart from the shuffle so that a residual can be added at low resolution.
    """

    filters: Tensor

    def __init__(self, scale: int) -> None:
        """Raises ValueError for a scale beyond LARGEST_SCALE: no file holds these filters and shows their size."""
        super().__init__()
        if not 1 <= scale <= LARGEST_SCALE:
            raise ValueError(f"the scale is {scale}, expected 1 to {LARGEST_SCALE}")
        self.scale = scale
        offsets = (torch.arange(scale) + 0.5) / scale - 0.5
        places = torch.arange(-BICUBIC_RADIUS, BICUBIC_RADIUS + 1)
        line = cubic(offsets[:, None] - places)
        square = torch.einsum("ai,bj->abij", line, line).reshape(scale * scale, 1, *2 * places.shape)
        self.register_buffer("filters", square, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """The phases of every channel, in the order that pixel shuffle expects."""
        channels = x.shape[1]
        padded = F.pad(x.contiguous(memory_format=torch.channels_last), [BICUBIC_RADIUS] * 4, mode="replicate")
        kind = "cpu" if x.is_meta else x.device.type  # without values there is no precision to choose
        with torch.autocast(kind, enabled=False):  # the picture itself never loses precision
            return F.conv2d(padded, self.filters.repeat(channels, 1, 1, 1), groups=channels)


def zero_init(convolution: nn.Conv2d) -> nn.Conv2d:
    """The convolution with all its numbers zero: a generator that ends on it begins as the bicubic enlargement."""
    for parameter in convolution.parameters():
        nn.init.zeros_(parameter)
    return convolution


def with_noise(x: Tensor, noise: int) -> Tensor:
    """(N, 3 + noise, H, W), the noise zero where the pictures come without."""
    return F.pad(x, [0, 0, 0, 0, 0, 3 + noise - x.shape[1]])


def padded_to_grid(x: Tensor, grid: int) -> Tensor:
    """Pictures whose sides are multiples of `grid`: what is missing at the right and bottom repeats the edge."""
    height, width = x.shape[-2:]
    return F.pad(x, [0, -width % grid, 0, -height % grid], mode="replicate")


def enlarged_radius(radius: int, scale: int) -> int:
    """The receptive radius in input pixels of layers of this radius on top of a bicubic enlargement."""
    return -(-radius // scale) + BICUBIC_RADIUS
