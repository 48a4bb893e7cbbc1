"""Compares weights on degraded photographs: blurred, noisy, compressed as JPEG.

    python benchmarks/photo.py PICTURES [-m WEIGHTS ...] [--only NAME ...] [--write FOLDER] [--markdown]

PICTURES is a folder that weights were trained on. The pictures that `srgan train` holds out of it with the same --seed
and --validation are used; with --all every picture, for a folder that nothing was trained on.

The pictures are cut into tiles of 256 x 256 pixels, and tiles are taken from each picture in turn until there are 60.
Each is blurred by a Gaussian with a standard deviation of 0.2 to 2 pixels, downscaled by 4 (bicubic), and gets Gaussian
noise with a standard deviation of 0 to 8 levels and JPEG compression of quality 40 to 95 with 4:2:0 chroma.

Compared are filters, the shipped weights, models through ncnn, and the files given by -m: anything that
`srgan upscale -m` takes, and .param files with ncnn. `quality.py` explains the columns. SQD is the goal of weights for
photographs, at a PSNR that is not given up.
"""

from collections.abc import Iterator
from itertools import chain, islice, zip_longest
from pathlib import Path
from typing import Annotated

import torch
import typer
from peers import Candidate, Case, filters, named_model, ncnn_models, ours
from quality import report, run
from torch import Tensor

from srgan_cli.image.io import read_picture
from srgan_cli.image.ops import downscale
from srgan_cli.image.picture import Picture
from srgan_cli.image.sequence import write_picture
from srgan_cli.scoring.protocol import Protocol
from srgan_cli.system.discovery import find_pictures
from srgan_cli.training.config import TrainConfig
from srgan_cli.training.data.dataset import held_out_indices
from srgan_cli.training.data.degradations import add_noise, convolve, gaussian, jpeg
from srgan_cli.training.data.random import randint, uniform

SCALE = 4
TILE = 256
MEASURED = ("psnr", "ssim", "sqd")


def main(
    pictures: Path,
    model: Annotated[list[Path] | None, typer.Option("-m", "--model", help="A weights file.")] = None,
    only: Annotated[list[str] | None, typer.Option(help="Names to run. [default: all]")] = None,
    count: int = 60,
    seed: int = 0,
    validation: int = 16,
    every: Annotated[bool, typer.Option("--all", help="Take every picture, not only those held out.")] = False,
    write: Annotated[Path | None, typer.Option(help="Folder for inputs, originals and results.")] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown.")] = False,
) -> None:
    """Make the pictures, run every candidate on each and print the table."""
    paths = find_pictures(pictures)
    if not every:
        paths = not_trained_on(
            paths, TrainConfig.from_settings(data=pictures, validation_pictures=validation, seed=seed)
        )
    cases = list(islice(made_cases(paths, seed), count))
    named = [named_model(path, SCALE) for path in model or []]
    candidates = [*filters(SCALE), *ours(SCALE), *ncnn_models(SCALE), *named]
    chosen = [candidate for candidate in candidates if not only or candidate.name in only or candidate in named]
    protocol = Protocol(border=SCALE, scale=SCALE, metrics=MEASURED)
    for candidate in chosen:
        run(candidate, cases, protocol)
    report(chosen, ["photo"], protocol, markdown)
    if write:
        write_all(chosen, cases, write)


def not_trained_on(paths: list[Path], config: TrainConfig) -> list[Path]:
    """Those of a run's pictures that it holds out."""
    return [paths[index] for index in sorted(held_out_indices(paths, config))]


def made_cases(paths: list[Path], seed: int) -> Iterator[Case]:
    """The cases, without end while there are tiles."""
    for number, (name, high) in enumerate(rounds(paths, seed)):
        low = Picture(photographed(high, numbered(seed, len(paths) + number)))
        yield Case("photo", f"{number:02}-{name}.png", high, low)


def rounds(paths: list[Path], seed: int, side: int = TILE) -> Iterator[tuple[str, Tensor]]:
    """A tile of every picture in turn, then a second one of each, and so on, with the name of its picture."""
    each = [tiles(path, numbered(seed, index), side) for index, path in enumerate(paths)]
    return (tile for tile in chain.from_iterable(zip_longest(*each)) if tile)


def tiles(path: Path, random: torch.Generator, side: int) -> Iterator[tuple[str, Tensor]]:
    """The name of a picture with its tiles, which do not overlap, in random order."""
    high = read_picture(path).flatten_on_white().rgb
    columns = high.shape[-1] // side
    for place in torch.randperm(high.shape[-2] // side * columns, generator=random).tolist():
        top, left = (side * index for index in divmod(place, columns))
        yield path.stem, high[:, top : top + side, left : left + side].contiguous()


def numbered(seed: int, number: int) -> torch.Generator:
    """Fixed for good, so that tables of different versions can be compared."""
    return torch.Generator().manual_seed(1_000_003 * seed + number)


def photographed(high: Tensor, random: torch.Generator) -> Tensor:
    """A picture, values 0…1, after blur, reduction, noise and JPEG."""
    blurred = convolve(255 * high, gaussian(uniform(0.2, 2, random))) / 255
    noisy = add_noise(255 * downscale(blurred, SCALE), uniform(0, 8, random), random)
    return jpeg(noisy, 40 + randint(56, random), "4:2:0") / 255


def write_all(candidates: list[Candidate], cases: list[Case], folder: Path) -> None:
    """Every result as <folder>/<model>/<picture>, beside the folders `input` and `original`."""
    results = {candidate.name: candidate.upscale for candidate in candidates}
    results |= {"input": lambda case: case.low.rgb, "original": lambda case: case.high}
    for name, upscale in results.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        for case in cases:
            write_picture(Picture(upscale(case)), folder / name / case.name)


if __name__ == "__main__":
    typer.run(main)
