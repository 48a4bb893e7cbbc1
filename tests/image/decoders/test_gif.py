"""Reading the frames of GIF, and its blocks."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from srgan_cli.image.io import read_picture
from srgan_cli.image.sequence import open_pictures


def frames(*rectangles: tuple[int, int, int, int, int], disposal: int, clear: bool) -> bytes:
    """A GIF of 8 x 8 pixels: frames of one colour by left, top, width, height, and number of the colour."""
    palette = bytes([255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9])
    data = b"GIF89a\x08\0\x08\0\x91\0\0" + palette
    for left, top, width, height, colour in rectangles:
        file = io.BytesIO()
        image = Image.new("P", (width, height), colour)
        image.putpalette(palette)
        image.save(file, "GIF", optimize=False)
        pixels = file.getvalue()[file.getvalue().index(b",") + 10 :].removesuffix(b";")
        data += bytes([0x21, 0xF9, 4, disposal << 2 | clear, 5, 0, 3, 0, 0x2C, left, 0, top, 0, width, 0, height, 0, 0])
        data += pixels
    return data + b";"


def read(data: bytes, folder: Path) -> list[np.ndarray]:
    """The frames with their alpha, (H, W, 4)."""
    (folder / "a.gif").write_bytes(data)
    found = []
    for stream in open_pictures(folder / "a.gif").streams():
        picture = stream.to_picture()
        alpha = np.ones((1, 8, 8)) if picture.alpha is None else picture.alpha.numpy()
        found.append(np.moveaxis(np.concatenate([picture.pixels.numpy(), alpha]), 0, -1))
    return found


@pytest.mark.parametrize(("disposal", "kept"), [(1, True), (2, False), (3, False)])
def test_frames_are_disposed_of(tmp_path: Path, disposal: int, kept: bool) -> None:
    data = frames((0, 0, 4, 4, 0), (4, 4, 4, 4, 1), disposal=disposal, clear=True)
    first, second = read(data, tmp_path)
    assert first[0, 0].tolist() == [1, 0, 0, 1]
    assert first[7, 7, 3] == 0
    assert second[7, 7].tolist() == [0, 1, 0, 1]
    assert (second[0, 0, 3] == 1) == kept


def test_frames_have_durations_and_can_be_read_again(tmp_path: Path) -> None:
    path = tmp_path / "a.gif"
    path.write_bytes(frames((0, 0, 8, 8, 0), (0, 0, 8, 8, 2), disposal=1, clear=False))
    assert [stream.header.duration for stream in open_pictures(path).streams()] == [50, 50]
    assert read_picture(path).pixels[0].min() == 1


def test_blocks_of_other_programs_are_reported(tmp_path: Path) -> None:
    path = tmp_path / "a.gif"
    data = frames((0, 0, 8, 8, 0), disposal=1, clear=False)
    path.write_bytes(data[:-1] + b"\x21\xff\x0bMAGPIE 0001\x01x\0" + b"\x21\xfe\x03one\0\x21\xfe\x03two\0" + b";")
    picture = read_picture(path)
    assert picture.notes == ("its extension MAGPIE 0001 is dropped",)
    assert picture.metadata.comments == ("one", "two")


def test_a_damaged_gif_is_refused(tmp_path: Path) -> None:
    from srgan_cli.errors import PictureError

    data = frames((0, 0, 8, 8, 0), disposal=1, clear=False)
    for end in (6, 13, 20, 40, len(data) - 6):
        (tmp_path / "a.gif").write_bytes(data[:end])
        with pytest.raises(PictureError):
            read_picture(tmp_path / "a.gif")
