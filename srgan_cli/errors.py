"""What can go wrong, and what to try.

SrganError                exit 1: the work failed
├── PictureError          a picture cannot be read or written
│   └── MismatchError     two pictures that are to be compared differ in size
├── WeightsError          a weights file or a checkpoint cannot be used
├── OutputClosed          exit 141: nobody reads standard output any more; nothing is said
└── UsageError            exit 2: what was asked for makes no sense
    ├── UnknownModel      no shipped weights have this name
    └── UnknownDevice     no such device on this machine
"""

import re

_OUT_OF_MEMORY = re.compile(
    "out of memory|can't allocate memory|not enough memory|CUBLAS_STATUS_ALLOC_FAILED|could not create a primitive",
    re.IGNORECASE,
)
"""What torch, and the libraries that it multiplies with, say when memory runs out."""


class SrganError(Exception):
    """One line that says what was found and what was expected, and a hint that says what to try."""

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class PictureError(SrganError):
    """A picture cannot be read or written."""


class MismatchError(PictureError):
    """Two pictures that are to be compared differ in size."""


class WeightsError(SrganError):
    """A weights file or a checkpoint cannot be used."""


class OutputClosed(SrganError):  # noqa: N818 (says what happened)
    """Nobody reads standard output any more: no mistake, nothing to say, the code of a death by SIGPIPE."""

    exit_code = 141

    def __init__(self) -> None:
        super().__init__("")


class UsageError(SrganError):
    """What was asked for makes no sense."""

    exit_code = 2


class UnknownModel(UsageError):  # noqa: N818 (says what it is)
    """No shipped weights have this name."""


class UnknownDevice(UsageError):  # noqa: N818
    """No such device on this machine."""


def to_srgan_error(error: Exception) -> SrganError:
    """The error itself if it is one of ours, else what went wrong outside our own checks as one of ours."""
    if isinstance(error, SrganError):
        return error
    if is_out_of_memory(error):
        return SrganError("out of memory", "try a smaller --tile, --scale, --batch or --patch")
    if isinstance(error, OSError) and error.strerror:
        place = f": {error.filename}" if error.filename else ""
        return SrganError(f"{error.strerror}{place}", "check the place that is read or written")
    first_line = (str(error).splitlines() or [""])[0]
    return SrganError(f"{type(error).__name__}: {first_line}", "this is a fault in srgan; --debug shows where")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether this says that memory has run out, on a GPU or in this machine."""
    return isinstance(error, MemoryError) or bool(_OUT_OF_MEMORY.search(str(error)))
