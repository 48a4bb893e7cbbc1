"""JPEG 2000: depths, the order of channels, alpha, and files without boxes."""

import struct
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from srgan_cli.image.io import read_picture


@pytest.mark.parametrize("bits", [1, 4, 8, 10, 14, 16])
@pytest.mark.parametrize("channels", [1, 3])
def test_white_of_any_depth_is_white(tmp_path: Path, bits: int, channels: int) -> None:
    imagecodecs = pytest.importorskip("imagecodecs")
    dtype, top = ("uint8" if bits <= 8 else "uint16"), 2**bits - 1
    values = np.random.default_rng(0).integers(0, top, (16, 16, channels), endpoint=True).astype(dtype)
    encoded = imagecodecs.jpeg2k_encode(values.squeeze(), bitspersample=bits, level=0, reversible=True)
    (tmp_path / "a.jp2").write_bytes(encoded)
    found = np.moveaxis(read_picture(tmp_path / "a.jp2").pixels.numpy(), 0, -1)
    assert np.allclose(found, values / top, atol=0.5 / (255 if bits <= 8 else 65_535))


@pytest.mark.parametrize(
    ("channels", "order", "factor"),
    [
        ([(0, 0, 1), (1, 0, 2), (2, 0, 3), (3, 1, 0)], (0, 1, 2, 3), 1),
        ([(0, 1, 0), (1, 0, 3), (2, 0, 2), (3, 0, 1)], (3, 2, 1, 0), 1),
        ([(3, 2, 0), (0, 0, 1), (1, 0, 2), (2, 0, 3)], (0, 1, 2, 3), 2),
    ],
)
def test_channels_are_what_the_file_says(
    tmp_path: Path, channels: list[tuple[int, int, int]], order: tuple[int, ...], factor: int
) -> None:
    levels, file = (40, 80, 120, 128), BytesIO()
    Image.new("RGBA", (16, 16), levels).save(file, "JPEG2000", irreversible=False)
    data, start = file.getvalue(), file.getvalue().index(b"cdef") + 6
    definition = b"".join(struct.pack(">3H", *entry) for entry in channels)
    (tmp_path / "a.jp2").write_bytes(data[:start] + definition + data[start + len(definition) :])
    picture = read_picture(tmp_path / "a.jp2")
    assert picture.alpha is not None
    expected = [levels[number] * factor for number in order[:3]]
    assert (picture.pixels[:, 0, 0] * 255).tolist() == pytest.approx(expected, abs=1)
    assert picture.alpha[0, 0, 0].item() * 255 == pytest.approx(levels[order[3]], abs=1)


def test_a_codestream_without_boxes_loses_nothing(tmp_path: Path) -> None:
    Image.new("RGB", (16, 16)).save(tmp_path / "a.j2k", no_jp2=True)
    assert read_picture(tmp_path / "a.j2k").notes == ()
