"""Distances of sets of pictures by the distribution of their features.

Sources: M. Heusel et al., GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium, NeurIPS
2017 (FID, equation 6); M. Bińkowski et al., Demystifying MMD GANs, ICLR 2018 (KID, section 4).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

SMALLEST_KID = 50
"""Below it the estimate is mostly noise."""


def frechet_distance(reference: NDArray[Any], candidate: NDArray[Any]) -> float:
    """FID of features (N, D): |m - n|² + tr(C + D - 2 (C D)^½) of their means and covariances, at least 0.

    Lower is better.  The trace of the root is the sum of the roots of the eigenvalues of C^½ D C^½, which is symmetric.
    """
    difference = reference.mean(0) - candidate.mean(0)
    left, right = (np.atleast_2d(np.cov(side, rowvar=False)) for side in (reference, candidate))
    root = _root(left)
    between = np.sqrt(np.linalg.eigvalsh(root @ right @ root).clip(0)).sum()
    return max(0.0, float(difference @ difference + np.trace(left) + np.trace(right) - 2 * between))


def frechet_min_pictures(width: int) -> int:
    """How many pictures give covariances of full rank."""
    return width + 1


def kernel_distance(reference: NDArray[Any], candidate: NDArray[Any]) -> float:
    """KID of features (N, D): the unbiased squared maximum mean discrepancy by the kernel (x·y / D + 1)³.

    Lower is better; 0 in the mean for two samples of one distribution, so that it may be negative.  Over all pictures
    at once, not over random subsets.
    """
    within = [_without_self(_kernel(side, side)) for side in (reference, candidate)]
    return float(sum(within) - 2 * _kernel(reference, candidate).mean())


def kernel_min_pictures(_width: int) -> int:
    """How many pictures the estimate takes."""
    return SMALLEST_KID


def _kernel(left: NDArray[Any], right: NDArray[Any]) -> NDArray[Any]:
    return np.asarray((left @ right.T / left.shape[1] + 1) ** 3)


def _without_self(kernel: NDArray[Any]) -> float:
    count = len(kernel)
    return float((kernel.sum() - np.trace(kernel)) / (count * (count - 1)))


def _root(matrix: NDArray[Any]) -> NDArray[Any]:
    """The symmetric root of a covariance."""
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray((vectors * np.sqrt(values.clip(0))) @ vectors.T)
