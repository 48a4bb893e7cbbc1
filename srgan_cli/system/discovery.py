"""Finding pictures in folders, and pairing them by name."""

import os
from dataclasses import dataclass
from pathlib import Path, PurePath

from srgan_cli.errors import SrganError

READABLE = frozenset(
    f".{suffix}"
    for group in (
        "png jpg jpeg jpe jfif webp tif tiff bmp dib",
        "apng gif avif heic heif jxl dcm dicom jp2 ppm pgm pnm tga",
    )
    for suffix in group.split()
)

_LONGEST_NAME = 200
"""Bytes: most file systems allow 255, and suffixes are added to names."""


def find_pictures(root: Path) -> list[Path]:
    """The pictures in a folder and its subfolders, sorted; for a file, that file.

    Pictures are recognised by their suffix.  Hidden files and folders are skipped.
    Raises SrganError if `root` does not exist or contains no pictures.
    """
    if root.is_file():
        return [root]
    if not root.is_dir():
        raise _not_found(root)
    found = sorted(path for path in root.rglob("*") if is_picture_name(path.relative_to(root)) and path.is_file())
    if not found:
        raise no_pictures_error(root)
    return found


def is_picture_name(path: PurePath) -> bool:
    """Whether a path relative to some folder names a picture: by its suffix, and not hidden."""
    return path.suffix.lower() in READABLE and not any(part.startswith(".") for part in path.parts)


def no_pictures_error(root: object) -> SrganError:
    """The error for a folder without pictures."""
    return SrganError(f"no pictures in {root}", f"expected files that end in one of: {' '.join(sorted(READABLE))}")


@dataclass(frozen=True)
class Pairing:
    """Pictures of two folders, matched by name."""

    pairs: list[tuple[str, Path, Path]]
    """Name, reference and candidate."""
    only_reference: list[str]
    """Names without a candidate."""
    only_candidate: list[str]
    """Names without a reference."""


def pair_by_name(reference: Path, candidate: Path) -> Pairing:
    """Match two files, or the pictures of two folders by their relative path without suffix.

    Raises SrganError if a path does not exist, if one is a file and the other a folder, if two pictures of a folder
    differ only in their suffix, and if nothing matches.
    """
    for path in (reference, candidate):
        if not path.exists():
            raise _not_found(path)
    if reference.is_file() and candidate.is_file():
        return Pairing([(reference.stem, reference, candidate)], [], [])
    if reference.is_file() != candidate.is_file():
        raise SrganError(
            f"{reference} and {candidate}: one is a file and the other a folder",
            "name two files or two folders",
        )
    return _pair_folders(reference, candidate)


def by_name(root: Path) -> dict[str, Path]:
    """The pictures of a folder by their relative path without suffix; for a file, that file by its name.

    Raises SrganError like find_pictures, and if two pictures differ only in their suffix.
    """
    return {root.stem: root} if root.is_file() else _by_name(root)


def is_plain_name(name: str) -> bool:
    """Whether this can be the name of a file, without its suffix, and is not a path."""
    try:
        size = len(os.fsencode(name))
    except UnicodeEncodeError:
        return False
    return 0 < size <= _LONGEST_NAME and not set(name) & {"/", os.sep, "\0"} and name not in (".", "..")


def _pair_folders(reference: Path, candidate: Path) -> Pairing:
    left, right = _by_name(reference), _by_name(candidate)
    both = sorted(left.keys() & right.keys())
    if not both:
        raise SrganError(
            f"no picture in {candidate} has the name of one in {reference}",
            "pictures are paired by their names without suffix, such as ref/a.png and out/a.jpg",
        )
    return Pairing(
        [(name, left[name], right[name]) for name in both],
        sorted(left.keys() - right.keys()),
        sorted(right.keys() - left.keys()),
    )


def _not_found(path: Path) -> SrganError:
    return SrganError(f"no such file or folder: {path}", "check the spelling of the path")


def _by_name(folder: Path) -> dict[str, Path]:
    named: dict[str, Path] = {}
    for path in find_pictures(folder):
        name = path.relative_to(folder).with_suffix("").as_posix()
        if name in named:
            raise SrganError(f"{named[name]} and {path} differ only in their suffix", "keep one picture of each name")
        named[name] = path
    return named
