"""Draws pages of random words for training, because photographs contain few letters.

    python examples/pages.py pages/ /usr/share/fonts/truetype/dejavu/*.ttf

Most pages have dark letters of 14 to 84 pixels on a light background, with bars and frames between them.
"""

import random
from pathlib import Path
from typing import Annotated

import typer
from PIL import Image, ImageDraw, ImageFont

SIDE = 768
MIN_SIZE, MAX_SIZE, LEADING = 14, 84, 1.4
LETTERS = "eeeeeeetttttaaaaaooooiiiinnnnsssshhhrrrddlllcuumwfgypbvkjxqz"
STOPS = ("", "", "", "", ".", ",", ":", "!")
Colour = tuple[int, ...]


def main(out: Path, fonts: Annotated[list[Path], typer.Argument(exists=True)], count: int = 48, seed: int = 0) -> None:
    """Draw pages of random words in the given fonts, the same ones for a seed."""
    out.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        page(sorted(fonts), random.Random(f"{seed} {number}")).save(out / f"page-{number:03}.png")


def page(fonts: list[Path], rng: random.Random) -> Image.Image:
    """A page of paragraphs, each of one font and size."""
    background, ink = colours(rng)
    picture = Image.new("RGB", (SIDE, SIDE), background)
    pen = ImageDraw.Draw(picture)
    top = 0.0
    while top < SIDE:
        size = MIN_SIZE * (MAX_SIZE / MIN_SIZE) ** rng.random()
        if rng.random() < 0.3:
            left, right = sorted(rng.uniform(0, SIDE) for _ in range(2))
            fill = rng.choice([ink, None])
            pen.rectangle((left, top, right, top + size), fill, ink, rng.randint(1, 4))
            top += LEADING * size
        font = ImageFont.truetype(rng.choice(fonts), size)
        for _ in range(rng.randint(1, 6)):
            pen.text((rng.uniform(-size, size), top), line(rng), ink, font)
            top += LEADING * size
    return picture


def colours(rng: random.Random) -> tuple[Colour, Colour]:
    """Background and ink: grey on half of the pages, and light on dark on every fifth."""
    spread = rng.choice([0, 30])
    light, dark = rng.randint(225, 255), rng.randint(0, 70)
    background, ink = (tuple(grey + rng.randint(-spread, spread) for _ in "RGB") for grey in (light, dark))
    return (background, ink) if rng.random() < 0.8 else (ink, background)


def line(rng: random.Random) -> str:
    """A line of random words."""
    return " ".join(word(rng) for _ in range(24))


def word(rng: random.Random) -> str:
    """A random word, with capitals, numbers and punctuation."""
    if rng.random() < 0.1:
        return str(rng.randrange(10_000))
    letters = "".join(rng.choices(LETTERS, k=rng.randint(1, 9)))
    if rng.random() < 0.2:
        letters = letters.capitalize()
    return letters + rng.choice(STOPS)


if __name__ == "__main__":
    typer.run(main)
