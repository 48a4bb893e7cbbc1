"""Pictures for the tests of scoring."""

from pathlib import Path

import numpy as np
from PIL import Image


def noise(path: Path, seed: int, width: int = 24, height: int = 22) -> Path:
    """Write random pixels."""
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path
