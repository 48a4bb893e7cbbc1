"""Rasters of formats that only GDAL reads."""

from pathlib import Path

import numpy as np
import pytest

from srgan_cli.batch.naming import Naming
from srgan_cli.errors import PictureError
from srgan_cli.image.io import read_picture
from srgan_cli.image.sequence import write_picture
from srgan_cli.upscaling.upscaler import Upscaler

rasterio = pytest.importorskip("rasterio")
PLACE = {"crs": "EPSG:32633", "transform": rasterio.Affine(10, 0, 5e5, 0, -10, 4e6)}


def write_raster(path: Path, driver: str) -> Path:
    """Heights with a hole, in a format of GDAL."""
    import rasterio.shutil

    values = np.random.default_rng(5).normal(300, 80, (1, 12, 16)).astype(np.float32)
    values[:, 3:6, 4:9] = -9999
    profile = {"driver": "GTiff", "count": 1, "height": 12, "width": 16, "dtype": "float32", "nodata": -9999, **PLACE}
    with rasterio.open(path.with_suffix(".tif"), "w", **profile) as file:
        file.write(values)
        file.set_band_description(1, "height")
    rasterio.shutil.copy(path.with_suffix(".tif"), path, driver=driver)
    return path


@pytest.mark.parametrize(
    ("name", "driver"),
    [("a.img", "HFA"), ("a.dat", "ENVI"), ("a.asc", "AAIGrid"), ("a.bil", "EHdr"), ("a.vrt", "VRT"), ("a.grd", "GSBG")],
)
def test_rasters_keep_values_holes_and_place(tmp_path: Path, name: str, driver: str) -> None:
    source = write_raster(tmp_path / name, driver)
    enlarged = Upscaler.load("bicubic", scale=2).upscale(read_picture(source))
    expected = Upscaler.load("bicubic", scale=2).upscale(read_picture(tmp_path / "a.tif"))
    write_picture(enlarged, tmp_path / "b.tif")
    write_picture(expected, tmp_path / "c.tif")
    with rasterio.open(tmp_path / "b.tif") as found, rasterio.open(tmp_path / "c.tif") as same:
        assert np.allclose(found.read(masked=True), same.read(masked=True), atol=1e-3)
        assert np.array_equal(found.read_masks(1), same.read_masks(1))
        assert found.transform.almost_equals(same.transform, precision=1e-6)
        assert found.crs == same.crs or driver == "GSBG"


@pytest.mark.parametrize("content", [b"EHFA_HEADER_TAG\0", b"<VRTDataset></VRTDataset>", b"CDF\1"])
def test_damaged_rasters_are_refused_by_name(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.img").write_bytes(content)
    with pytest.raises(PictureError, match="not supported"):
        read_picture(tmp_path / "a.img")


def test_a_virtual_raster_names_its_missing_source(tmp_path: Path) -> None:
    source = write_raster(tmp_path / "a.vrt", "VRT")
    (tmp_path / "a.tif").unlink()
    with pytest.raises(PictureError, match=r"a\.tif"):
        read_picture(source)


def test_only_a_vrt_may_lead_to_another_file(tmp_path: Path) -> None:
    hidden = write_raster(tmp_path / "a.vrt", "VRT").rename(tmp_path / "a.png")
    with pytest.raises(PictureError, match="not supported"):
        read_picture(hidden)


def test_types_that_are_refused_are_so_under_the_name_of_the_file(tmp_path: Path) -> None:
    profile = {"driver": "ENVI", "count": 1, "height": 4, "width": 5, "dtype": "complex64", **PLACE}
    with rasterio.open(tmp_path / "a.dat", "w", **profile) as file:
        file.write(np.ones((1, 4, 5), np.complex64))
    with pytest.raises(PictureError, match=r"^\S+/a\.dat has samples of the type complex64") as failure:
        read_picture(tmp_path / "a.dat")
    assert failure.value.hint == "store their real and imaginary parts as bands of floats"


def test_overviews_and_files_beside_a_raster_that_are_dropped_are_reported(tmp_path: Path) -> None:
    source = write_raster(tmp_path / "a.img", "HFA")
    (tmp_path / "a.img.ovr").write_bytes(b"")
    inner = "<PAMDataset><NoDataValue>0</NoDataValue></PAMDataset>"
    (tmp_path / "a.img.aux.xml").write_text(f'<PAMDataset><Subdataset name="0">{inner}</Subdataset></PAMDataset>')
    assert read_picture(source).notes == ("a.img.ovr beside it, overviews, is dropped",)
    (tmp_path / "a.img.ovr").unlink()
    with rasterio.open(source, "r+") as file:
        file.build_overviews([2])
    assert read_picture(source).notes == ("its 1 reduced copies (overviews) are dropped",)


def test_rasters_become_tiffs() -> None:
    assert Naming().of(Path("a.img")) == "a.tif"


def test_metadata_of_envi_that_hold_for_any_grid_are_kept(tmp_path: Path) -> None:
    source = write_raster(tmp_path / "a.dat", "ENVI")
    with source.with_suffix(".hdr").open("a") as header:
        header.write("acquisition time = 2020-01-01\n")
    write_picture(read_picture(source), tmp_path / "b.tif")
    with rasterio.open(tmp_path / "b.tif") as file:
        assert file.tags(ns="ENVI") == {"acquisition_time": "2020-01-01"}


def test_other_domains_of_metadata_are_reported(tmp_path: Path) -> None:
    source = write_raster(tmp_path / "a.vrt", "VRT")
    domain = '<Metadata domain="D"><MDI key="a">b</MDI></Metadata>'
    source.write_text(source.read_text().replace("<VRTRasterBand", f"{domain}<VRTRasterBand", 1))
    assert read_picture(source).notes == ("its metadata of the domain D are dropped",)


@pytest.mark.parametrize(
    ("last", "notes"),
    [("Alpha", ()), ("Undefined", ("its bands without a nodata value get that of the others",))],
)
def test_bands_without_a_nodata_value_are_reported_unless_they_are_alpha(
    tmp_path: Path, last: str, notes: tuple[str, ...]
) -> None:
    source = write_raster(tmp_path / "a.vrt", "VRT")
    added = f'<VRTRasterBand dataType="Float32" band="2"><ColorInterp>{last}</ColorInterp></VRTRasterBand>'
    source.write_text(source.read_text().replace("</VRTDataset>", f"{added}</VRTDataset>"))
    assert read_picture(source).notes == notes


def test_bands_of_several_types_are_refused(tmp_path: Path) -> None:
    source = write_raster(tmp_path / "a.vrt", "VRT")
    bands = source.read_text().partition("<VRTRasterBand")
    source.write_text(f"{bands[0]}<VRTRasterBand dataType='Byte' band='1'/>{bands[1]}{bands[2]}")
    with pytest.raises(PictureError, match="samples of the type float32, uint8"):
        read_picture(source)
