"""Reading unusual files: CMYK and Lab, other depths and layouts, damage."""

import io
import struct
import sys
import zlib
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageCms, PngImagePlugin
from PIL.TiffImagePlugin import ImageFileDirectory_v2
from support import REPOSITORY

from srgan_cli.errors import PictureError, SrganError
from srgan_cli.image.codec.raster import apply_exif_orientation
from srgan_cli.image.codec.reader import open_reader
from srgan_cli.image.io import picture_size, read_picture
from srgan_cli.image.metadata import photoshop
from srgan_cli.image.metadata.icc import Colour
from srgan_cli.image.metadata.isobmff import boxes
from srgan_cli.image.metadata.record import Metadata, Text
from srgan_cli.image.picture import Picture
from srgan_cli.image.sequence import write_picture

REAL = REPOSITORY.parent / "shared/data/codec"
SUITE = REAL / "pngsuite"
Values = NDArray[np.generic]
RANDOM = np.random.default_rng(5)


def tiff(values: Values, photometric: int, order: str = "<", **tags: object) -> bytes:
    """An uncompressed TIFF of these values (H, W, C), written by hand; further tags as t339=3."""
    height, width, channels = values.shape
    kind = {"u": 1, "i": 2, "f": 3, "c": 6}[values.dtype.kind]
    directory = ImageFileDirectory_v2({"<": b"II*\x00", ">": b"MM\x00*"}[order] + struct.pack(f"{order}L", 8))
    bits = values.dtype.itemsize * 8
    entries = {256: width, 257: height, 258: (bits,) * channels, 259: 1, 262: photometric, 273: 0, 277: channels}
    entries |= {278: height, 279: values.nbytes, 339: (kind,) * channels}
    for tag, value in (entries | {int(name[1:]): value for name, value in tags.items()}).items():
        directory[tag] = value
    file = io.BytesIO()
    directory.save(file)
    file.write(values.astype(values.dtype.newbyteorder(order)).tobytes())
    return file.getvalue()


def read_values(path: Path) -> Values:
    with open_reader(path) as source:
        return source.read(0).values


def sixteen(channels: int) -> Values:
    return RANDOM.integers(0, 65_536, (4, 5, channels), dtype=np.uint16)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
def test_xmp_gives_the_orientation_of_a_tiff_without_the_tag(tmp_path: Path, kind: type) -> None:
    values = sixteen(3).astype(kind)
    xmp = b'<rdf:Description tiff:Orientation="6"/>'
    (tmp_path / "a.tif").write_bytes(tiff(values, 2, t700=xmp))
    assert picture_size(tmp_path / "a.tif") == (5, 4)
    np.testing.assert_array_equal(read_values(tmp_path / "a.tif"), np.rot90(values, -1))
    (tmp_path / "b.tif").write_bytes(tiff(values, 2, t700=xmp, t274=1))
    np.testing.assert_array_equal(read_values(tmp_path / "b.tif"), values)


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("kind", [np.uint16, np.float32])
def test_a_deep_tiff_is_read_exactly(tmp_path: Path, kind: type, channels: int, order: str) -> None:
    values = sixteen(channels) if kind is np.uint16 else (sixteen(channels) / 65_535).astype(np.float32)
    extra = {"t338": (2,)} if channels in (2, 4) else {}
    (tmp_path / "a.tif").write_bytes(tiff(values, 2 if channels > 2 else 1, order, **extra))
    found = read_values(tmp_path / "a.tif")
    assert found.dtype == kind
    assert np.array_equal(found, values)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_orientation_of_a_deep_tiff_is_applied(tmp_path: Path, orientation: int) -> None:
    values = sixteen(3)
    (tmp_path / "a.tif").write_bytes(tiff(values, 2, t274=orientation))
    found = read_values(tmp_path / "a.tif")
    assert np.array_equal(found, apply_exif_orientation(values, orientation))
    assert found.shape[:2] == picture_size(tmp_path / "a.tif")


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientations_agree_with_pillow(tmp_path: Path, orientation: int) -> None:
    values = RANDOM.integers(0, 256, (4, 5, 3), dtype=np.uint8)
    image = Image.fromarray(values)
    image.getexif()[0x0112] = orientation
    image.save(tmp_path / "a.png", exif=image.getexif())
    assert np.array_equal(read_values(tmp_path / "a.png"), apply_exif_orientation(values, orientation))


