"""Pages of a TIFF that neither libvips nor Pillow decodes: odd depths, planar tiles, rare compressions.

tifffile reads them, with imagecodecs for most compressions.  Pictures without a page of their own.  And masks, in a
TIFF or beside a picture, as GDAL writes them: which pixels have data.  Source of masks: GDAL, RFC 15.
"""

import logging
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from srgan_cli.errors import PictureError
from srgan_cli.image.codec import tiff
from srgan_cli.image.codec.colour import convert_to_srgb
from srgan_cli.image.codec.pillow import Decoded
from srgan_cli.image.codec.raster import Rows, Values, apply_exif_orientation, divide_by_alpha, opaque
from srgan_cli.image.geo import gdal_reader, microscopy

_HINT = "convert it to an uncompressed TIFF of 8 or 16 bits, or to PNG"
_COLOURS = {"MINISWHITE": 1, "MINISBLACK": 1, "PALETTE": 1, "RGB": 3, "YCBCR": 3, "SEPARATED": 4}
"""The photometric interpretations that are read, with their channels."""
_PLAIN = ("MINISWHITE", "MINISBLACK", "RGB")  # those whose samples are not converted
_ASSOCIATED_ALPHA, _UNASSOCIATED_ALPHA = 1, 2
_FAILURES = (ValueError, RuntimeError, TypeError, LookupError, ImportError, NotImplementedError, AttributeError)
_STACKING = ("ImageJ", "tifffile")
_METAMORPH, _DEPTH = 33629, 32997
"""Tags: the planes of a stack, which only the first page describes, and those of a volume in one page."""


def decode(path: Path, number: int) -> Decoded:
    """The values of a page, not turned upright: integers of 8 or 16 bits, or float32.  Raises PictureError."""
    with _open(path) as file:
        page: Any = file.pages[number]
        if _name(page.photometric) not in _COLOURS:
            raise _unsupported(path, f"colours of the kind {_name(page.photometric)}")
        return _to_colours(_samples(page, path), page, path)


def decode_samples(path: Path, number: int) -> Values:
    """The samples (H, W, C) as stored, not turned upright.  Raises as `decode`."""
    with _open(path) as file:
        values = _samples(file.pages[number], path)
    _check_type(values.dtype, path)
    return values.astype(np.uint8 if values.dtype.kind == "b" else values.dtype.newbyteorder("="))


def find_planes(path: Path, tags: Mapping[int, Any]) -> tuple[int, Callable[[int, int], Rows]] | None:
    """The pictures of a TIFF whose only page describes all, as of ImageJ, MetaMorph and tifffile; None for other files.

    Their number, and what gives the values of one, upright, by its number and its orientation.
    Raises PictureError for those that are compressed or coloured in unusual ways, and for volumes.
    """
    if tags.get(_DEPTH, 1) > 1:
        raise _unsupported(path, f"a volume of {tags[_DEPTH]} planes")
    if microscopy.software_of(tags.get(microscopy.DESCRIPTION)) not in _STACKING and _METAMORPH not in tags:
        return None
    with suppress(*_FAILURES), _open(path) as file:  # a description that does not fit is dropped with a note
        series, page = file.series[0], file.pages[0]
        start, kind, count = series.dataoffset, _name(page.photometric), series.size // page.size
        if count == 1 or (start and start + series.nbytes > file.filehandle.size):
            return None
        if not start or kind not in _PLAIN:
            raise _unsupported(path, f"{count} pictures in one {kind} page, compression {_name(page.compression)}")
        _check_type(page.dtype, path)
        stored = partial(np.memmap, path, page.dtype.newbyteorder(file.byteorder), "r", start, (count, *page.shape))
        return count, partial(_plane_rows, stored, page.axes == "SYX")
    return None


def _plane_rows(stored: Callable[[], Values], are_separate: bool, index: int, orientation: int) -> Rows:
    values = stored()[index]
    native = values.dtype.newbyteorder("=")
    rows = Rows.from_array(apply_exif_orientation(_channels_last(values, are_separate), orientation))
    return rows.map(lambda band: np.asarray(band, native), native)


def _channels_last(values: Values, are_separate: bool) -> Values:
    return np.moveaxis(values, 0, -1) if are_separate else values.reshape(*values.shape[:2], -1)


def _open(path: Path) -> Any:
    import tifffile  # takes a tenth of a second

    logging.getLogger(tifffile.__name__).addHandler(logging.NullHandler())  # it writes about damage to stderr
    return tifffile.TiffFile(path)


