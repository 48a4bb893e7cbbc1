"""LPIPS: a feature distance weighted to match human judgements.

Source: R. Zhang, P. Isola, A. Efros, E. Shechtman and O. Wang, The Unreasonable Effectiveness of Deep Features as a
Perceptual Metric, CVPR 2018, equation 1 (arXiv:1801.03924). The heads are version 0.1, as shipped with torchmetrics.
"""

import torch
from torch import Tensor

from srgan_cli.errors import WeightsError
from srgan_cli.metrics.perceptual.feature_distance import check_size, load_network, read_calibration
from srgan_cli.networks.backbones import Backbone, normalise_channels
from srgan_cli.weights.backbones import is_available

LPIPS_BACKBONES = {"alex": ("alexnet", "lpips_models/alex.pth"), "vgg": ("vgg16", "lpips_models/vgg.pth")}
"""The network of each in BACKBONES, and the file of its heads in torchmetrics."""


@torch.no_grad()
def lpips(reference: Tensor, candidate: Tensor, *, backbone: str = "alex") -> float:
    """LPIPS of (3, H, W) RGB pictures with values 0…1, at least 0. Lower is better.

    `backbone` is a key of LPIPS_BACKBONES. At each position, the features are divided by their norm over the channels;
    the squared differences are weighted by the heads and summed over channels, averaged over positions and summed over
    layers. Raises PictureError for sides below 32 pixels, and WeightsError if the network or the heads are not
    available.
    """
    check_size(reference)
    network, heads = load_lpips(backbone)
    x, y = ([normalise_channels(layer) for layer in network(pixels[None])] for pixels in (reference, candidate))
    layers = zip(x, y, heads, strict=True)
    return float(sum(((left - right).square() * head).sum(1).mean() for left, right, head in layers))


def load_lpips(backbone: str) -> tuple[Backbone, list[Tensor]]:
    """The network and a head for each of its layers. Raises WeightsError if they are not available."""
    network, calibration = LPIPS_BACKBONES[backbone]
    tensors = read_calibration(calibration)
    return load_network(network), [tensors[key] for key in sorted(tensors)]


def lpips_is_available() -> bool:
    """Whether LPIPS with AlexNet can be computed without a download."""
    network, calibration = LPIPS_BACKBONES["alex"]
    try:
        read_calibration(calibration)
    except WeightsError:
        return False
    return is_available(network)
