"""How like its reference a picture is.  METRICS says what each is measured in and which way is better."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from srgan_cli.metrics.feature_distances import squeezenet_distance, vgg_distance
from srgan_cli.metrics.psnr import psnr
from srgan_cli.metrics.ssim import ssim


@dataclass(frozen=True)
class Metric:
    """A measure of two pictures of equal shape (C, H, W), values 0…1.

    whole: it looks at the whole picture in RGB, whatever channels and border the protocol names.
    """

    label: str
    unit: str
    higher_is_better: bool
    decimals: int
    compute: Callable[[Tensor, Tensor], float]
    whole: bool = False


METRICS: dict[str, Metric] = {
    "psnr": Metric("PSNR", "dB", True, 2, psnr),
    "ssim": Metric("SSIM", "", True, 4, ssim),
    "sqd": Metric("SQD", "", False, 4, squeezenet_distance, whole=True),
    "vggd": Metric("VGGD", "", False, 4, vgg_distance, whole=True),
}
CLASSIC = ("psnr", "ssim")
"""The metrics that need no network."""

__all__ = ["CLASSIC", "METRICS", "Metric", "psnr", "squeezenet_distance", "ssim", "vgg_distance"]
