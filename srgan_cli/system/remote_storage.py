"""Locations of pictures: local files, and URLs of every storage that fsspec knows."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path, PurePath, PurePosixPath
from typing import TYPE_CHECKING, TypeAlias, Union

from srgan_cli.errors import PictureError, SrganError, UsageError, errors_as
from srgan_cli.system.discovery import find_pictures, is_picture_name, no_pictures_error
from srgan_cli.system.files import scratch_folder

if TYPE_CHECKING:
    from typing_extensions import TypeIs
    from upath import UPath

Location: TypeAlias = Union[Path, "UPath"]
_FILE = "file://"
_NOTED = ".ovr"  # what is noted beside rasters of web servers, although it is not read


def is_url(text: str) -> bool:
    """Whether this is a URL and not a path."""
    return "://" in text


def parse_location(text: str) -> Location:
    """The path or the remote location that a text names.  Raises UsageError if its storage cannot be used."""
    if not is_url(text) or text.startswith(_FILE):
        return Path(text.removeprefix(_FILE))
    from upath import UPath

    hint = "pip install s3fs for s3://, gcsfs for gs://, aiohttp for https://"
    with errors_as(UsageError, "cannot reach {place}: {reason}", hint, (ImportError, ValueError), place=text):
        location = UPath(text)
        _ = location.fs  # imports the package for this storage
        return location


def is_remote(location: Location) -> "TypeIs[UPath]":
    """Whether this is a URL rather than a path of this machine."""
    return not isinstance(location, Path)


def exists(location: Location) -> bool:
    """Whether there is a file or folder.  Raises SrganError if the storage does not answer."""
    if is_remote(location):
        return bool(_entry_type(location))
    return os.path.exists(location)  # noqa: PTH110 (Path.exists fails for long names)


def is_dir(location: Location) -> bool:
    """Whether there is a folder.  Raises SrganError if the storage does not answer."""
    if is_remote(location):
        return _entry_type(location) == "directory"
    return os.path.isdir(location)  # noqa: PTH112 (as above)


def as_pure_path(location: Location) -> PurePath:
    """The location as a path, to be split into its parts and compared."""
    return PurePosixPath(str(location)) if is_remote(location) else location


def absolute(location: Location) -> PurePath:
    """The absolute path without symbolic links, which is the same for all names of a location."""
    # Path.resolve fails for circular links
    return as_pure_path(location) if is_remote(location) else Path(os.path.realpath(location))


def list_pictures(location: Location, *, report: Callable[[Path, SrganError], None] | None = None) -> list[Location]:
    """The pictures of find_pictures, also for remote locations.  Raises SrganError if there are none."""
    if not is_remote(location):
        return list(find_pictures(location, report=report))
    with _translate_storage_errors(location):
        names = [path[len(location.path.rstrip("/")) + 1 :] for path in location.fs.find(location.path)]
    found: list[Location] = [location / name for name in sorted(names) if is_picture_name(PurePosixPath(name))]
    if not found:
        raise no_pictures_error(location)
    return found


@contextmanager
def local_copy(source: Location, beside: Callable[[Path], Mapping[str, bool]] = lambda _: {}) -> Iterator[Path]:
    """A local file with the content of a location, which errors name, and with those of the files beside it that exist.

    `beside` gives their names for the local file, and whether their content is needed; others are empty.
    Raises SrganError if it cannot be read.
    """
    if not is_remote(source):
        yield source
        return
    with _scratch_file(source) as copy:
        with _translate_storage_errors(source):
            source.fs.get_file(source.path, str(copy))
            for name, is_read in _existing(source, beside(copy)).items():
                if is_read:
                    source.fs.get_file((source.parent / name).path, str(copy.with_name(name)))
                else:
                    copy.with_name(name).touch()
        yield copy


@contextmanager
def upload_on_success(target: Location, kept: Sequence[str] = ()) -> Iterator[Path]:
    """A local file to write, which is uploaded at the end with the files beside it, if nothing failed.

    The files beside it with the names `kept` are fetched first where they exist, and stay.
    """
    if not is_remote(target):
        yield target
        return
    with _scratch_file(target) as original:
        existing = [name for name in kept if _exists(target.parent / name)]
        with _translate_storage_errors(target):
            for name in existing:
                target.fs.get_file((target.parent / name).path, str(original.with_name(name)))
        yield original
        with _translate_storage_errors(target):
            for written in {*original.parent.iterdir()} - {original.with_name(name) for name in existing}:
                target.fs.put_file(str(written), (target.parent / written.name).path)


@contextmanager
def _scratch_file(location: "UPath") -> Iterator[Path]:
    """A path in a scratch folder in place of a location, which errors name."""
    with scratch_folder() as folder:
        file = folder / location.name
        try:
            yield file
        except SrganError as error:
            error.rename(file, location)
            raise


def _existing(location: "UPath", names: Mapping[str, bool]) -> Mapping[str, bool]:
    """Those of the names that are beside a location.

    Storage that lists the folder is asked once.  Web servers that do not are asked for each name in one case.  They are
    asked beside rasters alone.
    """
    is_web = location.protocol in ("http", "https")
    if is_web and location.suffix.lower() not in (".tif", ".tiff", ".jp2"):
        return {}
    with suppress(Exception):  # a storage may be readable without being listable
        listed = {PurePosixPath(path).name for path in location.fs.ls(location.parent.path, detail=False)}
        if location.name in listed:
            return {name: is_read for name, is_read in names.items() if name in listed}
    if is_web:
        names = {name: is_read for name, is_read in names.items() if is_read or name.endswith(_NOTED)}
        names = {name: names[name] for name in {name.lower(): name for name in reversed(names)}.values()}
    return {name: is_read for name, is_read in names.items() if _exists(location.parent / name)}


def _exists(location: "UPath") -> bool:
    """Whether a file exists.  Storage that cannot be listed may answer that what is missing is forbidden."""
    with suppress(Exception):
        return bool(location.fs.exists(location.path))
    return False


def _entry_type(location: "UPath") -> str:
    """`file`, `directory` or an empty string.  The exists of fsspec is False if a storage does not answer."""
    with _translate_storage_errors(location):
        try:
            return str(location.fs.info(location.path)["type"])
        except FileNotFoundError:
            return ""


@contextmanager
def _translate_storage_errors(location: Location) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise PictureError(f"no such file: {location}", "check the URL") from error
    except Exception as error:  # every storage has its own classes
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise SrganError(f"cannot reach {location}: {reason}", "check the URL and your permissions") from error
