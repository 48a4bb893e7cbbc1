"""Scores of data: one range for both pictures, gaps, several frames, profiles and transparency."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyvips
import tifffile
import torch
from numpy.typing import NDArray
from PIL import Image, ImageCms
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from srgan_cli.image.picture import Picture
from srgan_cli.image.sequence import write_picture
from srgan_cli.scoring.evaluate import score
from srgan_cli.scoring.protocol import Protocol
from srgan_cli.scoring.report.summary import Report

Values = NDArray[Any]
BANDS = Protocol(channels="bands", border=0, metrics=("psnr", "ssim", "rmse"))


def terrain(seed: int = 0, shape: tuple[int, ...] = (40, 48)) -> Values:
    """Heights in metres, from -20 to 340."""
    return np.random.default_rng(seed).uniform(-20, 340, shape).astype(np.float32)


def compared(tmp_path: Path, reference: Values, candidate: Values, protocol: Protocol = BANDS, **tags: Any) -> Report:
    """The report of two TIFFs of these values, (H, W) or (bands, H, W); `tags` go to both."""
    for name, values in (("ref", reference), ("out", candidate)):
        options = {"photometric": "minisblack", "metadata": None, **tags}
        planar = {"planarconfig": "separate"} if values.ndim == 3 and len(values) in (2, 3, 4, 5) else {}
        tifffile.imwrite(tmp_path / f"{name}.tif", values, **options, **planar)
    return score(tmp_path / "ref.tif", tmp_path / "out.tif", protocol)


def test_floats_are_compared_in_the_range_of_the_reference(tmp_path: Path) -> None:
    x, y = terrain(), terrain() / 2
    report = compared(tmp_path, x, y)
    span = float(x.max()) - float(x.min())
    wide = x.astype(np.float64), y.astype(np.float64)
    shifted = [pixels - float(x.min()) for pixels in wide]
    assert report.mean["psnr"] == pytest.approx(peak_signal_noise_ratio(*wide, data_range=span), rel=1e-9)
    gaussian = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    assert report.mean["ssim"] == pytest.approx(structural_similarity(*shifted, data_range=span, **gaussian), rel=1e-6)
    assert report.mean["rmse"] == pytest.approx(np.sqrt(np.mean((wide[0] - wide[1]) ** 2)), rel=1e-9)
    assert report.scores[0].value_range == pytest.approx((x.min(), x.max()))


def test_an_outlier_of_the_candidate_changes_no_range(tmp_path: Path) -> None:
    x = terrain()
    y = x.copy()
    y[0, 0] = 1e6
    assert compared(tmp_path, x, y).scores[0].value_range == pytest.approx((x.min(), x.max()))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.linspace(0, 0.5, 400).reshape(20, 20).astype(np.float32), (0, 1)),
        (np.arange(400, dtype=np.uint8).reshape(20, 20), (0, 255)),
        (np.arange(400, dtype=np.uint16).reshape(20, 20), (0, 65535)),
        (np.full((20, 20), 7, np.float32), (6.5, 7.5)),
    ],
)
def test_range_of_a_reference(tmp_path: Path, values: Values, expected: tuple[float, float]) -> None:
    report = compared(tmp_path, values, values)
    assert report.scores[0].value_range == expected
    assert report.mean["psnr"] == np.inf


def test_the_range_can_be_given(tmp_path: Path) -> None:
    x = np.random.default_rng(0).integers(0, 10_000, (20, 20)).astype(np.uint16)
    y = (x + 100).astype(np.uint16)
    protocol = Protocol(channels="bands", border=0, metrics=("psnr", "rmse"), value_range=(0, 10_000))
    report = compared(tmp_path, x, y, protocol)
    assert report.mean["psnr"] == pytest.approx(40)
    assert report.mean["rmse"] == pytest.approx(100)
    assert "range 0…10000" in str(report.protocol)


def test_8_and_16_bits_are_compared_in_a_common_scale(tmp_path: Path) -> None:
    x = np.random.default_rng(0).integers(0, 256, (20, 20)).astype(np.uint8)
    assert compared(tmp_path, x, x.astype(np.uint16) * 257).mean["psnr"] == np.inf
    assert compared(tmp_path, x, (x / 255).astype(np.float32)).mean["psnr"] > 140
    far = compared(tmp_path, x, (255 - x).astype(np.uint16) * 257)
    assert far.mean["psnr"] == pytest.approx(compared(tmp_path, x, 255 - x).mean["psnr"])
    assert far.mean["rmse"] == pytest.approx(compared(tmp_path, x, 255 - x).mean["rmse"])


def test_integers_are_compared_by_their_values_with_floats_that_have_units(tmp_path: Path) -> None:
    x = np.random.default_rng(0).integers(0, 3000, (20, 20))
    assert compared(tmp_path, x.astype(np.float32), x.astype(np.uint16)).mean["psnr"] == np.inf
    assert compared(tmp_path, x.astype(np.uint16), x.astype(np.float32)).mean["psnr"] == np.inf
    assert compared(tmp_path, x.astype(np.uint16), x.astype(np.float32) + 50).mean["rmse"] == pytest.approx(50)


def test_nan_and_infinity_of_either_picture_leave_the_comparison_and_are_counted(tmp_path: Path) -> None:
    x, y = terrain(0), terrain(0)
    x[:10, :10], y[:10, :10] = np.nan, 5
    y[30:35, 40:44], y[39, 47] = np.nan, np.inf
    report = compared(tmp_path, x, y)
    assert report.mean == {"psnr": np.inf, "ssim": 1, "rmse": 0}
    assert report.scores[0].excluded == (100, 21)
    y[20, 20] += 36
    kept = np.isfinite(x) & np.isfinite(y)
    found = compared(tmp_path, x, y).mean["rmse"]
    assert found == pytest.approx(np.sqrt(36**2 / kept.sum()), rel=1e-5)


@pytest.mark.parametrize("dtype", [np.float32, np.int16, np.uint8])
def test_no_data_of_the_file_leaves_the_comparison(tmp_path: Path, dtype: type) -> None:
    x = np.random.default_rng(0).integers(10, 120, (40, 48)).astype(dtype)
    nodata = {"extratags": [(42113, "s", 0, "7", True)]}
    y = x.copy()
    x[:10, :10], y[30:35, 40:44] = 7, 7
    report = compared(tmp_path, x, y, **nodata)
    assert report.mean == {"psnr": np.inf, "ssim": 1, "rmse": 0}
    assert report.scores[0].excluded == (100, 20)


def test_pictures_without_a_common_pixel_are_an_error(tmp_path: Path) -> None:
    report = compared(tmp_path, terrain(), np.full((40, 48), np.nan, np.float32))
    assert report.errors[0].startswith("ref: no pixel is compared; ")


@pytest.mark.parametrize(("metric", "message"), [("ms-ssim", "needs a value for every pixel"), ("psnr", "")])
def test_metrics_of_whole_pictures_refuse_gaps(tmp_path: Path, metric: str, message: str) -> None:
    x = terrain(0, (200, 200))
    x[5:9, 5:9] = np.nan
    report = compared(tmp_path, x, x, Protocol(metrics=(metric,)))
    assert bool(report.errors) == bool(message)
    assert message in "".join(report.errors)


def test_any_number_of_bands_is_compared_as_it_is(tmp_path: Path) -> None:
    x, y = terrain(0, (5, 24, 24)), terrain(1, (5, 24, 24))
    report = compared(tmp_path, x, y, Protocol(border=0, metrics=("psnr", "sam", "ergas")))
    span = float(x.max()) - float(x.min())
    expected = peak_signal_noise_ratio(x.astype(float), y.astype(float), data_range=span)
    assert report.mean["psnr"] == pytest.approx(expected, rel=1e-9)
    single = compared(tmp_path, x[0], y[0], Protocol(metrics=("sam",)))
    assert single.errors == ["ref: SAM compares spectra and needs 2 bands or more, found 1; use --metric rmse"]


def pages(path: Path, *pictures: Values) -> Path:
    images = [Image.fromarray(picture) for picture in pictures]
    images[0].save(path, save_all=True, append_images=images[1:])
    return path


@pytest.mark.parametrize("suffix", ["png", "tif", "gif"])
def test_all_frames_are_compared(tmp_path: Path, suffix: str) -> None:
    x = np.random.default_rng(0).integers(0, 256, (24, 24)).astype(np.uint8)
    reference = pages(tmp_path / f"a.{suffix}", x, 255 - x)
    candidate = pages(tmp_path / f"b.{suffix}", x, x[::-1])
    protocol = Protocol(channels="bands", border=0)
    report = score(reference, candidate, protocol)
    mse = np.mean([0, np.mean(((255 - x) / 255.0 - x[::-1] / 255.0) ** 2)])
    assert report.mean["psnr"] == pytest.approx(-10 * np.log10(mse), rel=1e-6)
    assert report.scores[0].frames == 2
    assert score(reference, reference, protocol).mean["psnr"] == np.inf


def test_another_number_of_frames_is_a_mismatch(tmp_path: Path) -> None:
    x = np.random.default_rng(0).integers(0, 256, (24, 24)).astype(np.uint8)
    pair = pages(tmp_path / "a.tif", x, 255 - x), pages(tmp_path / "b.tif", x)
    report = score(*pair)
    assert report.errors[0].startswith("a: the reference has 2 frames or pages, the candidate 1; --on-mismatch crop")
    assert score(*pair, Protocol(mismatch="crop")).mean["psnr"] == np.inf
    assert score(*pair, Protocol(mismatch="skip")).complete


def saved(path: Path, pixels: Values, profile: bytes | None) -> Path:
    Image.fromarray(pixels).save(path, icc_profile=profile)
    return path


def test_colours_are_converted_to_the_profile_of_the_reference(tmp_path: Path) -> None:
    x = np.random.default_rng(0).integers(60, 200, (24, 24, 3)).astype(np.uint8)
    image = pyvips.Image.new_from_array(x, interpretation="srgb").icc_transform("p3", input_profile="srgb")
    wide, srgb = image.get("icc-profile-data"), ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    reference, untagged = saved(tmp_path / "a.png", x, srgb), saved(tmp_path / "d.png", x, None)
    protocol = Protocol(channels="rgb", border=0, metrics=("psnr",))
    converted = score(reference, saved(tmp_path / "b.png", image.numpy(), wide), protocol)
    assert converted.mean["psnr"] > 45
    assert converted.notes == ["a: its colours are converted to the profile of the reference"]
    assert score(reference, saved(tmp_path / "c.png", x, wide), protocol).mean["psnr"] < 40
    assert score(reference, untagged, protocol).mean["psnr"] == np.inf
    assert score(reference, untagged, protocol).notes == []
    (note,) = score(tmp_path / "b.png", untagged, protocol).notes
    assert "the candidate has no colour profile" in note


def test_other_transparency_is_reported(tmp_path: Path) -> None:
    white = np.full((24, 24, 4), 255, np.uint8)
    clear = white.copy()
    clear[:8, :, 3] = 0
    pair = saved(tmp_path / "a.png", white, None), saved(tmp_path / "b.png", clear, None)
    assert score(*pair).notes == ["a: its transparency differs: only the colours on white are compared"]
    assert score(pair[1], pair[1]).notes == []


STORED = "its scale, offset, unit or white is not that of the original: stored values are compared"


def placed(path: Path, *, x: float = 5e5, scale: str = "", zone: int = 33) -> Path:
    """A TIFF of 16 bits with pixels of 10 m, whose left edge is at x."""
    keys = (1, 1, 0, 1, 3072, 0, 1, 32600 + zone)
    tags = [(33550, "d", 3, (10.0, 10.0, 0.0), True), (33922, "d", 6, (0.0, 0.0, 0.0, x, 46e5, 0.0), True)]
    tags += [(34735, "H", 8, keys, True)]
    metadata = f'<GDALMetadata><Item name="SCALE" sample="0" role="scale">{scale}</Item></GDALMetadata>'
    tags += [(42112, "s", 0, metadata, True)] if scale else []
    values = np.arange(24 * 24, dtype=np.uint16).reshape(24, 24)
    tifffile.imwrite(path, values, photometric="minisblack", metadata=None, extratags=tags)
    return path


@pytest.mark.parametrize(
    ("change", "is_elsewhere"), [({"x": 5e5 + 4}, False), ({"x": 5e5 + 6}, True), ({"zone": 32}, True), ({}, False)]
)
def test_another_place_is_reported(tmp_path: Path, change: dict[str, Any], is_elsewhere: bool) -> None:
    report = score(placed(tmp_path / "a.tif"), placed(tmp_path / "b.tif", **change), BANDS)
    assert ["it lies elsewhere" in note for note in report.notes] == [True] * is_elsewhere
    assert report.mean["psnr"] == np.inf


@pytest.mark.parametrize(
    ("scales", "is_reported"),
    [(("0.1", "0.10"), False), (("0.1", "0.2"), True), (("0.1", ""), True), (("1", ""), False)],
)
def test_another_meaning_of_stored_values_is_reported(
    tmp_path: Path, scales: tuple[str, str], is_reported: bool
) -> None:
    pair = (placed(tmp_path / f"{number}.tif", scale=scale) for number, scale in enumerate(scales))
    assert score(*pair, BANDS).notes == [f"0: {STORED}"] * is_reported


@pytest.mark.parametrize(
    ("slopes", "is_reported"), [(("2", "2.0"), False), (("2", "3"), True), (("2", ""), True), (("1", ""), False)]
)
def test_another_rescaling_of_dicom_is_reported(tmp_path: Path, slopes: tuple[str, str], is_reported: bool) -> None:
    pydicom = pytest.importorskip("pydicom", reason="needs srgan-cli[dicom]")
    values = torch.rand(1, 24, 24)
    for number, slope in enumerate(slopes):
        write_picture(Picture(values, depth=16), path := tmp_path / f"{number}.dcm")
        dataset = pydicom.dcmread(path)
        if slope:
            dataset.RescaleSlope, dataset.RescaleIntercept, dataset.RescaleType = slope, "0", "US"
        dataset.save_as(path)
    report = score(tmp_path / "0.dcm", tmp_path / "1.dcm", BANDS)
    assert report.notes == [f"0: {STORED}"] * is_reported
    assert report.scores[0].value_range == (0, 65_535)
    dataset.PhotometricInterpretation = "MONOCHROME1"
    dataset.save_as(path)
    assert score(tmp_path / "0.dcm", path, BANDS).notes == [f"0: {STORED}"]


@pytest.mark.parametrize(
    ("suffix", "text"),
    [
        (".tfw", "10\n0\n0\n-10\n{}\n4599995\n"),
        (".tif.aux.xml", "<PAMDataset><GeoTransform>{}, 10, 0, 46e5, 0, -10</GeoTransform></PAMDataset>"),
    ],
)
def test_another_place_that_a_file_beside_states_is_reported(tmp_path: Path, suffix: str, text: str) -> None:
    reference = placed(tmp_path / "a.tif")
    tifffile.imwrite(tmp_path / "b.tif", tifffile.imread(reference), photometric="minisblack", metadata=None)
    for x, is_elsewhere in ((500_003, False), (500_015, True)):
        (tmp_path / f"b{suffix}").write_text(text.format(x))
        notes = score(reference, tmp_path / "b.tif", BANDS).notes
        assert ["it lies elsewhere" in note for note in notes] == [True] * is_elsewhere


def test_measurements_of_other_numbers_of_bands_do_not_match(tmp_path: Path) -> None:
    report = compared(tmp_path, terrain(), terrain(shape=(3, 40, 48)))
    assert "the reference has 1 bands, the candidate 3" in report.scores[0].error


def test_the_meaning_of_values_beside_a_picture_counts(tmp_path: Path) -> None:
    pair = placed(tmp_path / "a.tif", scale="2"), placed(tmp_path / "b.tif")
    band = '<PAMRasterBand band="1"><Scale>2</Scale><Offset>0</Offset></PAMRasterBand>'
    (tmp_path / "b.tif.aux.xml").write_text(f"<PAMDataset>{band}</PAMDataset>")
    assert score(*pair, BANDS).notes == []
