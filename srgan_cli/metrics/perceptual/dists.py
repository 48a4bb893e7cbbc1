"""DISTS: likeness of structure and of texture, as VGG16 sees them.

Source: K. Ding, K. Ma, S. Wang and E. Simoncelli, Image Quality Assessment: Unifying Structure and Texture Similarity,
IEEE TPAMI 2020 (arXiv:2004.07728), equations 5 to 8, with the authors' weights as torchmetrics carries them.
"""

from functools import cache
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from srgan_cli.metrics.perceptual.feature_distance import check_side
from srgan_cli.metrics.perceptual.heads import read_calibration
from srgan_cli.networks.backbones import Backbone
from srgan_cli.weights.backbones import find_backbone, load_backbone

STABLE = 1e-6
CALIBRATION = "dists_models/weights.pt"


@torch.no_grad()
def dists(reference: Tensor, candidate: Tensor) -> float:
    """DISTS of (3, H, W) RGB pictures with values 0…1, at least 0.  Lower is better.

    One less the weighted likeness of the means (texture) and of the covariances (structure) of the pixels and of five
    layers.  Pictures are not resized.  Raises PictureError below 32 pixels a side, WeightsError when network or
    weights cannot be had.
    """
    check_side(reference)
    network, alpha, beta = load_dists()
    x, y = ([pixels[None], *network(pixels[None])] for pixels in (reference, candidate))
    texture, structure = (torch.cat(parts) for parts in zip(*map(_similarity, x, y), strict=True))
    weighted = (alpha * texture + beta * structure).sum() / (alpha + beta).sum()
    return float(1 - weighted)


def load_dists() -> tuple[Backbone, Tensor, Tensor]:
    """The network, and the weights of texture and structure.  Raises WeightsError when they cannot be had."""
    return _loaded(find_backbone("vgg16"))


def _similarity(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Likeness of the means and of the covariances of features (1, C, H, W), by channel."""
    mean_x, mean_y = x.mean((0, 2, 3)), y.mean((0, 2, 3))
    covariance = (x * y).mean((0, 2, 3)) - mean_x * mean_y
    variances = (x.var((0, 2, 3), correction=0), y.var((0, 2, 3), correction=0))
    texture = (2 * mean_x * mean_y + STABLE) / (mean_x**2 + mean_y**2 + STABLE)
    return texture, (2 * covariance + STABLE) / (sum(variances) + STABLE)


class _RootOfSquares(nn.Module):
    """Pools by the root of squares under a Hann window of 3 x 3, which spares the features aliasing."""

    def forward(self, x: Tensor) -> Tensor:
        line = torch.tensor([0.25, 0.5, 0.25])
        window = (line[:, None] * line).expand(x.shape[1], 1, 3, 3)
        return (F.conv2d(x.square(), window, stride=2, padding=1, groups=x.shape[1]) + 1e-12).sqrt()


@cache
def _loaded(path: Path | None) -> tuple[Backbone, Tensor, Tensor]:
    heads = read_calibration(CALIBRATION)
    network = load_backbone("vgg16", path)
    for index, layer in enumerate(network.features):
        if isinstance(layer, nn.MaxPool2d):
            network.features[index] = _RootOfSquares()
    return network, heads["alpha"].flatten(), heads["beta"].flatten()
