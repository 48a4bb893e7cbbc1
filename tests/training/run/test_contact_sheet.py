"""The contact sheet of a run."""

from pathlib import Path

import torch

from srgan_cli.image.io import read_picture
from srgan_cli.training.run.contact_sheet import MAX_COLUMNS, ROWS, SIDE, add_to_sheet


def plain(value: float, side: int = 150) -> torch.Tensor:
    return torch.full((3, side, side), value)


def shades(sheet: Path) -> list[float]:
    """The grey value of the first row of every column."""
    pixels = read_picture(sheet).rgb
    return [round(float(pixels[0, 5, column + 5]), 1) for column in range(0, pixels.shape[2], SIDE)]


def test_every_validation_adds_a_column_before_the_originals(tmp_path: Path) -> None:
    originals = [plain(1.0)] * 6
    for step, shade in ((0, 0.0), (50, 0.2), (100, 0.4)):
        add_to_sheet(tmp_path / "samples", step, originals, [plain(shade)] * 6)
    assert shades(tmp_path / "samples/sheet.png") == [0.0, 0.2, 0.4, 1.0]
    assert read_picture(tmp_path / "samples/sheet.png").height == ROWS * SIDE
    add_to_sheet(tmp_path / "samples", 50, originals, [plain(0.6)] * 6)
    assert shades(tmp_path / "samples/sheet.png") == [0.0, 0.6, 1.0]


def test_columns_are_limited_and_small_pictures_fit(tmp_path: Path) -> None:
    for step in range(30):
        add_to_sheet(tmp_path, step, [plain(1.0, 16)], [plain(step / 30, 16)])
    pixels = read_picture(tmp_path / "sheet.png")
    assert (pixels.height, pixels.width) == (SIDE, (MAX_COLUMNS + 1) * SIDE)
    columns = shades(tmp_path / "sheet.png")
    assert (columns[0], columns[-2], columns[-1]) == (0.0, 1.0, 1.0)
