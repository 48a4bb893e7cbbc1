"""Features of pictures for the metrics of sets. EXTRACTORS names the networks that compute them."""

from collections.abc import Callable
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from srgan_cli.errors import PictureError
from srgan_cli.metrics.distribution.inception import load_inception
from srgan_cli.metrics.perceptual.feature_distance import check_size, load_network
from srgan_cli.weights.backbones import find_backbone

BATCH = 32
Extractor = Callable[[Tensor], Tensor]
"""Pictures (N, 3, H, W) with values 0…1 to features (N, D)."""


def extract_features(pixels: Tensor, extractor: str, patch: int = 0) -> NDArray[np.float32]:
    """The features (N, D) of a (1 or 3, H, W) picture, or with `patch` of its patches of that side.

    Patches lie side by side from the upper left corner. Raises PictureError if no patch fits, and WeightsError if the
    network is not available.
    """
    rgb = pixels.expand(3, -1, -1)
    pieces = _patches(rgb, patch) if patch else rgb[None]
    extract = load_extractor(extractor)
    with torch.no_grad():
        return torch.cat([extract(batch).float() for batch in torch.split(pieces, BATCH)]).numpy()


def load_extractor(name: str) -> Extractor:
    """The extractor with this name in EXTRACTORS. Raises WeightsError if its network is not available."""
    return EXTRACTORS[name]()


def _patches(pixels: Tensor, side: int) -> Tensor:
    if min(pixels.shape[-2:]) < side:
        raise PictureError(f"no patch of {side} x {side} pixels fits", "use a smaller --patch")
    return pixels.unfold(1, side, side).unfold(2, side, side).permute(1, 2, 0, 3, 4).reshape(-1, 3, side, side)


def _global_pooling(name: str) -> Extractor:
    """The spatial means of the last feature maps of a backbone."""
    backbone = load_network(name)

    def extract(pictures: Tensor) -> Tensor:
        check_size(pictures)
        last: Tensor = backbone(pictures)[-1]
        return last.mean((2, 3))

    return extract


_load_inception = cache(load_inception)
EXTRACTORS: dict[str, Callable[[], Extractor]] = {
    "inception": lambda: _load_inception(find_backbone("inception")),
    "squeezenet": lambda: _global_pooling("squeezenet"),
    "vgg16": lambda: _global_pooling("vgg16"),
}
"""FID and KID are defined with inception. Values of the other networks compare only with each other."""