def test_white_may_be_zero(tmp_path: Path) -> None:
    values = sixteen(1)
    (tmp_path / "a.tif").write_bytes(tiff(values, 0))
    assert np.array_equal(read_values(tmp_path / "a.tif"), 65_535 - values)


def test_associated_alpha_is_taken_out_of_the_colour(tmp_path: Path) -> None:
    values = np.full((2, 2, 4), 32_768, np.uint16)
    values[..., :3] = 16_384
    (tmp_path / "a.tif").write_bytes(tiff(values, 2, t338=(1,)))
    assert np.abs(read_values(tmp_path / "a.tif").astype(int)[..., :3] - 32_768).max() <= 1


@pytest.mark.parametrize("kind", [np.int8, np.int16, np.uint32, np.int32, np.float16, np.float64])
@pytest.mark.parametrize("order", "<>")
def test_every_type_of_samples_keeps_its_values(tmp_path: Path, kind: type, order: str) -> None:
    if kind is np.float64:
        pytest.importorskip("rasterio")
    values = RANDOM.integers(-100, 100, (4, 5, 3)).astype(kind)
    (tmp_path / "a.tif").write_bytes(tiff(values, 2, order))
    found = read_values(tmp_path / "a.tif")
    assert found.dtype == values.dtype
    assert np.array_equal(found, values)


@pytest.mark.parametrize("kind", [np.int64, np.complex64])
def test_64_bit_integers_and_complex_numbers_are_refused_by_name(tmp_path: Path, kind: type) -> None:
    pytest.importorskip("rasterio")
    (tmp_path / "a.tif").write_bytes(tiff(np.ones((2, 2, 1), kind), 1))
    with pytest.raises(PictureError, match=f"samples of the type {np.dtype(kind).name}"):
        read_picture(tmp_path / "a.tif")


def test_any_number_of_bands_is_read(tmp_path: Path) -> None:
    values = sixteen(6)
    (tmp_path / "a.tif").write_bytes(tiff(values, 2, t338=(0, 0, 0)))
    assert np.array_equal(read_values(tmp_path / "a.tif"), values)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("top", [65_535, 1023])
def test_a_deep_netpbm_is_scaled_to_16_bits(tmp_path: Path, channels: int, top: int) -> None:
    values = RANDOM.integers(0, top + 1, (4, 5, channels), dtype=np.uint16)
    head = f"P{5 if channels == 1 else 6}\n# a remark\n5 4\n{top}\n".encode()
    (tmp_path / "a.ppm").write_bytes(head + values.astype(">u2").tobytes())
    assert np.array_equal(read_values(tmp_path / "a.ppm"), np.rint(values * (65_535 / top)))


@pytest.mark.parametrize("kind", ["embedded", "damaged", "none"])
def test_cmyk_becomes_srgb_through_its_profile(tmp_path: Path, kind: str) -> None:
    profile = cmyk_profile()
    options = {"embedded": {"icc_profile": profile}, "damaged": {"icc_profile": b"broken"}, "none": {}}[kind]
    cmyk = Image.new("CMYK", (8, 8), (200, 30, 60, 20))
    cmyk.save(tmp_path / "a.tif", **options)
    picture = read_picture(tmp_path / "a.tif")
    plain = np.array(cmyk.convert("RGB"))[0, 0]
    expected = plain if kind != "embedded" else np.array(converted(cmyk, profile))[0, 0]
    assert np.abs(picture.pixels[:, 0, 0].numpy() * 255 - expected).max() <= 1.01
    assert picture.icc_profile is None
    assert len(picture.notes) == 1
    how = {"embedded": "through its profile", "damaged": "its profile is damaged", "none": "it has no profile"}[kind]
    assert picture.notes[0].startswith("its CMYK is converted to sRGB")
    assert how in picture.notes[0]
    if kind == "embedded":
        assert np.abs(plain.astype(int) - expected).max() > 20


