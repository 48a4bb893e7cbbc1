"""Pages of text to train on, beside photographs, which have few letters: random words, drawn in the fonts given.

    python examples/pages.py pages/ /usr/share/fonts/truetype/dejavu/*.ttf

Dark letters on light paper mostly, of 14 to 84 pixels, with bars and frames between as on screens.
"""

import random
from pathlib import Path

import typer
from PIL import Image, ImageDraw, ImageFont

SIDE = 768
SMALLEST, LARGEST, LEADING = 14, 84, 1.4
LETTERS = "eeeeeeetttttaaaaaooooiiiinnnnsssshhhrrrddlllcuumwfgypbvkjxqz"
STOPS = ("", "", "", "", ".", ",", ":", "!")
Colour = tuple[int, ...]


def main(out: Path, fonts: list[Path], count: int = 48, seed: int = 0) -> None:
    """Draw them, the same for a seed."""
    out.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        page(sorted(fonts), random.Random(f"{seed} {number}")).save(out / f"page-{number:03}.png")


def page(fonts: list[Path], chance: random.Random) -> Image.Image:
    """Paragraphs of one font and size each, from edge to edge."""
    paper, ink = colours(chance)
    picture = Image.new("RGB", (SIDE, SIDE), paper)
    pen = ImageDraw.Draw(picture)
    top = 0.0
    while top < SIDE:
        size = SMALLEST * (LARGEST / SMALLEST) ** chance.random()
        if chance.random() < 0.3:
            left, right = sorted(chance.uniform(0, SIDE) for _ in range(2))
            fill = chance.choice([ink, None])
            pen.rectangle((left, top, right, top + size), fill, ink, chance.randint(1, 4))
            top += LEADING * size
        font = ImageFont.truetype(chance.choice(fonts), size)
        for _ in range(chance.randint(1, 6)):
            pen.text((chance.uniform(-size, size), top), line(chance), ink, font)
            top += LEADING * size
    return picture


def colours(chance: random.Random) -> tuple[Colour, Colour]:
    """Of paper and ink: grey for half of the pages, and every fifth light on dark."""
    spread = chance.choice([0, 30])
    light, dark = chance.randint(225, 255), chance.randint(0, 70)
    paper, ink = (tuple(grey + chance.randint(-spread, spread) for _ in "RGB") for grey in (light, dark))
    return (paper, ink) if chance.random() < 0.8 else (ink, paper)


def line(chance: random.Random) -> str:
    """Words of random letters, capitals, figures and stops among them."""
    return " ".join(word(chance) for _ in range(24))


def word(chance: random.Random) -> str:
    """One of them."""
    if chance.random() < 0.1:
        return str(chance.randrange(10_000))
    letters = "".join(chance.choices(LETTERS, k=chance.randint(1, 9)))
    if chance.random() < 0.2:
        letters = letters.capitalize()
    return letters + chance.choice(STOPS)


if __name__ == "__main__":
    typer.run(main)
