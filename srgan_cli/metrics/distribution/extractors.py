"""What metrics of sets see of pictures: the features of a network; EXTRACTORS names the networks."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from srgan_cli.errors import PictureError
from srgan_cli.metrics.distribution.inception import load_inception
from srgan_cli.metrics.perceptual.feature_distance import check_min_side, load_network
from srgan_cli.weights.backbones import find_backbone

BATCH = 32
Extractor = Callable[[Tensor], Tensor]
"""Pictures (N, 3, H, W) with values 0…1 to features (N, D)."""


def extract_features(pixels: Tensor, extractor: str, patch: int = 0) -> NDArray[np.float32]:
    """The features (N, D) of a (1 or 3, H, W) picture, or of the patches it holds, side by side from the upper left.

    Raises PictureError when not one patch fits, WeightsError when the network cannot be had.
    """
    pieces = _patches(pixels.expand(3, -1, -1), patch) if patch else pixels.expand(3, -1, -1)[None]
    look = load_extractor(extractor)
    with torch.no_grad():
        return torch.cat([look(batch).float() for batch in torch.split(pieces, BATCH)]).numpy()


def load_extractor(name: str) -> Extractor:
    """The extractor of this name in EXTRACTORS, loaded.  Raises WeightsError when it cannot be had."""
    return EXTRACTORS[name]()


def _patches(pixels: Tensor, side: int) -> Tensor:
    if min(pixels.shape[-2:]) < side:
        raise PictureError(f"no patch of {side} x {side} pixels fits", "give a smaller --patch")
    rows = pixels.unfold(1, side, side).unfold(2, side, side)
    return rows.permute(1, 2, 0, 3, 4).reshape(-1, 3, side, side)


def _pooled(name: str) -> Extractor:
    """The means over places of a backbone's last maps."""
    backbone = load_network(name)

    def look(pictures: Tensor) -> Tensor:
        check_min_side(pictures)
        last: Tensor = backbone(pictures)[-1]
        return last.mean((2, 3))

    return look


def _inception() -> Extractor:
    return _loaded_inception(find_backbone("inception"))


@cache
def _loaded_inception(path: Path | None) -> Extractor:
    return load_inception(path)


EXTRACTORS: dict[str, Callable[[], Extractor]] = {
    "inception": _inception,
    "squeezenet": lambda: _pooled("squeezenet"),
    "vgg16": lambda: _pooled("vgg16"),
}
"""inception is what FID and KID are defined with; numbers of the others compare only with each other."""
