"""A figure: the same crop of the reference and of every method's picture, side by side, with their numbers."""

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from srgan_cli.codec.floats import to_image
from srgan_cli.errors import UsageError
from srgan_cli.files import atomic_write
from srgan_cli.planes import Array, full_luma

SIDE = 96
"""Of the crops that are chosen here, in pixels."""
SHOWN = 288
"""The longer side of a crop as it is drawn, in pixels."""
MARGIN, LINE = 12, 20
PAPER, INK, FRAME = "white", "black", (214, 39, 40)


@dataclass(frozen=True)
class Crop:
    """A part of a picture in pixels, and how much the methods disagree there, 0…1."""

    x: int
    y: int
    width: int
    height: int
    value: float = 0.0


@dataclass(frozen=True)
class Panel:
    """A picture (1 or 3, H, W) with values 0…1, and the lines under its crop."""

    pixels: Array
    lines: list[str]


def parse_crop(text: str) -> Crop:
    """A crop given as x,y,w,h.  Raises UsageError for anything else."""
    parts = text.split(",")
    if len(parts) != 4 or not all(part.strip().isdigit() for part in parts) or 0 in map(int, parts[2:]):
        raise UsageError(f"cannot read the crop {text!r}", "write it as x,y,w,h in pixels, such as 40,60,96,96")
    return Crop(*map(int, parts))


def disagreement(reference: Array, pictures: list[Array], side: int) -> Crop | None:
    """The square where the pictures' luma spreads most in the mean; of one picture, from the reference.

    None when there is no picture, or when they differ in size.  Smaller pictures give a smaller crop.
    """
    lumas = [full_luma(pixels) for pixels in (pictures if len(pictures) > 1 else [reference, *pictures])]
    if not pictures or len({luma.shape for luma in lumas}) > 1:
        return None
    height, width = (min(side, length) for length in lumas[0].shape[-2:])
    spread = _means(np.ptp(lumas, axis=0)[0], height, width)
    index = int(spread.argmax())
    return Crop(index % spread.shape[1], index // spread.shape[1], width, height, float(spread.max()))


def draw_figure(reference: Array, panels: list[Panel], crop: Crop, title: str) -> Image.Image:
    """The reference with the crop framed, then that of every panel, enlarged pixel by pixel.

    Raises UsageError when the crop is not within the reference.
    """
    height, width = reference.shape[-2:]
    if crop.x + crop.width > width or crop.y + crop.height > height:
        raise UsageError(
            f"the crop {crop.x},{crop.y},{crop.width},{crop.height} is not within {title}, {width} x {height}",
            "give another --crop",
        )
    cuts = [_enlarged(to_image(panel.pixels), crop) for panel in panels]
    whole = _framed(to_image(reference), crop, cuts[0].height)
    texts = [[title], *(panel.lines for panel in panels)]
    return _laid_out([whole, *cuts], texts)


def write_figure(figure: Image.Image, path: Path) -> None:
    """Write it as a PNG, whole or not at all."""
    encoded = BytesIO()
    figure.save(encoded, "PNG")
    with atomic_write(path) as temporary:
        temporary.write_bytes(encoded.getvalue())


def _means(values: NDArray[np.float32], height: int, width: int) -> NDArray[np.float64]:
    """The mean in every window of this height and width."""
    sums = np.pad(values.cumsum(0, np.float64).cumsum(1), ((1, 0), (1, 0)))
    rows = sums[height:] - sums[:-height]
    return np.asarray((rows[:, width:] - rows[:, :-width]) / (height * width))


def _enlarged(image: Image.Image, crop: Crop) -> Image.Image:
    times = max(1, SHOWN // max(crop.width, crop.height))
    cut = image.crop((crop.x, crop.y, crop.x + crop.width, crop.y + crop.height))
    return cut.resize((crop.width * times, crop.height * times), Image.Resampling.NEAREST)


def _framed(image: Image.Image, crop: Crop, height: int) -> Image.Image:
    """The whole picture at this height, the crop framed in red."""
    factor = height / image.height
    small = image.resize((max(1, round(image.width * factor)), height), Image.Resampling.LANCZOS)
    corners = (crop.x, crop.y, crop.x + crop.width, crop.y + crop.height)
    ImageDraw.Draw(small).rectangle([round(corner * factor) for corner in corners], outline=FRAME, width=2)
    return small


def _laid_out(images: list[Image.Image], texts: list[list[str]]) -> Image.Image:
    """Images in a row, each with its lines under it."""
    font = ImageFont.load_default(14)
    widths = [
        max([image.width, *(round(font.getlength(line)) for line in lines)])
        for image, lines in zip(images, texts, strict=True)
    ]
    height = max(image.height for image in images)
    size = sum(widths) + MARGIN * (len(images) + 1), height + 3 * MARGIN + LINE * max(map(len, texts))
    sheet = Image.new("RGB", size, PAPER)
    draw, left = ImageDraw.Draw(sheet), MARGIN
    for image, lines, width in zip(images, texts, widths, strict=True):
        sheet.paste(image, (left, MARGIN))
        for number, line in enumerate(lines):
            draw.text((left, height + 2 * MARGIN + LINE * number), line, INK, font)
        left += width + MARGIN
    return sheet
