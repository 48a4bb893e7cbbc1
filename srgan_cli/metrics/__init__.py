"""The metrics by name. METRICS compares two pictures, SET_METRICS two sets of pictures.

Importing torch takes longer than scoring two pictures, so this package and `scoring` import it only for metrics that
need it: through LazyFunction here, by imports inside functions there. tests/test_architecture.py tests this.
"""

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from difflib import get_close_matches
from functools import partial
from importlib import import_module
from math import sqrt
from statistics import fmean
from typing import Any

import numpy as np
from numpy.typing import NDArray

from srgan_cli.errors import UsageError
from srgan_cli.metrics.distribution.frechet import frechet_distance, kernel_distance
from srgan_cli.metrics.gradients import gradient_divergence
from srgan_cli.metrics.psnr import pool_psnr, psnr
from srgan_cli.metrics.spectral import ergas, rmse, sam
from srgan_cli.metrics.ssim import ssim


@dataclass(frozen=True)
class LazyFunction:
    """A function on tensors whose module is imported at the first call."""

    module: str
    """Module inside srgan_cli.metrics."""
    function: str

    def __call__(self, *values: Any, **options: Any) -> Any:
        """Call the function. Arrays are passed as float32 tensors."""
        import torch

        function = getattr(import_module(f"{__name__}.{self.module}"), self.function)
        return function(*(torch.from_numpy(a).float() if isinstance(a, np.ndarray) else a for a in values), **options)


@dataclass(frozen=True)
class MetricInfo:
    """How the values of a metric are read and printed."""

    label: str
    unit: str
    higher_is_better: bool
    decimals: int

    def format(self, value: float, sign: str = "") -> str:
        """The value with this metric's number of decimals; with `sign="+"` also positive values have a sign."""
        return f"{value:{sign}.{self.decimals}f}"


@dataclass(frozen=True)
class Metric(MetricInfo):
    """A metric of two pictures of equal shape."""

    compute: Callable[..., float]
    """Takes the reference and the candidate: arrays or tensors (C, H, W) with values 0…1."""
    _: KW_ONLY
    whole: bool = False
    """Whether it takes the whole picture in RGB, regardless of the protocol's channels and border."""
    in_units: bool = False
    """Whether it takes all bands in the units of the reference, regardless of the protocol's channels."""
    masks: bool = False
    """Whether it takes `valid` (1, H, W), the pixels that count."""
    pool: Callable[[list[float]], float] = fmean
    """The value of several frames from those of each."""
    load: Callable[[], object] | None = None
    """Loads what the metric needs. Raises SrganError if that is not available."""


@dataclass(frozen=True)
class SetMetric(MetricInfo):
    """A metric of two sets of pictures, computed from their features."""

    compute: Callable[[NDArray[Any], NDArray[Any]], float]
    """Takes the features (N, D) of the references and of the candidates."""
    min_pictures: Callable[[int], int]
    """The number of pictures needed for D features."""


_feature_distance = LazyFunction("perceptual.feature_distance", "network_feature_distance")
_squeezenet, _vgg = (partial(_feature_distance, backbone=name) for name in ("squeezenet", "vgg16"))
_load_network = LazyFunction("perceptual.feature_distance", "load_network")
_lpips, _load_lpips = LazyFunction("perceptual.lpips", "lpips"), LazyFunction("perceptual.lpips", "load_lpips")
_dists, _load_dists = LazyFunction("perceptual.dists", "dists"), LazyFunction("perceptual.dists", "load_dists")
_consistency = LazyFunction("consistency", "consistency")


def _root_mean_square(values: list[float]) -> float:
    return sqrt(fmean(value**2 for value in values))


def _niqe(_reference: Any, candidate: Any) -> float:
    return float(LazyFunction("niqe", "niqe")(candidate))


METRICS: dict[str, Metric] = {
    "psnr": Metric("PSNR", "dB", True, 2, psnr, masks=True, pool=pool_psnr),
    "ssim": Metric("SSIM", "", True, 4, ssim, masks=True),
    "rmse": Metric("RMSE", "", False, 4, rmse, in_units=True, masks=True, pool=_root_mean_square),
    "sam": Metric("SAM", "°", False, 3, sam, in_units=True, masks=True),
    "ergas": Metric("ERGAS", "", False, 3, ergas, in_units=True, masks=True),
    "ms-ssim": Metric("MS-SSIM", "", True, 4, LazyFunction("ms_ssim", "ms_ssim")),
    "consistency": Metric("consistency", "dB", True, 2, _consistency, whole=True, pool=pool_psnr),
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
    "fid": SetMetric("FID", "", False, 2, frechet_distance, lambda width: width + 1),  # covariances of full rank
    "kid": SetMetric("KID", "", False, 5, kernel_distance, lambda _: 50),  # with fewer it is mostly noise
}
PIXEL_METRICS = ("psnr", "ssim")  # the default metrics, which need no network
FEATURES = ("inception", "squeezenet", "vgg16")  # the names of EXTRACTORS, the networks for the metrics of sets
extract_features = LazyFunction("distribution.extractors", "extract_features")
load_extractor = LazyFunction("distribution.extractors", "load_extractor")


def metric_of(name: str) -> MetricInfo:
    """The metric with this name in METRICS or SET_METRICS. Raises UsageError for an unknown name."""
    known: dict[str, MetricInfo] = {**METRICS, **SET_METRICS}
    if name not in known:
        near = [f"did you mean {other}? " for other in get_close_matches(name, known, 1)]
        raise UsageError(f"unknown metric {name!r}", f"{''.join(near)}available metrics: {', '.join(known)}")
    return known[name]
