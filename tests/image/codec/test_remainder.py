"""What of a file is not read: further pictures, and what follows the end."""

import struct
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from srgan_cli.image.codec.capabilities import require_plugin
from srgan_cli.image.io import read_picture
from srgan_cli.image.sequence import open_pictures

REST = b"\0a secret" * 8
SUN = struct.pack(">8L", 0x59A66A95, 9, 2, 8, 0, 1, 0, 0) + bytes(range(20))
PACKED_SUN = struct.pack(">8L", 0x59A66A95, 9, 2, 8, 6, 2, 0, 0) + bytes([128, 9, 7, 128, 9, 8])
PSD = struct.pack(">4sH6xHLLHH3L", b"8BPS", 1, 3, 2, 9, 8, 3, 0, 0, 0)


def encoded(suffix: str, mode: str, **options: Any) -> bytes:
    """A picture of 9 x 8 pixels, or its first frame."""
    file = BytesIO()
    if suffix == ".jxl":
        pytest.importorskip("pillow_jxl")
        require_plugin(Path("a.jxl"), "jxl")
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (8, 9, 3), dtype=np.uint8)).convert(mode)
    options |= {"save_all": True, "append_images": [image.rotate(180)]} if suffix == ".apng" else {}
    image.save(
        file, {".apng": "PNG", ".j2k": "JPEG2000"}.get(suffix) or Image.registered_extensions()[suffix], **options
    )
    return file.getvalue()


@pytest.mark.parametrize(
    ("suffix", "modes", "options"),
    [
        *((suffix, ("RGB",), {}) for suffix in (".png", ".apng", ".gif", ".bmp", ".ppm", ".jpg", ".webp", ".jxl")),
        *((suffix, ("L", "RGB", "RGBA"), {}) for suffix in (".sgi", ".tga", ".dds", ".tif", ".icns")),
        (".j2k", ("RGB",), {"no_jp2": True}),
        (".pbm", ("1",), {}),
        (".pcx", ("1", "L", "P", "RGB"), {}),
        (".qoi", ("RGB", "RGBA"), {}),
        (".ico", ("RGBA",), {}),
        (".tga", ("P", "RGBA"), {"compression": "tga_rle"}),
        *((".dds", ("RGBA",), {"pixel_format": kind}) for kind in ("DXT1", "DXT5", "BC3")),
        (".tif", ("RGB",), {"big_tiff": True}),
    ],
)
def test_what_follows_the_end_is_reported(
    tmp_path: Path, suffix: str, modes: tuple[str, ...], options: dict[str, Any]
) -> None:
    for mode in modes:
        check_that_the_rest_is_reported(tmp_path / f"a{suffix}", encoded(suffix, mode, **options))


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.ras", SUN),
        ("a.ras", PACKED_SUN),
        ("a.psd", PSD + struct.pack(">H", 0) + bytes(range(54))),
        ("a.psd", PSD + struct.pack(">7H", 1, *[2] * 6) + bytes([248, 7] * 6)),
    ],
)
def test_what_follows_the_end_of_formats_that_pillow_does_not_write(tmp_path: Path, name: str, data: bytes) -> None:
    check_that_the_rest_is_reported(tmp_path / name, data)


def check_that_the_rest_is_reported(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    sound = read_picture(path)
    assert not any("follows" in note for note in sound.notes)
    path.write_bytes(data + REST)
    picture = next(open_pictures(path).streams()).to_picture()
    assert f"what follows its end ({len(REST)} bytes) is dropped" in picture.notes
    assert picture.pixels.equal(sound.pixels)


def icon(kind: int, *images: tuple[int, bytes]) -> bytes:
    """A file of icons (kind 1) or cursors (2) of 8 x 8 pixels, each of bits and pixels with their mask, if any."""
    heads, bodies, start = [struct.pack("<3H", 0, kind, len(images))], list[bytes](), 6 + 16 * len(images)
    for bits, content in images:
        body = struct.pack("<LllHHLL16x", 40, 8, 16, 1, bits, 0, 0) + content
        heads.append(struct.pack("<4B2H2L", 8, 8, 0, 0, 3 * (kind - 1), 0, len(body), start + sum(map(len, bodies))))
        bodies.append(body)
    return b"".join([*heads, *bodies])


MASK = bytes([0xF0, 0, 0, 0] * 8)  # transparent on the left
PALETTE = bytes([0, 0, 200, 0]) * 16
RED_4 = (4, PALETTE + bytes(32) + MASK)
RED_24 = (24, bytes([0, 0, 255]) * 64 + MASK)
FAINT_32 = (32, bytes([0, 0, 255, 128]) * 64 + MASK)
RED_32 = (32, bytes([0, 0, 255, 0]) * 64 + MASK)


@pytest.mark.parametrize(
    ("images", "red", "alphas"),
    [
        ([RED_4], 200, [0, 255]),
        ([RED_24], 255, [0, 255]),
        ([RED_32], 255, [0, 255]),
        ([RED_4, FAINT_32, RED_24], 255, [128, 128]),
    ],
)
@pytest.mark.parametrize("kind", [1, 2])
def test_masks_and_alpha_of_the_best_icon_or_cursor_are_read(
    tmp_path: Path, kind: int, images: list[tuple[int, bytes]], red: int, alphas: list[int]
) -> None:
    """Whatever depth the directory states."""
    (tmp_path / "a.ico").write_bytes(icon(kind, *images))
    picture = read_picture(tmp_path / "a.ico")
    assert picture.alpha is not None
    assert [round(level * 255) for level in picture.alpha[0, 0, [0, 7]].tolist()] == alphas
    assert picture.pixels[0, 0, 7] * 255 == red
    expected = [f"its {len(images) - 1} smaller pictures are dropped"] if len(images) > 1 else []
    assert list(picture.notes) == expected + (["its hotspot is dropped"] if kind == 2 else [])


def test_smaller_and_larger_pictures_are_reported(tmp_path: Path) -> None:
    data = encoded(".dds", "RGB")
    (tmp_path / "a.dds").write_bytes(data[:28] + struct.pack("<L", 4) + data[32:] + bytes(3 * (4 * 4 + 2 * 2 + 1)))
    assert read_picture(tmp_path / "a.dds").notes == ("its 3 smaller pictures are dropped",)
    photo = b"\0" * 2048 + b"PCD_OPA" + b"\0" * (2048 * 382)
    (tmp_path / "a.pcd").write_bytes(photo.ljust(2048 * 384, b"\0"))
    assert read_picture(tmp_path / "a.pcd").notes == ()
    (tmp_path / "a.pcd").write_bytes(photo.ljust(2048 * 385, b"\0"))
    assert read_picture(tmp_path / "a.pcd").notes == ("its larger pictures are dropped",)


def test_files_as_others_write_them_have_nothing_behind_their_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A DDS of one pixel, a PCX in several blocks, and pages that share the sizes of their strips."""
    monkeypatch.setattr("srgan_cli.image.codec.remainder._BLOCK", 7)
    Image.new("L", (1, 1)).save(tmp_path / "a.dds")
    (tmp_path / "a.pcx").write_bytes(encoded(".pcx", "P"))
    pages = np.zeros((3, 130, 9), np.uint8)
    pytest.importorskip("tifffile").imwrite(tmp_path / "a.tif", pages, rowsperstrip=1, photometric="minisblack")
    for name in ("a.dds", "a.pcx", "a.tif"):
        assert next(open_pictures(tmp_path / name).streams()).to_picture().notes == ()
