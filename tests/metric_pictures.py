"""Pictures for the tests of metrics."""

import numpy as np
import torch
from hypothesis import strategies as st
from skimage.data import chelsea
from torch import Tensor

seeds = st.integers(0, 2**32 - 1)
channels = st.sampled_from([1, 3])
noise_levels = st.floats(1e-3, 1.0)
LARGE = (3, 200, 196)
"""A shape that every metric accepts."""


def noisy_pair(seed: int, shape: tuple[int, int, int], noise: float) -> tuple[Tensor, Tensor]:
    """A picture of random blocks, and the same picture with noise, clipped to 0…1."""
    random = np.random.default_rng(seed)
    reference = np.kron(random.random((shape[0], shape[1] // 4 + 1, shape[2] // 4 + 1)), np.ones((1, 4, 4)))
    reference = reference[:, : shape[1], : shape[2]]
    candidate = np.clip(reference + noise * random.standard_normal(shape), 0, 1)
    return torch.from_numpy(reference).float(), torch.from_numpy(candidate).float()


def photograph(height: int, width: int) -> Tensor:
    """A crop of a photograph in RGB."""
    return torch.from_numpy(chelsea()[:height, 80 : 80 + width] / np.float32(255)).permute(2, 0, 1).contiguous()
