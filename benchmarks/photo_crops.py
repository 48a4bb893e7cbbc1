"""Writes crops of pictures to one file, WebP in a zip archive, so that they can travel to another machine.

    python benchmarks/photo_crops.py PICTURES photos.zip [--megabytes 25]

The pictures that `srgan train` holds out of PICTURES with the same --seed are left out. `photo_training.py` reads the
file.
"""

import io
import zipfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import torch
import typer
from PIL import Image
from torch import Tensor

from srgan_cli.image.io import read_picture
from srgan_cli.image.ops import to_bytes
from srgan_cli.system.discovery import find_pictures
from srgan_cli.training.config import TrainConfig
from srgan_cli.training.data.dataset import held_out_indices
from srgan_cli.training.data.random import randint, seeded
from srgan_cli.training.data.sampling import detail

SIDE, QUALITY = 512, 95
"""Side of the crops in pixels, and the quality of their compression."""
SCALE = 4
"""Sides are multiples of it."""


def main(pictures: Path, output: Path, megabytes: float = 25.0, seed: int = 0) -> None:
    """Write crops of the pictures to one file: of each picture in turn the one with the most detail of eight."""
    paths = find_pictures(pictures)
    held_out = held_out_indices(paths, TrainConfig.from_settings(data=pictures, seed=seed))
    kept = [path for index, path in enumerate(paths) if index not in held_out]
    with zipfile.ZipFile(output, "w") as archive:
        for number, crop in enumerate(packed_crops(kept, seed)):
            content = encode(crop)
            if output.stat().st_size + len(content) > 1e6 * megabytes:
                break
            archive.writestr(f"{number:05}.webp", content)
            archive.fp.flush()  # type: ignore[union-attr]


def packed_crops(paths: list[Path], seed: int) -> Iterator[Tensor]:
    """Crops without end, uint8 (3, H, W)."""
    for number in count():
        rng = seeded(seed, "pack", number)
        pixels = to_bytes(read_picture(paths[number % len(paths)]).flatten_on_white().rgb)
        yield best_window(pixels, min(SIDE, *(side // SCALE * SCALE for side in pixels.shape[-2:])), 8, rng)


def encode(pixels: Tensor) -> bytes:
    """WebP."""
    file = io.BytesIO()
    Image.fromarray(pixels.permute(1, 2, 0).contiguous().numpy()).save(file, "WEBP", quality=QUALITY, method=6)
    return file.getvalue()


def best_window(pixels: Tensor, side: int, choices: int, rng: torch.Generator) -> Tensor:
    """Of some random squares the one with the most detail."""
    height, width = pixels.shape[-2:]
    places = [(randint(height - side + 1, rng), randint(width - side + 1, rng)) for _ in range(choices)]
    windows = [pixels[:, top : top + side, left : left + side] for top, left in places]
    return max(windows, key=lambda window: float(detail(window[None])))


if __name__ == "__main__":
    typer.run(main)