def cmyk_profile() -> bytes:
    """The CMYK profile of libvips."""
    pyvips = pytest.importorskip("pyvips")
    image = pyvips.Image.black(1, 1, bands=3).copy(interpretation="srgb")
    inked = image.icc_transform("cmyk", input_profile="srgb")
    return bytes(inked.get("icc-profile-data"))


def converted(image: Image.Image, profile: bytes) -> Image.Image:
    """The image in sRGB by LittleCMS, independent of the code under test."""
    transform = ImageCms.buildTransform(
        ImageCms.ImageCmsProfile(io.BytesIO(profile)),
        ImageCms.createProfile("sRGB"),
        "CMYK",
        "RGB",
        ImageCms.Intent.RELATIVE_COLORIMETRIC,
        ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    return ImageCms.applyTransform(image, transform)


def test_deep_cmyk_keeps_its_depth(tmp_path: Path) -> None:
    values = np.full((4, 4, 4), 30_000, np.uint16)
    (tmp_path / "a.tif").write_bytes(tiff(values, 5, t34675=cmyk_profile()))
    picture = read_picture(tmp_path / "a.tif")
    assert (picture.depth, picture.icc_profile, picture.pixels.shape) == (16, None, (3, 4, 4))
    assert picture.notes == ("its CMYK is converted to sRGB through its profile",)


# L*, a*, b* of sRGB colours under D50.  Source: B. Lindbloom, CIE colour calculator, Bradford-adapted.
COLOURS = {(54.29, 80.81, 69.89): (255, 0, 0), (53.39, 0, 0): (127, 127, 127), (87.82, -79.27, 80.99): (0, 255, 0)}


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize(("lab", "rgb"), COLOURS.items())
def test_lab_becomes_srgb(
    tmp_path: Path, lab: tuple[float, float, float], rgb: tuple[int, int, int], depth: int
) -> None:
    light, red, yellow = lab
    if depth == 8:
        pixel = np.array([round(light * 2.55), round(red) % 256, round(yellow) % 256], np.uint8)
    else:
        pixel = np.array([round(light * 655.35), round(red * 256) % 65_536, round(yellow * 256) % 65_536], np.uint16)
    (tmp_path / "a.tif").write_bytes(tiff(np.tile(pixel, (4, 4, 1)), 8))
    picture = read_picture(tmp_path / "a.tif")
    assert (picture.depth, picture.notes) == (depth, ("its Lab is converted to sRGB",))
    assert picture.pixels[:, 1, 1].numpy() * 255 == pytest.approx(np.array(rgb), abs=16 if depth == 8 else 4)


def test_a_gamma_is_read(tmp_path: Path) -> None:
    plain = io.BytesIO()
    Image.new("RGB", (2, 2)).save(plain, "PNG")
    data = plain.getvalue()
    content = b"gAMA" + struct.pack(">L", 100_000)
    chunk = struct.pack(">L", 4) + content + struct.pack(">L", zlib.crc32(content))
    (tmp_path / "a.png").write_bytes(data[:33] + chunk + data[33:])
    assert read_picture(tmp_path / "a.png").metadata.colour == Colour(gamma=1)


def test_boxes_are_found_by_name() -> None:
    small, large = struct.pack(">L4s", 11, b"abcd") + b"xyz", struct.pack(">L4sQ", 1, b"long", 20) + b"four"
    assert dict(boxes(small + large + struct.pack(">L4s", 0, b"last") + b"to the end")) == {
        b"abcd": b"xyz",
        b"long": b"four",
        b"last": b"to the end",
    }
    assert not list(boxes(struct.pack(">L4s", 3, b"abcd")))


@pytest.mark.parametrize("suffix", ["png", "tif"])
@given(data=st.data())
@settings(max_examples=40)
def test_damage_to_deep_files_gives_a_picture_or_a_picture_error(
    tmp_path_factory: pytest.TempPathFactory, suffix: str, data: st.DataObject
) -> None:
    values = np.arange(4 * 5 * 3, dtype=np.uint16).reshape(4, 5, 3) * 1000
    path = tmp_path_factory.getbasetemp() / f"deep-damaged.{suffix}"
    write_picture(Picture(torch.from_numpy(values / 65_535).permute(2, 0, 1).float(), depth=16), path)
    damaged = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(damaged[: data.draw(st.integers(0, len(damaged)))])
    for read in (read_picture, picture_size):
        with suppress(PictureError):
            read(path)


@pytest.mark.skipif(not SUITE.is_dir(), reason="the PNG suite is not on this machine")
def test_the_png_suite() -> None:
    good = [path for path in sorted(SUITE.glob("*.png")) if not path.name.startswith("x")]
    assert len(good) > 150
    for path in good:
        picture = read_picture(path)
        data = path.read_bytes()
        assert (picture.width, picture.height) == struct.unpack(">LL", data[16:24]), path.name
        assert picture.depth == max(8, data[24]), path.name
        grey = data[25] in (0, 4)
        assert len(picture.pixels) == 1 or not grey, path.name
        assert (picture.alpha is not None) == (data[25] in (4, 6) or b"tRNS" in data), path.name
        with Image.open(path) as image:
            eight = np.asarray(image.convert("RGB")).transpose(2, 0, 1)
        if picture.depth == 8:
            assert np.abs(picture.rgb.numpy() * 255 - eight).max() < 0.01, path.name
        elif not grey:
            assert np.abs(picture.rgb.numpy() * 255 - eight).max() <= 1, path.name


@pytest.mark.skipif(not REAL.is_dir(), reason="the odd files are not on this machine")
@pytest.mark.parametrize(
    ("name", "depth", "count"),
    [
        ("tiff/testsuite/rgb-3c-16b.tiff", 16, 1),
        ("gif/anims/mixed-disposal.gif", 8, 5),
        ("webp/extended_images/anim.webp", 8, 6),
    ],
)
def test_real_files_are_read(name: str, depth: int, count: int) -> None:
    found = list(REAL.rglob(Path(name).name))
    assert found
    with open_reader(found[0]) as source:
        assert source.count == count
        assert {source.read(index).depth for index in range(count)} == {depth}


def test_a_file_that_pillow_closes_is_read(tmp_path: Path) -> None:
    """An uncompressed FTEX of 1 x 1 pixels."""
    Image.init()
    (tmp_path / "a.ftu").write_bytes(b"FTEX" + struct.pack("<8L", 2, 1, 1, 1, 1, 1, 32, 3) + bytes([9, 8, 7]))
    assert (read_picture(tmp_path / "a.ftu").pixels * 255).round().flatten().tolist() == [9, 8, 7]


def test_texts_are_read(tmp_path: Path) -> None:
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Title", "A cat")
    texts.add_itxt("XML:com.adobe.xmp", "<x/>")
    Image.new("L", (2, 2)).save(tmp_path / "a.png", pnginfo=texts)
    assert read_picture(tmp_path / "a.png").metadata == Metadata(xmp=b"<x/>", texts=(Text("Title", "A cat"),))
    Image.new("L", (2, 2)).save(tmp_path / "a.jpg", comment=b"a cat")
    assert read_picture(tmp_path / "a.jpg").metadata == Metadata(comments=("a cat",))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\xff\xd8\xff\xdb", "it starts like a JPEG file, but cannot be decoded"),
        (b"II*\x00\x08\x00\x00\x00\x00\x00", "it starts like a TIFF file, but cannot be decoded"),
        (b"MM\0+\0\x08\0\0" + b"\xff" * 8, "it is damaged"),
        (b"RIFF\0\0\0\0ACON", "not a picture"),
        (b"\0\0\0\x10ftypavci\0\0\0\0", "not supported: HEIF of AVC"),
        (b"no picture", "not a picture"),
    ],
)
def test_damaged_pictures_are_distinguished_from_other_files(tmp_path: Path, data: bytes, message: str) -> None:
    (tmp_path / "file").write_bytes(data)
    with pytest.raises(PictureError, match=message):
        read_picture(tmp_path / "file")


