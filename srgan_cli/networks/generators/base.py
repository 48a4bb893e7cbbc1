"""The base class of the generators, and the parts that they share."""

from typing import Any, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from srgan_cli.image.ops import LARGEST_SCALE, cubic
from srgan_cli.system.arguments import checked

RGB = 3  # the bands of a picture in colour
BICUBIC_RADIUS = 2  # radius of the bicubic kernel in input pixels


@checked
class Generator(nn.Module):
    """Upscales pictures: (N, bands, H, W), values 0…1, to (N, bands, scale x H, scale x W), about 0…1, not clamped.

    `bands` is 3 by default: RGB.  A generator with `noise` channels also takes (N, bands + noise, H, W): different
    noise gives different pictures, and missing noise counts as zero.  `config` holds the constructor's arguments:
    `GENERATORS[name](**generator.config)` builds a network that the same weights fit.
    """

    grid: int = 1
    """A tile that starts at multiples of it gives the same as the whole picture, beyond the receptive radius."""
    exact_tiles: bool = True
    """Whether the receptive radius is known, so that tiles give the same as the whole picture."""
    blend: int = 0
    """Input pixels over which neighbouring tiles are blended; at most the receptive radius."""
    half_formats: tuple[torch.dtype, ...] = (torch.float16, torch.bfloat16)
    """The half-precision formats in which the quality is kept, the better one first."""
    native_bytes: float = 0.0
    """Bytes per input pixel that the network allocates outside torch."""
    memory_format: torch.memory_format = torch.channels_last
    """The layout of weights and activations for inference."""

    def __init__(self, **config: Any) -> None:
        super().__init__()
        self.bands: int = config.pop("bands", RGB)
        self.config = config | ({"bands": self.bands} if self.bands != RGB else {})
        self.scale: int = config["scale"]
        self.noise: int = config.get("noise", 0)

    @property
    def receptive_radius(self) -> int:
        """The largest distance, in input pixels, at which an input pixel can change an output pixel.

        By default the sum of the radii of all convolutions, which is exact for a chain at input resolution.
        """
        convolutions = [m for m in self.modules() if isinstance(m, nn.Conv2d)]
        return sum(m.dilation[0] * (m.kernel_size[0] - 1) // 2 for m in convolutions)

    @property
    def parameter_count(self) -> int:
        """The number of trainable parameters."""
        return sum(p.numel() for p in self.parameters())

    @classmethod
    def fitting(cls, tensors: dict[str, Any], **config: Any) -> Self | None:
        """The generator of these arguments, without values, if its state dict has the keys and shapes of `tensors`."""
        with torch.device("meta"):  # shapes alone: those of a hostile file could ask for far more memory than it has
            generator = cls(**config)
        own = {key: value.shape for key, value in generator.state_dict().items()}
        fits = own == {key: getattr(value, "shape", None) for key, value in tensors.items()}
        return generator.to_empty(device="cpu") if fits else None


class Identity(Generator):
    """Returns its input, for methods that only resample; the upscaler resamples the result."""

    def __init__(self) -> None:
        super().__init__(scale=1)

    def forward(self, x: Tensor) -> Tensor:
        """The input."""
        return x


class WrappedGenerator(Generator):
    """A generator that runs another one and is cut into tiles like it."""

    def __init__(self, generator: Generator) -> None:
        super().__init__(scale=generator.scale, noise=generator.noise, bands=generator.bands)
        self.generator = generator
        self.grid, self.exact_tiles = generator.grid, generator.exact_tiles
        self.half_formats, self.memory_format = generator.half_formats, generator.memory_format
        self.native_bytes = generator.native_bytes

    @property
    def receptive_radius(self) -> int:
        """Receptive radius of the wrapped generator."""
        return self.generator.receptive_radius

    @property
    def blend(self) -> int:  # type: ignore[override]
        """Blending width of the wrapped generator."""
        return self.generator.blend


class BicubicResidual(nn.Module):
    """Bicubic upscaling before its pixel shuffle: (N, C, H, W) to (N, C x scale², H, W).

    Each of the scale² output pixels of an input pixel is a fixed 5 x 5 filter of the input; the edge is repeated.
    The pixel shuffle comes later, so that a residual can be added at input resolution.
    """

    filters: Tensor

    def __init__(self, scale: int) -> None:
        """Raises ValueError for a scale above LARGEST_SCALE: a small weights file could demand huge filters."""
        super().__init__()
        if not 1 <= scale <= LARGEST_SCALE:
            raise ValueError(f"the scale is {scale}, expected 1 to {LARGEST_SCALE}")
        self.scale = scale
        offsets = (torch.arange(scale) + 0.5) / scale - 0.5
        positions = torch.arange(-BICUBIC_RADIUS, BICUBIC_RADIUS + 1)
        line = cubic(offsets[:, None] - positions)
        square = torch.einsum("ai,bj->abij", line, line).reshape(scale * scale, 1, *2 * positions.shape)
        self.register_buffer("filters", square, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """The scale² values of every channel, in the order that pixel shuffle expects."""
        channels = x.shape[1]
        padded = F.pad(x.contiguous(memory_format=torch.channels_last), [BICUBIC_RADIUS] * 4, mode="replicate")
        kind = "cpu" if x.is_meta else x.device.type  # autocast does not know the meta device
        with torch.autocast(kind, enabled=False):  # only the residual may use half precision
            return F.conv2d(padded, self.filters.repeat(channels, 1, 1, 1), groups=channels)


def zero_init(convolution: nn.Conv2d) -> nn.Conv2d:
    """Set a convolution to zero and return it. As the last layer it makes the initial generator bicubic."""
    for parameter in convolution.parameters():
        nn.init.zeros_(parameter)
    return convolution


def pad_to_grid(x: Tensor, grid: int) -> Tensor:
    """Pad the right and bottom to multiples of `grid` by repeating the edge."""
    height, width = x.shape[-2:]
    return F.pad(x, [0, -width % grid, 0, -height % grid], mode="replicate")
