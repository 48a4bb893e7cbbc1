"""A figure: the same crop of the reference and of every method's picture, side by side, with their numbers."""

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from srgan_cli.errors import UsageError
from srgan_cli.image.codec.samples import to_image
from srgan_cli.image.luma import Array
from srgan_cli.scoring.report.crops import Crop
from srgan_cli.system.files import atomic_write

SIDE = 96
"""Of the crops that are chosen here, in pixels."""
SHOWN = 288
"""The longer side of a crop as it is drawn, in pixels."""
MARGIN, LINE = 12, 20
PAPER, INK, FRAME = "white", "black", (214, 39, 40)


@dataclass(frozen=True)
class Panel:
    """A picture (1 or 3, H, W) with values 0…1, and the lines under its crop."""

    pixels: Array
    lines: list[str]


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
