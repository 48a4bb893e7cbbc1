"""Draws examples/before-after.png: parts of four example pictures, enlarged by bicubic and by the shipped weights.

python examples/before_after.py examples/before-after.png
"""

import sys
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from srgan_cli import Upscaler, read_picture
from srgan_cli.image.picture import Picture

HERE = Path(__file__).parent
PLACES = {"astronaut.png": (20, 20), "page.png": (0, 0), "cat.png": (55, 30), "street.png": (58, 58)}
"""The left and top of each part, in pixels of the picture."""
METHODS = {"bicubic": "bicubic", "fidelity-x4": "fidelity-x4", "srgan-x4": "srgan-x4 (default)"}
SIDE, GAP, TITLE = 70, 6, 24
"""The side of a part in pixels of the picture; the space between parts, and above them, in those of the drawing."""


def draw(target: Path) -> None:
    """Write a row for each picture, a column for each method."""
    step = 4 * SIDE + GAP
    sheet = Image.new("RGB", (len(METHODS) * step - GAP, TITLE + len(PLACES) * step - GAP), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(14)
    for column, (method, title) in enumerate(METHODS.items()):
        upscaler = Upscaler.load(method)
        pen.text((column * step + 2 * SIDE, TITLE // 2), title, "black", font, anchor="mm")
        for row, (name, place) in enumerate(PLACES.items()):
            enlarged = upscaler.upscale(read_picture(HERE / name), scale=4)
            sheet.paste(part(enlarged, *place), (column * step, TITLE + row * step))
    sheet.save(target, optimize=True)


def part(enlarged: Picture, left: int, top: int) -> Image.Image:
    """A square of a picture that was enlarged four times."""
    values = (255 * enlarged.flatten_on_white.rgb).round().byte().permute(1, 2, 0).numpy()
    return Image.fromarray(values).crop((4 * left, 4 * top, 4 * (left + SIDE), 4 * (top + SIDE)))


if __name__ == "__main__":
    draw(Path(sys.argv[1]))
