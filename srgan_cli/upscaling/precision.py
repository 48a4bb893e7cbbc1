"""Half precision, with a float32 fallback for tiles that break in it."""

from math import isfinite

import torch
from torch import Tensor

from srgan_cli.errors import SrganError, UsageError
from srgan_cli.networks import Generator
from srgan_cli.networks.generators.base import WrappedGenerator
from srgan_cli.system.devices import has_fast

INFERENCE_DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
_BLACK_LEVEL = 1 / 255


class MixedPrecision(WrappedGenerator):
    """A generator that computes in `dtype`; results that `is_broken` finds are to be computed again in float32."""

    def __init__(self, generator: Generator, dtype: torch.dtype = torch.float32) -> None:
        super().__init__(generator)
        self.dtype = dtype

    def forward(self, x: Tensor) -> Tensor:
        """Return the enlarged pictures as float32, unchecked, so that a GPU need not be waited for here."""
        with torch.autocast("cpu" if x.is_meta else x.device.type, self.dtype, enabled=self.dtype != torch.float32):
            enlarged: Tensor = self.generator(x)
            return enlarged.float()

    def run_float32(self, x: Tensor) -> Tensor:
        """Return the pictures enlarged in float32.  Raises SrganError when the values are not finite."""
        enlarged: Tensor = self.generator(x)
        if not enlarged.isfinite().all():
            raise _not_finite()
        return enlarged

    @staticmethod
    def health_stats(enlarged: Tensor, x: Tensor) -> Tensor:
        """Return the smallest and largest result and the mean input as a tensor (3,), on their device."""
        return torch.stack([enlarged.amin(), enlarged.amax(), x[:, :3].mean()])

    def is_broken(self, stats: Tensor) -> bool:
        """Whether half precision gave values that are not finite, or a black picture for one that is not black.

        Raises SrganError when the values are not finite although they were computed in float32.
        """
        smallest, largest, brightness = stats.tolist()
        finite = isfinite(smallest) and isfinite(largest)
        if self.dtype == torch.float32:
            if not finite:
                raise _not_finite()
            return False
        return not finite or largest < _BLACK_LEVEL < brightness


def with_precision(generator: Generator, device: torch.device, precision: str = "auto") -> MixedPrecision:
    """Wrap a generator so that it computes in a precision: auto, fp32, fp16 or bf16.

    auto takes the first half format that both the generator and the device support well, else float32.
    Raises UsageError for an unknown precision, and for a half format that one of them does not support well.
    """
    fast = [dtype for dtype in generator.half_formats if has_fast(dtype, device)]
    if precision == "auto":
        return MixedPrecision(generator, *fast[:1])
    if precision not in INFERENCE_DTYPES:
        message = f"the precision is {precision!r}, expected one of {', '.join(['auto', *INFERENCE_DTYPES])}"
        raise UsageError(message, "leave --precision out", option="precision")
    dtype = INFERENCE_DTYPES[precision]
    if dtype not in (torch.float32, *fast):
        where = f"on {device.type}" if dtype in generator.half_formats else "by this network"
        message = f"{precision} is not supported efficiently {where}"
        raise UsageError(message, "leave --precision out", option="precision")
    return MixedPrecision(generator, dtype)


def _not_finite() -> SrganError:
    return SrganError("the network gives values that are not finite", "its weights may be damaged: try others")
