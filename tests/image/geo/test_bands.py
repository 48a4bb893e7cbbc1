"""Bands, nodata, masks and types of samples of TIFFs, against GDAL."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
from numpy.typing import NDArray
from PIL import Image

from srgan_cli.errors import PictureError
from srgan_cli.image.decoders import jp2, tiff_page
from srgan_cli.image.geo import bands
from srgan_cli.image.io import picture_losses, read_picture
from srgan_cli.image.sequence import open_pictures, write_picture
from srgan_cli.upscaling.upscaler import Upscaler

rasterio = pytest.importorskip("rasterio")
pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
RANDOM = np.random.default_rng(4)


def save(path: Path, values: NDArray[Any], mask: NDArray[np.bool_] | None = None, **options: object) -> Path:
    count, height, width = values.shape
    size = {"driver": "GTiff", "count": count, "height": height, "width": width, "dtype": values.dtype.name}
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "w", **size | options) as file:
        file.write(values)
        if mask is not None:
            file.write_mask(mask)
    return path


def rewritten(source: Path) -> Any:
    """The file after reading and writing, opened by GDAL."""
    target = source.with_name("b.tif")
    write_picture(read_picture(source), target)
    return rasterio.open(target)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64"])
@pytest.mark.parametrize("options", [{}, {"interleave": "band", "tiled": True, "blockxsize": 16, "blockysize": 16}])
@pytest.mark.parametrize("count", [1, 2, 4, 5])
def test_bands_of_every_type_come_back(tmp_path: Path, dtype: str, options: dict[str, Any], count: int) -> None:
    values = RANDOM.integers(0, 100, (count, 20, 30)).astype(dtype)
    path = save(tmp_path / "a.tif", values, photometric="minisblack", compress="deflate", **options)
    with rasterio.open(path) as before, rewritten(path) as after:
        assert np.array_equal(after.read(), values)
        assert (after.dtypes, after.colorinterp) == (before.dtypes, before.colorinterp)


@pytest.mark.parametrize("bits", [9, 10, 11, 12, 13, 14, 15])
def test_odd_bits_are_written_as_they_were(tmp_path: Path, bits: int) -> None:
    values = RANDOM.integers(0, 2**bits, (2, 9, 11), dtype=np.uint16)
    with rewritten(save(tmp_path / "a.tif", values, nbits=bits, photometric="minisblack")) as after:
        assert np.array_equal(after.read(), values)
        assert after.tags(1, ns="IMAGE_STRUCTURE")["NBITS"] == str(bits)


def test_tiles_much_larger_than_the_page_are_read(tmp_path: Path) -> None:
    values = np.arange(40 * 48 * 3, dtype=np.uint8).reshape(40, 48, 3)
    tifffile.imwrite(tmp_path / "a.tif", values, tile=(512, 512), photometric="rgb")
    assert (read_picture(tmp_path / "a.tif").to_array() == values).all()


def test_half_floats_are_written_as_they_were(tmp_path: Path) -> None:
    values = RANDOM.normal(0, 100, (2, 9, 11)).astype(np.float16).astype(np.float32)
    values[:, 2:4, 3:5] = np.nan
    with rewritten(save(tmp_path / "a.tif", values, nbits=16, photometric="minisblack")) as after:
        assert np.array_equal(after.read(), values, equal_nan=True)
        assert after.tags(1, ns="IMAGE_STRUCTURE")["NBITS"] == "16"


@pytest.mark.parametrize("nodata", [np.inf, -np.inf, np.nan, -1.7976931348623157e308])
def test_only_the_infinite_is_no_data_where_the_nodata_value_is_infinite(tmp_path: Path, nodata: float) -> None:
    values = RANDOM.normal(0, 100, (1, 9, 11)).astype(np.float64)
    values[:, 2:4, 3:5] = nodata
    valid = read_picture(save(tmp_path / "a.tif", values, nodata=nodata)).valid
    assert valid is not None
    assert np.array_equal(~valid.numpy(), np.isin(values, nodata) | np.isnan(values))


def test_values_that_hardly_lie_in_0_to_1_are_refused_by_formats_that_clip(tmp_path: Path) -> None:
    path = save(tmp_path / "a.tif", RANDOM.uniform(0, 3000, (1, 9, 11)).astype(np.float32))
    with pytest.raises(PictureError, match="PNG cannot store values of about"):
        write_picture(read_picture(path), tmp_path / "a.png")


def test_a_mask_stays_one(tmp_path: Path) -> None:
    values, mask = RANDOM.integers(0, 255, (3, 300, 20), dtype=np.uint8), RANDOM.random((300, 20)) > 0.3
    with rewritten(save(tmp_path / "a.tif", values, mask, photometric="rgb")) as after:
        assert np.array_equal(after.read(), values)
        assert np.array_equal(after.dataset_mask() > 0, mask)
        assert after.count == 3


@pytest.mark.parametrize(("dtype", "nodata"), [("uint8", 0), ("uint8", 255), ("int16", -9999), ("float32", -9999)])
def test_data_never_becomes_no_data(tmp_path: Path, dtype: str, nodata: float) -> None:
    values = np.full((1, 8, 8), nodata, dtype)
    values[:, 2:] = nodata + 1 if nodata != 255 else 254
    picture = read_picture(save(tmp_path / "a.tif", values, nodata=nodata))
    assert picture.valid is not None
    picture.pixels[picture.valid] = nodata / picture.full_scale
    write_picture(picture, tmp_path / "b.tif")
    with rasterio.open(tmp_path / "b.tif") as after:
        assert after.nodata == nodata
        assert np.array_equal(after.read_masks(1) > 0, picture.valid[0])


def test_white_may_be_zero_in_measurements_too(tmp_path: Path) -> None:
    values = RANDOM.integers(1, 255, (1, 9, 11), dtype=np.uint8)
    with rewritten(save(tmp_path / "a.tif", values, nodata=0, photometric="miniswhite")) as after:
        assert np.array_equal(after.read(), values)
        assert after.tags(ns="IMAGE_STRUCTURE").get("MINISWHITE") == "YES"


@pytest.mark.parametrize(
    ("values", "found"),
    [
        (np.zeros((5, 4, 4), np.uint8), "5 bands"),
        (np.zeros((1, 4, 4), np.int16), "samples of the type int16"),
        (np.full((1, 4, 4), 700, np.float32), "values of about"),
    ],
)
def test_other_formats_refuse_what_would_be_lost(tmp_path: Path, values: NDArray[Any], found: str) -> None:
    picture = read_picture(save(tmp_path / "a.tif", values, photometric="minisblack"))
    with pytest.raises(PictureError, match=found) as caught:
        write_picture(picture, tmp_path / "a.png")
    assert caught.value.hint == "write a .tif"


def test_grey_that_falls_towards_white_looks_the_same_in_other_formats(tmp_path: Path) -> None:
    values = RANDOM.integers(1, 200, (1, 9, 11)).astype(np.uint8)
    source = save(tmp_path / "a.tif", values, photometric="miniswhite", nodata=0)
    write_picture(read_picture(source), tmp_path / "a.png")
    assert np.array_equal(read_picture(tmp_path / "a.png").to_array(), 255 - values[0])


def test_a_palette_loses_its_nodata_value_with_a_note(tmp_path: Path) -> None:
    path = save(tmp_path / "a.tif", RANDOM.integers(0, 5, (1, 9, 9)).astype("uint8"), photometric="palette", nodata=0)
    assert any("nodata value is dropped" in note for note in read_picture(path).notes)


@pytest.mark.parametrize(
    "options", [{"nodata": 7}, {"crs": "EPSG:4326", "transform": rasterio.Affine(1, 0, 9, 0, -1, 9)}]
)
@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("photometric", ["palette", "minisblack"])
def test_classes_are_never_blended(tmp_path: Path, options: dict[str, Any], bits: int, photometric: str) -> None:
    values = RANDOM.integers(0, 8, (1, 9, 11)).astype(np.uint8)
    colours = {number: (number * 9, 255 - number, 3, 255) for number in range(8)}
    source = save(tmp_path / "a.tif", values, photometric=photometric, nbits=bits, **options)
    with rasterio.open(source, "r+") as file:
        file.write_colormap(1, colours)  # GDAL leaves the page grey if it was written before
    enlarged, expected = (
        Upscaler.load("bicubic").upscale(source, scale=2),
        np.kron(values[0], np.ones((2, 2), np.uint8)),
    )
    write_picture(enlarged, tmp_path / "b.tif")
    with rasterio.open(tmp_path / "b.tif") as file:
        assert np.array_equal(file.read(1), expected)
        assert (file.colorinterp[0].name, file.nodata) == ("palette", options.get("nodata"))
        assert all(file.colormap(1)[number][:3] == colour[:3] for number, colour in colours.items())
    write_picture(enlarged, tmp_path / "b.png")
    table = np.array([colours[number][:3] for number in range(8)])
    assert np.array_equal(read_picture(tmp_path / "b.png").to_array(), table[expected])
    assert any("colours of this picture's classes" in loss for loss in picture_losses(tmp_path / "b.png", enlarged))


@pytest.mark.parametrize(
    ("shape", "levels", "said"),
    [((9, 11), tuple(range(768)), "grey"), ((9, 11, 3), tuple(range(768)), "RGB"), ((9, 11), "no numbers", "grey")],
)
def test_a_palette_that_nothing_uses_is_dropped_with_a_line(
    tmp_path: Path, shape: tuple[int, ...], levels: Any, said: str
) -> None:
    values = RANDOM.integers(0, 8, shape).astype(np.uint8)
    tag = (320, "s" if isinstance(levels, str) else "H", len(levels), levels)
    photometric = {"grey": "minisblack", "RGB": "rgb"}[said]
    tifffile.imwrite(tmp_path / "a.tif", values, photometric=photometric, extratags=[tag])
    assert read_picture(tmp_path / "a.tif").notes == (f"its palette is dropped: it says that it is {said}",)


@pytest.mark.parametrize(
    ("tags", "dropped"),
    [
        ({280: 0, 281: 255, 532: (0, 1, 255, 1) * 3}, ""),
        ({280: 16, 281: 235}, "MinSampleValue and MaxSampleValue"),
        ({340: (16, 16, 16)}, "SMinSampleValue"),
        ({532: (16, 1, 235, 1) * 3}, "ReferenceBlackWhite"),
    ],
)
def test_ranges_of_values_that_are_not_kept_are_reported(tmp_path: Path, tags: dict[int, Any], dropped: str) -> None:
    counts = {280: 1, 281: 1, 340: 3, 532: 6}
    extra = [(tag, 5 if tag == 532 else 3, counts[tag], value, True) for tag, value in tags.items()]
    pixels = RANDOM.integers(0, 255, (9, 11, 3)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="rgb", extratags=extra, metadata=None)
    assert read_picture(tmp_path / "a.tif").notes == ((f"the range in its {dropped} is dropped",) if dropped else ())


def test_bits_and_ranges_that_are_written_otherwise_are_reported(tmp_path: Path) -> None:
    values = RANDOM.integers(0, 2**20, (1, 9, 11), dtype=np.uint32)
    assert read_picture(save(tmp_path / "a.tif", values, nbits=20)).notes == ("its 20 bits a channel become 32",)
    bands_of_two = {"photometric": "minisblack", "planarconfig": "contig"}
    ranges = [(340, "H", 2, (0, 5), True), (341, "H", 2, (90, 95), True)]
    tifffile.imwrite(tmp_path / "b.tif", np.ones((9, 11, 2), np.uint16), extratags=ranges, **bands_of_two)
    assert read_picture(tmp_path / "b.tif").notes == ("its ranges of single bands become one",)


def test_a_tag_that_exif_cannot_hold_does_not_cost_the_others(tmp_path: Path) -> None:
    extra = [(65_008, 16, 1, 2**40, True), (271, 2, None, "Acme", True)]
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((3, 4), np.uint8), bigtiff=True, extratags=extra, metadata=None)
    picture = read_picture(tmp_path / "a.tif")
    assert picture.notes == ("its tags 65008 are dropped: EXIF cannot hold them",)
    assert b"Acme" in (picture.metadata.exif or b"")


PLACE = {"crs": "EPSG:4326", "transform": rasterio.Affine(1, 0, 9, 0, -1, 9)}


@pytest.mark.parametrize("photometric", ["minisblack", "miniswhite"])
@pytest.mark.parametrize("bits", [1, 2, 3, 4, 7])
def test_data_of_few_bits_keep_their_values(tmp_path: Path, bits: int, photometric: str) -> None:
    values = RANDOM.integers(0, 2**bits, (1, 9, 11)).astype(np.uint8)
    source = save(tmp_path / "a.tif", values, nbits=bits, photometric=photometric, **PLACE)
    with rewritten(source) as after:
        assert np.array_equal(after.read(), values)
        assert after.tags(1, ns="IMAGE_STRUCTURE")["NBITS"] == str(bits)
    write_picture(read_picture(source), tmp_path / "a.png")
    shown = values[0] if photometric == "minisblack" else 2**bits - 1 - values[0]
    assert np.array_equal(read_picture(tmp_path / "a.png").to_array(), np.rint(shown * (255 / (2**bits - 1))))


@pytest.mark.parametrize("bits", [4, 8, 12])
def test_grey_that_is_multiplied_by_alpha_is_divided_by_it(tmp_path: Path, bits: int) -> None:
    top = 2**bits - 1
    values = np.array([[[top // 3] * 9], [[top] * 5 + [top // 3] * 4]], np.uint8 if bits <= 8 else np.uint16)
    packed = {"nbits": bits} if bits != 8 else {}
    source = save(tmp_path / "a.tif", values, alpha="premultiplied", photometric="minisblack", **packed, **PLACE)
    assert torch.allclose(read_picture(source).pixels, torch.tensor([[[1 / 3] * 5 + [1.0] * 4]]), atol=1e-3)
    with rewritten(source) as after:
        assert np.array_equal(after.read(), values)


def test_an_orthophoto_keeps_its_mask(tmp_path: Path) -> None:
    values, mask = np.full((3, 16, 16), 90, np.uint8), np.arange(256).reshape(16, 16) % 16 > 7
    with rewritten(save(tmp_path / "a.tif", values, mask, photometric="ycbcr", compress="jpeg", **PLACE)) as after:
        assert np.array_equal(after.dataset_mask() > 0, mask)
        assert np.abs(after.read().astype(int)[:, mask] - 90).max() <= 2


@pytest.mark.parametrize(
    ("dtype", "count", "options"),
    [
        ("int16", 1, {}),
        ("uint16", 1, {"NBITS": "15"}),
        ("uint8", 3, {}),
        ("uint16", 4, {}),
        ("uint16", 1, {"GeoJP2": "NO"}),
    ],
)
def test_measurements_in_jpeg_2000_keep_values_bands_and_place(
    tmp_path: Path, dtype: str, count: int, options: dict[str, Any]
) -> None:
    values = RANDOM.integers(0, 200, (count, 24, 32)).astype(dtype)
    place = {"crs": "EPSG:32633", "transform": rasterio.Affine(10, 0, 5e5, 0, -10, 4e6)}
    lossless = {"QUALITY": "100", "REVERSIBLE": "YES"}
    source = save(tmp_path / "a.jp2", values, **place | lossless | options | {"driver": "JP2OpenJPEG"})
    with rewritten(source) as after:
        assert np.array_equal(after.read(), values)
        assert (after.dtypes[0], after.crs.to_epsg(), after.transform) == (dtype, 32633, place["transform"])
        assert "alpha" not in {kind.name for kind in after.colorinterp}


def test_jpeg_2000_of_12_bits_keeps_its_depth(tmp_path: Path) -> None:
    values = np.tile(np.where(np.arange(32) < 16, 0, 4095).astype(np.uint16), (1, 24, 1))
    options = {"QUALITY": "100", "REVERSIBLE": "YES", "NBITS": "12", "driver": "JP2OpenJPEG"}
    enlarged = Upscaler.load("bicubic").upscale(save(tmp_path / "a.jp2", values, **PLACE | options), scale=2)
    write_picture(enlarged, tmp_path / "b.tif")
    with rasterio.open(tmp_path / "b.tif") as after:
        assert (after.read().min(), after.read().max()) == (0, 4095)
    write_picture(enlarged, tmp_path / "b.png")
    assert read_picture(tmp_path / "b.png").pixels.max() == 1


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_grey_with_alpha_in_jpeg_2000_is_a_picture(tmp_path: Path, dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if dtype == "uint16":
        pytest.importorskip("imagecodecs")
    top = np.iinfo(dtype).max
    values = np.stack([np.linspace(0, top, 768).reshape(24, 32), np.tile(np.arange(32) // 16 * top, (24, 1))])
    options = {"QUALITY": "100", "REVERSIBLE": "YES", "driver": "JP2OpenJPEG", "photometric": "minisblack"}
    source = save(tmp_path / "a.jp2", values.astype(dtype), **options)
    monkeypatch.setattr(jp2, "find_spec", lambda _: None)
    picture = read_picture(source)
    assert np.array_equal(np.moveaxis(picture.to_array(), -1, 0), values.astype(dtype))
    assert picture.valid is None


def test_without_rasterio_signed_jpeg_2000_is_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = save(tmp_path / "a.jp2", np.ones((1, 24, 32), np.int16), **PLACE | {"driver": "JP2OpenJPEG"})
    monkeypatch.setattr(jp2, "find_spec", lambda _: None)
    with pytest.raises(PictureError, match="measurements in JPEG 2000") as caught:
        read_picture(source)
    assert "srgan-cli[geo]" in caught.value.hint


@pytest.mark.parametrize("has_gdal", [True, False])
def test_a_mask_beside_a_raster_is_read(tmp_path: Path, has_gdal: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    values, mask = RANDOM.integers(1, 200, (2, 16, 16)).astype(np.uint8), np.arange(256).reshape(16, 16) % 16 > 7
    source = save(tmp_path / "a.tif", values, mask, photometric="minisblack", **PLACE)
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=False):
        plain = save(tmp_path / "c.tif", values, photometric="minisblack", **PLACE)
        with rasterio.open(plain, "r+") as file:
            file.write_mask(mask)
    assert (tmp_path / "c.tif.msk").exists()
    for module in (bands, tiff_page):
        monkeypatch.setattr(module, "find_spec", lambda _: has_gdal or None)
    beside, inside = read_picture(plain), read_picture(source)
    assert not beside.notes
    assert beside.valid is not None
    assert inside.valid is not None
    assert torch.equal(beside.valid, inside.valid)
    (tmp_path / "c.tif.msk").write_bytes(b"damaged")
    assert read_picture(plain).notes == ("c.tif.msk beside it, a mask, is dropped",)


def test_masks_of_single_bands_become_one(tmp_path: Path) -> None:
    """As GDAL writes them beside a raster of two bands."""
    source = save(tmp_path / "a.tif", RANDOM.integers(1, 200, (2, 16, 16)).astype(np.uint8), **PLACE)
    one = np.arange(256).reshape(16, 16) % 16 > 7
    masks = np.stack([one, one.T], 2).astype(np.uint8) * 255
    tifffile.imwrite(f"{source}.msk", masks, photometric="minisblack", planarconfig="contig")
    read = read_picture(source)
    assert read.valid is not None
    assert (read.valid.numpy() == one & one.T).all()
    assert "its masks, one for each band, become one" in read.notes[0]


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".bmp"])
def test_a_mask_beside_a_picture_of_another_format_is_read(tmp_path: Path, suffix: str) -> None:
    mask, source = np.arange(256).reshape(16, 16) % 16 > 7, tmp_path / f"a{suffix}"
    Image.fromarray(RANDOM.integers(1, 200, (16, 16, 3)).astype(np.uint8)).save(source)
    tifffile.imwrite(f"{source}.msk", mask.astype(np.uint8) * 255, compression="zlib")
    valid = read_picture(source).valid
    assert valid is not None
    assert (valid.numpy() == mask).all()
    with rewritten(source) as after:
        assert (after.read_masks(3) == mask * 255).all()
    assert picture_losses(tmp_path / "b.bmp", read_picture(source)) == ["BMP has no transparency: the mask is dropped"]
    write_picture(read_picture(source), tmp_path / "b.bmp")
    with Image.open(source) as before, Image.open(tmp_path / "b.bmp") as kept:
        assert np.array_equal(before, kept)


@pytest.mark.parametrize("kind", ["own alpha", "animation", "truncated mask", "palette"])
def test_a_mask_beside_a_picture_is_read_where_it_fits(tmp_path: Path, kind: str) -> None:
    values, source = RANDOM.integers(1, 200, (40, 50, 4 if kind == "own alpha" else 3)), tmp_path / "a.png"
    image, frames = (
        Image.fromarray(values.astype(np.uint8)),
        {"save_all": True, "append_images": [Image.new("RGB", (50, 40))]},
    )
    image = image.quantize(16) if kind == "palette" else image
    image.save(source, **frames if kind == "animation" else {})
    tifffile.imwrite(f"{source}.msk", np.eye(40, 50, dtype=np.uint8) * 255)
    if kind == "truncated mask":
        (tmp_path / "a.png.msk").write_bytes((tmp_path / "a.png.msk").read_bytes()[:-900])
    first = next(iter(open_pictures(source).streams())).header
    assert first.notes == (("a.png.msk beside it, a mask, is dropped",) if kind != "palette" else ())
    assert (len(first.pixels), first.bands.palette) == (3, ())


@pytest.mark.parametrize("odd", [1.3, np.inf, np.nan])
def test_odd_values_of_float_alpha_change_no_other_pixel(tmp_path: Path, odd: float) -> None:
    values = np.ones((9, 11, 4), np.float32)
    values[4, 4, 3] = odd
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="rgb", extrasamples=["unassalpha"])
    alpha = read_picture(tmp_path / "a.tif").alpha
    assert alpha is not None
    assert (alpha == 1).sum() >= 98


def test_a_mask_of_converted_colours_is_kept(tmp_path: Path) -> None:
    values, mask = np.full((4, 8, 8), 90, np.uint8), np.eye(8) > 0
    with rewritten(save(tmp_path / "a.tif", values, mask, photometric="cmyk", **PLACE)) as after:
        assert (after.count, (after.read_masks(1) == mask * 255).all()) == (3, True)


@pytest.mark.parametrize("has_gdal", [True, False])
def test_empty_blocks_of_a_sparse_file_are_no_data(
    tmp_path: Path, has_gdal: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bands, "find_spec", lambda _: has_gdal or None)
    blocks = {"tiled": True, "blockxsize": 16, "blockysize": 16, "sparse_ok": True}
    values = np.full((1, 32, 32), 7, np.uint16)
    values[:, :16, :16] = RANDOM.integers(9, 999, (16, 16))
    with rewritten(save(tmp_path / "a.tif", values, nodata=7, **blocks, **PLACE)) as after:
        assert (after.read() == values).all()


@pytest.mark.parametrize("dtype", [np.float32, np.uint16, np.int16])
def test_alpha_of_255_stays_a_mask(tmp_path: Path, dtype: type) -> None:
    values = RANDOM.integers(0, 900, (2, 9, 11)).astype(dtype)
    values[1] = np.where(values[0] > 300, 255, 0)
    source = save(tmp_path / "a.tif", values, alpha="yes", photometric="minisblack", **PLACE)
    assert read_picture(source).has_mask
    with rewritten(source) as after:
        assert (after.read() == values).all()


def test_what_gdal_says_of_a_band_counts_more_than_its_tag(tmp_path: Path) -> None:
    values, kinds = RANDOM.integers(1, 99, (4, 9, 11)).astype(np.uint8), rasterio.enums.ColorInterp
    source = save(tmp_path / "a.tif", values, **PLACE)
    with rasterio.open(source, "r+") as file:
        file.colorinterp = [kinds.undefined, kinds.red, kinds.green, kinds.blue]
    picture = read_picture(source)
    assert (len(picture.pixels), picture.alpha) == (4, None)


def test_a_palette_is_a_picture_unless_it_has_a_place(tmp_path: Path) -> None:
    values = RANDOM.integers(0, 8, (9, 11)).astype(np.uint8)
    image = Image.fromarray(values)
    image.putpalette([9 * number for number in range(24)])
    image.save(tmp_path / "a.png")
    assert len(read_picture(tmp_path / "a.png", keep_classes=True).pixels) == 1 + 2
    (tmp_path / "a.pgw").write_text("1\n0\n0\n-1\n5\n5\n")
    picture = read_picture(tmp_path / "a.png", keep_classes=True)
    assert np.array_equal(picture.to_array(), values)
    assert read_picture(tmp_path / "a.png").pixels.shape == (3, 9, 11)


def test_jpegs_with_alpha_are_not_left_to_libvips() -> None:
    assert bands.decoder({259: 7, bands.PHOTOMETRIC: 2, bands.BITS: (8,) * 4, bands.SAMPLES: 4}) != "vips"
