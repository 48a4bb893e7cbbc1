"""Rasters of formats that only GDAL reads, through a temporary TIFF with all that GDAL says of them."""

from importlib.util import find_spec
from pathlib import Path

from srgan_cli.image.codec.raster import Raster
from srgan_cli.image.decoders.base import ImageReader
from srgan_cli.image.decoders.tiff_reader import TiffReader
from srgan_cli.image.geo import gdal_reader
from srgan_cli.system.files import check_space


class GdalReader(ImageReader):
    """A raster, of which GDAL makes a TIFF once it is read."""

    format = "GDAL"

    def __init__(self, path: Path, driver: str, folder: Path) -> None:
        """`driver` is GDAL's name of the format.  `folder` is empty, and stays until the values have been read."""
        self.path, self.driver, self.folder = path, driver, folder
        self.shape, self.bytes_needed = gdal_reader.read_header(path, driver)

    def is_streamed(self, _: int) -> bool:
        return True

    def decode_bytes(self, _: int) -> int:
        return 0

    def read(self, _: int) -> Raster:
        check_space(self.folder, self.bytes_needed)
        copy = self.folder / f"{self.path.name}.tif"
        gdal_reader.copy_as_tiff(self.path, self.driver, copy)
        with copy.open("rb") as file:
            return TiffReader(copy, file).read(0)


def open_raster(path: Path, folder: Path) -> GdalReader | None:
    """A reader of a raster; None for other files, and without GDAL."""
    driver = gdal_reader.find_driver(path) if find_spec("rasterio") else ""
    return GdalReader(path, driver, folder) if driver else None
