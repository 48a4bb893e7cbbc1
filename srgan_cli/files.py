"""Finding, pairing and safely writing files."""

import errno
import hashlib
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePath
from tempfile import gettempdir, mkdtemp
from typing import IO

from srgan_cli.errors import PictureError, SrganError

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
_SCRATCH = "srgan-scratch-"
_TEMPORARY = re.compile(r"\..*\.srgan-[0-9a-f]{8}(\.[^.]*)?", re.DOTALL)


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


def check_writable(path: Path) -> None:
    """Raises SrganError when it can be told beforehand that `path` cannot be written."""
    try:
        exists = path.exists()
    except OSError as error:  # the name is too long
        raise _explain(error, path) from error
    if path.is_dir():
        raise SrganError(f"{path} is a folder", "name the file to write")
    if exists and not path.is_file():  # a device or a pipe would be replaced, not written to
        raise SrganError(f"{path} is not a plain file", "choose another place")
    if not path.parent.is_dir():
        raise SrganError(f"no such folder: {path.parent}", "make it first, or choose another place")
    if not os.access(path.parent, os.W_OK):
        raise SrganError(f"may not write in {path.parent}", "choose another place")


def check_space(folder: Path, size: int) -> None:
    """Raises SrganError when less than `size` bytes are free on the disk of this folder."""
    free = shutil.disk_usage(folder).free
    if free < size:
        raise SrganError(
            f"the work may take {said(size)} of disk in {folder}, of which {said(free)} are free",
            "free some space or choose another place",
        )


def said(size: float) -> str:
    """Bytes as people say them, rounded up."""
    return f"{size / 2**30:.1f}G" if size >= 2**30 else f"{-(-size // 2**20):.0f}M"


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` to write to; it takes the place of `path` when all went well.

    Whatever fails, `path` is as it was and the temporary file is gone.  Raises SrganError in one line for a
    missing folder, a place that may not be written, and a full disk.  A symbolic link stays one.
    """
    check_writable(path)
    path = path.resolve() if path.is_symlink() else path
    with explained(path), _hidden_beside(path) as file:
        temporary = Path(file.name)
        try:
            yield temporary
            settle(temporary, path)
        finally:
            with suppress(OSError):
                temporary.unlink()


def settle(temporary: Path, path: Path) -> None:
    """Give a file that was written beside `path` its place, once it is on the disk."""
    with temporary.open("rb+") as file:
        os.fsync(file.fileno())
    temporary.replace(path)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Wait until no other process works alone in this folder, and do so; at once where the system has no locks."""
    with _held(folder):
        yield


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A folder for temporary files that goes away; what processes left that were killed goes with it."""
    for left in Path(gettempdir()).glob(f"{_SCRATCH}*"):
        _take_away(left)
    while True:
        folder = Path(mkdtemp(prefix=_SCRATCH))
        with _held(folder):
            if not folder.exists():  # another process took it for left, before it was held
                continue
            try:
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)
            return


def _take_away(folder: Path) -> None:
    """Delete a folder for temporary files unless it is another user's or in use."""
    with suppress(OSError, _InUse):
        if not folder.is_symlink():
            with _held(folder, wait=False):
                if folder.stat().st_uid == os.getuid():
                    shutil.rmtree(folder, ignore_errors=True)


class _InUse(Exception):  # noqa: N818 (says what it is)
    """Another process holds it."""


@contextmanager
def _held(folder: Path, wait: bool = True) -> Iterator[None]:
    """The folder locked until the end, or until the process ends in whatever way.

    Raises _InUse where another process holds it and that is not to be waited for, and where the system has no locks.
    """
    try:
        import fcntl

        held = os.open(folder, os.O_RDONLY)
    except (ImportError, OSError) as error:  # Windows
        if not wait:
            raise _InUse from error
        yield
        return
    try:
        try:
            fcntl.flock(held, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:  # it is held, or the file system has no locks
            if not wait:
                raise _InUse from error
        yield
    finally:
        os.close(held)


def sweep(folder: Path) -> None:
    """Take away what a process that was killed was writing in a folder; what others are still writing is locked."""
    for path in folder.glob(".*.srgan-*"):
        if _TEMPORARY.fullmatch(path.name):
            with suppress(OSError), path.open("rb") as file:
                if lock(file, wait=False):
                    path.unlink()


def lock(file: IO[bytes], wait: bool = True) -> bool:
    """Whether the file is now locked; it stays so until it is closed or the process ends in whatever way."""
    try:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (ImportError, OSError):  # Windows, and file systems without locks
        return False
    return True


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turns what the system says against writing `path` into an SrganError of one line with a hint."""
    try:
        yield
    except OSError as error:
        raise _explain(error, path) from error


def digest(path: Path) -> str:
    """The SHA-256 of a file's content in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def state(path: Path) -> tuple[int, int, int]:
    """What is no longer the same when a file has been written to or replaced: its number, size and time."""
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns


def check_unchanged(path: Path, before: tuple[int, int, int]) -> None:
    """Raises PictureError when a picture has changed since its state was taken: what was read may be half of each."""
    if state(path) != before:
        raise PictureError(f"{path} changed while it was read", "try again when it is complete")


def make_folder(path: Path) -> None:
    """Make a folder and those above it, unless it is there.  Raises SrganError when it cannot be made or written to."""
    with explained(path):
        path.mkdir(parents=True, exist_ok=True)
    check_writable(path / "file")


def _missing(place: Path) -> SrganError:
    return SrganError(f"no such file or folder: {place}", "check the spelling of the path")


def _hidden_beside(path: Path) -> IO[bytes]:
    """A new file beside `path`, open and locked; another process may sweep it away before it is, and never after."""
    while True:
        file = path.with_name(f".{path.stem[:40]}.srgan-{secrets.token_hex(4)}{path.suffix}").open("wb")
        lock(file)
        if Path(file.name).exists():
            return file
        file.close()


def _explain(error: OSError, path: Path) -> SrganError:
    hints = {
        errno.ENOSPC: "the disk is full: free some space or choose another place",
        errno.EDQUOT: "your quota is used up: free some space or choose another place",
        errno.EFBIG: "the file is larger than this place allows",
        errno.EACCES: "you may not write there: choose another place",
        errno.EPERM: "you may not write there: choose another place",
        errno.EROFS: "the place is read-only: choose another one",
        errno.ENAMETOOLONG: "the name is too long: choose a shorter one",
    }
    reason = error.strerror or str(error)
    return SrganError(f"cannot write {path}: {reason}", hints.get(error.errno or 0, "choose another place"))


def _by_name(folder: Path) -> dict[str, Path]:
    named: dict[str, Path] = {}
    for path in find_pictures(folder):
        name = path.relative_to(folder).with_suffix("").as_posix()
        if name in named:
            raise SrganError(f"{named[name]} and {path} differ only in their suffix", "keep one picture of each name")
        named[name] = path
    return named
