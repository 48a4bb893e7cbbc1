"""LPIPS: feature distances with heads that were calibrated to human judgements.

Source: R. Zhang, P. Isola, A. Efros, E. Shechtman and O. Wang, The Unreasonable Effectiveness of Deep Features as a
Perceptual Metric, CVPR 2018, equation 1 (arXiv:1801.03924), version 0.1 of its heads, as torchmetrics carries them.
"""

from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor

from srgan_cli.errors import WeightsError
from srgan_cli.metrics.perceptual.feature_distance import check_side, load_network
from srgan_cli.metrics.perceptual.heads import read_calibration
from srgan_cli.networks.backbones import unit_channels
from srgan_cli.weights.backbones import is_available


class LpipsBackbone(NamedTuple):
    """The backbone's name, and the file of its heads in torchmetrics."""

    backbone: str
    calibration: str


LPIPS_BACKBONES = {
    "alex": LpipsBackbone("alexnet", "lpips_models/alex.pth"),
    "vgg": LpipsBackbone("vgg16", "lpips_models/vgg.pth"),
}


@torch.no_grad()
def lpips(reference: Tensor, candidate: Tensor, backbone: str = "alex") -> float:
    """LPIPS of (3, H, W) RGB pictures with values 0…1, at least 0.  Lower is better.

    At every place the features are divided by their norm; squared differences are weighted and summed over channels,
    averaged over places, summed over layers.  Raises PictureError below 32 pixels a side, WeightsError when network or
    heads cannot be had.
    """
    check_side(reference)
    load_lpips(backbone)
    maps = [load_network(LPIPS_BACKBONES[backbone].backbone)(pixels[None]) for pixels in (reference, candidate)]
    layers = [
        ((unit_channels(left) - unit_channels(right)).square() * head).sum(1).mean()
        for left, right, head in zip(*maps, _load_calibration(backbone), strict=True)
    ]
    return float(sum(layers))


def load_lpips(backbone: str) -> None:
    """Load what LPIPS needs.  Raises WeightsError when it cannot be had."""
    _load_calibration(backbone)
    load_network(LPIPS_BACKBONES[backbone].backbone)


def lpips_is_available() -> bool:
    """Whether LPIPS by AlexNet can be had without fetching anything."""
    try:
        _load_calibration("alex")
    except WeightsError:
        return False
    return is_available(LPIPS_BACKBONES["alex"].backbone)


@cache
def _load_calibration(backbone: str) -> list[Tensor]:
    tensors = read_calibration(LPIPS_BACKBONES[backbone].calibration)
    return [tensors[key] for key in sorted(tensors)]
