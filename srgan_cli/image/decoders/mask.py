"""Masks beside pictures and in TIFFs, as GDAL writes them: which pixels have data.  Source: GDAL, RFC 15."""

from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from srgan_cli.image.codec import tiff
from srgan_cli.image.codec.raster import Rows, apply_exif_orientation
from srgan_cli.image.decoders import tiff_page
from srgan_cli.image.geo import bands, gdal_reader

StoredMask = tuple[Path, int]
"""A TIFF, and the number of a page in it."""


def find_mask(picture: Path, size: tuple[int, int]) -> StoredMask | None:
    """The mask in a .msk beside a picture that is stored with this size, if it has that size and one band."""
    path = picture.with_name(f"{picture.name}.msk")
    with suppress(Exception), path.open("rb") as file:  # a damaged one is dropped with a note
        (_, tags), *_ = tiff.pages(file)[0]
        if (tags[tiff.HEIGHT], tags[tiff.WIDTH]) == size and tags.get(bands.SAMPLES, 1) == 1:
            return path, 0
    return None


def read_mask(mask: StoredMask, orientation: int) -> Rows:
    """The values (H, W, 1) of a mask, upright: 0 without data."""
    if find_spec("rasterio"):
        return gdal_reader.read(*mask, orientation)
    return Rows.from_array(apply_exif_orientation(tiff_page.decode_samples(*mask), orientation))
