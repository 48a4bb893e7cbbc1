"""Half precision, and its guard against values that are not finite."""

from math import isfinite

import torch
from torch import Tensor

from srgan_cli.errors import SrganError, UsageError
from srgan_cli.networks import Generator
from srgan_cli.system.devices import computes_well_in
from srgan_cli.upscaling.ensemble import _Wrapped

PRECISIONS = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}

_BLACK = 1 / 255


class Guarded(_Wrapped):
    """A generator whose convolutions compute in a format, and whose broken tiles are computed again in float32."""

    def __init__(self, generator: Generator, dtype: torch.dtype = torch.float32) -> None:
        super().__init__(generator)
        self.dtype = dtype

    def forward(self, x: Tensor, checked: bool = True) -> Tensor:
        """The enlarged pictures; unless checked, whoever takes them looks at their signs.

        Raises SrganError where even float32 gives no numbers.
        """
        half = self.dtype != torch.float32
        with torch.autocast("cpu" if x.is_meta else x.device.type, self.dtype, enabled=half):
            enlarged: Tensor = self.generator(x).float()
        if not checked or enlarged.is_meta or not self.is_broken(self.signs(enlarged, x)):  # meta has no values
            return enlarged
        if half:
            enlarged = self.generator(x)
        if not enlarged.isfinite().all():
            raise SrganError("the network gives values that are no numbers", "its weights may be damaged: try others")
        return enlarged

    @staticmethod
    def signs(enlarged: Tensor, x: Tensor) -> Tensor:
        """What tells whether pictures are broken, on their device: least and most value, and how bright they were."""
        return torch.stack([enlarged.amin(), enlarged.amax(), x[:, :3].mean()])

    @staticmethod
    def is_broken(signs: Tensor) -> bool:
        """Whether there are values that are no numbers, or nothing but black of a picture that is not."""
        least, most, brightness = signs.tolist()
        return not (isfinite(least) and isfinite(most)) or most < _BLACK < brightness


def guarded(generator: Generator, device: torch.device, precision: str = "auto") -> Guarded:
    """The generator as it runs on a device: auto is a half precision that both do well, or else float32.

    Raises UsageError for an unknown precision, and for fp16 or bf16 where it is not done well.
    """
    done_well = [dtype for dtype in generator.half_formats if computes_well_in(dtype, device)]
    if precision == "auto":
        return Guarded(generator, *done_well[:1])
    if precision not in PRECISIONS:
        raise UsageError(f"the precision is {precision!r}, expected one of auto, {', '.join(PRECISIONS)}")
    dtype = PRECISIONS[precision]
    if dtype not in (torch.float32, *done_well):
        where = device.type if dtype in generator.half_formats else "this network"
        raise UsageError(f"{precision} is not done well by {where}", "leave --precision out")
    return Guarded(generator, dtype)
