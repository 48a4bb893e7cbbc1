"""Where pictures are: files, and addresses in every store that fsspec knows."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePath, PurePosixPath
from typing import TYPE_CHECKING, TypeAlias, Union

from srgan_cli.errors import PictureError, SrganError, UsageError
from srgan_cli.system.discovery import find_pictures, names_picture, no_pictures
from srgan_cli.system.files import scratch_folder

if TYPE_CHECKING:
    from typing_extensions import TypeIs
    from upath import UPath

Location: TypeAlias = Union[Path, "UPath"]
_FILE = "file://"


def is_url(text: str) -> bool:
    """Whether this is an address and not a path."""
    return "://" in text


def parse_location(text: str) -> Location:
    """The path, or the place that an address names.  Raises UsageError where nothing here can reach it."""
    if not is_url(text) or text.startswith(_FILE):
        return Path(text.removeprefix(_FILE))
    from upath import UPath

    try:
        place = UPath(text)
        _ = place.fs  # asks for the package that knows the store
    except (ImportError, ValueError) as error:
        raise UsageError(f"cannot reach {text}: {error}", "pip install s3fs for s3://, gcsfs for gs://") from error
    return place


def is_remote(location: Location) -> "TypeIs[UPath]":
    """Whether this is not on this machine's file system."""
    return not isinstance(location, Path)


def exists(location: Location) -> bool:
    """Whether there is something.  Raises SrganError where a store does not answer."""
    return bool(_entry_type(location)) if is_remote(location) else location.exists()


def is_dir(location: Location) -> bool:
    """Whether there is a folder.  Raises SrganError where a store does not answer."""
    return _entry_type(location) == "directory" if is_remote(location) else location.is_dir()


def as_pure_path(location: Location) -> PurePath:
    """The place as a path that can be taken apart and compared with others."""
    return PurePosixPath(str(location)) if is_remote(location) else location


def absolute(location: Location) -> PurePath:
    """The same for one place under all its names on this machine."""
    return (
        as_pure_path(location) if is_remote(location) else Path(os.path.realpath(location))
    )  # resolve() fails on links in a circle


def list_pictures(location: Location) -> list[Location]:
    """What find_pictures finds, also in a store.  Raises SrganError where it holds none or does not answer."""
    if not is_remote(location):
        return list(find_pictures(location))
    with _translate_store_errors(location):
        names = [path[len(location.path.rstrip("/")) + 1 :] for path in location.fs.find(location.path)]
    found: list[Location] = [location / name for name in sorted(names) if names_picture(PurePosixPath(name))]
    if not found:
        raise no_pictures(location)
    return found


@contextmanager
def local_copy(source: Location) -> Iterator[Path]:
    """A place to read as a file of this machine.  Errors name the place.  Raises SrganError where it cannot be had."""
    if not is_remote(source):
        yield source
        return
    with scratch_folder() as folder:
        copy = folder / source.name
        with _name_location_in_errors(copy, source):
            with _translate_store_errors(source):
                source.fs.get_file(source.path, str(copy))
            yield copy


@contextmanager
def upload_on_success(target: Location) -> Iterator[Path]:
    """A file of this machine to write; if it is there at the end and nothing failed, it is sent to its place whole.

    Errors name the place.  Raises SrganError where it cannot be sent.
    """
    if not is_remote(target):
        yield target
        return
    with scratch_folder() as folder:
        original = folder / target.name
        with _name_location_in_errors(original, target):
            yield original
            if original.exists():
                with _translate_store_errors(target):
                    target.fs.put_file(str(original), target.path)


def _entry_type(location: "UPath") -> str:
    """`file`, `directory` or nothing.  Not fsspec's own exists, to which a store that does not answer is empty."""
    with _translate_store_errors(location):
        try:
            return str(location.fs.info(location.path)["type"])
        except FileNotFoundError:
            return ""


@contextmanager
def _name_location_in_errors(file: Path, location: Location) -> Iterator[None]:
    try:
        yield
    except SrganError as error:
        error.rename(file, location)
        raise


@contextmanager
def _translate_store_errors(location: Location) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise PictureError(f"no such file: {location}", "check the address") from error
    except Exception as error:  # every store has errors of its own
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise SrganError(f"cannot reach {location}: {reason}", "check the address and your rights there") from error
