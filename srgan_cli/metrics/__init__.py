"""How good a picture is beside its reference.  METRICS says what each is measured in and which way is better."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from numpy.typing import NDArray
from torch import Tensor

from srgan_cli.metrics.consistency import consistency
from srgan_cli.metrics.dists import dists, ready_dists
from srgan_cli.metrics.feature_distances import load_network, squeezenet_distance, vgg_distance
from srgan_cli.metrics.frechet import frechet_distance, frechet_smallest, kernel_distance, kernel_smallest
from srgan_cli.metrics.gradients import gradient_divergence
from srgan_cli.metrics.lpips import lpips, ready_lpips
from srgan_cli.metrics.ms_ssim import ms_ssim
from srgan_cli.metrics.niqe import load_natural, niqe
from srgan_cli.metrics.psnr import psnr
from srgan_cli.metrics.ssim import ssim


@dataclass(frozen=True)
class Metric:
    """A measure of two pictures of equal shape (C, H, W), values 0…1.

    whole: it looks at the whole picture in RGB, whatever channels and border the protocol names.
    ready: loads what it needs, and raises SrganError where that cannot be had.
    """

    label: str
    unit: str
    higher_is_better: bool
    decimals: int
    compute: Callable[[Tensor, Tensor], float]
    whole: bool = False
    ready: Callable[[], object] | None = None


@dataclass(frozen=True)
class SetMetric:
    """A measure of two sets of pictures by their features (N, D), that of the references first.

    smallest: how many pictures it takes, of the number of features.
    """

    label: str
    unit: str
    higher_is_better: bool
    decimals: int
    compute: Callable[[NDArray[Any], NDArray[Any]], float]
    smallest: Callable[[int], int]


METRICS: dict[str, Metric] = {
    "psnr": Metric("PSNR", "dB", True, 2, psnr),
    "ssim": Metric("SSIM", "", True, 4, ssim),
    "ms-ssim": Metric("MS-SSIM", "", True, 4, ms_ssim),
    "consistency": Metric("consistency", "dB", True, 2, consistency, whole=True),
    "gradients": Metric("gradients", "nats", False, 4, gradient_divergence, whole=True),
    "sqd": Metric("SQD", "", False, 4, squeezenet_distance, whole=True, ready=partial(load_network, "squeezenet")),
    "vggd": Metric("VGGD", "", False, 4, vgg_distance, whole=True, ready=partial(load_network, "vgg16")),
    "lpips": Metric("LPIPS", "", False, 4, lpips, whole=True, ready=partial(ready_lpips, "alex")),
    "lpips-vgg": Metric(
        "LPIPS-VGG", "", False, 4, partial(lpips, trunk="vgg"), whole=True, ready=partial(ready_lpips, "vgg")
    ),
    "dists": Metric("DISTS", "", False, 4, dists, whole=True, ready=ready_dists),
    "niqe": Metric("NIQE", "", False, 2, lambda _, candidate: niqe(candidate), whole=True, ready=load_natural),
}
SET_METRICS: dict[str, SetMetric] = {
    "fid": SetMetric("FID", "", False, 2, frechet_distance, frechet_smallest),
    "kid": SetMetric("KID", "", False, 5, kernel_distance, kernel_smallest),
}
CLASSIC = ("psnr", "ssim")
"""The metrics that need no network."""

__all__ = [
    "CLASSIC",
    "METRICS",
    "SET_METRICS",
    "Metric",
    "SetMetric",
    "consistency",
    "dists",
    "frechet_distance",
    "gradient_divergence",
    "kernel_distance",
    "lpips",
    "ms_ssim",
    "niqe",
    "psnr",
    "squeezenet_distance",
    "ssim",
    "vgg_distance",
]
