"""Transparency by other means than an alpha channel that is stored on its own."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from srgan_cli.image.io import read_picture
from srgan_cli.image.metadata import png

Y, X = np.mgrid[0:32, 0:32]
COLOUR = np.stack([X / 31, Y / 31, (X + Y) / 62], 2)
ALPHA = (0.25 + 0.75 * X / 31)[..., None]


@pytest.mark.parametrize("planes", ["contig", "separate"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("kind", ["assocalpha", "unassalpha"])
def test_tiff_with_alpha_that_is_multiplied_or_not(
    tmp_path: Path, planes: str, dtype: type, channels: int, kind: str
) -> None:
    colour = COLOUR[..., :channels]
    stored = np.concatenate([colour * (ALPHA if kind == "assocalpha" else 1), ALPHA], 2) * np.iinfo(dtype).max
    values = np.rint(stored).astype(dtype)
    if planes == "separate":
        values = np.ascontiguousarray(np.moveaxis(values, 2, 0))
    options = {"photometric": "minisblack" if channels == 1 else "rgb", "planarconfig": planes, "metadata": None}
    tifffile.imwrite(tmp_path / "a.tif", values, extrasamples=[kind], **options)
    picture = read_picture(tmp_path / "a.tif")
    assert picture.alpha is not None
    assert np.abs(picture.alpha[0].numpy() - ALPHA[..., 0]).max() < 0.003
    assert np.abs(picture.pixels.numpy() - colour.transpose(2, 0, 1)).max() < 0.012


def write_png(path: Path, levels: np.ndarray, bits: int, hidden: bytes) -> None:
    """A PNG of grey (H, W) or RGB (H, W, 3) levels with a colour that is transparent."""
    colour_type = 0 if levels.ndim == 2 else 2
    digits = [[format(int(level), f"0{bits}b") for level in row.ravel()] for row in levels]
    lines = (int("".join(row), 2).to_bytes(len(row) * bits // 8, "big") for row in digits)
    header = struct.pack(">LLBBBBB", levels.shape[1], levels.shape[0], bits, colour_type, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + line for line in lines))
    parts = [(b"IHDR", header), (b"tRNS", hidden), (b"IDAT", pixels), (b"IEND", b"")]
    path.write_bytes(png.SIGNATURE + b"".join(png.chunk(*part) for part in parts))


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_a_transparent_level_of_grey(tmp_path: Path, bits: int) -> None:
    top = 2**bits - 1
    levels = (X // 2 + Y) % (top + 1)
    hidden = int(levels[3, 5])
    write_png(tmp_path / "a.png", levels, bits, struct.pack(">H", hidden))
    picture = read_picture(tmp_path / "a.png")
    assert picture.alpha is not None
    assert np.array_equal(picture.alpha[0].numpy(), levels != hidden)
    assert np.abs(picture.pixels[0].numpy() - levels / top)[levels != hidden].max() < 1e-3


@pytest.mark.parametrize("bits", [8, 16])
def test_a_transparent_colour(tmp_path: Path, bits: int) -> None:
    levels = np.stack([X, Y, X + Y], 2) * (2**bits // 64)
    write_png(tmp_path / "a.png", levels, bits, struct.pack(">3H", *levels[3, 5]))
    picture = read_picture(tmp_path / "a.png")
    assert picture.alpha is not None
    assert (picture.alpha[0] == 0).nonzero().tolist() == [[3, 5]]


def bmp(alpha: int, *, masks: bool) -> bytes:
    """A BMP of 32 bits with this fourth byte; with masks, it says that the byte is alpha."""
    size, pixels = (108 if masks else 40), bytes([10, 20, 30, alpha]) * 4 * 4
    header = struct.pack("<LllHHLLllLL", size, 4, 4, 1, 32, 3 if masks else 0, len(pixels), 0, 0, 0, 0)
    header += struct.pack("<4L", 0xFF0000, 0xFF00, 0xFF, 0xFF000000) + b"BGRs" + bytes(48) if masks else b""
    return b"BM" + struct.pack("<LLL", 14 + size + len(pixels), 0, 14 + size) + header + pixels


@pytest.mark.parametrize(
    ("alpha", "masks", "expected"), [(0, False, None), (128, False, 128), (255, True, 255), (0, True, None)]
)
def test_the_fourth_byte_of_bmp(tmp_path: Path, alpha: int, masks: bool, expected: int | None) -> None:
    (tmp_path / "a.bmp").write_bytes(bmp(alpha, masks=masks))
    picture = read_picture(tmp_path / "a.bmp")
    assert picture.pixels[:, 1, 1].numpy() * 255 == pytest.approx([30, 20, 10])
    found = None if picture.alpha is None else float(picture.alpha.max()) * 255
    assert found == (None if expected is None else pytest.approx(expected))


@pytest.mark.parametrize(("alpha", "attribute_bits", "expected"), [(0, 8, None), (128, 8, 128), (128, 0, None)])
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "run lengths"])
def test_the_alpha_of_tga(tmp_path: Path, alpha: int, attribute_bits: int, expected: int | None, packed: bool) -> None:
    Image.new("RGBA", (4, 4), (30, 20, 10, alpha)).save(tmp_path / "a.tga", compression="tga_rle" if packed else None)
    data = bytearray((tmp_path / "a.tga").read_bytes())
    data[17] = data[17] & 0xF0 | attribute_bits
    (tmp_path / "a.tga").write_bytes(bytes(data))
    picture = read_picture(tmp_path / "a.tga")
    assert picture.pixels[:, 1, 1].numpy() * 255 == pytest.approx([30, 20, 10])
    found = None if picture.alpha is None else float(picture.alpha.max()) * 255
    assert found == (None if expected is None else pytest.approx(expected))
