"""How like its reference a picture is.  METRICS says what each is measured in and which way is better."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from srgan_cli.metrics.psnr import psnr
from srgan_cli.metrics.ssim import ssim


@dataclass(frozen=True)
class Metric:
    """A measure of two pictures of equal shape (C, H, W), values 0…1."""

    label: str
    unit: str
    higher_is_better: bool
    decimals: int
    compute: Callable[[Tensor, Tensor], float]


METRICS: dict[str, Metric] = {
    "psnr": Metric("PSNR", "dB", True, 2, psnr),
    "ssim": Metric("SSIM", "", True, 4, ssim),
}

__all__ = ["METRICS", "Metric", "psnr", "ssim"]
