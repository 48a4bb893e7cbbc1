"""DISTS: similarity of structure and texture in the features of VGG16.

Source: K. Ding, K. Ma, S. Wang and E. Simoncelli, Image Quality Assessment: Unifying Structure and Texture Similarity,
IEEE TPAMI 2020 (arXiv:2004.07728), equations 5 to 8. The weights are the authors', as shipped with torchmetrics.
"""

from functools import cache
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from srgan_cli.metrics.perceptual.feature_distance import check_size, read_calibration
from srgan_cli.networks.backbones import Backbone
from srgan_cli.weights.backbones import find_backbone, load_backbone

EPSILON = 1e-6  # c1 and c2 of the paper


@torch.no_grad()
def dists(reference: Tensor, candidate: Tensor) -> float:
    """DISTS of (3, H, W) RGB pictures with values 0…1, at least 0. Lower is better.

    It is 1 minus the weighted similarity of means (texture) and covariances (structure), over the pixels and five
    layers. Pictures are not resized. Raises PictureError for sides below 32 pixels, and WeightsError if the network or
    the weights are not available.
    """
    check_size(reference)
    network, alpha, beta = load_dists()
    x, y = ([pixels[None], *network(pixels[None])] for pixels in (reference, candidate))
    texture, structure = (torch.cat(parts) for parts in zip(*map(_similarity, x, y), strict=True))
    return float(1 - (alpha * texture + beta * structure).sum() / (alpha + beta).sum())


def load_dists() -> tuple[Backbone, Tensor, Tensor]:
    """The network and the weights of texture and structure. Raises WeightsError if they are not available."""
    weights = read_calibration("dists_models/weights.pt")
    return _load_network(find_backbone("vgg16")), weights["alpha"].flatten(), weights["beta"].flatten()


def _similarity(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Similarity of the means and of the covariances of features (1, C, H, W), by channel."""
    mean_x, mean_y = x.mean((0, 2, 3)), y.mean((0, 2, 3))
    covariance = (x * y).mean((0, 2, 3)) - mean_x * mean_y
    variances = (x.var((0, 2, 3), correction=0), y.var((0, 2, 3), correction=0))
    texture = (2 * mean_x * mean_y + EPSILON) / (mean_x**2 + mean_y**2 + EPSILON)
    return texture, (2 * covariance + EPSILON) / (sum(variances) + EPSILON)


class _L2Pool(nn.Module):
    """L2 pooling: the root of squares averaged by a 3 x 3 Hann window, which avoids aliasing."""

    def forward(self, x: Tensor) -> Tensor:
        line = torch.tensor([0.25, 0.5, 0.25])
        window = (line[:, None] * line).expand(x.shape[1], 1, 3, 3)
        return (F.conv2d(x.square(), window, stride=2, padding=1, groups=x.shape[1]) + 1e-12).sqrt()


@cache
def _load_network(path: Path | None) -> Backbone:
    network = load_backbone("vgg16", path)
    for index, layer in enumerate(network.features):
        if isinstance(layer, nn.MaxPool2d):
            network.features[index] = _L2Pool()
    return network
