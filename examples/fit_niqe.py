"""Fits the model of natural pictures for NIQE.

    python examples/fit_niqe.py photographs/ niqe.safetensors [--story "sources and licences"]

The pictures should be sharp and without artefacts. `srgan score --metric niqe` uses the file instead of the shipped one
if it is in the folder of --metric-weights.
"""

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
import typer
from safetensors.torch import save_file
from torch import Tensor

from srgan_cli import read_picture
from srgan_cli.metrics.niqe import NiqeModel, block_statistics
from srgan_cli.system.discovery import find_pictures
from srgan_cli.system.files import atomic_write

SHARPNESS = 0.75
"""Blocks are used if their mean deviation is above this fraction of the sharpest block's."""


def fit_niqe_model(pictures: Iterable[Tensor]) -> tuple[NiqeModel, int]:
    """The model of the sharp blocks of natural pictures, and the number of these blocks."""
    sharp = []
    for picture in pictures:
        features, sharpness = block_statistics(picture)
        sharp.append(features[(sharpness > SHARPNESS * sharpness.max(initial=0)) & np.isfinite(features).all(1)])
    blocks = np.concatenate(sharp)
    return NiqeModel(blocks.mean(0), np.cov(blocks, rowvar=False)), len(blocks)


def main(pictures: Path, target: Path, story: str = "") -> None:
    """Fit the model of natural pictures for NIQE. The metadata of the file describe the pictures."""
    paths = find_pictures(pictures)
    model, blocks = fit_niqe_model(read_picture(path).flatten_on_white().pixels for path in paths)
    metadata = {"pictures": len(paths), "blocks": blocks, "story": story}
    tensors = {key: torch.from_numpy(value) for key, value in model._asdict().items()}
    with atomic_write(target) as temporary:
        save_file(tensors, temporary, {"niqe": json.dumps(metadata)})
    print(f"{blocks} blocks of {len(paths)} pictures")


if __name__ == "__main__":
    typer.run(main)
