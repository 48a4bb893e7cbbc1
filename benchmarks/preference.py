"""Compares weights by eye: sheets without names, and a table of what was preferred on them.

    python benchmarks/preference.py draw PICTURES SHEETS -m WEIGHTS [-m WEIGHTS ...]
    python benchmarks/preference.py count SHEETS/key.json judgements.csv

`draw` takes 60 tiles of 320 x 320 pixels, in turn from the pictures that `srgan train` holds out of PICTURES, and
downscales them by 4 (bicubic). A third stays as it is: clean. A third is blurred, noisy and compressed as JPEG, as in
photo.py: degraded. A third is only compressed as JPEG with 4:2:0 chroma, half of it with quality 85 to 91, half with 92
to 98. Each gives a sheet with the original, the input, and the result of every candidate under a letter, in random
order. `key.json` says which letter is which candidate.

A line of judgements.csv is the number of a sheet and the letters from best to worst; letters that are equally good
stand together: `7,B,AC,D`. `count` prints how often each candidate was best, and how often it was preferred to, equal
to and worse than each other one.
"""

import csv
import json
from collections import Counter
from itertools import combinations, islice
from pathlib import Path
from string import ascii_uppercase
from typing import Annotated

import torch
import typer
from peers import Candidate, Case, named_model, one_of_ours
from photo import SCALE, not_trained_on, numbered, photographed, rounds
from PIL import Image, ImageDraw
from torch import Tensor

from srgan_cli.image.codec.samples import to_image
from srgan_cli.image.ops import downscale
from srgan_cli.image.picture import Picture
from srgan_cli.system.discovery import find_pictures
from srgan_cli.training.config import TrainConfig
from srgan_cli.training.data.degradations import jpeg
from srgan_cli.training.data.random import randint
from srgan_cli.weights.formats import list_weights

TILE, COUNT, COLUMNS, MARGIN = 320, 60, 4, 22
KINDS = ("clean", "degraded", "JPEG 85 to 91", "clean", "degraded", "JPEG 92 to 98")
"""The kinds of six tiles that follow each other."""
LOWEST_QUALITY = {"JPEG 85 to 91": 85, "JPEG 92 to 98": 92}
app = typer.Typer(pretty_exceptions_enable=False)


@app.command()
def draw(
    pictures: Path,
    sheets: Path,
    model: Annotated[list[str], typer.Option("-m", "--model", help="Shipped weights or a file.")],
    seed: int = 0,
    validation: int = 16,
) -> None:
    """Draw the sheets and their key."""
    config = TrainConfig.from_settings(data=pictures, validation_pictures=validation, seed=seed)
    paths = not_trained_on(find_pictures(pictures), config)
    candidates = [
        one_of_ours(name, "cpu", "auto") if name in list_weights() else named_model(Path(name), SCALE) for name in model
    ]
    sheets.mkdir(parents=True, exist_ok=True)
    key = {}
    for number, (name, high) in enumerate(islice(rounds(paths, seed, TILE), COUNT)):
        kind, random = KINDS[number % len(KINDS)], numbered(seed, len(paths) + number)
        low = made_low(high, kind, random)
        order = [candidates[index] for index in torch.randperm(len(candidates), generator=random).tolist()]
        draw_sheet(Case(kind, name, high, Picture(low)), order).save(sheets / f"{number:02}.png")
        key[number] = {"kind": kind, "picture": name, "order": [candidate.name for candidate in order]}
    (sheets / "key.json").write_text(json.dumps(key, indent=1))


def made_low(high: Tensor, kind: str, random: torch.Generator) -> Tensor:
    """The input of a kind, values 0…1."""
    if kind == "degraded":
        return photographed(high, random)
    low = downscale(high, SCALE)
    if kind == "clean":
        return low
    return jpeg(255 * low, LOWEST_QUALITY[kind] + randint(7, random), "4:2:0") / 255


def draw_sheet(case: Case, order: list[Candidate]) -> Image.Image:
    """A sheet (RGB): original, input, and the results under letters."""
    panels = [
        ("original", to_image(case.high)),
        ("input", to_image(case.low.rgb).resize((TILE, TILE), Image.Resampling.NEAREST)),
    ]
    panels += [
        (letter, to_image(candidate.upscale(case))) for letter, candidate in zip(ascii_uppercase, order, strict=False)
    ]
    rows = -(-len(panels) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * TILE, rows * (TILE + MARGIN)), "white")
    for index, (label, panel) in enumerate(panels):
        left, top = index % COLUMNS * TILE, index // COLUMNS * (TILE + MARGIN)
        ImageDraw.Draw(sheet).text((left + 4, top + 4), label, "black")
        sheet.paste(panel, (left, top + MARGIN))
    return sheet


@app.command()
def count(key: Path, judgements: Path) -> None:
    """Print the table."""
    sheets = json.loads(key.read_text())
    best: Counter[tuple[str, str]] = Counter()
    duels: dict[tuple[str, str, str], Counter[str]] = {}
    judged: Counter[str] = Counter()
    with judgements.open(newline="") as file:
        for number, *ranks in csv.reader(file):
            sheet = sheets[number.strip()]
            kind, place = sheet["kind"], rank_of(sheet["order"], ranks)
            judged[kind] += 1
            best.update((kind, name) for name, rank in place.items() if rank == 0)
            for one, other in combinations(sorted(place), 2):
                outcome = "better" if place[one] < place[other] else "worse" if place[one] > place[other] else "equal"
                duels.setdefault((kind, one, other), Counter())[outcome] += 1
    for kind in sorted(judged):
        print(f"\n{kind}, {judged[kind]} pictures\n\n| | best |\n|---|---|")
        for name in sorted({name for _, name in best} | {name for _, *pair in duels for name in pair}):
            print(f"| {name} | {best[kind, name]} |")
        print("\n| | | better | equal | worse |\n|---|---|---|---|---|")
        for (of, one, other), outcomes in sorted(duels.items()):
            if of == kind:
                print(f"| {one} | {other} | {outcomes['better']} | {outcomes['equal']} | {outcomes['worse']} |")


def rank_of(order: list[str], ranks: list[str]) -> dict[str, int]:
    """The place of each candidate, 0 for the best.  Raises SystemExit unless every letter stands once."""
    place = {
        order[ascii_uppercase.index(letter)]: rank for rank, letters in enumerate(ranks) for letter in letters.strip()
    }
    if sorted("".join(ranks).replace(" ", "")) != list(ascii_uppercase[: len(order)]):
        raise SystemExit(f"{','.join(ranks)}: expected the letters A to {ascii_uppercase[len(order) - 1]}, each once")
    return place


if __name__ == "__main__":
    app()
