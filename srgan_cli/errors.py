"""Errors, each with a message, a hint and an exit code.

SrganError                exit 1: the work failed
├── PictureError          a picture cannot be read or written
│   └── MismatchError     two pictures to be compared differ in size
├── WeightsError          a weights file or a checkpoint cannot be used
├── OutputClosed          exit 141: standard output was closed; nothing is printed
└── UsageError            exit 2: the request is invalid
    ├── OutputExists      --overwrite would replace the output
    ├── UnknownModel      no shipped weights have this name
    └── UnknownDevice     this machine has no such device
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from textwrap import shorten
from typing import Any

_OUT_OF_MEMORY = re.compile(
    "out of memory|can(no|')t allocate memory|not enough memory|CUBLAS_STATUS_ALLOC_FAILED|could not create a primitive"
    "|failed to map segment from shared object$",
    re.IGNORECASE,
)
"""What the system, torch, and the libraries that it multiplies with report when memory runs out."""
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class SrganError(Exception):
    """An error in one line: what was found and what was expected.  The hint is what to try.

    Where values are given, the message is a template for them: SrganError("no such file: {path}", path=path).
    `option` names those, without dashes and with blanks between, of which one would have to be left out.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str = "", *, option: str = "", **values: object) -> None:
        super().__init__(message, hint)
        self.template, self.hint, self.option = message, hint, option
        self.values = {name: str(value) for name, value in values.items()}

    def __str__(self) -> str:
        return self.message

    @property
    def message(self) -> str:
        """The line, with the values filled in."""
        return self.template.format(**self.values) if self.values else self.template

    @property
    def with_hint(self) -> str:
        """The message and what to try, in one line."""
        return "; ".join(filter(None, (self.message, self.hint)))

    def rename(self, path: object, name: object) -> None:
        """Name a file differently in the message, such as one that stands in for an address or for standard input."""
        self.values = {key: str(name) if value == str(path) else value for key, value in self.values.items()}


class PictureError(SrganError):
    """A picture cannot be read or written."""


class MismatchError(PictureError):
    """Two pictures to be compared differ in size."""


class WeightsError(SrganError):
    """A weights file or a checkpoint cannot be used."""


class OutputClosed(SrganError):  # noqa: N818 (an event, not a fault)
    """Standard output was closed by its reader.  The exit code is that of a process killed by SIGPIPE."""

    exit_code = 141


class UsageError(SrganError):
    """The request is invalid."""

    exit_code = 2


class OutputExists(UsageError):  # noqa: N818
    """There is an output that --overwrite would replace."""


class UnknownModel(UsageError):  # noqa: N818
    """No shipped weights have this name."""


class UnknownDevice(UsageError):  # noqa: N818
    """This machine has no such device."""


def to_srgan_error(error: Exception) -> SrganError:
    """The error itself if it is an SrganError, else an SrganError that describes it."""
    if isinstance(error, SrganError):
        return error
    if is_out_of_memory(error):
        return SrganError("out of memory", "try a smaller --tile, --scale, --batch or --patch")
    if isinstance(error, OSError) and error.strerror:
        if error.filename:
            hint = "check this file or folder"
            return SrganError("{reason}: {path}", hint, reason=error.strerror, path=error.filename)
        return SrganError(error.strerror, "check the files and folders that were named")
    if "Symlink loop" in str(error):  # of Path.resolve before Python 3.13
        return SrganError(str(error), "remove this symbolic link")
    first_line = (str(error).splitlines() or [""])[0]
    return SrganError(f"{type(error).__name__}: {first_line}", "this is a bug in srgan; --debug shows the traceback")


def import_extra(module: str, extra: str, message: str, kind: type[SrganError] = UsageError, **data: Any) -> Any:
    """A module of an extra of srgan-cli.  Raises an error of this kind and data; its hint is how to install it."""
    with errors_as(kind, message, f"pip install 'srgan-cli[{extra}]'", ImportError, **data):
        return import_module(module)


@contextmanager
def errors_as(
    kind: type[SrganError],
    message: str = "",
    hint: str = "",
    /,
    caught: type[Exception] | tuple[type[Exception], ...] = Exception,
    **values: Any,
) -> Iterator[None]:
    """Raise an error of this kind instead of those that are caught.  Not SrganErrors and a lack of memory.

    The message is a template for the values and for {reason}, the beginning of what the other error says, or its type.
    """
    try:
        yield
    except (SrganError, MemoryError):
        raise
    except caught as error:
        said = error.__cause__ if "See previous exception" in str(error) else error  # rasterio has GDAL's words there
        text = re.sub(r"/\S+\.cpp, \d+: ", "", str(said)) or type(said).__name__  # where GDAL was built
        raise kind(message, hint, reason=shorten(text, 240), **values) from error


def printable(text: str) -> str:
    """The text in one line, with the control characters of file names spelled out, such as \\x1b."""
    return _CONTROLS.sub(lambda found: repr(found[0])[1:-1], re.sub(r"\s*\n\s*", " ", text))


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error reports that memory has run out, on a GPU or in this machine."""
    return isinstance(error, MemoryError) or bool(_OUT_OF_MEMORY.search(str(error)))
