"""Draws the degradations that training uses.

    python examples/degradations.py in.png out.png [--scale 2]

Draws low-resolution versions of a picture, enlarged twice by repeating pixels. Above: bicubic and three of the mild
degradation. Below: four of the second-order degradation.
"""

from pathlib import Path

import torch
import typer
from torch import Tensor

from srgan_cli import Picture, read_picture, write_picture
from srgan_cli.image.luma import crop_multiple
from srgan_cli.image.ops import downscale, to_bytes
from srgan_cli.training.data.degradations import DEGRADATIONS

COLUMNS = 4


def main(source: Path, target: Path, scale: int = 2) -> None:
    """Draw low-resolution versions of a picture with different degradations."""
    pixels = crop_multiple(read_picture(source).flatten_on_white().rgb, scale)
    write_picture(Picture(sheet(pixels, scale)), target)


def sheet(pixels: Tensor, scale: int) -> Tensor:
    """The low-resolution versions of a picture (3, H, W) in two rows: (3, 4 x H / scale, 8 x W / scale)."""
    low, high = (to_bytes(side) for side in (downscale(pixels, scale), pixels))
    rows = [
        [DEGRADATIONS[name](low, high, torch.Generator().manual_seed(seed)) for seed in range(COLUMNS)]
        for name in ("mild", "real")
    ]
    rows[0][0] = low
    sheet = torch.cat([torch.cat(row, 2) for row in rows], 1) / 255
    return sheet.repeat_interleave(2, 1).repeat_interleave(2, 2)


if __name__ == "__main__":
    typer.run(main)