def test_a_missing_libvips_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "in.png")
    monkeypatch.setitem(sys.modules, "pyvips", None)
    with pytest.raises(SrganError, match="libvips cannot be loaded"):
        read_picture(tmp_path / "in.png")


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_tall_pictures_come_in_bands_of_few_rows(tmp_path: Path, suffix: str) -> None:
    """libvips takes minutes for a million rows that are requested at once."""
    values = RANDOM.integers(0, 256, (10_000, 2), dtype=np.uint8)
    Image.fromarray(values).save(tmp_path / f"tall{suffix}")
    with open_reader(tmp_path / f"tall{suffix}") as source:
        bands = list(source.read(0).rows.bands())
    assert max(map(len, bands)) <= 4096
    assert np.array_equal(np.concatenate(bands)[..., 0], values)


def psd(resources: dict[int, bytes], name: bytes = b"\0\0") -> bytes:
    """A grey PSD of 2 x 1 pixels without layers, whose resources have this name."""
    blocks = b"".join(
        b"8BIM" + struct.pack(">H", number) + name + struct.pack(">L", len(content)) + content + bytes(len(content) % 2)
        for number, content in resources.items()
    )
    head = b"8BPS" + struct.pack(">H6xHLLHH", 1, 1, 1, 2, 8, 1)
    return head + bytes(4) + struct.pack(">L", len(blocks)) + blocks + bytes(4) + bytes(2) + bytes([7, 200])


