"""The generator's losses on pixels, frequencies and features.  Every loss is a mean over the batch."""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

CHARBONNIER_EPSILON = 1e-3
PHASE_WINDOW = 8


def charbonnier_loss(generated: Tensor, target: Tensor) -> Tensor:
    """Mean of sqrt(difference² + epsilon²), a differentiable absolute difference.

    Source: W. Lai et al., Deep Laplacian Pyramid Networks for Fast and Accurate Super-Resolution, CVPR 2017,
    section 3.3 (arXiv:1704.03915).
    """
    return ((generated - target).square() + CHARBONNIER_EPSILON**2).sqrt().mean()


PIXEL_LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "l1": F.l1_loss,
    "l2": F.mse_loss,
    "charbonnier": charbonnier_loss,
}
"""Losses of pictures of equal shape, by their name."""


def frequency_loss(generated: Tensor, target: Tensor) -> Tensor:
    """Mean absolute difference of the Fourier coefficients of pictures (N, C, H, W), in an orthonormal basis.

    Source: S. Cho et al., Rethinking Coarse-to-Fine Approach in Single Image Deblurring, ICCV 2021, equation 8
    (arXiv:2108.05054).
    """
    coefficients: Tensor = torch.fft.rfft2(generated - target, norm="ortho")
    return coefficients.abs().mean()


def phase_loss(generated: Tensor, target: Tensor, scale: int) -> Tensor:
    """Mean absolute difference of pictures (N, C, H, W) in the local means of their polyphase components.

    Each of the scale x scale components holds one output pixel for every input pixel.  Means over PHASE_WINDOW x
    PHASE_WINDOW input pixels average noise out; checkerboards and colour shifts, which repeat, remain.
    """
    phases = F.pixel_unshuffle(generated - target, scale)
    return F.avg_pool2d(phases, min(PHASE_WINDOW, *phases.shape[-2:])).abs().mean()


def feature_matching_loss(generated: Sequence[Tensor], target: Sequence[Tensor]) -> Tensor:
    """Mean absolute difference of feature maps (N, C, H, W), averaged over the layers.

    Source: T. Salimans et al., Improved Techniques for Training GANs, NeurIPS 2016, section 3.1
    (arXiv:1606.03498), picture by picture as in T. Wang et al., High-Resolution Image Synthesis and Semantic
    Manipulation with Conditional GANs, CVPR 2018, equation 4 (arXiv:1711.11585).
    """
    return torch.stack([F.l1_loss(g.float(), t.float()) for g, t in zip(generated, target, strict=True)]).mean()
