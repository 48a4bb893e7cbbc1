"""How good a picture is beside its reference.  METRICS says what each is measured in and which way is better."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from srgan_cli.errors import UsageError
from srgan_cli.metrics.distribution.frechet import (
    frechet_distance,
    frechet_min_pictures,
    kernel_distance,
    kernel_min_pictures,
)
from srgan_cli.metrics.gradients import gradient_divergence
from srgan_cli.metrics.psnr import psnr
from srgan_cli.metrics.ssim import ssim


@dataclass(frozen=True)
class LazyFunction:
    """A function of a module beside this one that takes tensors.

    It is imported when it is first called: to import torch takes longer than to score two pictures without it.
    """

    module: str
    function: str

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        """What the function gives; arrays are handed to it as tensors of float32."""
        import torch

        function = getattr(import_module(f"{__name__}.{self.module}"), self.function)
        return function(
            *(torch.from_numpy(a).float() if isinstance(a, np.ndarray) else a for a in arguments), **options
        )


@dataclass(frozen=True)
class Metric:
    """A measure of two pictures of equal shape (C, H, W), values 0…1, arrays or tensors.

    whole: it looks at the whole picture in RGB, whatever channels and border the protocol names.
    load: loads what it needs, and raises SrganError where that cannot be had.
    """

    label: str
    unit: str
    higher_is_better: bool
    decimals: int
    compute: Callable[[Any, Any], float]
    whole: bool = False
    load: Callable[[], object] | None = None


@dataclass(frozen=True)
class SetMetric:
    """A measure of two sets of pictures by their features (N, D), that of the references first.

    min_pictures: how many pictures it takes, of the number of features.
    """

    label: str
    unit: str
    higher_is_better: bool
    decimals: int
    compute: Callable[[NDArray[Any], NDArray[Any]], float]
    min_pictures: Callable[[int], int]


_squeezenet = LazyFunction("perceptual.feature_distance", "squeezenet_distance")
_vgg = LazyFunction("perceptual.feature_distance", "vgg_distance")
_load_network = LazyFunction("perceptual.feature_distance", "load_network")
_lpips, _load_lpips = LazyFunction("perceptual.lpips", "lpips"), LazyFunction("perceptual.lpips", "load_lpips")
_dists, _load_dists = LazyFunction("perceptual.dists", "dists"), LazyFunction("perceptual.dists", "load_dists")


def _niqe(_reference: Any, candidate: Any) -> float:
    return float(LazyFunction("niqe", "niqe")(candidate))


METRICS: dict[str, Metric] = {
    "psnr": Metric("PSNR", "dB", True, 2, psnr),
    "ssim": Metric("SSIM", "", True, 4, ssim),
    "ms-ssim": Metric("MS-SSIM", "", True, 4, LazyFunction("ms_ssim", "ms_ssim")),
    "consistency": Metric("consistency", "dB", True, 2, LazyFunction("consistency", "consistency"), whole=True),
    "gradients": Metric("gradients", "nats", False, 4, gradient_divergence, whole=True),
    "sqd": Metric("SQD", "", False, 4, _squeezenet, whole=True, load=partial(_load_network, "squeezenet")),
    "vggd": Metric("VGGD", "", False, 4, _vgg, whole=True, load=partial(_load_network, "vgg16")),
    "lpips": Metric("LPIPS", "", False, 4, _lpips, whole=True, load=partial(_load_lpips, "alex")),
    "lpips-vgg": Metric(
        "LPIPS-VGG", "", False, 4, partial(_lpips, backbone="vgg"), whole=True, load=partial(_load_lpips, "vgg")
    ),
    "dists": Metric("DISTS", "", False, 4, _dists, whole=True, load=_load_dists),
    "niqe": Metric("NIQE", "", False, 2, _niqe, whole=True, load=LazyFunction("niqe", "load_niqe_model")),
}
SET_METRICS: dict[str, SetMetric] = {
    "fid": SetMetric("FID", "", False, 2, frechet_distance, frechet_min_pictures),
    "kid": SetMetric("KID", "", False, 5, kernel_distance, kernel_min_pictures),
}
extract_features = LazyFunction("distribution.extractors", "extract_features")
load_extractor = LazyFunction("distribution.extractors", "load_extractor")
PIXEL_METRICS = ("psnr", "ssim")
"""The metrics that need no network."""
FEATURES = ("inception", "squeezenet", "vgg16")
"""What metrics of sets may see with."""


def metric_of(name: str) -> Metric | SetMetric:
    """What is known about a metric, of pictures or of sets.  Raises UsageError for an unknown one."""
    known: dict[str, Metric | SetMetric] = {**METRICS, **SET_METRICS}
    if name not in known:
        raise UsageError(f"no metric {name!r}", f"there is: {', '.join(known)}")
    return known[name]
