"""Reading and writing pictures."""

import gc
import io
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Event

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps
from torch import Tensor

from srgan_cli.errors import PictureError, UsageError
from srgan_cli.image.codec import vips
from srgan_cli.image.codec.capabilities import FORMAT_CAPABILITIES, FORMATS, FormatCapabilities, format_of
from srgan_cli.image.io import picture_losses, picture_size, read_picture
from srgan_cli.image.metadata.exif import plausible_dpi
from srgan_cli.image.ops import quantise
from srgan_cli.image.picture import Picture
from srgan_cli.image.sequence import write_picture

OPEN_FILES = Path("/proc/self/fd")

LOSSLESS = (".png", ".apng", ".tif", ".tiff", ".bmp", ".dib", ".gif")
RGBA_ONLY = (".avif", ".heic", ".heif")
ORIENTATION = 0x0112
HEIGHT, WIDTH = 11, 14


def ramps(channels: int, height: int = HEIGHT, width: int = WIDTH) -> Tensor:
    """A smooth picture of 8 bits; its channels, corners and sides differ."""
    down, across = torch.linspace(0, 0.6, height)[:, None], torch.linspace(0, 0.3, width)
    return torch.stack([quantise(down + across + 0.03 * channel) for channel in range(channels)])


def soft(height: int = HEIGHT, width: int = WIDTH) -> Tensor:
    """An alpha that hides no colour."""
    return quantise(1 - ramps(1, height, width) / 2)


def pillow(mode: str = "RGB") -> Image.Image:
    values = (ramps(3).permute(1, 2, 0) * 255).round().numpy().astype(np.uint8)
    return Image.fromarray(values).convert(mode)


def encoded(suffix: str) -> bytes:
    buffer = io.BytesIO()
    pillow().save(buffer, FORMATS[suffix])
    return buffer.getvalue()


def profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def available(suffix: str) -> FormatCapabilities:
    """The capabilities of a format; skips the test if its plugin is not installed."""
    try:
        return FORMAT_CAPABILITIES[format_of(Path(f"a{suffix}"))]
    except UsageError as error:
        pytest.skip(error.message)


def difference(one: Tensor, other: Tensor) -> float:
    return 255 * (one - other).abs().max().item()


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("transparent", [False, True], ids=["opaque", "transparent"])
@pytest.mark.parametrize("channels", [1, 3], ids=["grey", "rgb"])
def test_written_pictures_are_read_back(tmp_path: Path, channels: int, transparent: bool, suffix: str) -> None:
    path, form = tmp_path / f"picture{suffix}", available(suffix)
    alpha = (soft() > 0.8).float() if form.colours else soft()
    picture = Picture(ramps(channels), alpha if transparent else None)
    write_picture(picture, path)
    back = read_picture(path)
    expected = picture
    if transparent and not form.alpha:
        expected = Picture(picture.pixels * soft() + 1 - soft())
    assert len(back.pixels) == (channels if form.grey and not (transparent and suffix in RGBA_ONLY) else 3)
    shown = torch.ones(1, HEIGHT, WIDTH) if expected.alpha is None else (expected.alpha > 0).float()
    assert difference(back.pixels * shown, quantise(expected.pixels) * shown) <= (1e-4 if suffix in LOSSLESS else 8)
    assert (back.alpha is None) == (expected.alpha is None)
    assert back.alpha is None or difference(back.alpha, expected.alpha) <= (4 if suffix in RGBA_ONLY else 1e-4)
    assert back.depth == 8
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_values_outside_the_range_are_clamped(tmp_path: Path) -> None:
    write_picture(Picture(torch.tensor([[[-1.0, 0.5, 2.0]]])), tmp_path / "a.png")
    assert read_picture(tmp_path / "a.png").pixels.tolist() == [[[0, pytest.approx(128 / 255), 1]]]


