"""PixelCache: holds the decoded pixels of a dataset."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from srgan_cli.system.memory import total_memory


class PixelCache:
    """One block of memory of `size` bytes, or a memory-mapped file if that exceeds half of the memory."""

    def __init__(self, size: int, file: Path) -> None:
        self.bytes = torch.from_numpy(_allocate(size, file))
        self.used = 0

    def add(self, pixels: Tensor) -> Tensor:
        """A copy of the pixels in the cache."""
        copy = self.bytes[self.used : self.used + pixels.nbytes].view(pixels.dtype).view(pixels.shape)
        self.used += pixels.nbytes
        return copy.copy_(pixels)


def fits_memory(size: int) -> bool:
    """Whether `size` bytes take at most half of the memory."""
    return size <= total_memory() // 2


def _allocate(size: int, file: Path) -> NDArray[Any]:
    if fits_memory(size):
        return np.empty(size, np.uint8)
    file.parent.mkdir(parents=True, exist_ok=True)
    return np.memmap(file, np.uint8, "w+", shape=(size,))
