"""PNG with damaged parts that its picture does not need."""

from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from srgan_cli.errors import PictureError
from srgan_cli.image.io import read_picture
from srgan_cli.image.metadata.png import HEADER_END, chunk
from srgan_cli.image.sequence import open_pictures

BAD_CHECKSUM = chunk(b"tIME", bytes(7))[:-1] + b"x"


def png(mode: str, frames: int = 1) -> bytes:
    target = BytesIO()
    images = [Image.new(mode, (4, 3), 40 * number) for number in range(frames)]
    images[0].save(target, "PNG", save_all=frames > 1, append_images=images[1:])
    return target.getvalue()


@pytest.mark.parametrize("damaged", [BAD_CHECKSUM, chunk(b"pHYs", b"x"), chunk(b"gAMA", b"")])
def test_damaged_ancillary_chunks_are_dropped_and_named(tmp_path: Path, damaged: bytes) -> None:
    data, path = png("P"), tmp_path / "a.png"
    path.write_bytes(data[:HEADER_END] + damaged + data[HEADER_END:])
    assert read_picture(path).notes == (f"its damaged parts are dropped: {damaged[4:8].decode()}",)


def test_a_text_may_end_as_the_last_chunk_is_called(tmp_path: Path) -> None:
    data, path = png("P", frames=3), tmp_path / "a.png"
    path.write_bytes(data[:HEADER_END] + chunk(b"tEXt", b"Comment\0IEND") + data[HEADER_END:])
    pictures = open_pictures(path)
    assert pictures.count == 3
    assert next(iter(pictures.streams())).header.metadata.comments == ("IEND",)


def test_a_damaged_critical_chunk_is_an_error(tmp_path: Path) -> None:
    data, path = bytearray(png("P")), tmp_path / "a.png"
    data[HEADER_END - 1] ^= 1
    path.write_bytes(data)
    with pytest.raises(PictureError):
        read_picture(path)


@pytest.mark.parametrize("mode", ["RGB", "P"])
def test_frames_that_are_not_in_order_leave_the_default_image(tmp_path: Path, mode: str) -> None:
    data, path = png(mode, frames=3), tmp_path / "a.png"
    before, head, rest = data.partition(b"fdAT")
    wrong = chunk(b"fdAT", (9).to_bytes(4, "big") + rest[4:12])
    path.write_bytes(before[:-4] + wrong + before[-4:] + head + rest)
    pictures = open_pictures(path)
    assert pictures.count == 1
    (picture,) = pictures.streams()
    assert "its animation is damaged: only the default image is read" in picture.header.notes