@pytest.mark.parametrize("transparency", [None, 7], ids=["opaque", "transparent"])
def test_a_palette_becomes_colours(tmp_path: Path, transparency: int | None) -> None:
    image = pillow().quantize(8)
    options = {} if transparency is None else {"transparency": transparency}
    image.save(tmp_path / "a.png", **options)
    picture = read_picture(tmp_path / "a.png")
    expected = torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1) / 255
    assert torch.equal(picture.pixels, expected)
    if transparency is None:
        assert picture.alpha is None
    else:
        assert torch.equal(picture.alpha[0] == 0, torch.from_numpy(np.array(image)) == transparency)


@pytest.mark.parametrize("mode", ["1", "L", "I;16"])
def test_a_transparent_grey_value_becomes_alpha(tmp_path: Path, mode: str) -> None:
    kind, top = {"1": (bool, 1), "L": (np.uint8, 255), "I;16": (np.uint16, 65_535)}[mode]
    values = np.array([[0, top], [top, 0]]).astype(kind)
    Image.fromarray(values).save(tmp_path / "a.png", transparency=0)
    picture = read_picture(tmp_path / "a.png")
    assert picture.pixels.tolist() == [[[0, 1], [1, 0]]]
    assert picture.alpha is not None
    assert picture.alpha.tolist() == [[[0, 1], [1, 0]]]
    assert picture.depth == (16 if mode == "I;16" else 8)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".bmp"])
def test_one_bit_is_black_and_white_grey(tmp_path: Path, suffix: str) -> None:
    Image.fromarray(np.array([[True, False, True]])).save(tmp_path / f"a{suffix}")
    assert read_picture(tmp_path / f"a{suffix}").pixels.tolist() == [[[1, 0, 1]]]


@pytest.mark.parametrize("suffix", [".jpg", ".tif"])
def test_cmyk_becomes_rgb_without_its_profile(tmp_path: Path, suffix: str) -> None:
    pillow("CMYK").save(tmp_path / f"a{suffix}", icc_profile=b"a profile for ink")
    picture = read_picture(tmp_path / f"a{suffix}")
    assert difference(picture.pixels, ramps(3)) <= 12
    assert picture.icc_profile is None


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_sixteen_bit_grey_keeps_depth_and_values(tmp_path: Path, suffix: str) -> None:
    values = np.arange(65_536, dtype=np.uint16).reshape(256, 256)
    Image.fromarray(values).save(tmp_path / f"a{suffix}")
    picture = read_picture(tmp_path / f"a{suffix}")
    assert picture.depth == 16
    write_picture(picture, tmp_path / f"b{suffix}")
    with Image.open(tmp_path / f"b{suffix}") as image:
        assert image.mode.startswith("I;16")
        assert (np.asarray(image) == values).all()


def test_sixteen_bit_grey_of_the_other_byte_order_is_read(tmp_path: Path) -> None:
    values = np.arange(0, 60_000, 5000, dtype=np.uint16).reshape(3, 4)
    Image.frombytes("I;16B", (4, 3), values.astype(">u2").tobytes()).save(tmp_path / "a.tif")
    assert (tmp_path / "a.tif").read_bytes().startswith(b"MM")
    picture = read_picture(tmp_path / "a.tif")
    assert picture.depth == 16
    assert (picture.pixels[0] * 65_535).round().tolist() == values.tolist()


@st.composite
def deep_pictures(draw: st.DrawFn) -> Picture:
    """Random pictures of 16 bits or floats, grey or colour, with or without alpha, that use every value."""
    height, width, channels = draw(st.integers(1, 9)), draw(st.integers(1, 9)), draw(st.sampled_from([1, 3]))
    random, depth = torch.Generator().manual_seed(draw(st.integers(0, 999))), draw(st.sampled_from([16, 32]))
    planes = torch.rand(channels + 1, height, width, generator=random)
    planes = quantise(planes, 16) if depth == 16 else planes
    return Picture(planes[:-1], planes[-1:] if draw(st.booleans()) else None, depth)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@given(picture=deep_pictures())
