"""Store: where the decoded pixels of a dataset are kept, so that a crop costs a crop."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from srgan_cli.system.memory import total_memory


class PixelCache:
    """One stretch of memory for so many bytes, or one memory-mapped file if they do not fit into half of it."""

    def __init__(self, size: int, cache: Path) -> None:
        self.bytes = torch.from_numpy(_allocate(size, cache))
        self.used = 0

    def add(self, pixels: Tensor) -> Tensor:
        """The same pixels (uint8), copied to the store."""
        place = self.bytes[self.used : self.used + pixels.numel()].view(pixels.shape)
        self.used += pixels.numel()
        return place.copy_(pixels)


def fits_memory(size: int) -> bool:
    """Whether so many bytes take at most half of this machine's memory; False where the system does not tell."""
    return size <= (total_memory() or 0) // 2


def _allocate(size: int, cache: Path) -> NDArray[Any]:
    if fits_memory(size):
        return np.empty(size, np.uint8)
    cache.parent.mkdir(parents=True, exist_ok=True)
    return np.memmap(cache, np.uint8, "w+", shape=(size,))
