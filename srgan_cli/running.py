"""Ways to run a generator: eight times over, and in half precision where that is as good."""

import torch
from torch import Tensor

from srgan_cli.devices import computes_well_in_half
from srgan_cli.errors import SrganError, UsageError
from srgan_cli.networks import Generator

PRECISIONS = ("auto", "fp32", "fp16")
_BLACK = 1 / 255


class _Wrapped(Generator):
    """A generator that runs another one, and is tiled like it."""

    def __init__(self, generator: Generator) -> None:
        super().__init__(scale=generator.scale, noise=generator.noise)
        self.generator = generator
        self.grid, self.exact_tiles = generator.grid, generator.exact_tiles
        self.half_precision = generator.half_precision

    @property
    def receptive_radius(self) -> int:
        """The other's."""
        return self.generator.receptive_radius

    @property
    def blend(self) -> int:  # type: ignore[override]
        """The other's."""
        return self.generator.blend


class SelfEnsemble(_Wrapped):
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


class Guarded(_Wrapped):
    """A generator in half precision or not, whose broken tiles are computed again in float32."""

    def __init__(self, generator: Generator, half: bool) -> None:
        super().__init__(generator)
        self.half_way = half

    def forward(self, x: Tensor) -> Tensor:
        """The enlarged pictures.  Raises SrganError where even float32 gives no numbers."""
        with torch.autocast("cpu" if x.is_meta else x.device.type, torch.float16, enabled=self.half_way):
            enlarged: Tensor = self.generator(x).float()
        if enlarged.is_meta or not _is_broken(enlarged, x):  # a meta tensor has no values to look at
            return enlarged
        if self.half_way:
            enlarged = self.generator(x)
        if not enlarged.isfinite().all():
            raise SrganError("the network gives values that are no numbers", "its weights may be damaged: try others")
        return enlarged


def guarded(generator: Generator, device: torch.device, precision: str = "auto") -> Guarded:
    """The generator as it runs on a device: auto is half precision where both do it well.

    Raises UsageError for an unknown precision, and for fp16 where it is not done well.
    """
    if precision not in PRECISIONS:
        raise UsageError(f"the precision is {precision!r}, expected one of {', '.join(PRECISIONS)}")
    well = generator.half_precision and computes_well_in_half(device)
    if precision == "fp16" and not well:
        where = device.type if generator.half_precision else "this network"
        raise UsageError(f"half precision is not done well by {where}", "leave --precision out")
    return Guarded(generator, well and precision != "fp32")


def _is_broken(enlarged: Tensor, x: Tensor) -> bool:
    """Whether there are values that are no numbers, or nothing but black of a picture that is not."""
    if not enlarged.isfinite().all():
        return True
    return bool(enlarged.amax() < _BLACK < x[:, :3].mean())
