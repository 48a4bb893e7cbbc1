"""Finding, pairing and safely writing files."""

import errno
import hashlib
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import gettempdir, mkdtemp
from typing import IO

from srgan_cli.errors import PictureError, SrganError

_SCRATCH = "srgan-scratch-"
_TEMPORARY = re.compile(r"\..*\.srgan-[0-9a-f]{8}(\.[^.]*)?", re.DOTALL)


def check_writable(path: Path) -> None:
    """Raises SrganError when it can be told beforehand that `path` cannot be written."""
    try:
        exists = path.exists()
    except OSError as error:  # the name is too long
        raise _write_error(error, path) from error
    if path.is_dir():
        raise SrganError("{path} is a folder", "name the file to write", path=path)
    if exists and not path.is_file():  # a device or a pipe would be replaced, not written to
        raise SrganError("{path} is not a plain file", "choose another place", path=path)
    if not path.parent.is_dir():
        raise SrganError(f"no such folder: {path.parent}", "make it first, or choose another place")
    if not os.access(path.parent, os.W_OK):
        raise SrganError(f"may not write in {path.parent}", "choose another place")


def check_space(folder: Path, size: int) -> None:
    """Raises SrganError when less than `size` bytes are free on the disk of this folder."""
    free = shutil.disk_usage(folder).free
    if free < size:
        raise SrganError(
            f"the work may take {format_bytes(size)} of disk in {folder}, of which {format_bytes(free)} are free",
            "free some space or choose another place",
        )


def format_bytes(size: float) -> str:
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
    with translate_write_errors(path), _create_temporary(path) as file:
        temporary = Path(file.name)
        try:
            yield temporary
            commit(temporary, path)
        finally:
            with suppress(OSError):
                temporary.unlink()


def commit(temporary: Path, path: Path) -> None:
    """Give a file that was written beside `path` its place, once it is on the disk."""
    with temporary.open("rb+") as file:
        os.fsync(file.fileno())
    temporary.replace(path)


@contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Wait until no other process works alone in this folder, and do so; at once where the system has no locks."""
    with _locked_folder(folder):
        yield


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A folder for temporary files that goes away; what processes left that were killed goes with it."""
    for left in Path(gettempdir()).glob(f"{_SCRATCH}*"):
        _remove_scratch(left)
    while True:
        folder = Path(mkdtemp(prefix=_SCRATCH))
        with _locked_folder(folder):
            if not folder.exists():  # another process took it for left, before it was held
                continue
            try:
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)
            return


def _remove_scratch(folder: Path) -> None:
    """Delete a folder for temporary files unless it is another user's or in use."""
    with suppress(OSError, _InUse):
        if not folder.is_symlink():
            with _locked_folder(folder, wait=False):
                if folder.stat().st_uid == os.getuid():
                    shutil.rmtree(folder, ignore_errors=True)


class _InUse(Exception):  # noqa: N818 (says what it is)
    """Another process holds it."""


@contextmanager
def _locked_folder(folder: Path, wait: bool = True) -> Iterator[None]:
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


def remove_stale_temporaries(folder: Path) -> None:
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
def translate_write_errors(path: Path) -> Iterator[None]:
    """Turns what the system says against writing `path` into an SrganError of one line with a hint."""
    try:
        yield
    except OSError as error:
        raise _write_error(error, path) from error


def digest(path: Path) -> str:
    """The SHA-256 of a file's content in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def file_stamp(path: Path) -> tuple[int, int, int]:
    """What is no longer the same when a file has been written to or replaced: its number, size and time."""
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns


def check_unchanged(path: Path, stamp: tuple[int, int, int]) -> None:
    """Raises PictureError when a picture has changed since its state was taken: what was read may be half of each."""
    if file_stamp(path) != stamp:
        raise PictureError("{path} changed while it was read", "try again when it is complete", path=path)


def make_folder(path: Path) -> None:
    """Make a folder and those above it, unless it is there.  Raises SrganError when it cannot be made or written to."""
    with translate_write_errors(path):
        path.mkdir(parents=True, exist_ok=True)
    check_writable(path / "file")


def _create_temporary(path: Path) -> IO[bytes]:
    """A new file beside `path`, open and locked; another process may sweep it away before it is, and never after."""
    while True:
        file = path.with_name(f".{path.stem[:40]}.srgan-{secrets.token_hex(4)}{path.suffix}").open("wb")
        lock(file)
        if Path(file.name).exists():
            return file
        file.close()


def _write_error(error: OSError, path: Path) -> SrganError:
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
    hint = hints.get(error.errno or 0, "choose another place")
    return SrganError("cannot write {path}: {reason}", hint, path=path, reason=reason)
