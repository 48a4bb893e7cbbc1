"""Writing files safely: atomically, after checks, and without leftovers of processes that were killed.

The locks and the atomic writes are written by hand: filelock locks a file of its own, and here the lock is on the
temporary file that becomes the output, so that nothing else is left beside it.
"""

import errno
import hashlib
import os
import re
import secrets
import shutil
import stat
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import NamedTemporaryFile, gettempdir
from typing import IO

from srgan_cli.errors import OutputExists, PictureError, SrganError

_SCRATCH = "srgan-scratch-"
_OWNER_WRITES = stat.S_IRUSR | stat.S_IWUSR
_TEMPORARY = re.compile(r"\..*\.srgan-[0-9a-f]{8}(\.[^.]*)?", re.DOTALL)
_NO_FOLDER_HINT = "create it, or choose another folder"
_unfinished: dict[Path, Path] = {}
"""The paths that are being written, by their temporary files."""
_HINTS = {
    errno.ENOSPC: "the disk is full: free some space or choose another disk",
    errno.EDQUOT: "the disk quota is exceeded: free some space or choose another disk",
    errno.EFBIG: "the file is too large for this disk or the limits of this process",
    errno.EACCES: "permission is missing: choose another folder",
    errno.EPERM: "permission is missing: choose another folder",
    errno.EROFS: "the file system is read-only: choose another one",
    errno.EBADF: "it is closed: leave it open, or name a file",
    errno.ENAMETOOLONG: "the name is too long: choose a shorter one",
}


def check_writable(path: Path, *, overwrite: bool = True) -> None:
    """Raises SrganError if `path` certainly cannot be written, or holds anything and `overwrite` is False."""
    try:
        exists = path.exists()
    except OSError as error:  # the name is too long
        raise _write_error(error, path) from error
    if path.is_dir():
        raise SrganError("{path} is a folder", "name the file to write", path=path)
    if exists and not path.is_file():  # replacing a device or a pipe would not write to it
        raise SrganError("{path} is not a regular file", "choose another path", path=path)
    if not path.parent.is_dir():
        quoted = str(path).startswith("~")
        hint = "the shell replaces ~ at the start of a word without quotes" if quoted else _NO_FOLDER_HINT
        raise SrganError(f"no such folder: {path.parent}", hint)
    if not os.access(path.parent, os.W_OK):
        raise SrganError(f"no permission to write in {path.parent}", "choose another folder")
    if exists and not overwrite and path.stat().st_size:
        raise OutputExists("{path} exists already", "--overwrite replaces it", path=path)


def check_space(folder: Path, size: int) -> None:
    """Raises SrganError if less than `size` bytes are free on the disk of this folder, which may not exist yet."""
    if (free := shutil.disk_usage(_existing(folder)).free) < size:
        message = f"up to {format_bytes(size)} are needed in {folder}, found {format_bytes(free)} free"
        raise SrganError(message, "free some space or choose another folder")


