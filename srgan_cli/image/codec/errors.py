"""What is no picture, damaged, or claims too much: refused, and in which words."""

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from srgan_cli.errors import PictureError

TIFF_STARTS = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
# What Pillow's readers raise on damaged files.
_DAMAGE_ERRORS = (
    *(OSError, SyntaxError, ValueError, EOFError, RuntimeError, IndexError, KeyError, TypeError, struct.error),
    *(AssertionError, AttributeError, ArithmeticError, zlib.error),
)
_SIGNATURES = {b"\xff\xd8": "JPEG", b"\x89PNG": "PNG", b"GIF8": "GIF", b"BM": "BMP", b"RIFF": "WebP"}
_SIGNATURES |= dict.fromkeys(TIFF_STARTS, "TIFF")
_HEAD = 64


@contextmanager
def translate_errors(path: Path) -> Iterator[None]:
    """Turns what opening and reading a file raises into a PictureError that says what is wrong with it."""
    try:
        yield
    except FileNotFoundError as error:
        raise PictureError("no such file: {path}", "check the spelling of the path", path=path) from error
    except IsADirectoryError as error:
        raise PictureError("{path} is a folder", "name one picture", path=path) from error
    except PermissionError as error:
        raise PictureError("may not read {path}", "check the file's permissions", path=path) from error
    except UnidentifiedImageError as error:
        raise _unidentified(path) from error
    except Image.DecompressionBombError as error:
        raise PictureError(
            "{path} has a frame with more pixels than Pillow's own limit ({most})",
            "convert it to PNG or JPEG, or raise PIL.Image.MAX_IMAGE_PIXELS",
            path=path,
            most=2 * (Image.MAX_IMAGE_PIXELS or 0),
        ) from error
    except PictureError:
        raise
    except _DAMAGE_ERRORS as error:
        system = getattr(error, "strerror", None)
        hint = "check the path" if system else "the file is damaged or cut short: fetch it again"
        reason = system or error or type(error).__name__
        raise PictureError("cannot read {path}: {reason}", hint, path=path, reason=reason) from error


def _unidentified(path: Path) -> PictureError:
    """The error for a file that no reader accepts."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    for start, name in _SIGNATURES.items():
        if head.startswith(start):
            return PictureError(
                "cannot read {path}: it begins as {format} and goes on as none",
                "it is damaged or of a rare kind",
                path=path,
                format=name,
            )
    return PictureError("not a picture: {path}", "PNG, JPEG, WebP, TIFF, BMP, GIF and AVIF can be read", path=path)
