"""Layers: the channels of a picture as tiles need them, in one tensor."""

from dataclasses import dataclass

import torch
from torch import Tensor

from srgan_cli.image.picture import Picture
from srgan_cli.system.arguments import checked


@checked
@dataclass(frozen=True)
class Layers:
    """What the channels of the tensor are from which tiles are cut.

    They are the bands, alpha, and noise.  Where a picture is not valid everywhere, its bands come with their holes
    filled, and those with holes follow.
    """

    groups: tuple[tuple[int, ...], ...] = ((0, 1, 2),)
    """The bands that a network sees at once: three as colour, or one as grey."""
    has_alpha: bool = False
    """Whether there is alpha, which is resized directly in addition."""
    has_holes: bool = False
    """Whether some values are not valid."""
    has_ranges: bool = False
    """Whether a network sees a range of values as 0…1, and what lies outside it is resized directly."""
    is_double: bool = False

    @classmethod
    def of(cls, header: Picture) -> "Layers":
        """The layers of a picture."""
        has = header.alpha is not None, header.valid is not None, bool(header.value_ranges)
        return cls(header.groups, *has, header.pixels.dtype == torch.float64)

    @property
    def bands(self) -> int:
        """The number of bands."""
        return sum(map(len, self.groups))

    @property
    def visible(self) -> int:
        """The number of channels that are enlarged: bands and alpha, which come first."""
        return self.bands + self.has_alpha

    @property
    def passes(self) -> int:
        """How often a network runs for each tile."""
        return len(self.groups) + self.has_alpha

    @property
    def floats(self) -> int:
        """Size of a pixel, as a number of float32."""
        own = self.visible + (2 * self.bands if self.has_holes else 0)
        return max(own, 3) * (1 + self.is_double)

    def pack(self, filled: Picture, original: Picture, noise: Tensor) -> Tensor:
        """The tensor (C, H, W) of these rows of a picture."""
        alpha = [] if filled.alpha is None else [filled.alpha]
        holes = [] if original.valid is None else [original.pixels, original.valid]
        return torch.cat([part.to(filled.pixels.dtype) for part in (filled.pixels, *alpha, noise, *holes)])

    def noise(self, layers: Tensor) -> Tensor:
        """The channels of noise."""
        return layers[self.visible : len(layers) - (2 * self.bands if self.has_holes else 0)]

    def original(self, layers: Tensor) -> tuple[Tensor, Tensor]:
        """The bands with their holes, and where they are valid.  Only if there are holes."""
        return layers[-2 * self.bands : -self.bands], layers[-self.bands :] > 0
