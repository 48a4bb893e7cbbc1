"""BMP with odd bit fields, palettes and headers."""

import struct
from pathlib import Path

import numpy as np
import pytest

from srgan_cli.errors import PictureError
from srgan_cli.image.io import read_picture
from srgan_cli.image.metadata.icc import Colour

WIDTH, HEIGHT = 5, 3
PIXELS = np.arange(WIDTH * HEIGHT, dtype=np.uint32).reshape(HEIGHT, WIDTH)


def bmp(bits: int, compression: int, lines: bytes, *, tables: bytes = b"", rows: int = HEIGHT, size: int = 40) -> bytes:
    header = struct.pack("<LllHHLLllLL", size, WIDTH, rows, 1, bits, compression, 0, 3937, 3937, 0, 0)[:size]
    start = 14 + size + len(tables)
    return b"BM" + struct.pack("<LHHL", start + len(lines), 0, 0, start) + header + tables + lines


@pytest.mark.parametrize("rows", [HEIGHT, -HEIGHT])
@pytest.mark.parametrize("masks", [(0xF0, 0xF00, 0xF000), (0x7FF, 0x3FF800, 0xFFC00000), (0xFF, 0xFF00, 0)])
def test_channels_are_read_by_their_masks(tmp_path: Path, masks: tuple[int, int, int], rows: int) -> None:
    pixels = PIXELS * 0x01234567
    lines = (pixels if rows < 0 else pixels[::-1]).astype("<u4").tobytes()
    path = tmp_path / "a.bmp"
    path.write_bytes(bmp(32, 3, lines, tables=struct.pack("<3L", *masks), rows=rows))
    picture = read_picture(path)
    expected = [(pixels & mask) / mask if mask else 0 * pixels for mask in masks]
    assert np.abs(picture.pixels.numpy() - np.stack(expected)).max() < (1e-3 if max(masks) >> 24 else 3e-3)
    assert picture.metadata.dpi == pytest.approx((100, 100), rel=1e-3)


@pytest.mark.parametrize(("alpha", "shown"), [(0xF000, True), (0, False)])
def test_alpha_is_read_unless_it_is_zero_everywhere(tmp_path: Path, alpha: int, shown: bool) -> None:
    lines = np.zeros((HEIGHT, 6), "<u2")
    lines[:, :WIDTH] = PIXELS | alpha
    path = tmp_path / "a.bmp"
    path.write_bytes(bmp(16, 6, lines.tobytes(), tables=struct.pack("<4L", 0xF00, 0xF0, 0xF, 0xF000)))
    assert (read_picture(path).alpha is not None) == shown


def test_declared_colour_is_kept(tmp_path: Path) -> None:
    colour = struct.pack(
        "<L9L3L", 0, *(int(part * 2**30) for part in (0.64, 0.33, 0.03, 0.3, 0.6, 0.1)), *bytes(3), 0, 2**16, 0
    )
    tables = struct.pack("<4L", 0xF00, 0xF0, 0xF, 0) + colour
    data = bytearray(bmp(16, 3, bytes(HEIGHT * 12), tables=tables))
    data[14] = 108
    (tmp_path / "a.bmp").write_bytes(data + b"more")
    picture = read_picture(tmp_path / "a.bmp")
    assert picture.metadata.colour == Colour(gamma=1)
    assert picture.notes == ("its gamma is that of green alone", "what follows its end (4 bytes) is dropped")


def test_a_palette_of_two_bits_is_read(tmp_path: Path) -> None:
    palette = bytes([10, 20, 30, 0, 40, 50, 60, 0, 70, 80, 90, 0, 100, 110, 120, 0])
    path = tmp_path / "a.bmp"
    path.write_bytes(bmp(2, 0, HEIGHT * bytes([0b00011011, 0b11000000, 0, 0]), tables=palette))
    red = (read_picture(path).pixels[0] * 255).round().int().tolist()
    assert red == HEIGHT * [[30, 60, 90, 120, 120]]


def test_a_short_header_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.bmp"
    path.write_bytes(bmp(24, 0, HEIGHT * (bytes(range(15)) + b"\0"), size=16))
    assert (read_picture(path).pixels[:, 0, 1] * 255).round().int().tolist() == [5, 4, 3]


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (bmp(24, 4, bytes(64)), "compression JPEG is not supported"),
        (bmp(7, 0, bytes(64)), "of 7 bits is not supported"),
        (bmp(2, 0, bytes(3), tables=bytes(16)), "it is damaged"),
    ],
)
def test_what_is_not_supported_is_named(tmp_path: Path, content: bytes, found: str) -> None:
    path = tmp_path / "a.bmp"
    path.write_bytes(content)
    with pytest.raises(PictureError, match=found):
        read_picture(path)