def _check_type(dtype: np.dtype[Any], path: Path) -> None:
    if dtype.kind == "c" or (dtype.kind in "iu" and dtype.itemsize > 4):
        raise _unsupported(path, f"samples of the type {dtype.name}")


def _samples(page: Any, path: Path) -> Values:
    try:
        return _channels_last(page.asarray(), page.axes == "SYX")
    except _FAILURES as error:
        stored = f"samples of {page.bitspersample} bits, compression {_name(page.compression)}"
        raise _unsupported(path, stored, needs_extra="imagecodecs" in str(error)) from error


def _name(value: Any) -> str:
    return str(getattr(value, "name", value))


def _unsupported(path: Path, found: str, *, needs_extra: bool = False) -> PictureError:
    hint = "pip install 'srgan-cli[tiff]'" if needs_extra else _HINT
    return PictureError("{path} has {found}, which cannot be read", hint, path=path, found=found)


def _to_colours(stored: Values, page: Any, path: Path) -> Decoded:
    """The colours of stored channels, with alpha if there is any."""
    kind, alpha = _name(page.photometric), page.extrasamples[:1] in ((_ASSOCIATED_ALPHA,), (_UNASSOCIATED_ALPHA,))
    if stored.shape[2] != _COLOURS[kind] + alpha:
        raise _unsupported(path, f"{stored.shape[2]} channels of the kind {kind}")
    if not isinstance(page.bitspersample, int):
        raise _unsupported(path, f"channels of several depths, {page.bitspersample} bits")
    if kind == "PALETTE":
        levels = page.colormap.T[stored[..., 0]]
        colours = levels if page.colormap.max() < 256 else levels // 257
        alphas = np.rint(stored[..., 1:] * (255 / (2**page.bitspersample - 1)))
        return np.concatenate([colours, alphas], axis=2).astype(np.uint8), None, []
    values, notes = _to_depth(stored, page.bitspersample, path)
    if kind == "MINISWHITE":
        values[..., 0] = opaque(values.dtype) - values[..., 0]
    profile = page.iccprofile
    if kind == "SEPARATED":
        return _from_cmyk(values, profile)
    if alpha and page.extrasamples[0] == _ASSOCIATED_ALPHA:
        values = divide_by_alpha(values, -1, opaque(values.dtype))
    return values, profile, notes


def _to_depth(values: Values, bits: int, path: Path) -> tuple[Values, list[str]]:
    """The same as uint8, uint16 or float32, and a note where bits are lost."""
    if values.dtype.kind == "f":
        return values.astype(np.float32), []
    if values.dtype.kind not in "ub":
        raise _unsupported(path, f"values of the type {values.dtype.name}")
    dtype, top = (np.uint8, 255) if bits <= 8 else (np.uint16, 65_535)
    scaled: Values = np.rint(values * (top / (2**bits - 1))).astype(dtype)
    return scaled, [f"its {bits} bits a channel are reduced to 16"] if bits > 16 else []


def _from_cmyk(values: Values, profile: bytes | None) -> Decoded:
    """RGB of 8 bits."""
    top = opaque(values.dtype)
    inks = np.rint(values[..., :4].clip(0, top) * (255 / top)).astype(np.uint8)
    image = Image.fromarray(np.ascontiguousarray(inks), "CMYK")
    image.info["icc_profile"] = profile
    converted, note = convert_to_srgb(image)
    notes = ["its bits a channel are reduced to 8"] if values.itemsize > 1 else []
    return np.asarray(converted), None, [note, *notes]


def find_mask(picture: Path, size: tuple[int, int], orientation: int = 1) -> Rows | None:
    """The mask in a .msk beside a picture of this stored size, if it has that size and no damage."""
    path = picture.with_name(f"{picture.name}.msk")
    with suppress(Exception), path.open("rb") as file:  # a damaged one is dropped with a note
        (_, tags), *_ = tiff.pages(tiff.directories(file))[0]
        if (tags[tiff.HEIGHT], tags[tiff.WIDTH]) == size:
            mask = read_mask(path, 0, orientation)
            deque(mask.bands(), maxlen=0)
            return mask
    return None


def read_mask(path: Path, number: int, orientation: int) -> Rows:
    """The values (H, W, C) of a mask, or of one for each band, which is a page of a TIFF, upright: 0 without data."""
    if find_spec("rasterio"):
        return gdal_reader.read(path, number, orientation)
    return Rows.from_array(apply_exif_orientation(decode_samples(path, number), orientation))
