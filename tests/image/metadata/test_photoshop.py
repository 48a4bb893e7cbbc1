"""IPTC and clipping paths between formats."""

import struct
from pathlib import Path

import pytest
import torch
from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from srgan_cli.image.io import picture_losses, read_picture
from srgan_cli.image.metadata import jpeg_segments, photoshop
from srgan_cli.image.metadata.record import Metadata
from srgan_cli.image.picture import Picture
from srgan_cli.image.sequence import write_picture

IPTC = b"\x1c\x02\x05\x00\x05A cat"


def resource(number: int, content: bytes, name: bytes = b"\0\0") -> bytes:
    return (
        b"8BIM" + struct.pack(">H", number) + name + struct.pack(">L", len(content)) + content + bytes(len(content) % 2)
    )


PATHS = resource(2000, bytes(26), b"\4Path\0") + resource(2999, b"\3cat")
BLOCK = photoshop.from_iptc(IPTC) + PATHS


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif"])
def test_resources_are_kept(tmp_path: Path, suffix: str) -> None:
    picture = Picture(torch.rand(3, 8, 8), metadata=Metadata(photoshop=BLOCK))
    assert not picture_losses(Path(f"a.{suffix}"), picture)
    write_picture(picture, tmp_path / f"a.{suffix}")
    assert read_picture(tmp_path / f"a.{suffix}").metadata.photoshop == BLOCK


def test_what_is_wrong_for_another_size_is_left_out() -> None:
    stale = resource(1036, b"thumbnail") + resource(1058, b"exif") + resource(1032, bytes(16)) + resource(1050, b"one")
    assert photoshop.without_stale(stale + PATHS) == (PATHS, [])
    assert photoshop.without_stale(stale) == (None, [])
    assert photoshop.without_stale(PATHS[:-9]) == (resource(2000, bytes(26), b"\4Path\0"), [])


@pytest.mark.parametrize(
    ("number", "content", "name"),
    [
        (1032, struct.pack(">LLLLLB", 1, 576, 576, 1, 320, 1), "guides"),
        (1050, struct.pack(">L16xLHHL", 6, 2, 65, 66, 2), "slices"),
        (1050, struct.pack(">L", 8) + b"sliceIDlong sliceIDlong", "slices"),
    ],
)
def test_what_counts_in_pixels_is_reported(tmp_path: Path, number: int, content: bytes, name: str) -> None:
    metadata = Metadata(photoshop=resource(number, content) + PATHS)
    write_picture(Picture(torch.rand(3, 8, 8), metadata=metadata), tmp_path / "a.jpg")
    read = read_picture(tmp_path / "a.jpg")
    assert read.metadata.photoshop == PATHS
    assert read.notes == (f"its Photoshop {name} are dropped: their unit is a pixel",)


def test_resources_longer_than_a_segment_are_joined(tmp_path: Path) -> None:
    block = resource(2000, bytes(26 * 5000)) + BLOCK
    write_picture(Picture(torch.rand(1, 8, 8), metadata=Metadata(photoshop=block)), tmp_path / "a.jpg")
    assert len(jpeg_segments.read((tmp_path / "a.jpg").read_bytes()).contents(jpeg_segments.APP13)) > 1
    assert read_picture(tmp_path / "a.jpg").metadata.photoshop == block


@pytest.mark.parametrize("as_integers", [False, True])
def test_iptc_alone_in_tiff(tmp_path: Path, as_integers: bool) -> None:
    tags = ImageFileDirectory_v2()
    padded = IPTC + bytes(-len(IPTC) % 4)
    tags.tagtype[33723] = 7
    tags[33723] = padded
    Image.new("L", (8, 8)).save(tmp_path / "a.tif", tiffinfo=tags)
    if as_integers:  # as Photoshop writes it
        as_bytes, integers = (struct.pack("<HHL", 33723, kind, len(padded) // size) for kind, size in ((7, 1), (4, 4)))
        (tmp_path / "a.tif").write_bytes((tmp_path / "a.tif").read_bytes().replace(as_bytes, integers))
    assert photoshop.find_iptc(read_picture(tmp_path / "a.tif").metadata.photoshop or b"") == padded


def test_iptc_of_a_tiff_stands_beside_other_resources(tmp_path: Path) -> None:
    tags = ImageFileDirectory_v2()
    for tag, content in ((34377, resource(2000, bytes(26))), (33723, IPTC)):
        tags.tagtype[tag], tags[tag] = 7, content
    Image.new("L", (8, 8)).save(tmp_path / "a.tif", tiffinfo=tags)
    found = read_picture(tmp_path / "a.tif").metadata.photoshop or b""
    assert (photoshop.find_iptc(found), found.startswith(resource(2000, bytes(26)))) == (IPTC, True)


@pytest.mark.parametrize(("key", "notes"), [(b"MIB8ryaL", ("its layers are merged",)), (b"8BIMcinf", ())])
def test_layers_of_a_tiff_are_reported(tmp_path: Path, key: bytes, notes: tuple[str, ...]) -> None:
    data = b"Adobe Photoshop Document Data Block\0" + key + bytes(8)
    Image.new("RGB", (8, 6)).save(tmp_path / "a.tif", tiffinfo={37724: data})
    assert read_picture(tmp_path / "a.tif").notes == notes