def test_a_psd_is_read_with_its_metadata(tmp_path: Path) -> None:
    iptc = b"\x1c\x02\x05\x00\x05Title"
    resolution = struct.pack(">LHHLHH", 300 << 16, 1, 1, 150 << 16, 1, 1)
    (tmp_path / "a.psd").write_bytes(psd({0x03ED: resolution, 0x0404: iptc, 0x0424: b"<x/>", 0x0400: bytes(2)}))
    picture = read_picture(tmp_path / "a.psd")
    assert np.array_equal((picture.pixels * 255).round(), [[[7, 200]]])
    assert (picture.metadata.dpi, picture.metadata.xmp) == ((300, 150), b"<x/>")
    assert picture.metadata.photoshop == photoshop.from_iptc(iptc)
    (tmp_path / "a.psd").write_bytes(psd({2000: bytes(26), 0x040D: bytes(4)}, b"\4Path\0"))
    path, angle = (b"8BIM" + struct.pack(">H", number) + b"\4Path\0" for number in (2000, 0x040D))
    expected = path + struct.pack(">L26x", 26) + angle + struct.pack(">L4x", 4)
    assert read_picture(tmp_path / "a.psd").metadata.photoshop == expected


@pytest.mark.parametrize(
    ("across", "ratio", "expected"),
    [
        (300, 2.0, ((300, 600), None)),
        (0, 2.0, (None, (1, 2))),
        (0, 16 / 15, (None, (15, 16))),
        *((0, ratio, (None, None)) for ratio in (-1.0, float("nan"), 1e300)),
        (300, 1e300, ((300, 300), None)),
    ],
)
def test_pixels_of_a_psd_that_are_not_square_are_read(
    tmp_path: Path, across: int, ratio: float, expected: tuple[object, ...]
) -> None:
    resolution = struct.pack(">LHHLHH", across << 16, 1, 1, across << 16, 1, 1)
    (tmp_path / "a.psd").write_bytes(psd({0x03ED: resolution, 0x0428: struct.pack(">Ld", 1, ratio)}))
    metadata = read_picture(tmp_path / "a.psd").metadata
    assert (metadata.dpi, metadata.pixel_ratio) == expected


