"""Compares weights on drawings and pages of text, clean and compressed as JPEG.

    python benchmarks/drawings.py FOLDER [FOLDER ...] [--side 384] [--markdown]

The upper left of each picture in the folders, at most 384 x 384 pixels, is downscaled by 4 (bicubic), as it is and as
JPEG of quality 90 and 70 with 4:2:0 chroma. Nothing may have been trained on the pictures: drawings of
`openclipart-svg` of Debian, rasterised by `rsvg-convert -w 512 -a -b white`, and what `examples/pages.py` draws in
other fonts. Compared are filters and the shipped weights. `quality.py` explains the columns.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from peers import Case, filters, ours
from quality import report, run

from srgan_cli.image.io import read_picture
from srgan_cli.image.ops import downscale
from srgan_cli.image.picture import Picture
from srgan_cli.scoring.protocol import Protocol
from srgan_cli.system.discovery import find_pictures
from srgan_cli.training.data.degradations import jpeg

SCALE = 4
QUALITIES = (0, 90, 70)
"""Those of the JPEGs; 0 for clean."""


def main(
    folders: list[Path],
    side: int = 384,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown.")] = False,
) -> None:
    """Run every candidate on each picture and print the table."""
    cases = [case for folder in folders for quality in QUALITIES for case in made_cases(folder, quality, side)]
    protocol = Protocol(border=SCALE, scale=SCALE, metrics=("psnr", "ssim", "sqd"))
    candidates = [*filters(SCALE), *ours(SCALE)]
    for candidate in candidates:
        run(candidate, cases, protocol)
    report(candidates, list(dict.fromkeys(case.benchmark for case in cases)), protocol, markdown)


def made_cases(folder: Path, quality: int, side: int) -> Iterator[Case]:
    """The pictures of a folder."""
    name = f"{folder.name}, JPEG {quality}" if quality else f"{folder.name}, clean"
    for path in find_pictures(folder):
        pixels = read_picture(path).rgb[:, :side, :side]
        height, width = (length // SCALE * SCALE for length in pixels.shape[1:])
        high = pixels[:, :height, :width]
        low = downscale(high, SCALE)
        low = jpeg(255 * low, quality, "4:2:0") / 255 if quality else low
        yield Case(name, path.stem, high, Picture(low))


if __name__ == "__main__":
    typer.run(main)
