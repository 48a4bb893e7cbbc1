"""What is no picture, damaged, or claims too much: refused, and in which words."""

import re
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
_COUNT = re.compile(r".*\((\d+) pixels\).*")
_HEAD = 64
_MAX_PIXELS_PER_BYTE = 50


def set_max_pixels(most: int | None) -> None:
    """Let pictures of so many pixels be opened in this process, and none of more; None changes nothing."""
    if most:
        Image.MAX_IMAGE_PIXELS = -(-most // 2)  # Pillow warns of these and refuses twice as many


def check_max_pixels(path: Path, height: int, width: int) -> None:
    """Raises PictureError when a picture has more pixels than a file may be trusted to fill memory with."""
    if Image.MAX_IMAGE_PIXELS and height * width > 2 * Image.MAX_IMAGE_PIXELS:
        raise _too_many(path, height * width)


def check_pixel_count(path: Path, height: int, width: int) -> None:
    """The same for a picture that is read in bands, of a file that is far too short for as many pixels of a photograph.

    Deflate makes a thousand bytes of one: a few megabytes may pretend to be a picture that keeps a machine busy for
    days.  Photographs take about a byte a pixel.
    """
    if height * width > _MAX_PIXELS_PER_BYTE * path.stat().st_size:
        check_max_pixels(path, height, width)


@contextmanager
def translate_errors(path: Path) -> Iterator[None]:
    """Turns what opening and reading a file raises into a PictureError that says what is wrong with it."""
    try:
        yield
    except FileNotFoundError as error:
        raise PictureError(f"no such file: {path}", "check the spelling of the path") from error
    except IsADirectoryError as error:
        raise PictureError(f"{path} is a folder", "name one picture") from error
    except PermissionError as error:
        raise PictureError(f"may not read {path}", "check the file's permissions") from error
    except UnidentifiedImageError as error:
        raise PictureError(*_unidentified(path)) from error
    except Image.DecompressionBombError as error:
        raise _too_many(path, _COUNT.sub(r"\1", str(error))) from error
    except PictureError:
        raise
    except _DAMAGE_ERRORS as error:
        system = getattr(error, "strerror", None)
        hint = "check the path" if system else "the file is damaged or cut short: fetch it again"
        raise PictureError(f"cannot read {path}: {system or error or type(error).__name__}", hint) from error


def _too_many(path: Path, count: int | str) -> PictureError:
    most = 2 * (Image.MAX_IMAGE_PIXELS or 0)
    return PictureError(
        f"{path} says it has {count} pixels, more than --max-pixels ({most})", "raise it if you trust the file"
    )


def _unidentified(path: Path) -> tuple[str, str]:
    """What to say of a file that no reader takes."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    for start, name in _SIGNATURES.items():
        if head.startswith(start):
            return f"cannot read {path}: it begins as {name} and goes on as none", "it is damaged or of a rare kind"
    return f"not a picture: {path}", "PNG, JPEG, WebP, TIFF, BMP, GIF and AVIF can be read"
