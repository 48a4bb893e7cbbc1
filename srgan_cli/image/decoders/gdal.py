"""Rasters of formats that only GDAL reads, through a temporary TIFF with all that GDAL says of them."""

from contextlib import ExitStack
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from srgan_cli.errors import PictureError
from srgan_cli.image.codec.raster import Raster
from srgan_cli.image.codec.tiff import overviews_note
from srgan_cli.image.decoders.base import ImageReader
from srgan_cli.image.decoders.tiff_reader import TiffReader
from srgan_cli.image.geo import gdal_reader
from srgan_cli.image.geo.sidecar import find_sidecars
from srgan_cli.system.files import check_space


class GdalReader(ImageReader):
    """A raster, of which GDAL makes a TIFF once it is read."""

    format = "GDAL"

    def __init__(self, path: Path, driver: str, folder: Path) -> None:
        """`driver` is GDAL's name of the format.  `folder` is empty, and stays until the values have been read."""
        self.path, self.driver, self.folder = path, driver, folder
        self.shape, self.bytes_needed, self.overviews = gdal_reader.read_header(path, driver)

    def read(self, _: int) -> Raster:
        check_space(self.folder, self.bytes_needed)
        copy = self.folder / f"{self.path.name}.tif"
        notes = gdal_reader.copy_as_tiff(self.path, self.driver, copy)
        try:
            with copy.open("rb") as file:
                raster = TiffReader(copy, file).read(0)
        except PictureError as error:
            error.rename(copy, self.path)
            raise
        notes += find_sidecars(self.path, has_mask=True)[1]  # GDAL reads it
        notes += [overviews_note(self.overviews)] if self.overviews else []
        return replace(raster, notes=tuple(dict.fromkeys([*notes, *raster.notes])))


def open_raster(path: Path, stack: ExitStack) -> GdalReader | None:
    """A reader of a raster, which needs a folder until `stack` ends; None for other files, and without GDAL."""
    driver = gdal_reader.find_driver(path) if find_spec("rasterio") else ""
    return GdalReader(path, driver, Path(stack.enter_context(TemporaryDirectory()))) if driver else None
