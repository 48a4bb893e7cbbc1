"""TIFF pages that neither libvips nor Pillow decodes."""

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from srgan_cli.errors import PictureError
from srgan_cli.image.codec.raster import apply_exif_orientation
from srgan_cli.image.codec.tiff import has_unwritable_tags
from srgan_cli.image.geo.cog import KEPT_TAGS
from srgan_cli.image.io import read_picture
from srgan_cli.image.sequence import open_pictures

pytest.importorskip("imagecodecs", reason="needs srgan-cli[tiff]")
GREY = np.linspace(0, 1, 48 * 32).reshape(48, 32)
RGB = np.stack([GREY, GREY[::-1], GREY[:, ::-1]], axis=-1)


def saved(path: Path, unit: np.ndarray[Any, Any], top: float, dtype: str, **options: Any) -> Path:
    values = np.rint(unit * top) if dtype.startswith("u") else unit * top
    planar = options.get("planarconfig") == "separate"
    stored = np.ascontiguousarray(np.moveaxis(values, -1, 0)) if planar else values
    tifffile.imwrite(path, stored.astype(dtype), metadata=None, **options)
    return path


@pytest.mark.parametrize("bits", [2, 3, 4, 6, 10, 12, 14])
@pytest.mark.parametrize("unit", [GREY, RGB], ids=["grey", "colour"])
def test_odd_depths_are_kept_or_scaled_to_8_bits(tmp_path: Path, bits: int, unit: np.ndarray[Any, Any]) -> None:
    kind = "rgb" if unit is RGB else "minisblack"
    dtype = "uint8" if bits <= 8 else "uint16"
    path = saved(tmp_path / "a.tif", unit, 2**bits - 1, dtype, bitspersample=bits, photometric=kind)
    picture = read_picture(path)
    assert picture.depth == max(bits, 8)
    expected = np.rint(unit * (2**bits - 1)) / (2**bits - 1)
    assert np.abs(picture.pixels.numpy() - np.atleast_3d(expected).transpose(2, 0, 1)).max() < 0.003


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize(
    "options",
    [
        {"tile": (16, 16), "planarconfig": "separate"},
        {"compression": "zstd"},
        {"compression": "lzma"},
        {"compression": "lerc"},
        {"compression": "png"},
        {"compression": "jpeg2000"},
        {"compression": "jpegxl"},
        {"byteorder": ">", "bigtiff": True},
        {"byteorder": ">", "bigtiff": True, "compression": "zstd"},
    ],
    ids=str,
)
def test_rare_compressions_and_layouts_are_read(tmp_path: Path, dtype: str, options: dict[str, Any]) -> None:
    path = saved(tmp_path / "a.tif", RGB, np.iinfo(dtype).max, dtype, photometric="rgb", **options)
    picture = read_picture(path)
    assert np.abs(picture.pixels.numpy() - RGB.transpose(2, 0, 1)).max() < 0.003
    assert not has_unwritable_tags(picture.metadata.exif, KEPT_TAGS)


@pytest.mark.parametrize(
    ("tag", "note"),
    [
        ((280, 3, 3, (1, 2, 3)), "the range in its MinSampleValue is dropped"),
        ((281, 2, 4, "abc"), "the range in its MaxSampleValue is dropped"),
        ((336, 3, 2, (30, 200)), "the range in its DotRange is dropped"),
        ((341, 12, 2, (1, 2)), "the range in its SMaxSampleValue is dropped"),
        ((280, 3, 0, ()), "its tags 280 are dropped: they are damaged, empty or of an unknown type"),
    ],
    ids=str,
)
def test_odd_ranges_do_not_hide_the_picture(tmp_path: Path, tag: tuple[Any, ...], note: str) -> None:
    kind = "3s" if tag[1] == 2 else f"<{tag[2]}{'H' if tag[1] == 3 else 'd'}"
    content = tag[3].encode() if tag[1] == 2 else struct.pack(kind, *tag[3])
    path = saved(tmp_path / "a.tif", RGB, 255, "uint8", photometric="rgb", extratags=[(*tag[:3], content, True)])
    picture = read_picture(path)
    assert np.abs(picture.pixels.numpy() - RGB.transpose(2, 0, 1)).max() < 0.003
    assert picture.notes == (note,)


