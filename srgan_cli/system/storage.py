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

Place: TypeAlias = Union[Path, "UPath"]
_FILE = "file://"


def is_url(text: str) -> bool:
    """Whether this is an address and not a path."""
    return "://" in text


def place_of(text: str) -> Place:
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


def is_remote(place: Place) -> "TypeIs[UPath]":
    """Whether this is not on this machine's file system."""
    return not isinstance(place, Path)


def exists(place: Place) -> bool:
    """Whether there is something.  Raises SrganError where a store does not answer."""
    return bool(_kind(place)) if is_remote(place) else place.exists()


def is_dir(place: Place) -> bool:
    """Whether there is a folder.  Raises SrganError where a store does not answer."""
    return _kind(place) == "directory" if is_remote(place) else place.is_dir()


def spelled(place: Place) -> PurePath:
    """The place as a path that can be taken apart and compared with others."""
    return PurePosixPath(str(place)) if is_remote(place) else place


def absolute(place: Place) -> PurePath:
    """The same for one place under all its names on this machine."""
    return spelled(place) if is_remote(place) else Path(os.path.realpath(place))  # resolve() fails on links in a circle


def pictures_of(place: Place) -> list[Place]:
    """What find_pictures finds, also in a store.  Raises SrganError where it holds none or does not answer."""
    if not is_remote(place):
        return list(find_pictures(place))
    with _answering(place):
        names = [path[len(place.path.rstrip("/")) + 1 :] for path in place.fs.find(place.path)]
    found: list[Place] = [place / name for name in sorted(names) if names_picture(PurePosixPath(name))]
    if not found:
        raise no_pictures(place)
    return found


@contextmanager
def fetched(source: Place) -> Iterator[Path]:
    """A place to read as a file of this machine.  Errors name the place.  Raises SrganError where it cannot be had."""
    if not is_remote(source):
        yield source
        return
    with scratch_folder() as folder:
        copy = folder / source.name
        with _naming(copy, source):
            with _answering(source):
                source.fs.get_file(source.path, str(copy))
            yield copy


@contextmanager
def sent(target: Place) -> Iterator[Path]:
    """A file of this machine to write; if it is there at the end and nothing failed, it is sent to its place whole.

    Errors name the place.  Raises SrganError where it cannot be sent.
    """
    if not is_remote(target):
        yield target
        return
    with scratch_folder() as folder:
        original = folder / target.name
        with _naming(original, target):
            yield original
            if original.exists():
                with _answering(target):
                    target.fs.put_file(str(original), target.path)


def _kind(place: "UPath") -> str:
    """`file`, `directory` or nothing.  Not fsspec's own exists, to which a store that does not answer is empty."""
    with _answering(place):
        try:
            return str(place.fs.info(place.path)["type"])
        except FileNotFoundError:
            return ""


@contextmanager
def _naming(file: Path, place: Place) -> Iterator[None]:
    try:
        yield
    except SrganError as error:
        error.message = error.message.replace(str(file), str(place))
        raise


@contextmanager
def _answering(place: Place) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise PictureError(f"no such file: {place}", "check the address") from error
    except Exception as error:  # every store has errors of its own
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise SrganError(f"cannot reach {place}: {reason}", "check the address and your rights there") from error
