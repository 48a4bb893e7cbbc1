"""Distances between sets of pictures: FID and KID of their features.

Sources: M. Heusel et al., GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium, NeurIPS
2017 (FID, equation 6); M. Bińkowski et al., Demystifying MMD GANs, ICLR 2018 (KID, section 4).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def frechet_distance(reference: NDArray[Any], candidate: NDArray[Any]) -> float:
    """FID of features (N, D): |m - n|² + tr(C + D - 2 (C D)^½) of their means and covariances, at least 0.

    Lower is better. The trace of the root is computed as the sum of the roots of the eigenvalues of C^½ D C^½, which is
    symmetric.
    """
    difference = reference.mean(0) - candidate.mean(0)
    left, right = (np.atleast_2d(np.cov(side, rowvar=False)) for side in (reference, candidate))
    values, vectors = np.linalg.eigh(left)
    root = (vectors * np.sqrt(values.clip(0))) @ vectors.T
    trace_of_root = np.sqrt(np.linalg.eigvalsh(root @ right @ root).clip(0)).sum()
    return max(0.0, float(difference @ difference + np.trace(left) + np.trace(right) - 2 * trace_of_root))


def kernel_distance(reference: NDArray[Any], candidate: NDArray[Any]) -> float:
    """KID of features (N, D): the unbiased squared maximum mean discrepancy with the kernel (x·y / D + 1)³.

    Lower is better. Its expectation is 0 for two samples of one distribution, so it can be negative. All pictures are
    used at once, not random subsets.
    """
    within = [_mean_off_diagonal(_kernel(side, side)) for side in (reference, candidate)]
    return float(sum(within) - 2 * _kernel(reference, candidate).mean())


def _kernel(left: NDArray[Any], right: NDArray[Any]) -> NDArray[Any]:
    return np.asarray((left @ right.T / left.shape[1] + 1) ** 3)


def _mean_off_diagonal(kernel: NDArray[Any]) -> float:
    count = len(kernel)
    return float((kernel.sum() - np.trace(kernel)) / (count * (count - 1)))
