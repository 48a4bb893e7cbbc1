"""Cloud-optimised TIFFs."""

import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from srgan_cli.batch.processor import ImageProcessor
from srgan_cli.batch.task import Task, TaskResult, UpscaleOptions
from srgan_cli.cli import app
from srgan_cli.errors import UsageError
from srgan_cli.upscaling.upscaler import Upscaler

rasterio = pytest.importorskip("rasterio", reason="rasterio is not installed")


def enlarge(path: Path, out: str, *, cog: bool = True) -> TaskResult:
    """The result of enlarging a file twice by bicubic interpolation, into a file beside it."""
    processor = ImageProcessor(Upscaler.load("bicubic", device="cpu"), UpscaleOptions(cog=cog))
    return processor.process(Task(path, path.with_name(out)))


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    """A GeoTIFF that is large enough for overviews."""
    values = np.random.default_rng(0).integers(0, 9999, (4, 300, 400), dtype=np.uint16)
    place = {"crs": "EPSG:32632", "transform": rasterio.Affine(10, 0, 5e5, 0, -10, 46e5)}
    profile = {"driver": "GTiff", "width": 400, "height": 300, "count": 4, "dtype": "uint16", **place}
    with rasterio.open(tmp_path / "in.tif", "w", **profile) as file:
        file.write(values)
        file.set_band_description(4, "near infrared")
        file.update_tags(ns="own", sensor="a")
    return tmp_path / "in.tif"


def test_cog_has_tiles_and_overviews_and_the_same_pixels(scene: Path) -> None:
    for name, cog in (("plain.tif", False), ("out.tif", True)):
        result = enlarge(scene, name, cog=cog)
        lost = ["a cloud-optimised TIFF cannot store the metadata of GDAL's domain own"] if cog else []
        assert (result.error, [line.partition(": ")[2] for line in result.warnings]) == (None, lost)
    with rasterio.open(scene.with_name("out.tif")) as file, rasterio.open(scene.with_name("plain.tif")) as plain:
        assert file.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert file.overviews(1) == [2, 4]
        assert (file.transform, file.crs) == (plain.transform, plain.crs)
        assert file.descriptions == plain.descriptions
        assert np.array_equal(file.read(), plain.read())
    assert sorted(path.name for path in scene.parent.iterdir()) == ["in.tif", "out.tif", "plain.tif"]


def test_cog_of_odd_bits_keeps_them(scene: Path) -> None:
    with rasterio.open(scene) as file:
        values, profile = file.read() // 8, file.profile
    with rasterio.open(scene, "w", **profile | {"nbits": 12}) as file:
        file.write(values)
    assert enlarge(scene, "out.tif", cog=True).error is None
    with rasterio.open(scene.with_name("out.tif")) as file:
        assert file.tags(1, ns="IMAGE_STRUCTURE")["NBITS"] == "12"


def test_cog_of_another_format_fails(scene: Path) -> None:
    error = enlarge(scene, "out.png").error
    assert error is not None
    assert error.message == "--cog writes one picture as TIFF, not this output"


def test_cog_without_rasterio_names_the_extra(monkeypatch: pytest.MonkeyPatch, scene: Path) -> None:
    monkeypatch.setitem(sys.modules, "rasterio", None)
    error = CliRunner().invoke(app, ["upscale", str(scene), str(scene.with_name("out.tif")), "--cog"]).exception
    assert isinstance(error, UsageError)
    assert error.hint == "pip install 'srgan-cli[geo]'"
