"""Helpers that tests share."""

from dataclasses import dataclass
from pathlib import Path

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
