"""Generators whose receptive radius is measured, because their layers do not determine it."""

from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor

from srgan_cli.networks.generators.base import Generator

GRID = 16  # tiles start at multiples of it: most attention networks have windows whose size divides it
LARGEST_HALO = 64  # input pixels
SMALLEST_CHANGE = 0.25 / 255  # a change of the output that counts for the receptive radius, in the range 0…1
_STRIP_HEIGHT, _CUT = 32, 48


class MeasuredGenerator(Generator):
    """A generator that may use global information: tiles are close to the whole picture, not equal to it."""

    exact_tiles = False
    grid = GRID

    @cached_property
    def receptive_radius(self) -> int:
        """The distance from a cut, in input pixels, at which the output still changes by SMALLEST_CHANGE; at most 64.

        Measured once, on a strip of random texture.  Networks that use global information reach 64.
        """
        cut = -(-_CUT // self.grid) * self.grid
        device = next((parameter.device for parameter in self.parameters()), torch.device("cpu"))
        strip = _texture(self.bands, _STRIP_HEIGHT, cut + 2 * LARGEST_HALO).to(device)
        with torch.no_grad():
            whole, part = self(strip), self(strip[..., cut:])
        change = (whole[..., cut * self.scale :] - part).abs().amax((0, 1, 2)).view(-1, self.scale).amax(1)
        changed = (change[:LARGEST_HALO] > SMALLEST_CHANGE).nonzero()
        return int(changed.max()) + 1 if len(changed) else 0

    @cached_property
    def blend(self) -> int:  # type: ignore[override]
        """Input pixels over which tiles are blended: none if they fit, else half of the halo."""
        return LARGEST_HALO // 2 if self.receptive_radius > LARGEST_HALO - GRID else 0


def _texture(bands: int, height: int, width: int) -> Tensor:
    """(1, bands, H, W), 0…1: random pixels on random patches, fine and coarse structure."""
    random = torch.Generator().manual_seed(0)
    fine = torch.rand(1, bands, height, width, generator=random)
    coarse = torch.rand(1, bands, height // 8 + 1, width // 8 + 1, generator=random)
    return (fine + 2 * F.interpolate(coarse, scale_factor=8)[..., :height, :width]) / 3
