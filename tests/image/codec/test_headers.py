"""The header of JPEG XL files, against files of the plugin and headers built bit by bit."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from srgan_cli.errors import PictureError
from srgan_cli.image.codec.headers import JxlHeader, describe_compression, parse_jxl_header
from srgan_cli.image.io import read_picture
from srgan_cli.image.sequence import open_pictures


def codestream(*fields: tuple[int, int]) -> bytes:
    """The start of a codestream with these (value, number of bits), the least significant bit first."""
    bits = "".join(f"{value:0{count}b}"[::-1] for value, count in fields if count)
    bits += "0" * (-len(bits) % 8)
    return b"\xff\x0a" + bytes(int(bits[start : start + 8][::-1], 2) for start in range(0, len(bits), 8))


SMALL = ((1, 1), (3, 5), (5, 3))
LARGE = ((0, 1), (2, 2), (70_000, 18), (0, 3), (1, 2), (5000, 13))
PREVIEW = ((0, 1), (1, 2), (9, 8), (0, 3), (0, 2), (1, 6))
ANIMATION = ((2, 2), (7, 10), (1, 2), (1, 2), (5, 3), (0, 1))


@pytest.mark.parametrize(("size", "sides"), [(SMALL, (32, 56)), (LARGE, (70_001, 5001))], ids=["small", "large"])
@pytest.mark.parametrize(("inner", "preview"), [(0, 0), (1, 0), (0, 1), (1, 1)])
@pytest.mark.parametrize("animated", [False, True])
@pytest.mark.parametrize(
    ("depth", "bits"),
    [(((0, 1), (0, 2)), 8), (((0, 1), (1, 2)), 10), (((0, 1), (3, 2), (15, 6)), 16), (((1, 1), (0, 2), (7, 4)), 32)],
)
def test_depth_animation_and_size_are_read(
    size: tuple, sides: tuple[int, int], inner: int, preview: int, animated: bool, depth: tuple, bits: int
) -> None:
    fields = [*size, (0, 1), (1, 1), (5, 3), (inner, 1), *(SMALL if inner else ()), (preview, 1)]
    fields += [*(PREVIEW if preview else ()), (animated, 1), *(ANIMATION if animated else ()), *depth, (1, 1), (0, 2)]
    assert parse_jxl_header(codestream(*fields)) == JxlHeader(bits, animated, *sides)
    boxed = b"\x00\x00\x00\x0cJXL \r\n\x87\n" + (12 + len(codestream(*fields))).to_bytes(4, "big") + b"jxlp" + bytes(4)
    assert parse_jxl_header(boxed + codestream(*fields)) == JxlHeader(bits, animated, *sides)


NAMED_DEPTH = ((0, 1), (1, 2), (0, 1), (0, 2), (0, 2), (1, 2), (3, 4), (97, 8), (98, 8), (99, 8))
SPOT = ((0, 1), (2, 2), (0, 4), (0, 1), (0, 2), (0, 2), (0, 2), (0, 64))
ALPHA = ((0, 1), (0, 2), (0, 1), (0, 2), (0, 2), (0, 2))


@pytest.mark.parametrize(
    ("channels", "count", "found"),
    [
        ([(1, 1)], (1, 2), {}),
        ([*ALPHA, (1, 1)], (1, 2), {"is_premultiplied": True}),
        ([*NAMED_DEPTH, *ALPHA, (1, 1), *SPOT, (1, 1)], (2, 2), {"is_premultiplied": True, "further": 3}),
        ([(0, 1), (2, 2), (2, 4), (0, 1), (0, 2), (0, 2), (0, 2)], (1, 2), {"further": 1, "has_black": True}),
    ],
)
def test_channels_beyond_the_colours_are_read(channels: list, count: tuple, found: dict[str, Any]) -> None:
    counted = [count, (2, 4)] if count[0] == 2 else [count]
    fields = [*SMALL, (0, 1), (0, 1), (0, 1), (0, 2), (1, 1), *counted, *channels]
    assert parse_jxl_header(codestream(*fields)) == JxlHeader(8, False, 32, 56, **found)


def test_the_defaults_are_8_bits_and_still() -> None:
    assert parse_jxl_header(codestream(*SMALL, (1, 1))) == JxlHeader(8, False, 32, 56)


@pytest.mark.parametrize(
    "encoded",
    [
        "ff0a38000e800150020810100048004b188b15805dc0ff0028528b008072030000",
        "ff0a38000ee047f00341d1220810100050004b188b15806580ff0130c41601000a0100000000",
    ],
    ids=["8 bits", "16 bits"],
)
def test_premultiplied_colours_are_divided_by_alpha(tmp_path: Path, encoded: str) -> None:
    """Half-transparent white of 8 x 8 pixels."""
    pytest.importorskip("pillow_jxl")
    pytest.importorskip("imagecodecs")
    (tmp_path / "a.jxl").write_bytes(bytes.fromhex(encoded))
    picture = read_picture(tmp_path / "a.jxl")
    assert picture.pixels.min() == 1
    assert picture.alpha is not None
    assert picture.alpha.mean().item() == pytest.approx(0.5, abs=0.01)


@given(st.binary(max_size=40))
def test_any_bytes_give_a_header(data: bytes) -> None:
    for start in (b"", b"\xff\x0a", b"\x00\x00\x00\x0cJXL \r\n\x87\n"):
        assert 1 <= parse_jxl_header(start + data).bits <= 64


def test_headers_of_real_files_are_read() -> None:
    pytest.importorskip("pillow_jxl")
    for values, bits in ((np.zeros((9, 7), np.uint16), 16), (np.zeros((9, 7), np.uint8), 8)):
        file = io.BytesIO()
        Image.fromarray(values).save(file, "JXL", lossless=True)
        assert parse_jxl_header(file.getvalue()) == JxlHeader(bits, False, 9, 7)


@pytest.mark.parametrize("sides", [(8, 8), (9, 7), (24, 32), (256, 256), (300, 200), (90, 160)])
def test_sizes_of_real_files_are_read(sides: tuple[int, int]) -> None:
    pytest.importorskip("pillow_jxl")
    file = io.BytesIO()
    Image.fromarray(np.zeros(sides, np.uint8)).save(file, "JXL", lossless=True)
    header = parse_jxl_header(file.getvalue())
    assert (header.height, header.width) == sides


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_an_animated_jpeg_xl_gives_its_first_frame(tmp_path: Path, dtype: type) -> None:
    pytest.importorskip("pillow_jxl")
    frames = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (2, 9, 7, 3)).astype(dtype)
    (tmp_path / "a.jxl").write_bytes(pytest.importorskip("imagecodecs").jpegxl_encode(frames, lossless=True))
    picture = read_picture(tmp_path / "a.jxl")
    assert np.array_equal(picture.to_array(), frames[0])
    assert picture.notes == ("its animation is reduced to the first frame",)


def test_a_damaged_jpeg_xl_has_a_plain_line(tmp_path: Path) -> None:
    pytest.importorskip("pillow_jxl")
    Image.radial_gradient("L").save(tmp_path / "a.jxl", "JXL")
    (tmp_path / "a.jxl").write_bytes((tmp_path / "a.jxl").read_bytes()[:-500])
    with pytest.raises(PictureError, match=r"a\.jxl: it is damaged$"):
        read_picture(tmp_path / "a.jxl")


def test_a_jpeg_xl_in_srgb_has_no_profile_to_lose(tmp_path: Path) -> None:
    pytest.importorskip("pillow_jxl")
    Image.new("RGB", (20, 10)).save(tmp_path / "a.jxl", "JXL")
    assert read_picture(tmp_path / "a.jxl").icc_profile is None


def test_jpeg_xl_is_checked_before_it_is_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plugin = pytest.importorskip("pillow_jxl.JpegXLImagePlugin")
    path = tmp_path / "a.jxl"
    Image.new("RGB", (20, 10)).save(path, "JXL")
    assert read_picture(path, max_pixels=200).width == 20

    def decode(*_: object, **__: object) -> None:
        pytest.fail("the picture was decoded")

    monkeypatch.setattr(plugin, "Decoder", decode)
    for read in (read_picture, open_pictures):
        with pytest.raises(PictureError, match="has 200 pixels, more than"):
            read(path, max_pixels=199)


@pytest.mark.parametrize(("bits", "channels"), [(10, 3), (12, 1), (16, 2), (16, 3), (16, 4), (32, 3)])
def test_jpeg_xl_keeps_more_than_8_bits(tmp_path: Path, bits: int, channels: int) -> None:
    pytest.importorskip("pillow_jxl")
    imagecodecs = pytest.importorskip("imagecodecs", reason="needs srgan-cli[tiff]")
    unit = np.random.default_rng(0).random((9, 7, channels)).astype(np.float32)
    values = unit if bits == 32 else np.rint(unit * (2**bits - 1)).astype(np.uint16)
    encoded = imagecodecs.jpegxl_encode(values, lossless=True, bitspersample=None if bits == 32 else bits)
    (tmp_path / "a.jxl").write_bytes(encoded)
    picture = read_picture(tmp_path / "a.jxl")
    found = np.concatenate([picture.pixels, *([] if picture.alpha is None else [picture.alpha])])
    assert picture.depth == max(bits, 16)
    assert np.abs(found.transpose(1, 2, 0) - unit).max() <= 0.6 / 2 ** min(bits, 16)
    assert picture.notes == ()


@pytest.fixture
def image() -> Image.Image:
    return Image.linear_gradient("L").resize((40, 30)).convert("RGB")


@pytest.mark.parametrize("quality", [25, 40, 75, 90, 95, 99, 100])
def test_the_quality_of_a_jpeg_is_read_from_its_tables(image: Image.Image, tmp_path: Path, quality: int) -> None:
    image.save(tmp_path / "a.jpg", quality=quality)
    assert describe_compression(tmp_path / "a.jpg", below_quality=101) == f"a JPEG of quality {quality}"
    assert describe_compression(tmp_path / "a.jpg", below_quality=quality) == ""


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize("frames", [1, 2])
def test_lossy_webp_differs_from_lossless(image: Image.Image, tmp_path: Path, mode: str, frames: int) -> None:
    more = [image.convert(mode).rotate(10 * number) for number in range(1, frames)]
    for name, options in (("lossy", {"quality": 80}), ("lossless", {"lossless": True})):
        image.convert(mode).save(tmp_path / f"{name}.webp", save_all=True, append_images=more, **options)
    assert describe_compression(tmp_path / "lossy.webp", below_quality=98) == "lossy WebP"
    assert describe_compression(tmp_path / "lossless.webp", below_quality=98) == ""


@pytest.mark.parametrize("content", [b"", b"\xff\xd8\xff", b"RIFF\0\0\0\0WEBP", b"text", None])
def test_other_files_give_nothing(image: Image.Image, tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "other.jpg"
    image.save(path, "PNG") if content is None else path.write_bytes(content)
    assert describe_compression(path, below_quality=101) == ""
