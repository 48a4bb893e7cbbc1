"""Figures: the same crop of the reference and of every method's result, side by side with their scores."""

from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

from srgan_cli.errors import UsageError
from srgan_cli.image.codec.samples import to_image
from srgan_cli.image.luma import Array
from srgan_cli.scoring.report.crops import Crop

CROP_SIDE = 96  # side of an automatically chosen crop in pixels
DRAWN_SIDE = 288  # the longer side of a drawn crop in pixels
MARGIN, LINE_HEIGHT = 12, 20
BACKGROUND, TEXT, FRAME = "white", "black", (214, 39, 40)


@dataclass(frozen=True)
class Panel:
    """A picture of the figure."""

    pixels: Array
    """(1 or 3, H, W) with values 0…1."""
    caption: list[str]
    """The lines under its crop."""


def draw_figure(reference: Array, panels: list[Panel], crop: Crop, title: str) -> Image.Image:
    """The reference with the crop framed, then each panel's, enlarged by repeating pixels.  Raises UsageError."""
    height, width = reference.shape[-2:]
    if crop.x + crop.width > width or crop.y + crop.height > height:
        message = f"the crop {crop.x},{crop.y},{crop.width},{crop.height} is not within {title}, {width} x {height}"
        raise UsageError(message, "use another --crop")
    crops = [_enlarge_crop(to_image(panel.pixels), crop) for panel in panels]
    overview = _draw_frame(to_image(reference), crop, crops[0].height)
    return _draw_row([overview, *crops], [[title], *(panel.caption for panel in panels)])


def _enlarge_crop(image: Image.Image, crop: Crop) -> Image.Image:
    factor = max(1, DRAWN_SIDE // max(crop.width, crop.height))
    part = image.crop((crop.x, crop.y, crop.x + crop.width, crop.y + crop.height))
    return part.resize((crop.width * factor, crop.height * factor), Image.Resampling.NEAREST)


def _draw_frame(image: Image.Image, crop: Crop, height: int) -> Image.Image:
    """The whole picture at this height, with the crop framed in red."""
    factor = height / image.height
    small = image.resize((max(1, round(image.width * factor)), height), Image.Resampling.LANCZOS)
    corners = (crop.x, crop.y, crop.x + crop.width, crop.y + crop.height)
    ImageDraw.Draw(small).rectangle([round(corner * factor) for corner in corners], outline=FRAME, width=2)
    return small


def _draw_row(images: list[Image.Image], captions: list[list[str]]) -> Image.Image:
    font = ImageFont.load_default(14)
    texts = [max((round(font.getlength(line)) for line in lines), default=0) for lines in captions]
    widths = [max(image.width, text) for image, text in zip(images, texts, strict=True)]
    height = max(image.height for image in images)
    size = sum(widths) + MARGIN * (len(images) + 1), height + 3 * MARGIN + LINE_HEIGHT * max(map(len, captions))
    sheet = Image.new("RGB", size, BACKGROUND)
    draw, left = ImageDraw.Draw(sheet), MARGIN
    for image, lines, width in zip(images, captions, widths, strict=True):
        sheet.paste(image, (left, MARGIN))
        for number, line in enumerate(lines):
            draw.text((left, height + 2 * MARGIN + LINE_HEIGHT * number), line, TEXT, font)
        left += width + MARGIN
    return sheet
