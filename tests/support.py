"""Helpers that tests share."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

REPOSITORY = Path(__file__).parents[1]


@dataclass
class Outcome:
    """Exit code, standard output and standard error of a command."""

    code: int
    out: str
    err: str


def files_in(folder: Path) -> list[str]:
    """The paths of all files below a folder, without hidden ones."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("[!.]*") if path.is_file())


def size_of(path: Path) -> tuple[int, int]:
    """Width and height of a picture."""
    with Image.open(path) as image:
        return image.size


def draw_smooth_pictures(folder: Path) -> Path:
    """Make a folder of four smooth pictures of 48 x 48, always the same."""
    folder.mkdir()
    random = np.random.default_rng(0)
    for index in range(4):
        small = Image.fromarray(random.integers(0, 256, (12, 12, 3), dtype=np.uint8))
        small.resize((48, 48), Image.Resampling.BICUBIC).save(folder / f"{index}.png")
    return folder
