"""Finding pictures in folders."""

import glob
import os
import re
from collections.abc import Callable
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path, PurePath

from srgan_cli.errors import SrganError

_READABLE = "png jpg jpeg jpe jfif webp tif tiff bmp dib apng gif avif heic heif jxl dcm dicom jp2 ppm pgm pnm tga"
RASTER_SUFFIXES = (".asc", ".bil", ".dt0", ".dt1", ".dt2", ".hgt", ".img", ".ntf", ".vrt")
"""Of rasters that GDAL reads, of which TIFFs are made."""
_STARTS = {".asc": b"ncols", ".img": b"ehfa"}
"""How such rasters begin, in lower case: other files with these suffixes are signatures and disks."""
READABLE = frozenset((*(f".{suffix}" for suffix in _READABLE.split()), *RASTER_SUFFIXES))
_NUMBERED = re.compile(r"%\d*d(?![A-Za-z])")
_WILD = frozenset("*?[")  # of the patterns of shells
_SIMILAR = 0.7  # how similar a name must be to be suggested, from 0 to 1
_LONGEST_NAME = 200  # bytes: most file systems allow 255, and suffixes are added to names


def find_pictures(root: Path, *, report: Callable[[Path, SrganError], None] | None = None) -> list[Path]:
    """The pictures in a folder and its subfolders, sorted; for a file, that file.

    Pictures are recognised by their suffix; links that lead nowhere are among them.  Hidden files and folders are
    skipped.  `report` is called for a subfolder that cannot be listed; without it, that is an error.
    Raises SrganError if `root` does not exist or contains no pictures.
    """

    def fail(error: OSError) -> None:
        problem = SrganError(f"cannot list the folder {error.filename}: {error.strerror}", "check its permissions")
        if not report or Path(error.filename) == root:
            raise problem from error
        report(Path(error.filename), problem)

    if root.is_file():
        return [root]
    if not root.is_dir():
        raise not_found_error(root)
    found = []
    for folder, inner, names in os.walk(root, onerror=fail):
        inner[:] = [name for name in inner if not name.startswith(".")]
        paths = (Path(folder, name) for name in names if is_picture_name(PurePath(name)))
        found += [path for path in paths if _fits(path)]
    if pictures := sorted(path for path in found if path.is_file() or not os.path.exists(path)):  # noqa: PTH110
        return pictures
    raise no_pictures_error(root)


def _fits(path: Path) -> bool:
    """Whether a file begins as its suffix says, if other files have that suffix, too; ENVI has a header beside it."""
    if not (start := _STARTS.get(path.suffix.lower())) or path.with_suffix(".hdr").exists():
        return True
    with suppress(OSError), path.open("rb") as file:
        return file.read(64).lstrip().lower().startswith(start)
    return False


def is_picture_name(path: PurePath) -> bool:
    """Whether a path relative to some folder names a picture: by its suffix, and not hidden."""
    return path.suffix.lower() in READABLE and not any(part.startswith(".") for part in path.parts)


def no_pictures_error(root: object) -> SrganError:
    """The error for a folder without pictures."""
    return SrganError(f"no pictures in {root}", f"expected files that end in one of: {' '.join(sorted(READABLE))}")


def is_plain_name(name: str) -> bool:
    """Whether this can be the name of a file, without its suffix, and is not a path."""
    try:
        size = len(os.fsencode(name))
    except UnicodeEncodeError:
        return False
    return 0 < size <= _LONGEST_NAME and not set(name) & {"/", os.sep, "\0"} and name not in (".", "..")


def not_found_hint(path: Path) -> str:
    """What may have been meant by a path that does not exist: one of a similar name, or a pattern."""
    if path.is_symlink():
        return f"it is a link to {path.readlink()}, which is missing"
    if re.match(r"\w{2,}:/", str(path)):  # one letter is a drive
        return "URLs are for srgan upscale: download it first"
    if pattern := _NUMBERED.search(path.name):
        names = path.with_name(path.name.replace(pattern[0], "*"))
        return f"numbered names are ffmpeg's: name the folder, {path.parent}/, or {names}"
    if not path.parent.is_dir():
        return f"there is no folder {path.parent}{'; srgan expands no patterns' * bool(_WILD & set(str(path.parent)))}"
    if _WILD & set(path.name):
        if any(glob.iglob(path.name, root_dir=path.parent)):  # noqa: PTH207
            return "srgan expands no patterns: in a shell, write it without quotes"
        return "the pattern matched nothing: check the folder and the suffix"
    with suppress(OSError):  # the folder cannot be listed
        entries = sorted(path.parent.iterdir())
        if spaced := next((entry for entry in entries if entry.name.startswith(f"{path.name} ")), None):
            return f"a name with blanks needs quotes: '{spaced}'"
        meant = {name.lower(): entry.name for entry in entries for name in (entry.stem, entry.name)}
        if near := get_close_matches(path.name.lower(), meant, 1, _SIMILAR):
            return f"did you mean {path.with_name(meant[near[0]])}?"
    return "check the spelling of the path"


def not_found_error(path: Path) -> SrganError:
    """The error for a path that does not exist."""
    return SrganError(f"no such file or folder: {path}", not_found_hint(path))