@settings(max_examples=60)
def test_16_bits_and_floats_come_back_exactly(
    tmp_path_factory: pytest.TempPathFactory, suffix: str, picture: Picture
) -> None:
    path = tmp_path_factory.getbasetemp() / f"deep{suffix}"
    write_picture(picture, path)
    back = read_picture(path)
    held = min(picture.depth, max(FORMAT_CAPABILITIES[format_of(path)].depths))
    assert back.depth == held
    expected = [picture.pixels, *([] if picture.alpha is None else [picture.alpha])]
    found = [back.pixels, *([] if back.alpha is None else [back.alpha])]
    assert [layer.shape for layer in found] == [layer.shape for layer in expected]
    for one, other in zip(found, expected, strict=True):
        assert torch.equal(one, other if held == 32 else quantise(other, held))


def test_sixteen_bits_of_colour_agree_with_an_independent_reader(tmp_path: Path) -> None:
    values = np.random.default_rng(3).integers(0, 65_536, (5, 7, 3), dtype=np.uint16)
    write_picture(Picture(torch.from_numpy(values).permute(2, 0, 1).float() / 65_535, depth=16), tmp_path / "a.tif")
    assert np.array_equal(skimage_tiff(tmp_path / "a.tif"), values)


def skimage_tiff(path: Path) -> NDArray[np.generic]:
    tifffile = pytest.importorskip("tifffile")
    return np.asarray(tifffile.imread(path))


def test_floats_outside_0_to_1_keep_their_values(tmp_path: Path) -> None:
    heights = torch.tensor([[[-12.5, 0, 8848.25]]])
    write_picture(Picture(heights, depth=32), tmp_path / "a.tif")
    with Image.open(tmp_path / "a.tif") as image:
        assert np.asarray(image).tolist() == heights[0].tolist()
    back = read_picture(tmp_path / "a.tif")
    assert torch.equal(back.pixels, heights)
    assert picture_losses(tmp_path / "a.png", back) == [
        "PNG stores 16 of this picture's 32 bits a channel",
        "PNG clips values outside 0…1",
    ]


@pytest.mark.parametrize("hole", [np.nan, np.inf, -np.inf, np.finfo(np.float32).min, np.finfo(np.float32).max])
def test_what_is_no_number_is_no_data_and_stays_as_it_is(tmp_path: Path, hole: float) -> None:
    values = np.array([[hole, 2, 0.5]], np.float32)
    Image.fromarray(values).save(tmp_path / "a.tif")
    picture = read_picture(tmp_path / "a.tif")
    assert picture.valid is not None
    assert picture.valid.tolist() == [[[False, True, True]]]
    write_picture(picture, tmp_path / "b.tif")
    with Image.open(tmp_path / "b.tif") as image:
        assert np.array_equal(np.asarray(image), values, equal_nan=True)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    ("name", "mode"),
    [("a.jpg", "RGB"), ("a.png", "RGB"), ("a.webp", "RGB"), ("a.tif", "RGB"), ("a.tif", "L"), ("a.tif", "RGBA")],
)
def test_the_orientation_is_applied(tmp_path: Path, name: str, mode: str, orientation: int) -> None:
    image = pillow(mode)
    image.getexif()[ORIENTATION] = orientation
    image.save(tmp_path / name, exif=image.getexif(), quality=95)
    upright = np.array(ImageOps.exif_transpose(image).convert("RGB"))
    picture = read_picture(tmp_path / name)
    assert (picture.height, picture.width) == picture_size(tmp_path / name) == upright.shape[:2]
    expected = torch.from_numpy(upright).permute(2, 0, 1) / 255
    assert difference(picture.rgb, expected) <= (1e-4 if name.endswith(LOSSLESS) else 12)


def test_the_orientation_of_16_bits_is_applied(tmp_path: Path) -> None:
    values = np.arange(0, 60_000, 5000, dtype=np.uint16).reshape(3, 4)
    image = Image.fromarray(values)
    image.getexif()[ORIENTATION] = 6
    image.save(tmp_path / "a.tif", exif=image.getexif())
    picture = read_picture(tmp_path / "a.tif")
    assert (picture.pixels[0] * 65_535).round().tolist() == np.rot90(values, -1).tolist()
    assert picture_size(tmp_path / "a.tif") == (4, 3)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif"])
