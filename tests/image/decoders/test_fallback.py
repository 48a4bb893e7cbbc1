"""Pictures that Pillow cannot open, and libvips reads."""

from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from srgan_cli.errors import PictureError
from srgan_cli.image.io import read_picture
from srgan_cli.image.sequence import open_pictures


def test_an_avif_whose_alpha_has_no_size_is_read(tmp_path: Path) -> None:
    target = BytesIO()
    Image.new("RGBA", (16, 8), (200, 100, 50, 128)).save(target, "AVIF", exif=Image.Exif())
    data = bytearray(target.getvalue())
    first = data.index(b"ipma") + 12
    second = first + 3 + data[first + 2]
    data[second + 3] = data[second + 4] & 0x7F  # the size of alpha becomes another property
    path = tmp_path / "a.avif"
    path.write_bytes(data)
    picture = read_picture(path)
    assert picture.alpha is not None
    assert picture.alpha.mean().item() == pytest.approx(128 / 255, abs=0.01)
    assert open_pictures(path).size == (8, 16)


@pytest.mark.parametrize(
    ("frame", "found"),
    [
        (b"\xc1\x00\x0b\x0c", "of 12 bits a channel"),
        (b"\xc3\x00\x0b\x08", "without loss"),
        (b"\xf7\x00\x0b\x08", "of the kind JPEG-LS"),
    ],
)
def test_kinds_of_jpeg_are_named(tmp_path: Path, frame: bytes, found: str) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"\xff\xd8\xff" + frame + bytes(64))
    with pytest.raises(PictureError, match=found):
        read_picture(path)


def test_messages_of_python_reach_nobody(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    for data in (b"II*\0\x08", b"MM\0+\0\x08", b"II*\0\x08\0\0\0\xff\xff" + bytes(40)):
        path.write_bytes(data)
        with pytest.raises(PictureError) as caught:
            read_picture(path)
        assert not {"buffer", "unpack", "_io", "object"} & set(caught.value.message.split())
