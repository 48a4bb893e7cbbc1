"""Distances of pictures as classifiers see them.  They are not LPIPS, whose calibrated heads they lack."""

from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from srgan_cli.errors import PictureError
from srgan_cli.networks.backbones import Backbone, feature_distance
from srgan_cli.weights.backbones import find_backbone, load_backbone

SMALLEST_SIDE = 32
"""What the deepest layers need, in pixels."""


def squeezenet_distance(reference: Tensor, candidate: Tensor) -> float:
    """The feature distance of (3, H, W) RGB pictures with values 0…1 by SqueezeNet 1.1, 0…4.  Lower is better.

    See `feature_distance`.  Raises PictureError below 32 pixels a side, WeightsError when the network cannot be had.
    """
    return _distance("squeezenet", reference, candidate)


def vgg_distance(reference: Tensor, candidate: Tensor) -> float:
    """The same by VGG16."""
    return _distance("vgg16", reference, candidate)


def load_network(name: str) -> Backbone:
    """A backbone, read once.  Raises WeightsError when it cannot be had."""
    return _loaded(name, find_backbone(name))


def check_side(reference: Tensor) -> None:
    """Raises PictureError for pictures smaller than the deepest layers need."""
    height, width = reference.shape[-2:]
    if min(height, width) < SMALLEST_SIDE:
        raise PictureError(
            f"feature distances need {SMALLEST_SIDE} x {SMALLEST_SIDE} pixels, found {width} x {height}",
            "score larger pictures",
        )


@torch.no_grad()
def _distance(backbone: str, reference: Tensor, candidate: Tensor) -> float:
    check_side(reference)
    see = load_network(backbone)
    return float(feature_distance(see(reference[None]), see(candidate[None])))


@cache
def _loaded(name: str, path: Path | None) -> Backbone:
    return load_backbone(name, path)