def test_the_colour_profile_survives(tmp_path: Path, suffix: str) -> None:
    written = Picture(ramps(3), icc_profile=profile())
    write_picture(written, tmp_path / f"a{suffix}")
    assert read_picture(tmp_path / f"a{suffix}").icc_profile == written.icc_profile


@pytest.mark.parametrize(
    ("picture", "name", "expected"),
    [
        (Picture(ramps(3), soft()), "a.png", []),
        (Picture(ramps(3), soft()), "a.webp", []),
        (Picture(ramps(3), soft()), "a.jpg", ["JPEG has no transparency: the picture is flattened on white"]),
        (Picture(ramps(1), soft()), "a.bmp", ["BMP has no transparency: the picture is flattened on white"]),
        (Picture(ramps(1), depth=16), "a.png", []),
        (Picture(ramps(1), depth=16), "a.TIFF", []),
        (Picture(ramps(1), depth=16), "a.jpg", ["JPEG stores 8 of this picture's 16 bits a channel"]),
        (Picture(ramps(3), soft(), 16), "a.png", []),
        (Picture(ramps(3), soft(), 32), "a.tif", []),
        (Picture(ramps(3), depth=32), "a.png", ["PNG stores 16 of this picture's 32 bits a channel"]),
        (Picture(ramps(3), icc_profile=b"icc"), "a.bmp", []),
        (Picture(ramps(1), icc_profile=b"icc"), "a.webp", ["WEBP cannot store this picture's colour profile"]),
        (Picture(ramps(1), icc_profile=b"icc"), "a.png", []),
    ],
)
def test_reported_losses_are_true(tmp_path: Path, picture: Picture, name: str, expected: list[str]) -> None:
    assert picture_losses(tmp_path / name, picture) == expected
    write_picture(picture, tmp_path / name)
    back = read_picture(tmp_path / name)
    lost = (
        (back.alpha is None) != (picture.alpha is None),
        back.depth != picture.depth,
        back.icc_profile != picture.icc_profile,
    )
    assert sum(lost) == len(expected)


def test_transparency_is_flattened_on_white(tmp_path: Path) -> None:
    alpha = torch.ones(1, 16, 16)
    alpha[:, :, 8:] = 0
    write_picture(Picture(torch.zeros(3, 16, 16), alpha), tmp_path / "a.jpg")
    back = read_picture(tmp_path / "a.jpg").pixels
    assert difference(back[:, :, :8], torch.zeros(3, 16, 8)) <= 3
    assert difference(back[:, :, 8:], torch.ones(3, 16, 8)) <= 3


@pytest.mark.parametrize("read", [read_picture, picture_size])
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing.png", "no such file"),
        ("folder", "is a folder"),
        ("text.png", "not a picture"),
        ("empty.png", "is empty"),
        ("x" * 300 + ".png", "cannot read"),
    ],
)
def test_other_files_are_refused_in_one_line(
    tmp_path: Path, read: Callable[[Path], object], name: str, message: str
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "text.png").write_text("these are words")
    (tmp_path / "empty.png").touch()
    with pytest.raises(PictureError, match=message) as caught:
        read(tmp_path / name)
    assert name in caught.value.message
    assert "\n" not in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif", ".bmp"])
