"""PixelCache: holds the decoded pixels of a dataset."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from srgan_cli.system.memory_usage import total_memory


class PixelCache:
    """One block of memory of `size` bytes, or a memory-mapped file if that exceeds half of the memory."""

    def __init__(self, size: int, file: Path) -> None:
        if size <= total_memory() // 2:
            self.bytes = torch.empty(size, dtype=torch.uint8)
        else:
            file.parent.mkdir(parents=True, exist_ok=True)
            self.bytes = torch.from_numpy(np.memmap(file, np.uint8, "w+", shape=(size,)))
        self.used = 0

    def add(self, pixels: Tensor) -> Tensor:
        """A copy of the pixels in the cache."""
        copy = self.bytes[self.used : self.used + pixels.nbytes].view(pixels.dtype).view(pixels.shape)
        self.used += pixels.nbytes
        return copy.copy_(pixels)
