"""Reading what only GDAL reads, by rasterio: TIFF pages of planes, masks, 64 or odd bits, JPEG 2000, and rasters."""

import sys
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from threading import RLock
from typing import Any

import numpy as np

from srgan_cli.errors import PictureError, errors_as
from srgan_cli.image.codec import raster
from srgan_cli.image.codec.raster import BandLayout, Raster, Rows, Values
from srgan_cli.image.geo import geotiff

_READABLE = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "float16", "float32", "float64")
_LEAST_CACHE = 2**24  # bytes
LINKING_DRIVERS = {"VRT": ".vrt", "ERS": ".ers", "ISIS3": ".cub", "PCIDSK": ".pix"}
"""GDAL's names of formats whose rasters may name other files and addresses to read from, with the suffix they need."""
_DRIVERS = (
    *("AAIGrid", "BT", "DTED", "EHdr", "ENVI", "GRASSASCIIGrid", "GRIB", "GSAG", "GSBG", "GS7BG", "HFA", "NITF"),
    *("PCRaster", "RMF", "RST", "SAGA", "SRTMHGT", "USGSDEM", *LINKING_DRIVERS),
)
"""Those of all formats of rasters that are read.  Not HDF and NetCDF: GDAL crashes at damaged files of theirs."""
_MENTIONED = {
    *("", "IMAGE_STRUCTURE", "DERIVED_SUBDATASETS", "SUBDATASETS", "LocationInfo", "IMAGERY", "RPC"),
    *("ENVI", "ERS", "GRIB", "CGM", "NITF_METADATA"),
}
"""Domains of metadata that are kept, reported by another name, or that say how values are stored."""
_ENVI_STORAGE = {
    *("description", "samples", "lines", "bands", "header_offset", "file_type", "data_type", "interleave"),
    *("map_info", "projection_info", "coordinate_system_string", "band_names", "data_ignore_value", "default_bands"),
    *("data_gain_values", "data_offset_values", "wavelength", "wavelength_units", "fwhm", "x_start", "y_start"),
    *("class_lookup", "class_names", "classes", "geo_points", "rpc_info", "pixel_size"),
    *("byte_order", "ns", "bidx"),
}
"""Items of ENVI's header that GDAL states in its own way, that describe the stored grid, or that rasterio refuses."""
_PROCESS = RLock()  # the filters of warnings and the hooks belong to the process


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
        samples = _sample_type(path, file).itemsize * file.count
        return (file.height, file.width), file.height * file.width * samples, len(file.overviews(1))


def copy_as_tiff(path: Path, driver: str, target: Path) -> list[str]:
    """Write a raster as TIFF with what GDAL says of it; returns notes on the rest.  Raises PictureError."""
    import rasterio.shutil

    with _errors(path), _quietly(), rasterio.Env(GDAL_CACHEMAX=_LEAST_CACHE), _open(path, None, driver) as file:
        rasterio.shutil.copy(file, target, driver="GTiff", bigtiff="IF_SAFER")
        items = {name: text for name, text in file.tags(ns="ENVI").items() if name not in _ENVI_STORAGE}
        if items:
            with rasterio.open(target, "r+") as copy:
                copy.update_tags(ns="ENVI", **items)
        return _lost_in_tiff(file)


def _lost_in_tiff(file: Any) -> list[str]:
    """Notes on what a TIFF of an open raster lacks."""
    domains = {*file.tag_namespaces(), *(name for band in file.indexes for name in file.tag_namespaces(band))}
    notes = [f"its metadata of the domain {name} are dropped" for name in sorted(domains - _MENTIONED)]
    nodata = {value for value, kind in zip(file.nodatavals, file.colorinterp, strict=True) if kind.name != "alpha"}
    if None in nodata and len(nodata) > 1:
        notes.append("its bands without a nodata value get that of the others")
    return notes + ([f"its {len(file.subdatasets)} subdatasets are dropped"] if file.subdatasets else [])


def read_raster(path: Path) -> Raster:
    """The values of a file, which is no TIFF, and what they are.  Raises as `read` does."""
    with _open(path, None) as file:
        names = [kind.name for kind in file.colorinterp]
        nodata = {"" if value is None else f"{value:.17g}" for value in file.nodatavals}
        bits = max(int(file.tags(band, ns="IMAGE_STRUCTURE").get("NBITS", 0)) for band in file.indexes)
    colours = 3 if names[:3] == ["red", "green", "blue"] else 1
    extra = tuple(raster.UNASSOCIATED if name == "alpha" else raster.UNSPECIFIED for name in names[colours:])
    rows, layout = read(path, None, 1), BandLayout(colours, extra)
    return Raster(rows, layout=layout, nodata=nodata.pop() if len(nodata) == 1 else "", is_measured=True, bits=bits)


def read_place(path: Path) -> dict[int, Any]:
    """The tags of a GeoTIFF for the place of a file; none where it has no EPSG code."""
    with _open(path, None) as file:
        transform, system = file.transform, file.crs
    code = system.to_epsg() if system and not transform.is_identity else None
    return geotiff.tags_for(tuple(transform), code, is_projected=system.is_projected) if code else {}


def read(path: Path, page: int | None, orientation: int) -> Rows:
    """The values of a page, upright.  Raises PictureError for other types."""
    with _open(path, page) as file:
        shape, dtype = (file.height, file.width, file.count), _sample_type(path, file)
    rows = Rows(shape, dtype, lambda: _windows(path, page))
    return rows if orientation == 1 else Rows.from_array(raster.apply_exif_orientation(rows.to_array(), orientation))


def _sample_type(path: Path, file: Any) -> np.dtype[Any]:
    """The type of all samples of an open raster.  Raises PictureError for several types, and for others."""
    names = set(file.dtypes)
    if len(names) > 1 or not names <= set(_READABLE):
        message, types = "{path} has samples of the type {types}, which cannot be read", ", ".join(sorted(names))
        as_floats = "convert them to integers of 32 bits or to floats, as by gdal_translate -ot Float32"
        hint = "store their real and imaginary parts as bands of floats" if "complex" in types else as_floats
        raise PictureError(message, hint, path=path, types=types)
    return np.dtype(str(names.pop()))


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
    from rasterio.windows import Window

    with _open(path, page) as file:
        sample = np.dtype(file.dtypes[0]).itemsize
        blocks = max(height for height, _ in file.block_shapes) * file.width * file.count * sample
        for top in range(0, file.height, raster.BAND_GRID):
            with _errors(path), Env(GDAL_CACHEMAX=max(_LEAST_CACHE, 2 * blocks)):
                values = file.read(window=Window(0, top, file.width, min(raster.BAND_GRID, file.height - top)))
            yield np.moveaxis(values, 0, 2)


def _open(path: Path, page: int | None, driver: str | None = None) -> Any:
    import rasterio

    name = path if page is None else f"GTIFF_DIR:{page + 1}:{path}"
    with _errors(path), _quietly():
        return rasterio.open(name, driver=driver, sharing=False)


def _errors(path: Path) -> AbstractContextManager[None]:
    """Raises PictureError for errors of GDAL."""
    from rasterio._err import CPLE_BaseError
    from rasterio.errors import RasterioError

    hint, kinds = "it is damaged or of an unsupported kind", (RasterioError, CPLE_BaseError)
    return errors_as(PictureError, "cannot read {path}: {reason}", hint, kinds, path=path)
