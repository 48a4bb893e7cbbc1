"""How many pixels a picture may have, checked against its header before it is decoded."""

from pathlib import Path

from srgan_cli.errors import PictureError

DEFAULT_MAX_PIXELS = 178_956_970  # the limit where none is given, the same as Pillow's
_MAX_PIXELS_PER_BYTE = 50


def check_max_pixels(path: Path, height: int, width: int, *, max_pixels: int | None = None) -> None:
    """Raises PictureError for more than `max_pixels` pixels; None means DEFAULT_MAX_PIXELS."""
    limit = max_pixels or DEFAULT_MAX_PIXELS
    if height * width > limit:
        message = "{path} has {count} pixels, more than --max-pixels ({limit})"
        hint = "raise --max-pixels if you trust the file"
        raise PictureError(message, hint, path=path, count=height * width, limit=limit)


def check_streamed_pixels(path: Path, height: int, width: int, *, max_pixels: int | None = None) -> None:
    """The same check for a picture that is read in bands, so that memory does not depend on its size.

    Without `max_pixels`, any size is accepted if the file has at least one byte for every 50 pixels.  Photographs have
    about one byte a pixel.  Deflate packs a thousand bytes into one, so without this check a file of a few megabytes
    could keep a machine busy for days.
    """
    if max_pixels or height * width > _MAX_PIXELS_PER_BYTE * path.stat().st_size:
        check_max_pixels(path, height, width, max_pixels=max_pixels)


def set_pillow_limit(max_pixels: int | None) -> int | None:
    """Set Pillow's own limit, unless None, and return it; the library itself does not call this, as it is global."""
    if max_pixels:
        from PIL import Image  # --help needs no Pillow

        Image.MAX_IMAGE_PIXELS = -(-max_pixels // 2)  # Pillow refuses more than twice as many
    return max_pixels