def test_a_truncated_picture_is_refused(tmp_path: Path, suffix: str) -> None:
    path, data = tmp_path / f"a{suffix}", encoded(suffix)
    path.write_bytes(data[: len(data) * 3 // 4])
    with pytest.raises(PictureError, match=f"a{suffix}") as caught:
        read_picture(path)
    assert "\n" not in caught.value.message
    assert caught.value.hint


def test_libvips_may_quote_bytes_that_are_no_utf8(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match="No such file or directory"):
        vips.gif_frames(tmp_path / "\udcff.gif")


def test_other_threads_do_not_change_what_is_said_of_damage(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encoded(".png")[:-40])
    Image.new("L", (2, 2)).save(tmp_path / "b.gif")
    said, stopped = set[str](), Event()

    def others() -> None:
        while not stopped.is_set():
            vips.gif_frames(tmp_path / "b.gif")

    with ThreadPoolExecutor(1) as threads:
        threads.submit(others)
        for _ in range(30):
            try:
                read_picture(tmp_path / "a.png")
            except PictureError as error:
                said.add(error.message)
        stopped.set()
    assert said == {f"cannot read {tmp_path / 'a.png'}: it is damaged or incomplete"}


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif", ".bmp"])
@given(data=st.data())
@settings(max_examples=40)
def test_damage_anywhere_gives_a_picture_or_a_picture_error(
    tmp_path_factory: pytest.TempPathFactory, suffix: str, data: st.DataObject
) -> None:
    damaged = bytearray(encoded(suffix))
    damaged[data.draw(st.integers(0, len(damaged) - 1))] ^= data.draw(st.integers(1, 255))
    path = tmp_path_factory.getbasetemp() / f"damaged{suffix}"
    path.write_bytes(damaged[: data.draw(st.integers(0, len(damaged)))])
    for read in (read_picture, picture_size):
        with suppress(PictureError):
            read(path)


@pytest.mark.skipif(not OPEN_FILES.is_dir(), reason="this system does not list a process's open files")
@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg", ".webp"])
def test_no_file_stays_open(tmp_path: Path, suffix: str) -> None:
    def read_and_write(name: str) -> int:
        write_picture(Picture(torch.rand(3, 20, 30)), tmp_path / f"good{name}")
        read_picture(tmp_path / f"good{name}")
        damaged = tmp_path / f"damaged{name}"
        damaged.write_bytes((tmp_path / f"good{name}").read_bytes()[:300])
        with pytest.raises(PictureError):
            read_picture(damaged)
        gc.collect()  # the traceback of the error keeps objects alive
        return len(list(OPEN_FILES.iterdir()))

    before = read_and_write(suffix)
    assert [read_and_write(f"{number}{suffix}") for number in range(3)] == [before] * 3


def test_32_bit_integers_keep_every_value(tmp_path: Path) -> None:
    values = np.array([[0, -7, 2**31 - 1, -(2**31)]], np.int32)
    Image.fromarray(values).save(tmp_path / "a.tif")
    picture = read_picture(tmp_path / "a.tif")
    assert picture.pixels.tolist() == [values.tolist()]
    write_picture(picture, tmp_path / "b.tif")
    with Image.open(tmp_path / "b.tif") as image:
        assert np.asarray(image).tolist() == values.tolist()


@pytest.mark.parametrize(
    ("name", "message"), [("a.xyz", "the suffix '.xyz' is unknown"), ("a.jp2", "'.jp2'"), ("a", "it has no suffix")]
)
def test_an_unknown_output_suffix_is_refused_with_a_list_of_known_ones(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        write_picture(Picture(ramps(3)), tmp_path / name)
    assert all(suffix in caught.value.hint for suffix in FORMATS)


def test_an_upper_case_suffix_is_known() -> None:
    assert format_of(Path("A.JPG")) == "JPEG"


@pytest.mark.parametrize(("name", "width"), [("a.jpg", 65_536), ("a.webp", 16_384)])
def test_a_picture_too_large_for_its_format_is_refused(tmp_path: Path, name: str, width: int) -> None:
    with pytest.raises(PictureError, match=f"the picture is {width} x 1"):
        write_picture(Picture(torch.zeros(1, 1, width)), tmp_path / name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("alpha", [None, torch.ones(1, 2, 2)])
@pytest.mark.parametrize("bands", [2, 4])
def test_pictures_of_any_number_of_bands_need_no_layout(tmp_path: Path, bands: int, alpha: torch.Tensor | None) -> None:
    picture = Picture(torch.arange(4 * bands).view(bands, 2, 2) / 255, alpha)
    write_picture(picture, tmp_path / "a.tif")
    found = read_picture(tmp_path / "a.tif")
    assert torch.equal(found.pixels, picture.pixels)
    assert (found.alpha is None) == (alpha is None)


@pytest.mark.parametrize("dpi", [(72, math.nan), (math.nan, 72), (72, math.inf)])
def test_a_resolution_that_is_no_number_is_none(dpi: tuple[float, float]) -> None:
    assert plausible_dpi(dpi) is None
