"""ContactSheet: outputs for the held-out pictures over the course of a run, side by side."""

from pathlib import Path

import torch
from torch import Tensor

from srgan_cli.image.io import read_picture, write_picture
from srgan_cli.image.picture import Picture
from srgan_cli.system.files import make_folder

ROWS = 4
SIDE = 128
MAX_COLUMNS = 12
SHEET = "sheet.png"
SAMPLES, PARTNERS = "samples", "partners"
"""The sheets of a run: upscaled held-out pictures, and their learned low-resolution partners."""


class ContactSheet:
    """A folder with a strip of crops for every validation, and a sheet of all strips, the originals last."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(self, step: int, originals: list[Tensor], outputs: list[Tensor]) -> None:
        """Add the strip of a validation; pictures are (3, H, W), values 0…1.  Strips of later steps are deleted."""
        make_folder(self.folder)
        for path in self._strips():
            if int(path.stem) > step:
                path.unlink()
        write_picture(Picture(_strip(outputs)), self.folder / f"{step:08}.png")
        columns = [read_picture(path).rgb for path in _spread(self._strips())]
        write_picture(Picture(torch.cat([*columns, _strip(originals)], 2)), self.folder / SHEET)

    def _strips(self) -> list[Path]:
        return sorted(path for path in self.folder.glob("*.png") if path.stem.isdigit())


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
