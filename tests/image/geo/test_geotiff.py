"""GeoTIFF on a finer grid, compared with what rasterio reads from both files."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from srgan_cli.image.io import read_picture
from srgan_cli.image.ops import resize
from srgan_cli.image.picture import Picture
from srgan_cli.image.sequence import write_picture

rasterio = pytest.importorskip("rasterio", reason="rasterio is not installed")
tifffile = pytest.importorskip("tifffile", reason="tifffile is not installed")
SIZES = [(48, 64), (96, 128), (37, 51), (53, 200)]
"""Height and width after enlarging 24 x 32: factors that are equal, not whole, and different for the axes."""
AREA, POINT = (1, 1, 0, 2, 1024, 0, 1, 1, 1025, 0, 1, 1), (1, 1, 0, 2, 1024, 0, 1, 1, 1025, 0, 1, 2)
SCALE_AND_TIE = [(33550, "d", 3, (10.0, 20.0, 0.0)), (33922, "d", 6, (0.0, 0.0, 0.0, 500000.0, 4600000.0, 0.0))]
LATER_TIE = [SCALE_AND_TIE[0], (33922, "d", 6, (3.0, 7.0, 0.0, 500000.0, 4600000.0, 0.0))]
SHEARED = [(34264, "d", 16, (9.0, 2.0, 0, 5e5, -3.0, -8.0, 0, 4e6, 0, 0, 0, 0, 0, 0, 0, 1.0))]


def write(path: Path, tags: list[Any], keys: tuple[int, ...] = AREA, **options: Any) -> Path:
    """A TIFF of 24 x 32 pixels with these tags."""
    values = np.arange(24 * 32, dtype=np.uint16).reshape(24, 32)
    extra = [(*tag, True) for tag in [*tags, (34735, "H", len(keys), keys)]]
    tifffile.imwrite(path, values, metadata=None, extratags=extra, **options)
    return path


def enlarge(path: Path, height: int, width: int) -> tuple[Path, Picture]:
    """The picture of a file enlarged to this size, in a file beside it, and as it was read."""
    picture = read_picture(path)
    write_picture(replace(picture, pixels=resize(picture.pixels, height, width)), path.with_name("out.tif"))
    return path.with_name("out.tif"), picture


def expected(source: Any, target: Any) -> Any:
    """The transform of the enlarged raster: the same corners."""
    return source.transform @ source.transform.scale(source.width / target.width, source.height / target.height)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("tags", [SCALE_AND_TIE, LATER_TIE, SHEARED])
@pytest.mark.parametrize("keys", [AREA, POINT])
def test_corners_coincide(tmp_path: Path, tags: list[Any], keys: tuple[int, ...], size: tuple[int, int]) -> None:
    path = write(tmp_path / "in.tif", tags, keys)
    out, picture = enlarge(path, *size)
    with rasterio.open(path) as source, rasterio.open(out) as target:
        assert (target.height, target.width) == size
        assert target.tags()["AREA_OR_POINT"] == source.tags()["AREA_OR_POINT"]
        assert np.allclose(target.transform, expected(source, target), rtol=1e-12)
        for corner, same in zip(((0, 0), (32, 0), (32, 24)), ((0, 0), (size[1], 0), size[::-1]), strict=True):
            assert target.transform @ same == pytest.approx(source.transform @ corner, rel=1e-12)
    assert not picture.notes


def test_the_coordinate_system_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "in.tif"
    profile = {"driver": "GTiff", "width": 32, "height": 24, "count": 1, "dtype": "uint8", "crs": "EPSG:3035"}
    with rasterio.open(path, "w", **profile, transform=rasterio.Affine(25, 0, 4e6, 0, -25, 3e6)) as file:
        file.write(np.ones((1, 24, 32), np.uint8))
    out, _ = enlarge(path, 48, 64)
    with rasterio.open(path) as source, rasterio.open(out) as target:
        assert target.crs == source.crs
        assert target.crs.to_epsg() == 3035


@pytest.mark.parametrize("keys", [AREA, POINT])
def test_control_points_stay_on_the_ground(tmp_path: Path, keys: tuple[int, ...]) -> None:
    points = [(0, 0, 0, 5.0, 50, 0), (31, 0, 0, 6, 50.1, 0), (0, 23, 0, 5.1, 49, 0), (12.5, 7.25, 0, 5.4, 49.7, 0)]
    path = write(tmp_path / "in.tif", [(33922, "d", 24, tuple(map(float, sum(points, ()))))], keys)
    out, _ = enlarge(path, 60, 48)
    with rasterio.open(path) as source, rasterio.open(out) as target:
        for before, after in zip(source.gcps[0], target.gcps[0], strict=True):
            assert (after.x, after.y) == (before.x, before.y)
            assert after.row == pytest.approx(before.row * 60 / 24)
            assert after.col == pytest.approx(before.col * 48 / 32)


@pytest.mark.parametrize("orientation", range(2, 9))
@pytest.mark.parametrize("keys", [AREA, POINT])
def test_pictures_turned_upright_keep_each_pixel_on_its_ground(
    tmp_path: Path, orientation: int, keys: tuple[int, ...]
) -> None:
    path = write(tmp_path / "in.tif", [*SCALE_AND_TIE, (274, "H", 1, orientation)], keys)
    picture = read_picture(path)
    out, _ = enlarge(path, picture.height, picture.width)
    with rasterio.open(path) as source, rasterio.open(out) as target:
        stored, upright = source.read(1), target.read(1)
        for row, column in ((0, 0), (5, 3), (23, 31)):
            (found,) = np.argwhere(upright == stored[row, column])
            assert target.xy(*found) == pytest.approx(source.xy(row, column), rel=1e-12)


def test_rational_polynomials_are_scaled_about_pixel_centres(tmp_path: Path) -> None:
    numbers = (0.5, 0.25, 11.0, 16.0, 10.0, 20.0, 500.0, 12.0, 16.0, 1.0, 1.0, 500.0, *np.linspace(-1, 1, 80))
    path = write(tmp_path / "in.tif", [(50844, "d", 92, numbers)])
    out, picture = enlarge(path, 48, 80)
    with rasterio.open(path) as source, rasterio.open(out) as target:
        before, after = source.rpcs, target.rpcs
        assert (after.line_off, after.samp_off) == ((11 + 0.5) * 2 - 0.5, (16 + 0.5) * 2.5 - 0.5)
        assert (after.line_scale, after.samp_scale) == (24, 40)
        assert (after.lat_off, after.err_bias) == (before.lat_off, before.err_bias)
        assert after.line_num_coeff == pytest.approx(before.line_num_coeff)
    assert not picture.notes


def test_band_names_and_scales_stay_and_statistics_go(tmp_path: Path) -> None:
    path = tmp_path / "in.tif"
    profile = {"driver": "GTiff", "width": 32, "height": 24, "count": 1, "dtype": "uint16"}
    with rasterio.open(path, "w", **profile, transform=rasterio.Affine(5, 0, 100, 0, -5, 900)) as file:
        file.write(np.ones((1, 24, 32), np.uint16))
        file.set_band_description(1, "red, 665 nm – B4")
        file.scales, file.offsets, file.units = (0.0001,), (-0.1,), ("1",)
        file.update_tags(ACQUIRED="2024-05-01")
        file.update_tags(1, STATISTICS_MAXIMUM=1, STATISTICS_MEAN=1, WAVELENGTH="665")
    out, picture = enlarge(path, 48, 64)
    with rasterio.open(out) as target:
        assert target.descriptions == ("red, 665 nm – B4",)
        assert (target.scales, target.offsets, target.units) == ((0.0001,), (-0.1,), ("1",))
        assert target.tags()["ACQUIRED"] == "2024-05-01"
        assert target.tags(1) == {"WAVELENGTH": "665"}
    assert picture.notes == ("its statistics in GDAL's metadata are dropped: they describe the input",)


@pytest.mark.parametrize(
    ("tag", "note"),
    [
        ((33922, "d", 5, (0.0, 0.0, 0.0, 1.0, 2.0)), "its georeference is dropped: it is damaged"),
        ((33550, "d", 3, (float("nan"), 1.0, 0.0)), "its georeference is dropped: it is damaged"),
        ((34264, "d", 4, (1.0, 0.0, 0.0, 1.0)), "its georeference is dropped: it is damaged"),
        ((50844, "d", 3, (1.0, 2.0, 3.0)), "its rational polynomial model (RPC) is dropped: it is damaged"),
        ((42112, "s", 0, "<GDALMetadata><Item"), "its GDAL metadata is dropped: it is damaged"),
        ((42112, "B", 3, (1, 2, 3)), "its GDAL metadata is dropped: it is damaged"),
        ((33920, "d", 16, (1.0,) * 16), "its Intergraph georeference is dropped"),
    ],
)
def test_damaged_tags_are_dropped_with_a_note(tmp_path: Path, tag: Any, note: str) -> None:
    out, picture = enlarge(write(tmp_path / "in.tif", [tag]), 48, 64)
    assert picture.notes == (note,)
    with tifffile.TiffFile(out) as file:
        assert tag[0] not in file.pages[0].tags


def test_rpcs_of_a_turned_picture_are_dropped_with_a_note(tmp_path: Path) -> None:
    path = write(tmp_path / "in.tif", [(50844, "d", 92, (1.0,) * 92), (274, "H", 1, 6)])
    assert read_picture(path).notes == ("its rational polynomial model (RPC) is dropped: it cannot be turned upright",)


def test_overviews_are_dropped_with_a_note(tmp_path: Path) -> None:
    path = write(tmp_path / "in.tif", SCALE_AND_TIE)
    with rasterio.open(path, "r+") as file:
        file.build_overviews([2, 4])
    out, picture = enlarge(path, 48, 64)
    assert picture.notes == ("its 2 reduced copies (overviews) are dropped",)
    with rasterio.open(out) as target:
        assert not target.overviews(1)


def test_a_pixel_scale_of_two_numbers_is_one(tmp_path: Path) -> None:
    path = write(tmp_path / "in.tif", [(33550, "d", 2, (10.0, 20.0)), SCALE_AND_TIE[1]])
    picture = read_picture(path)
    write_picture(picture, tmp_path / "out.png")
    with rasterio.open(path) as source, rasterio.open(tmp_path / "out.png") as target:
        assert target.transform == source.transform