def format_bytes(size: float) -> str:
    """A size in G, M or K, rounded up."""
    if size >= 2**30:
        return f"{size / 2**30:.1f}G"
    return f"{-(-size // 2**20):.0f}M" if size >= 2**20 else f"{-(-size // 2**10):.0f}K"


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` to write to, which replaces `path` at the end.

    If anything fails, `path` is unchanged and the temporary file is deleted.  Raises SrganError for a missing folder,
    missing permissions and a full disk.  The target of a symbolic link is replaced, not the link.  A file that is
    replaced keeps its permissions and, where that is allowed, its owner.
    """
    check_writable(path)
    path = path.resolve() if path.is_symlink() else path
    with translate_write_errors(path), _create_temporary(path) as file:
        temporary = Path(file.name)
        _unfinished[temporary] = path
        try:
            yield temporary
            commit(temporary, path)
        finally:
            del _unfinished[temporary]
            with suppress(OSError):
                temporary.unlink()


def discard_unfinished(paths: Collection[Path]) -> None:
    """Delete the temporary files that threads of this process are writing for these paths, which then fail."""
    wanted = {path.resolve() for path in paths}
    for temporary, path in list(_unfinished.items()):
        if path.resolve() in wanted:
            with suppress(OSError):
                temporary.unlink()


def commit(temporary: Path, path: Path) -> None:
    """Flush a file that was written beside `path` to the disk, and replace `path` with it."""
    with temporary.open("rb+") as file:
        os.fsync(file.fileno())
    _copy_permissions(path, temporary)
    temporary.replace(path)


def _copy_permissions(path: Path, temporary: Path, *, extra: int = 0) -> None:
    """Give a file the owner and the permissions of `path`, and `extra` ones, if `path` exists."""
    with suppress(OSError):
        found = path.stat()
        if hasattr(os, "chown") and (found.st_uid, found.st_gid) != (os.geteuid(), os.getegid()):
            with suppress(OSError):  # only root may give files away
                os.chown(temporary, found.st_uid, found.st_gid)
        temporary.chmod(stat.S_IMODE(found.st_mode) | extra)


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A temporary folder, deleted at the end.  Those of processes that were killed are deleted first."""
    from filelock import FileLock  # slow to import

    for stale in Path(gettempdir()).glob(f"{_SCRATCH}*.lock"):
        with suppress(OSError):  # its process holds the lock, or it is not ours to delete
            with FileLock(stale, blocking=False):
                shutil.rmtree(stale.with_suffix(""), ignore_errors=True)
            stale.unlink()  # only now, since Windows deletes no open files
    folder = Path(gettempdir(), f"{_SCRATCH}{secrets.token_hex(8)}")
    lock_file = folder.with_suffix(".lock")
    try:
        with FileLock(lock_file, thread_local=False):  # taken before the folder exists, which would else seem stale
            folder.mkdir(mode=0o700)
            try:
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)
    finally:
        with suppress(OSError):
            lock_file.unlink()


def remove_stale_temporaries(folder: Path) -> None:
    """Delete the temporary files of processes that were killed; those in use are locked, and stay."""
    for path in folder.glob(".*.srgan-*"):
        if _TEMPORARY.fullmatch(path.name):
            with suppress(OSError), path.open("rb") as file:
                if lock(file, wait=False):
                    path.unlink()


def lock(file: IO[bytes] | int, *, wait: bool = True) -> bool | None:
    """Lock an open file or folder until it is closed or the process ends; returns whether it is locked.

    Without `wait`, it is not if another process holds the lock.  None on Windows and on file systems without locks.
    """
    try:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except (ImportError, OSError):
        return None
    return True


@contextmanager
def translate_write_errors(path: Path) -> Iterator[None]:
    """Turn an OSError from writing `path` into an SrganError with a hint."""
    try:
        yield
    except OSError as error:
        raise _write_error(error, path) from error


def digest(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_file(path: Path) -> bool:
    """Whether there is a file; no error for a name that is longer than names can be."""
    return os.path.isfile(path)  # noqa: PTH113 (Path.is_file fails for long names)


def file_stamp(path: Path) -> tuple[int, int, int]:
    """Inode, size and modification time: they differ after a file was changed or replaced."""
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns


def check_unchanged(path: Path, stamp: tuple[int, int, int]) -> None:
    """Raises PictureError if a picture differs from its stamp: what was read may mix two versions."""
    if file_stamp(path) != stamp:
        raise PictureError("{path} changed while it was read", "try again when it is complete", path=path)


def make_folder(path: Path) -> None:
    """Create a folder and its parents, unless they exist.  Raises SrganError if it cannot be created or written to."""
    with translate_write_errors(path):
        path.mkdir(parents=True, exist_ok=True)
    check_writable(path / "file")


def ignores_case(folder: Path) -> bool:
    """Whether the file system of this folder, which may not exist yet, ignores case in names."""
    try:
        with NamedTemporaryFile(prefix=".srgan-case-", dir=_existing(folder)) as file:
            return Path(file.name).with_name(Path(file.name).name.upper()).exists()
    except OSError:
        return False


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that exists."""
    return next(place for place in (folder, *folder.absolute().parents) if place.is_dir())


def _create_temporary(path: Path) -> IO[bytes]:
    """A new file beside `path`, open and locked.  Another process may delete it as stale before it is locked."""
    while True:
        file = path.with_name(f".{path.stem[:40]}.srgan-{secrets.token_hex(4)}{path.suffix}").open("wb")
        lock(file)
        if Path(file.name).exists():
            _copy_permissions(path, Path(file.name), extra=_OWNER_WRITES)  # before anything private is in it
            return file
        file.close()


def _write_error(error: OSError, path: Path) -> SrganError:
    hint = _HINTS.get(error.errno or 0, "choose another path")
    return SrganError("cannot write {path}: {reason}", hint, path=path, reason=error.strerror or error)
