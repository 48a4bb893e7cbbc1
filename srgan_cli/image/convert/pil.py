"""Conversion of PIL images to pixels 0…1."""

from pathlib import Path

from PIL import Image

from srgan_cli.errors import UsageError
from srgan_cli.image.codec.errors import translate_errors
from srgan_cli.image.codec.pillow import ORIENTED_BY_DECODER, decode
from srgan_cli.image.codec.raster import ValueRange
from srgan_cli.image.convert.arrays import from_array
from srgan_cli.image.convert.tensors import Channels
from srgan_cli.image.metadata.reading import read_info
from srgan_cli.image.metadata.record import Metadata


def from_image(
    image: Image.Image, value_range: ValueRange | None = None
) -> tuple[Channels, bytes | None, Metadata, tuple[str, ...]]:
    """The pixels, profile, metadata and notes of an image of any mode but I, upright.

    CMYK, Lab, HSV and YCbCr become RGB, and the first three of them without a profile.  Raises PictureError for mode I
    and for a damaged file, and UsageError as `from_tensor` does.
    """
    if getattr(image, "tile", None) and image.fp is None:  # type: ignore[attr-defined]
        raise UsageError("the image was closed before it was read", "use it in the with block of Image.open")
    path = Path(getattr(image, "filename", "") or "the image")
    with translate_errors(path):
        image.load()
        metadata, notes = read_info(image)
        orientation = 1 if image.format in ORIENTED_BY_DECODER else metadata.orientation
        values, profile, changes = decode(image, path, orientation=orientation)
    return from_array(values, value_range), profile, metadata.upright(), (*notes, *changes)
