"""Measures artefacts that weights add to pictures.

    python benchmarks/artefacts.py PICTURES [-m srgan-x4 ...] [--strength 1.0] [--markdown]

Every picture in PICTURES is upscaled by each of the weights and by bicubic, and both results are compared:

- drift: the largest difference of a colour channel's mean, in levels of 255.
- grain: the root mean square difference where the input is flat (squares of 8 pixels whose luma has a standard
  deviation below 1), in levels.
- grid: checkerboards, as the standard deviation of the mean difference over the scale x scale output pixels of an input
  pixel, in levels.
- blocks, only for JPEG files: the step of luma across the edges of JPEG blocks divided by that across their middles,
  where the input is flat, relative to bicubic. Above 1, block edges are amplified.

Prints the mean over the pictures, and the worst picture with its value.
"""

import math
from pathlib import Path
from statistics import fmean
from typing import Annotated

import torch
import torch.nn.functional as F
import typer
from tables import show
from torch import Tensor

from srgan_cli.image.io import read_picture
from srgan_cli.image.luma import luma_full_range
from srgan_cli.image.ops import resize
from srgan_cli.system.discovery import find_pictures
from srgan_cli.upscaling.upscaler import Upscaler

SQUARE = 8
"""Side of the squares in input pixels, which is that of JPEG blocks."""
FLAT = 1.0
"""A square is flat if the standard deviation of its luma, in levels, is below this."""
HEADINGS = ("weights", *(f"{which}{name}" for name in ("drift", "grain", "grid", "blocks") for which in ("", "worst ")))


def main(
    pictures: Path,
    model: Annotated[list[str], typer.Option("-m", "--model")] = ["srgan-x4"],  # noqa: B006
    strength: float | None = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown.")] = False,
) -> None:
    """Measure the artefacts of weights and print a table."""
    rows = []
    for name in model:
        upscaler = Upscaler.load(name, strength=strength)
        found = {path.stem: artefacts(upscaler, path) for path in find_pictures(pictures)}
        columns = [dict(zip(found, values, strict=True)) for values in zip(*found.values(), strict=True)]
        rows.append((name, *(cell for column in columns for cell in summary(column))))
    show(HEADINGS, rows, f"{len(found)} pictures of {pictures}, in levels except for blocks", markdown)


def artefacts(upscaler: Upscaler, path: Path) -> tuple[float, float, float, float]:
    """Drift, grain, grid and blocks of one picture; NaN without flat squares, and blocks unless it is a JPEG file."""
    picture = read_picture(path)
    low = 255 * picture.flatten_on_white().rgb
    sharp = 255 * upscaler.upscale(picture).flatten_on_white().rgb
    smooth = resize(low, *sharp.shape[-2:])
    added, flat = luma_full_range(sharp - smooth)[0], flat_squares(luma_full_range(low)[0])
    drift = float((sharp.mean((1, 2)) - low.mean((1, 2))).abs().max())
    grain = float(squares(added.square(), SQUARE * upscaler.scale)[flat].mean().sqrt())
    jpeg = path.suffix.lower() in {".jpg", ".jpeg"}
    blocks = blockiness(luma_full_range(sharp)[0], flat, upscaler.scale) / blockiness(
        luma_full_range(smooth)[0], flat, upscaler.scale
    )
    return drift, grain, grid(added, upscaler.scale), blocks if jpeg else math.nan


def squares(plane: Tensor, side: int) -> Tensor:
    """The mean of each square of a plane (H, W)."""
    return F.avg_pool2d(plane[None, None], side)[0, 0]


def flat_squares(plane: Tensor) -> Tensor:
    """Which squares of the input's luma (H, W) are flat."""
    return squares(plane.square(), SQUARE) - squares(plane, SQUARE).square() < FLAT**2


def grid(added: Tensor, scale: int) -> float:
    """The standard deviation of the means of a plane (H, W) over pixels at equal positions in their input pixel."""
    return float(torch.stack([added[y::scale, x::scale].mean() for y in range(scale) for x in range(scale)]).std())


def blockiness(plane: Tensor, flat: Tensor, scale: int) -> float:
    """The step of luma (H, W) across vertical edges of flat blocks, divided by that across their middles."""
    side = SQUARE * scale
    rows, columns = flat.shape
    steps = (plane[: rows * side, scale:] - plane[: rows * side, :-scale]).abs()
    steps = F.avg_pool2d(steps[None, None], (side, 1))[0, 0]
    both = flat[:, 1:] & flat[:, :-1]
    edges, middles = (steps[:, place - scale // 2 :: side][:, : columns - 1][both] for place in (side, side // 2))
    return float(edges.mean() / middles.mean())


def summary(column: dict[str, float]) -> list[str]:
    """The mean of a measure over the pictures that have it, and the largest value with its picture."""
    known = {name: value for name, value in column.items() if not math.isnan(value)}
    if not known:
        return ["", ""]
    worst = max(known, key=known.__getitem__)
    return [f"{fmean(known.values()):.2f}", f"{known[worst]:.2f} {worst}"]


if __name__ == "__main__":
    typer.run(main)