@pytest.mark.parametrize(("tag", "kind", "count"), [(315, 2, 2**31), (34665, 4, 1), (65_000, 99, 1), (65_000, 17, 1)])
@pytest.mark.filterwarnings("ignore")
def test_tags_that_cannot_be_read_are_reported(tmp_path: Path, tag: int, kind: int, count: int) -> None:
    path = saved(tmp_path / "a.tif", RGB, 255, "uint8", photometric="rgb", extratags=[(64_000, 4, 1, 2**31, True)])
    entry, changed = (struct.pack("<HHL", *head) for head in ((64_000, 4, 1), (tag, kind, count)))
    path.write_bytes(path.read_bytes().replace(entry, changed))
    assert read_picture(path).notes == (f"its tags {tag} are dropped: they are damaged, empty or of an unknown type",)


@pytest.mark.parametrize("ends", [(0, 255, 128, 255, 128, 255), (16, 235, 128, 240, 128, 240)])
@pytest.mark.parametrize(("across", "down"), [(1, 1), (2, 1), (2, 2)])
def test_chroma_without_compression_is_read(tmp_path: Path, across: int, down: int, ends: tuple[int, ...]) -> None:
    """White in blocks of luma and one pair of chroma, by the range that is stated where there are fewer of these."""
    path, size = tmp_path / "a.tif", 8 * 8 // (across * down)
    levels = np.full((8, 8, 3), (ends[1], 128, 128), np.uint8)
    stated = [(532, 5, 6, [part for end in ends for part in (end, 1)], True)]
    tifffile.imwrite(path, levels, photometric="ycbcr", metadata=None, extratags=stated)
    blocks = bytes([*(ends[1],) * (across * down), 128, 128]) * size
    data = path.read_bytes().replace(levels.tobytes(), blocks.ljust(levels.size, b"\0"))
    former, subsampling = (struct.pack("<HHLHH", 530, 3, 2, *sides) for sides in ((1, 1), (across, down)))
    path.write_bytes(data.replace(former, subsampling))
    picture, is_ignored = read_picture(path), (across, down) == (1, 1) and ends[0] > 0
    assert float(picture.pixels.min()) == pytest.approx(235 / 255 if is_ignored else 1, abs=0.005)
    assert picture.notes == (("the range in its ReferenceBlackWhite is dropped",) if is_ignored else ())


def test_a_palette_of_8_bits_is_not_black(tmp_path: Path) -> None:
    palette = np.stack([np.arange(256), np.arange(256)[::-1], np.full(256, 99)]).astype(np.uint16)
    index = np.arange(256, dtype=np.uint8).reshape(16, 16)
    tifffile.imwrite(tmp_path / "a.tif", index, photometric="palette", colormap=palette, metadata=None)
    picture = read_picture(tmp_path / "a.tif")
    assert np.abs(picture.pixels.numpy().reshape(3, -1) * 255 - palette).max() < 0.01
    assert not picture.notes


def test_a_palette_with_alpha(tmp_path: Path) -> None:
    """As GraphicsMagick writes it: each byte is a colour of four bits and its alpha."""
    tags = ImageFileDirectory_v2()
    for tag, value in {256: 2, 257: 1, 259: 1, 262: 3, 273: 0, 277: 2, 278: 1, 279: 2, 338: 2}.items():
        tags[tag] = value
    tags[258], tags[320] = (4, 4), tuple(range(0, 48 * 257, 257))
    (tmp_path / "a.tif").write_bytes(b"II*\0" + struct.pack("<L", 8) + tags.tobytes(8) + b"\x1f\x03")
    picture = read_picture(tmp_path / "a.tif")
    assert picture.alpha is not None
    assert (picture.alpha * 255).round().tolist() == [[[255, 51]]]
    assert (picture.pixels * 255).round().tolist() == [[[1, 0]], [[17, 16]], [[33, 32]]]


