"""Feature distances by classification networks. They are not LPIPS, because they lack its calibrated heads."""

from functools import cache
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor

from srgan_cli.errors import WeightsError
from srgan_cli.image.luma import check_min_side
from srgan_cli.networks.backbones import Backbone, feature_distance
from srgan_cli.weights.backbones import find_backbone, load_backbone

MIN_SIDE = 32  # the smallest side, in pixels, that the deepest layers accept
PACKAGE = "torchmetrics"  # it ships the calibrated weights of LPIPS and DISTS among its files
_load_network = cache(load_backbone)


@torch.no_grad()
def network_feature_distance(reference: Tensor, candidate: Tensor, *, backbone: str) -> float:
    """Feature distance of (3, H, W) RGB 0…1 by one of BACKBONES, 0…4.  Raises PictureError and WeightsError."""
    check_size(reference)
    network = load_network(backbone)
    return float(feature_distance(network(reference[None]), network(candidate[None])))


def load_network(name: str) -> Backbone:
    """A backbone by its name in BACKBONES, read once. Raises WeightsError if it is not available."""
    return _load_network(name, find_backbone(name))


def check_size(pixels: Tensor) -> None:
    """Raises PictureError if a picture (..., H, W) has a side below MIN_SIDE."""
    check_min_side(pixels, MIN_SIDE, "feature distances need")


@cache
def read_calibration(file: str) -> dict[str, Tensor]:
    """The tensors of a file in torchmetrics/functional/image/, read once.  Raises WeightsError if it is missing."""
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise WeightsError(f"{PACKAGE} is not installed", "pip install 'srgan-cli[metrics]'")
    path = Path(spec.origin).parent / "functional" / "image" / file
    if not path.is_file():
        raise WeightsError(f"the installed {PACKAGE} does not contain {file}", f"install {PACKAGE} 1.9")
    tensors: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    return {key: value.float() for key, value in tensors.items()}
