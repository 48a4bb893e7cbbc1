"""PixelCache: holds the decoded pixels of a dataset."""

import os
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from srgan_cli.system.files import make_folder, translate_write_errors
from srgan_cli.system.memory_usage import total_memory


class PixelCache:
    """One block of memory of `size` bytes, or a memory-mapped file if that exceeds half of the memory."""

    def __init__(self, size: int, file: Path) -> None:
        if size <= total_memory() // 2:
            self.bytes = torch.empty(size, dtype=torch.uint8)
        else:
            self.bytes = map_file(file, size)
        self.used = 0

    def add(self, pixels: Tensor) -> Tensor:
        """A copy of the pixels in the cache."""
        copy = self.bytes[self.used : self.used + pixels.nbytes].view(pixels.dtype).view(pixels.shape)
        self.used += pixels.nbytes
        return copy.copy_(pixels)


def map_file(path: Path, size: int) -> Tensor:
    """A memory-mapped file with `size` bytes of space on the disk; bytes that it has stay.  Raises SrganError."""
    make_folder(path.parent)
    with translate_write_errors(path):
        path.touch()
        with path.open("r+b") as file:  # not to append, which file systems without fallocate refuse
            if hasattr(os, "posix_fallocate"):  # without space, the first write to the memory would end the process
                os.posix_fallocate(file.fileno(), 0, size)
            file.truncate(size)
    return torch.from_numpy(np.memmap(path, np.uint8, "r+", shape=(size,)))
