"""Contact sheets: outputs for the held-out pictures over the course of a run, side by side."""

from pathlib import Path

import torch
from torch import Tensor

from srgan_cli.image.io import read_picture
from srgan_cli.image.picture import Picture
from srgan_cli.image.sequence import write_picture
from srgan_cli.system.files import make_folder

ROWS = 4
SIDE = 128
MAX_COLUMNS = 12
SHEET = "sheet.png"
SAMPLES, PARTNERS = "samples", "partners"
"""The sheets of a run: upscaled held-out pictures, and their learned low-resolution partners."""


def add_to_sheet(folder: Path, step: int, originals: list[Tensor], outputs: list[Tensor]) -> None:
    """Add a strip of pictures (3, H, W), 0…1, to a folder without later ones, and write the sheet, originals last."""
    make_folder(folder)
    for path in folder.glob("*.png"):
        if path.stem.isdigit() and int(path.stem) > step:
            path.unlink()
    write_picture(Picture(_strip(outputs)), folder / f"{step:08}.png")
    strips = sorted(path for path in folder.glob("*.png") if path.stem.isdigit())
    columns = [read_picture(path).rgb for path in _spread(strips)]
    write_picture(Picture(torch.cat([*columns, _strip(originals)], 2)), folder / SHEET)


def _strip(pictures: list[Tensor]) -> Tensor:
    """The centres of the first pictures, one below the other: (3, ROWS x SIDE, SIDE)."""
    return torch.cat([_centre(picture) for picture in pictures[:ROWS]], 1)


def _centre(picture: Tensor) -> Tensor:
    """(3, SIDE, SIDE), grey where the picture is smaller."""
    crop = torch.full((3, SIDE, SIDE), 0.5)
    height, width = (min(SIDE, side) for side in picture.shape[-2:])
    top, left = ((side - part) // 2 for side, part in zip(picture.shape[-2:], (height, width), strict=True))
    crop[:, :height, :width] = picture[:, top : top + height, left : left + width]
    return crop


def _spread(strips: list[Path]) -> list[Path]:
    """The first, the last, and evenly spaced strips between."""
    count = min(len(strips), MAX_COLUMNS)
    return [strips[round(index * (len(strips) - 1) / max(count - 1, 1))] for index in range(count)]