def test_channels_of_several_depths_are_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.tif", GREY, 65_535, "uint16")
    with tifffile.TiffFile(path, mode="r+") as file:
        for tag, values in ((258, (5, 6, 5)), (262, (2,)), (277, (3,))):
            file.pages[0].tags[tag].overwrite(values, dtype=3)
    with pytest.raises(PictureError, match=r"channels of several depths, \(5, 6, 5\) bits"):
        read_picture(path)


def test_xmp_beside_damaged_exif_is_kept(tmp_path: Path) -> None:
    tags = [(700, 1, 12, b"<x:xmpmeta/>", True), (34852, 2, 4, b"abc", True)]
    path = saved(tmp_path / "a.tif", RGB, 255, "uint8", photometric="rgb", extratags=tags)
    path.write_bytes(path.read_bytes().replace(struct.pack("<HHL", 34852, 2, 4), struct.pack("<HHL", 34853, 2, 4)))
    picture = read_picture(path)
    assert (picture.metadata.xmp, picture.notes) == (b"<x:xmpmeta/>", ("its EXIF is damaged and dropped",))


@pytest.mark.parametrize("compression", ["group3", "group4"])
def test_faxes_are_read(tmp_path: Path, compression: str) -> None:
    image = Image.fromarray(GREY > 0.5)
    image.save(tmp_path / "a.tif", compression=compression)
    assert (read_picture(tmp_path / "a.tif").pixels[0].numpy() == (GREY > 0.5)).all()


def test_inks_in_floats_are_not_white(tmp_path: Path) -> None:
    inks = np.concatenate([RGB, np.zeros_like(RGB[..., :1])], axis=-1)
    picture = read_picture(saved(tmp_path / "a.tif", inks, 1, "float32", photometric="separated"))
    assert np.abs(picture.pixels.numpy() - 1 + RGB.transpose(2, 0, 1)).max() < 0.005
    assert picture.notes == (
        "its CMYK is converted to sRGB by plain arithmetic: it has no profile",
        "its bits a channel are reduced to 8",
    )


def test_log_luminance_is_not_white(tmp_path: Path) -> None:
    level = round(256 * (np.log2(0.2) + 64))
    path = saved(tmp_path / "a.tif", RGB, 1, "int16", photometric="rgb", rowsperstrip=len(RGB))
    grey = bytes([level >> 8, level & 255, round(410 * 4 / 19), round(410 * 9 / 19)])
    run = 126 + RGB.shape[1]
    with tifffile.TiffFile(path, mode="r+") as file:
        page: Any = file.pages[0]
        file.filehandle.seek(page.dataoffsets[0])
        file.filehandle.write(len(RGB) * b"".join(bytes([run, value]) for value in grey))
        page.tags["PhotometricInterpretation"].overwrite(32845)
        page.tags["Compression"].overwrite(34676)
        page.tags["StripByteCounts"].overwrite(8 * len(RGB))
    picture = read_picture(path)
    assert picture.pixels.mean().item() == pytest.approx(0.485, abs=0.01)  # 0.2 in sRGB
    assert any("LogLuv" in note for note in picture.notes)


@pytest.mark.parametrize(("photometric", "dtype"), [("cfa", "uint8"), ("cfa", "uint16"), ("logl", "int16")])
def test_what_is_not_supported_is_named(tmp_path: Path, photometric: str, dtype: str) -> None:
    path = saved(tmp_path / "a.tif", GREY, 255, dtype, photometric=photometric)
    with pytest.raises(PictureError, match=f"has colours of the kind {photometric.upper()}, which cannot be read"):
        read_picture(path)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_lab_of_a_profile_is_not_taken_for_rgb(tmp_path: Path, dtype: str) -> None:
    path = saved(tmp_path / "a.tif", RGB, 255, dtype, photometric="icclab")
    with pytest.raises(PictureError, match="has colours of the kind ICCLAB"):
        read_picture(path)


def test_inks_other_than_cmyk_are_refused(tmp_path: Path) -> None:
    path = saved(
        tmp_path / "a.tif",
        np.concatenate([RGB, RGB], -1),
        255,
        "uint8",
        photometric="separated",
        extratags=[(332, 3, 1, 2, True)],
    )
    with pytest.raises(PictureError, match="other inks than cyan"):
        read_picture(path)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("kind", ["unspecified", "unassalpha"])
