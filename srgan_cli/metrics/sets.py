"""What metrics of sets see of pictures, collected by method.

A set metric compares two sets by the features that a network sees; EXTRACTORS names the networks.
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from srgan_cli.errors import PictureError
from srgan_cli.metrics import SET_METRICS
from srgan_cli.metrics.feature_distances import check_side, load_network
from srgan_cli.metrics.inception import load_inception
from srgan_cli.pretrained import find_backbone

BATCH = 32
Extractor = Callable[[Tensor], Tensor]
"""Pictures (N, 3, H, W) with values 0…1 to features (N, D)."""


def see(pixels: Tensor, extractor: str, patch: int = 0) -> NDArray[np.float32]:
    """The features (N, D) of a (1 or 3, H, W) picture, or of the patches it holds, side by side from the upper left.

    Raises PictureError when not one patch fits, WeightsError when the network cannot be had.
    """
    pieces = _patches(pixels.expand(3, -1, -1), patch) if patch else pixels.expand(3, -1, -1)[None]
    look = ready_features(extractor)
    with torch.no_grad():
        return torch.cat([look(batch).float() for batch in torch.split(pieces, BATCH)]).numpy()


def ready_features(name: str) -> Extractor:
    """The extractor of this name in EXTRACTORS, loaded.  Raises WeightsError when it cannot be had."""
    return EXTRACTORS[name]()


class Sets:
    """What has been seen of the references and of each method's pictures, until it is compared."""

    def __init__(self, metrics: tuple[str, ...]) -> None:
        self.metrics = metrics
        self._seen: dict[str, list[tuple[NDArray[Any], NDArray[Any]]]] = {}

    def add(self, seen: dict[str, tuple[NDArray[Any], NDArray[Any]]]) -> None:
        """Keep the features of a picture's reference and of the picture, by method."""
        for method, pair in seen.items():
            self._seen.setdefault(method, []).append(pair)

    def values(self) -> tuple[dict[str, dict[str, tuple[float, int]]], list[str]]:
        """Value and number of pictures by method and metric; and a sentence for each that had too few pictures."""
        found: dict[str, dict[str, tuple[float, int]]] = {}
        refused = []
        for method, pairs in self._seen.items():
            sides = [np.concatenate(side).astype(np.float64) for side in zip(*pairs, strict=True)]
            count, width = min(map(len, sides)), sides[0].shape[1]
            for name in self.metrics:
                metric = SET_METRICS[name]
                if count >= (needed := metric.smallest(width)):
                    found.setdefault(method, {})[name] = metric.compute(sides[0], sides[1]), count
                else:
                    refused.append(
                        f"{name} of {method}: {width} features need {needed} pictures or patches, found {count}; "
                        "give more pictures, or a smaller --patch"
                    )
        return found, refused


def _patches(pixels: Tensor, side: int) -> Tensor:
    if min(pixels.shape[-2:]) < side:
        raise PictureError(f"no patch of {side} x {side} pixels fits", "give a smaller --patch")
    rows = pixels.unfold(1, side, side).unfold(2, side, side)
    return rows.permute(1, 2, 0, 3, 4).reshape(-1, 3, side, side)


def _pooled(name: str) -> Extractor:
    """The means over places of a backbone's last maps."""
    backbone = load_network(name)

    def look(pictures: Tensor) -> Tensor:
        check_side(pictures)
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
