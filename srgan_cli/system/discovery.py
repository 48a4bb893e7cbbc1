"""Finding pictures in folders and pairing them by name."""

import os
from dataclasses import dataclass
from pathlib import Path, PurePath

from srgan_cli.errors import SrganError

READABLE = frozenset(
    f".{suffix}"
    for group in (
        "png jpg jpeg jpe jfif webp tif tiff bmp dib",
        "apng gif avif heic heif jxl jp2 ppm pgm pnm tga",
    )
    for suffix in group.split()
)

_LONGEST_NAME = 200
"""Bytes, so that there is room for suffixes within the 255 that most file systems allow."""


def find_pictures(place: Path) -> list[Path]:
    """The picture files in a folder and the folders below it, sorted; of a file, that file alone.

    A file counts as a picture by its suffix; hidden files and folders are passed over.
    Raises SrganError when the place does not exist or holds no pictures.
    """
    if place.is_file():
        return [place]
    if not place.is_dir():
        raise _missing(place)
    found = sorted(path for path in place.rglob("*") if names_picture(path.relative_to(place)) and path.is_file())
    if not found:
        raise no_pictures(place)
    return found


def names_picture(path: PurePath) -> bool:
    """Whether a file of this name, below some folder, counts as a picture: by its suffix, and not hidden."""
    return path.suffix.lower() in READABLE and not any(part.startswith(".") for part in path.parts)


def no_pictures(place: object) -> SrganError:
    """What is wrong with a folder without pictures."""
    return SrganError(f"no pictures in {place}", f"a picture's name ends in one of: {' '.join(sorted(READABLE))}")


@dataclass(frozen=True)
class Pairing:
    """Pictures of two places matched by name: (name, reference, candidate), and the names without a partner."""

    pairs: list[tuple[str, Path, Path]]
    only_reference: list[str]
    only_candidate: list[str]


def pair_by_name(reference: Path, candidate: Path) -> Pairing:
    """Match two files, or the pictures of two folders by their path without suffix.

    Raises SrganError when a place does not exist, when one is a file and the other a folder, when two pictures
    of one folder differ only in their suffix, or when nothing matches.
    """
    for place in (reference, candidate):
        if not place.exists():
            raise _missing(place)
    if reference.is_file() and candidate.is_file():
        return Pairing([(reference.stem, reference, candidate)], [], [])
    if reference.is_file() != candidate.is_file():
        raise SrganError(
            f"{reference} and {candidate}: one is a file and the other a folder",
            "give two files or two folders",
        )
    left, right = _by_name(reference), _by_name(candidate)
    both = sorted(left.keys() & right.keys())
    if not both:
        raise SrganError(
            f"no picture in {candidate} has the name of one in {reference}",
            "pictures are paired by their names without suffix: ref/a.png with out/a.jpg",
        )
    return Pairing(
        [(name, left[name], right[name]) for name in both],
        sorted(left.keys() - right.keys()),
        sorted(right.keys() - left.keys()),
    )


def by_name(place: Path) -> dict[str, Path]:
    """The pictures of a folder by their path without suffix; of a file, that file alone.

    Raises SrganError as find_pictures does, and when two pictures differ only in their suffix.
    """
    return {place.stem: place} if place.is_file() else _by_name(place)


def is_plain_name(name: str) -> bool:
    """Whether a file may be called so, with some suffix, in a folder that it does not lead out of."""
    try:
        size = len(os.fsencode(name))
    except UnicodeEncodeError:
        return False
    return 0 < size <= _LONGEST_NAME and not set(name) & {"/", os.sep, "\0"} and name not in (".", "..")


def _missing(place: Path) -> SrganError:
    return SrganError(f"no such file or folder: {place}", "check the spelling of the path")


def _by_name(folder: Path) -> dict[str, Path]:
    named: dict[str, Path] = {}
    for path in find_pictures(folder):
        name = path.relative_to(folder).with_suffix("").as_posix()
        if name in named:
            raise SrganError(f"{named[name]} and {path} differ only in their suffix", "keep one picture of each name")
        named[name] = path
    return named
