"""Half precision, and its guard against values that are not finite."""

from math import isfinite

import torch
from torch import Tensor

from srgan_cli.errors import SrganError, UsageError
from srgan_cli.networks import Generator
from srgan_cli.system.devices import has_fast
from srgan_cli.upscaling.ensemble import WrappedGenerator

INFERENCE_DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}

_BLACK_LEVEL = 1 / 255


class MixedPrecision(WrappedGenerator):
    """A generator whose convolutions compute in a format, and whose broken tiles are computed again in float32."""

    def __init__(self, generator: Generator, dtype: torch.dtype = torch.float32) -> None:
        super().__init__(generator)
        self.dtype = dtype

    def forward(self, x: Tensor, check: bool = True) -> Tensor:
        """The enlarged pictures; unless checked, whoever takes them looks at their signs.

        Raises SrganError where even float32 gives no numbers.
        """
        half = self.dtype != torch.float32
        with torch.autocast("cpu" if x.is_meta else x.device.type, self.dtype, enabled=half):
            enlarged: Tensor = self.generator(x).float()
        if not check or enlarged.is_meta or not self.is_broken(self.health_stats(enlarged, x)):  # meta has no values
            return enlarged
        if half:
            enlarged = self.generator(x)
        if not enlarged.isfinite().all():
            raise SrganError("the network gives values that are no numbers", "its weights may be damaged: try others")
        return enlarged

    @staticmethod
    def health_stats(enlarged: Tensor, x: Tensor) -> Tensor:
        """What tells whether pictures are broken, on their device: least and most value, and how bright they were."""
        return torch.stack([enlarged.amin(), enlarged.amax(), x[:, :3].mean()])

    @staticmethod
    def is_broken(stats: Tensor) -> bool:
        """Whether there are values that are no numbers, or nothing but black of a picture that is not."""
        least, most, brightness = stats.tolist()
        return not (isfinite(least) and isfinite(most)) or most < _BLACK_LEVEL < brightness


def with_precision(generator: Generator, device: torch.device, precision: str = "auto") -> MixedPrecision:
    """The generator as it runs on a device: auto is a half precision that both do well, or else float32.

    Raises UsageError for an unknown precision, and for fp16 or bf16 where it is not done well.
    """
    fast = [dtype for dtype in generator.half_formats if has_fast(dtype, device)]
    if precision == "auto":
        return MixedPrecision(generator, *fast[:1])
    if precision not in INFERENCE_DTYPES:
        raise UsageError(f"the precision is {precision!r}, expected one of auto, {', '.join(INFERENCE_DTYPES)}")
    dtype = INFERENCE_DTYPES[precision]
    if dtype not in (torch.float32, *fast):
        where = device.type if dtype in generator.half_formats else "this network"
        raise UsageError(f"{precision} is not done well by {where}", "leave --precision out")
    return MixedPrecision(generator, dtype)