def test_comments_of_a_ppm_are_kept_and_texts_of_a_tga_are_reported(tmp_path: Path) -> None:
    """The identifier of 10 letters makes the TGA look like PCX."""
    (tmp_path / "a.ppm").write_bytes(b"P6 # caf\xe9\r2 # a\0b\n1\n255\n" + b"#\n#\n#\n")
    picture = read_picture(tmp_path / "a.ppm")
    assert picture.metadata.comments == ("café", "a\0b")
    write_picture(picture, tmp_path / "a.png")
    assert read_picture(tmp_path / "a.png").metadata.comments == ("café", "a b")
    Image.new("RGB", (4, 3)).save(tmp_path / "a.tga", id_section=b"my picture")
    assert read_picture(tmp_path / "a.tga").notes == ("metadata is dropped: identifier",)


def test_the_extension_area_of_a_tga(tmp_path: Path) -> None:
    """Its ratio of pixels is kept, and the rest is reported."""
    Image.new("RGB", (4, 3)).save(tmp_path / "a.tga")
    data = (tmp_path / "a.tga").read_bytes()[:-26]
    area = struct.pack("<H41s324s12s47s44s4x4H", 495, b"Me", b"", b"", b"Job", b"GIMP", 2, 1, 22, 10) + bytes(4)
    area = (area + struct.pack("<L", 18)).ljust(495, b"\0")
    footer = struct.pack("<LL18s", len(data), 9, b"TRUEVISION-XFILE.\0")
    (tmp_path / "a.tga").write_bytes(data + area + footer)
    picture = read_picture(tmp_path / "a.tga")
    assert picture.notes == ("metadata is dropped: author, job, software, gamma, developer area",)
    assert picture.metadata.pixel_ratio == (1, 2)


@pytest.mark.parametrize(
    ("name", "texts"),
    [
        (None, ()),
        (b"no name", ()),
        (b"a cat\0\1 dog", (Text("Title", "a cat"),)),
        (b"a\1 cat\x1b", (Text("Title", "a cat"),)),
    ],
)
def test_the_name_of_an_sgi_image_is_its_title(tmp_path: Path, name: bytes | None, texts: tuple[Text, ...]) -> None:
    """Pillow stores the name of the file, other software "no name"."""
    Image.new("RGB", (4, 4)).save(tmp_path / "café.sgi")
    data = (tmp_path / "café.sgi").read_bytes()
    if name is not None:
        (tmp_path / "café.sgi").write_bytes(data[:24] + name.ljust(80, b"\0") + data[104:])
    assert read_picture(tmp_path / "café.sgi").metadata.texts == texts


def test_what_rarer_formats_say_is_reported(tmp_path: Path) -> None:
    image = Image.new("RGB", (4, 4))
    image.convert("1").save(tmp_path / "a.xbm", hotspot=(3, 2))
    picture = read_picture(tmp_path / "a.xbm")
    assert (picture.notes, picture.pixels.min()) == (("its hotspot is dropped",), 1)  # 0 is white
    pixels = bytes([0, 10, 20, 30]) * 2
    for kind, expected in ((1, [30, 20, 10]), (3, [10, 20, 30])):
        (tmp_path / "a.ras").write_bytes(struct.pack(">8L", 0x59A66A95, 2, 1, 32, 8, kind, 0, 0) + pixels)
        assert (read_picture(tmp_path / "a.ras").pixels[:, 0, 1] * 255).round().tolist() == expected
    lines = '! XPM */\n! by me */\nstatic char *a[] = {\n! pixels */\n"1 1 1 1%s",\n"/ c #FF0000",\n"/"\n};'.replace(
        "!", "/*"
    )
    (tmp_path / "a.xpm").write_text(lines % "")
    picture = read_picture(tmp_path / "a.xpm")
    assert (picture.metadata.comments, picture.notes) == (("by me",), ())
    (tmp_path / "a.xpm").write_text(lines % " 0 0")
    assert read_picture(tmp_path / "a.xpm").notes == ("its hotspot and extensions are dropped",)
    image.save(tmp_path / "a.im")
    data, lines = (tmp_path / "a.im").read_bytes(), b"Comment: a cat\r\nDate: today\r\n"
    (tmp_path / "a.im").write_bytes(data.replace(bytes(len(lines)), lines, 1))
    assert read_picture(tmp_path / "a.im").notes == ("its comment, date are dropped",)
    image.save(tmp_path / "a.dds")
    data = (tmp_path / "a.dds").read_bytes()
    (tmp_path / "a.dds").write_bytes(data[:112] + struct.pack("<L", 0xFE00) + data[116:] + data[128:] * 5)
    assert read_picture(tmp_path / "a.dds").notes == ("its 5 further pictures are dropped",)


