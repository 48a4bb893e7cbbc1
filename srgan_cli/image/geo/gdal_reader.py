"""Reading what only GDAL reads, by rasterio: TIFF pages of planes, masks, 64 or odd bits, JPEG 2000, and rasters."""

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import RLock
from typing import Any

import numpy as np

from srgan_cli.errors import PictureError
from srgan_cli.image.codec.raster import (
    BAND_GRID,
    UNASSOCIATED,
    UNSPECIFIED,
    BandLayout,
    Raster,
    Rows,
    Values,
    apply_exif_orientation,
)
from srgan_cli.image.geo import geotiff

_READABLE = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "float16", "float32", "float64")
_LEAST_CACHE = 2**24
"""Bytes."""
LINKING_DRIVERS = {"VRT": ".vrt", "ERS": ".ers", "ISIS3": ".cub", "PCIDSK": ".pix"}
"""GDAL's names of formats whose rasters may name other files and addresses to read from, with the suffix they need."""
_DRIVERS = (
    *("AAIGrid", "BT", "DTED", "EHdr", "ENVI", "GRASSASCIIGrid", "GRIB", "GSAG", "GSBG", "GS7BG", "HFA", "NITF"),
    *("PCRaster", "RMF", "RST", "SAGA", "SRTMHGT", "USGSDEM", *LINKING_DRIVERS),
)
"""Those of all formats of rasters that are read.  Not HDF and NetCDF: GDAL crashes at damaged files of theirs."""
_PROCESS = RLock()
"""The filters of warnings and the hooks belong to the process."""


def find_driver(path: Path) -> str:
    """GDAL's name of the format of a raster with bands; empty for other files."""
    for driver in _DRIVERS:
        if path.suffix.lower() != LINKING_DRIVERS.get(driver, path.suffix.lower()):
            continue
        with suppress(PictureError), _open(path, None, driver) as file:
            return driver if file.count else ""
    return ""


def read_header(path: Path, driver: str) -> tuple[tuple[int, int], int, int]:
    """Height and width of a raster, the bytes of its values, and the number of its overviews."""
    with _open(path, None, driver) as file:
        samples = sum(np.dtype(name.removesuffix("_int16")).itemsize for name in file.dtypes)
        return (file.height, file.width), file.height * file.width * samples, len(file.overviews(1))


def copy_as_tiff(path: Path, driver: str, target: Path) -> None:
    """Write a raster as TIFF, with all that GDAL says of it.  Raises PictureError where GDAL fails."""
    import rasterio.shutil
    from rasterio._err import CPLE_BaseError

    try:
        with _quietly(), rasterio.Env(GDAL_CACHEMAX=_LEAST_CACHE), _open(path, None, driver) as file:
            rasterio.shutil.copy(file, target, driver="GTiff", bigtiff="IF_SAFER")
    except (rasterio.errors.RasterioError, CPLE_BaseError) as error:
        raise _failure(path, error) from error


def read_raster(path: Path) -> Raster:
    """The values of a file, which is no TIFF, and what they are.  Raises as `read` does."""
    with _open(path, None) as file:
        names = [kind.name for kind in file.colorinterp]
        nodata = {"" if value is None else f"{value:.17g}" for value in file.nodatavals}
        bits = max(int(file.tags(band, ns="IMAGE_STRUCTURE").get("NBITS", 0)) for band in file.indexes)
    colours = 3 if names[:3] == ["red", "green", "blue"] else 1
    extra = tuple(UNASSOCIATED if name == "alpha" else UNSPECIFIED for name in names[colours:])
    rows, layout = read(path, None, 1), BandLayout(colours, extra)
    text = nodata.pop() if len(nodata) == 1 else ""
    return Raster(rows, layout=layout, nodata=text, is_measured=True, bits=bits)


def read_place(path: Path) -> dict[int, Any]:
    """The tags of a GeoTIFF for the place of a file; none where it has no EPSG code."""
    with _open(path, None) as file:
        transform, system = file.transform, file.crs
    code = system.to_epsg() if system and not transform.is_identity else None
    return geotiff.tags_for(tuple(transform), code, is_projected=system.is_projected) if code else {}


def read(path: Path, page: int | None, orientation: int) -> Rows:
    """The values of a page, upright.  Raises PictureError for other types."""
    with _open(path, page) as file:
        shape, names = (file.height, file.width, file.count), set(file.dtypes)
    if len(names) > 1 or not names <= set(_READABLE):
        message, types = "{path} has samples of the type {types}, which cannot be read", ", ".join(sorted(names))
        raise PictureError(message, "convert them to integers of 32 bits or to floats", path=path, types=types)
    rows = Rows(shape, np.dtype(names.pop()), lambda: _windows(path, page))
    return rows if orientation == 1 else Rows.from_array(apply_exif_orientation(rows.to_array(), orientation))


@contextmanager
def _quietly() -> Iterator[None]:
    """Without warnings, and without what rasterio prints where GDAL quotes bytes of a damaged file."""
    with _PROCESS, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a picture without georeference is usual here
        hooks = sys.excepthook, sys.unraisablehook
        sys.excepthook, sys.unraisablehook = (lambda *_: None), (lambda _: None)
        try:
            yield
        finally:
            sys.excepthook, sys.unraisablehook = hooks


def _windows(path: Path, page: int | None) -> Iterator[Values]:
    """The rows of a page, from top to bottom.  GDAL keeps a row of blocks, and not a part of the machine's memory."""
    from rasterio import Env
    from rasterio.errors import RasterioError
    from rasterio.windows import Window

    with _open(path, page) as file:
        sample = np.dtype(file.dtypes[0]).itemsize
        blocks = max(height for height, _ in file.block_shapes) * file.width * file.count * sample
        for top in range(0, file.height, BAND_GRID):
            window = Window(0, top, file.width, min(BAND_GRID, file.height - top))
            try:
                with Env(GDAL_CACHEMAX=max(_LEAST_CACHE, 2 * blocks)):
                    values = file.read(window=window)
                yield np.moveaxis(values, 0, 2)
            except RasterioError as error:
                raise _failure(path, error) from error


def _open(path: Path, page: int | None, driver: str | None = None) -> Any:
    import rasterio

    name = path if page is None else f"GTIFF_DIR:{page + 1}:{path}"
    try:
        with _quietly():
            return rasterio.open(name, driver=driver, sharing=False)
    except rasterio.errors.RasterioError as error:
        raise _failure(path, error) from error


def _failure(path: Path, error: Exception) -> PictureError:
    reason, hint = str(error).strip().splitlines()[-1], "it is damaged or of an unsupported kind"
    return PictureError("cannot read {path}: {reason}", hint, path=path, reason=reason)
