"""Draws examples/before-after.png: crops of example pictures, upscaled by bicubic and by the shipped weights.

python examples/before_after.py examples/before-after.png
"""

from pathlib import Path

import typer
from PIL import Image, ImageDraw, ImageFont

from srgan_cli import Upscaler, read_picture
from srgan_cli.image.picture import Picture

HERE = Path(__file__).parent
CROPS = {"web.jpg": (0, 0), "astronaut.png": (20, 20), "page.png": (0, 0), "cat.png": (55, 30), "street.png": (58, 58)}
"""Left and top of each crop, in input pixels."""
METHODS = ("bicubic", "fidelity-x4", "default")
CHOSEN = {".jpg": "photo-x4", ".png": "srgan-x4"}
"""The weights that `srgan upscale` takes by default."""
SIDE, GAP, TITLE = 70, 6, 24
"""Side of a crop in input pixels; the space between crops and above them in output pixels."""


def main(target: Path) -> None:
    """Draw a row for each picture and a column for each method."""
    step = 4 * SIDE + GAP
    sheet = Image.new("RGB", (len(METHODS) * step - GAP, TITLE + len(CROPS) * step - GAP), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(14)
    for column, method in enumerate(METHODS):
        pen.text((column * step + 2 * SIDE, TITLE // 2), method, "black", font, anchor="mm")
        for row, (name, corner) in enumerate(CROPS.items()):
            upscaler = Upscaler.load(CHOSEN[Path(name).suffix] if method == "default" else method)
            upscaled = upscaler.upscale(read_picture(HERE / name), scale=4)
            sheet.paste(crop(upscaled, *corner), (column * step, TITLE + row * step))
    sheet.save(target, optimize=True)


def crop(upscaled: Picture, left: int, top: int) -> Image.Image:
    """A crop of a picture that was upscaled four times."""
    values = (255 * upscaled.flatten_on_white().rgb).round().byte().permute(1, 2, 0).numpy()
    return Image.fromarray(values).crop((4 * left, 4 * top, 4 * (left + SIDE), 4 * (top + SIDE)))


if __name__ == "__main__":
    typer.run(main)