def test_channels_beside_cmyk_are_reported(tmp_path: Path, dtype: str, kind: str) -> None:
    channels = np.concatenate([RGB, RGB[..., :2]], -1)
    path = saved(tmp_path / "a.tif", channels, 255, dtype, photometric="separated", extrasamples=[kind])
    picture = read_picture(path)
    assert picture.alpha is None
    assert "its 1 channels beside its colours are dropped" in picture.notes


@pytest.mark.parametrize(("factor", "is_reduced"), [(256, False), (257, False), (250, True)])
def test_a_palette_that_needs_16_bits_is_reported(tmp_path: Path, factor: int, is_reduced: bool) -> None:
    table = np.stack([np.arange(256), np.arange(256)[::-1], np.arange(256)]).astype(np.uint16) * factor
    path = saved(tmp_path / "a.tif", GREY, 255, "uint8", photometric="palette", colormap=table)
    assert ("its palette of 16 bits is reduced to 8" in read_picture(path).notes) == is_reduced


def write_preview(path: Path, *, subifds: int, tags: list[tuple[Any, ...]]) -> None:
    """A TIFF of a preview and a picture, in a directory of its own or in the chain."""
    with tifffile.TiffWriter(path) as file:
        small, large = (np.uint8(RGB[::step, ::step] * 255) for step in (4, 1))
        file.write(small, photometric="rgb", subfiletype=1, subifds=subifds, extratags=tags, metadata=None)
        file.write(large, photometric="rgb", metadata=None)


@pytest.mark.parametrize(("subifds", "tags"), [(1, []), (0, [(50706, 1, 4, b"\1\4\0\0", True)])])
def test_previews_of_camera_raw_files_are_not_enlarged(
    tmp_path: Path, subifds: int, tags: list[tuple[Any, ...]]
) -> None:
    write_preview(tmp_path / "a.tif", subifds=subifds, tags=tags)
    with pytest.raises(PictureError, match="camera raw"):
        read_picture(tmp_path / "a.tif")


def test_a_picture_with_the_version_of_dng_is_no_camera_raw(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.tif", RGB, 255, "uint8", photometric="rgb", extratags=[(50706, 1, 4, b"\1\4\0\0", True)])
    assert read_picture(path).notes == ()


def test_a_preview_before_the_picture_is_left_out(tmp_path: Path) -> None:
    write_preview(tmp_path / "a.tif", subifds=0, tags=[])
    picture = read_picture(tmp_path / "a.tif")
    assert (picture.height, picture.width) == RGB.shape[:2]
    assert picture.notes == ("its 1 reduced copies (overviews) are dropped",)


@pytest.mark.parametrize("in_xmp", [False, True])
@pytest.mark.parametrize("mode", ["1", "P", "CMYK"])
@pytest.mark.parametrize("orientation", [*range(1, 9), 16])
def test_pages_that_pillow_decodes_are_turned_once(tmp_path: Path, mode: str, orientation: int, in_xmp: bool) -> None:
    stored = np.zeros((3, 5), np.uint8)
    stored[0, :2] = 255
    packet = b'<x:xmpmeta xmlns:x="adobe:ns:meta/" xmlns:tiff="t" tiff:Orientation="%d"/>' % orientation
    tags = {700: packet} if in_xmp else {274: orientation}
    Image.fromarray(stored).convert(mode).save(tmp_path / "a.tif", tiffinfo=tags)
    found = read_picture(tmp_path / "a.tif").pixels[0].numpy() > 0.5
    assert np.array_equal(found, apply_exif_orientation(stored[..., None], orientation)[..., 0] > 127)
    assert open_pictures(tmp_path / "a.tif").sizes == (found.shape,)


def test_a_page_with_fewer_samples_than_colours_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.zeros((14, 20, 3), np.uint8), photometric="rgb", byteorder="<")
    samples = b"\x15\x01\x03\x00\x01\x00\x00\x00"
    path.write_bytes(path.read_bytes().replace(samples + b"\x03", samples + b"\x01"))
    with pytest.raises(PictureError, match="state 3 bands of 1"):
        read_picture(path)
