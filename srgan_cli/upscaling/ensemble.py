"""Ways to run a generator: eight times over, compiled, and in half precision where that is as good."""

import torch
from torch import Tensor

from srgan_cli.networks import Generator


class WrappedGenerator(Generator):
    """A generator that runs another one, and is tiled like it."""

    def __init__(self, generator: Generator) -> None:
        super().__init__(scale=generator.scale, noise=generator.noise)
        self.generator = generator
        self.grid, self.exact_tiles = generator.grid, generator.exact_tiles
        self.half_formats, self.memory_format = generator.half_formats, generator.memory_format

    @property
    def receptive_radius(self) -> int:
        """The other's."""
        return self.generator.receptive_radius

    @property
    def blend(self) -> int:  # type: ignore[override]
        """The other's."""
        return self.generator.blend


class SelfEnsemble(WrappedGenerator):
    """The mean of what a generator makes of the eight flips and quarter turns of a picture, turned back.

    Source: R. Timofte, R. Rothe and L. Van Gool, Seven Ways to Improve Example-Based Single Image Super Resolution,
    CVPR 2016, section 3.6 (arXiv:1511.02228).
    """

    def forward(self, x: Tensor) -> Tensor:
        """The enlarged pictures."""
        total = torch.zeros((), device=x.device)
        for turns in range(4):
            turned = x.rot90(turns, (-2, -1))
            mirrored = self.generator(turned.flip(-1)).flip(-1)
            total = total + (self.generator(turned) + mirrored).rot90(-turns, (-2, -1))
        return total / 8