def test_xmp_and_profile_of_a_gif_are_read(tmp_path: Path) -> None:
    file = io.BytesIO()
    Image.new("L", (4, 4)).save(file, "GIF")
    data, start = file.getvalue(), 13 + (3 << (file.getvalue()[10] & 7) + 1)
    profile, mark = bytes(range(256)) * 2, b"\x21\xff\x0b"
    blocks = b"".join(bytes([len(part)]) + part for part in (profile[:255], profile[255:510], profile[510:]))
    trailer = bytes([1, *range(255, -1, -1), 0])
    extensions = mark + b"XMP DataXMP<x/>" + trailer + mark + b"ICCRGBG1012" + blocks + b"\0"
    (tmp_path / "a.gif").write_bytes(data[:start] + extensions + data[start:])
    picture = read_picture(tmp_path / "a.gif")
    assert (picture.metadata.xmp, picture.icc_profile) == (b"<x/>", profile)


def test_smaller_pictures_of_an_icon_are_reported(tmp_path: Path) -> None:
    Image.new("RGB", (32, 32)).save(tmp_path / "a.ico", sizes=[(16, 16), (32, 32)])
    with open_reader(tmp_path / "a.ico") as source:
        assert source.read(0).notes == ("its 1 smaller pictures are dropped",)


def test_sixteen_bits_a_pixel_of_a_bmp_are_not_reported(tmp_path: Path) -> None:
    header = struct.pack("<LllHHLLllLL", 40, 2, 1, 1, 16, 3, 4, 0, 0, 0, 0)
    masks, pixels = struct.pack("<LLL", 0xF800, 0x7E0, 0x1F), struct.pack("<HH", 0xF800, 0x1F)
    (tmp_path / "a.bmp").write_bytes(b"BM" + struct.pack("<LLL", 70, 0, 66) + header + masks + pixels)
    with open_reader(tmp_path / "a.bmp") as source:
        raster = source.read(0)
    assert raster.notes == ()
    assert raster.values.tolist() == [[[255, 0, 0], [0, 0, 255]]]


def test_a_page_of_a_tiff_has_no_profile_of_an_earlier_one(tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    page = Image.new("P", (4, 4))
    Image.new("RGB", (4, 4)).save(tmp_path / "a.tif", save_all=True, append_images=[page], icc_profile=profile)
    with open_reader(tmp_path / "a.tif") as source:
        stored = [bool(tag[1].get(34675)) for tag in source.pages]  # type: ignore[attr-defined]
        assert [bool(source.read(index).icc_profile) for index in (0, 1)] == stored


def test_the_primary_picture_of_a_heic_comes_first(tmp_path: Path) -> None:
    heif = pytest.importorskip("pillow_heif")
    file = heif.HeifFile()
    for level in (10, 200):
        file.add_from_pillow(Image.new("RGB", (64, 64), (level,) * 3))
    file.save(tmp_path / "a.heic", primary_index=1)
    with open_reader(tmp_path / "a.heic") as source:
        assert [round(float(source.read(index).values.mean()) / 10) for index in range(source.count)] == [20, 1]


def test_chunks_of_other_programs_in_a_webp_are_reported(tmp_path: Path) -> None:
    file = io.BytesIO()
    Image.new("RGB", (4, 4)).save(file, "WEBP")
    data = file.getvalue() + b"abcd" + struct.pack("<L", 2) + b"hi"
    (tmp_path / "a.webp").write_bytes(data[:4] + struct.pack("<L", len(data) - 8) + data[8:] + b"more")
    with open_reader(tmp_path / "a.webp") as source:
        assert source.read(0).notes == ("its chunks abcd are dropped", "what follows its end (4 bytes) is dropped")
