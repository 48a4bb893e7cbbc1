"""Pictures that Pillow cannot open, and libvips reads."""

import struct
import sys
import zlib
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from srgan_cli.errors import PictureError
from srgan_cli.image.codec import vips
from srgan_cli.image.io import read_picture
from srgan_cli.image.metadata import isobmff
from srgan_cli.image.metadata.icc import from_cicp
from srgan_cli.image.metadata.record import Metadata
from srgan_cli.image.sequence import open_pictures, write_picture


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


@pytest.mark.parametrize(("bits", "brand"), [(8, b"avif"), (8, b"avis"), (10, b"avif"), (10, b"avis")])
def test_multiplied_colours_of_an_avif_are_divided_by_alpha(tmp_path: Path, bits: int, brand: bytes) -> None:
    """Half-transparent white, read by Pillow, by libvips for its depth, and by libvips alone."""
    file, unit = BytesIO(), 1 if bits == 8 else 257
    values = np.full((32, 48, 4), 128 * unit, np.uint8 if bits == 8 else np.uint16)
    vips.write_avif(values, file, bits, {}, quality=None)
    data = isobmff._insert(file.getvalue(), [] if brand == b"avif" else [(b"imir", b"\0"), (b"irot", b"\0")], b"II*\0")
    assert b"cdsc\0\3\0\1\0\1" in data
    (tmp_path / "a.avif").write_bytes(data.replace(b"cdsc\0\3\0\1\0\1", b"prem\0\1\0\1\0\2", 1))
    picture = read_picture(tmp_path / "a.avif")
    assert picture.alpha is not None
    assert picture.alpha.mean().item() == pytest.approx(0.5, abs=0.01)
    assert picture.pixels.min().item() == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("bits", [8, 10])
def test_multiplied_colours_of_a_heic_are_divided_by_alpha(tmp_path: Path, bits: int) -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    values = np.full((32, 48, 4), 128 if bits == 8 else 128 * 257, "uint8" if bits == 8 else "uint16")
    mode = "RGBa" if bits == 8 else "RGBa;16"
    heif = pillow_heif.from_bytes(mode, (48, 32), values.tobytes())
    heif.save(tmp_path / "a.heic", quality=-1, chroma=444, bit_depth=bits)
    assert read_picture(tmp_path / "a.heic").pixels.min().item() == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("bits", [8, 10])
def test_boxes_of_an_avif_that_libvips_reads_are_kept(tmp_path: Path, bits: int) -> None:
    white, file = np.full((32, 48, 3), 255 if bits == 8 else 65_535, np.uint8 if bits == 8 else np.uint16), BytesIO()
    vips.write_avif(white, file, bits, {}, quality=None)
    stated = Metadata(colour=from_cicp(9, 16), light_levels=(10_000_000, 4_000_000), pixel_ratio=(2, 1))
    data = isobmff.add_properties(file.getvalue(), stated)
    data = isobmff._insert(data, [(b"imir", b"\0"), (b"irot", b"\1"), (b"zzzz", b"abc")], None)
    (tmp_path / "a.avif").write_bytes(data.replace(b"mif1", b"avis", 1))
    picture = read_picture(tmp_path / "a.avif")
    assert picture.metadata == replace(stated, coded_bits=bits if bits > 8 else None)
    assert picture.notes == (
        "its animation is reduced to the first frame",
        "its properties of the kind zzzz are dropped",
    )
    assert picture.pixels.min() == 1


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


@pytest.mark.parametrize(
    ("codec", "options", "bits"),
    [
        ("jpeg8", {"bitspersample": 12, "level": 99, "subsampling": "444"}, 12),
        ("jpeg8", {"lossless": True}, 8),
        ("jpegls", {}, 8),
        ("jpegls", {}, 16),
    ],
)
@pytest.mark.parametrize("channels", [1, 3])
def test_unusual_jpegs_are_read(tmp_path: Path, codec: str, options: dict[str, Any], bits: int, channels: int) -> None:
    imagecodecs = pytest.importorskip("imagecodecs", reason="needs srgan-cli[tiff]")
    ramp = np.linspace(0, 1, 24 * 32).reshape(24, 32, 1) ** np.arange(1, channels + 1)
    values = np.rint(ramp * (2**bits - 1)).astype("uint16" if bits > 8 else "uint8").squeeze()
    (tmp_path / "a.jpg").write_bytes(getattr(imagecodecs, f"{codec}_encode")(values, **options))
    picture = read_picture(tmp_path / "a.jpg")
    assert (picture.depth, picture.notes) == (bits, ())
    assert np.abs(picture.pixels.numpy() - ramp.transpose(2, 0, 1)).max() < 0.02


def test_messages_of_python_reach_nobody(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    for data in (b"II*\0\x08", b"MM\0+\0\x08", b"II*\0\x08\0\0\0\xff\xff" + bytes(40)):
        path.write_bytes(data)
        with pytest.raises(PictureError) as caught:
            read_picture(path)
        assert not {"buffer", "unpack", "_io", "object"} & set(caught.value.message.split())


@pytest.mark.parametrize(
    ("kind", "channels", "top"),
    [("GRAYSCALE", 1, 15), ("GRAYSCALE_ALPHA", 2, 255), ("RGB", 3, 1000), ("RGB_ALPHA", 4, 65535)],
)
def test_a_pam_is_read(tmp_path: Path, kind: str, channels: int, top: int) -> None:
    header = f"P7\n# a comment\nWIDTH 2\nHEIGHT 1\nDEPTH {channels}\nMAXVAL {top}\nTUPLTYPE {kind}\nENDHDR\n"
    samples = [top, 0, top // 2, 0, top, 0, top, 0][: 2 * channels]
    pixels = b"".join(sample.to_bytes(1 if top < 256 else 2, "big") for sample in samples)
    (tmp_path / "a.pam").write_bytes(header.encode() + pixels + b"P7")
    picture = read_picture(tmp_path / "a.pam")
    assert picture.metadata.comments == ("a comment",)
    assert picture.notes == ("what follows its end (2 bytes) is dropped",)
    assert (len(picture.pixels), picture.alpha is not None) == (1 if channels < 3 else 3, channels in (2, 4))
    assert picture.pixels[0, 0, 0] == 1
    assert picture.depth == (8 if top < 256 else 16)


@pytest.mark.parametrize("content", [b"P4\n2 2\n\x40\x80", b"P1 2 2\n0 1\n1 0", b"P1\n2 2\n0 # no\n1\n10 and more"])
def test_a_bitmap_is_read(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.pbm").write_bytes(content)
    assert read_picture(tmp_path / "a.pbm").pixels[0].tolist() == [[1, 0], [0, 1]]


@pytest.mark.parametrize("fields", ["WIDTH 2\nHEIGHT 1\nMAXVAL 9\n", "WIDTH 2\nHEIGHT 1\nDEPTH 9\nMAXVAL 9\n", ""])
def test_a_pam_with_other_channels_or_a_damaged_header_is_refused(tmp_path: Path, fields: str) -> None:
    (tmp_path / "a.pam").write_bytes(f"P7\n{fields}ENDHDR\n".encode() + bytes(18))
    with pytest.raises(
        PictureError, match=r"cannot read \S+/a\.pam: (PAM with [09] channels|its header is damaged)"
    ) as error:
        read_picture(tmp_path / "a.pam")
    assert error.value.values["path"] == str(tmp_path / "a.pam")


FITS_CARDS = (b"SIMPLE  = T", b"BITPIX  = 8", b"NAXIS   = 2", b"NAXIS1  = 8", b"NAXIS2  = 8", b"END")


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"SDPX", "DPX"),
        (b"v/1\x01", "OpenEXR"),
        (b"\x89HDF\r\n\x1a\n", "HDF"),
        (b"CDF\1", "NetCDF"),
        (b"".join(card.ljust(80) for card in FITS_CARDS).ljust(2880), "FITS"),
        (b"8BPS\0\1" + bytes(17) + b"\x40", "64 bits"),
    ],
)
def test_unsupported_kinds_are_named(tmp_path: Path, head: bytes, name: str) -> None:
    (tmp_path / "a.png").write_bytes(head + bytes(64))
    with pytest.raises(PictureError, match=name):
        read_picture(tmp_path / "a.png")


@pytest.mark.parametrize("bits", [12, 16])
def test_colour_of_a_deep_jpeg_2000_keeps_its_bits_and_white(tmp_path: Path, bits: int) -> None:
    imagecodecs = pytest.importorskip("imagecodecs")
    values = np.random.default_rng(0).integers(0, 2**bits, (16, 16, 3)).astype(np.uint16)
    values[0] = 2**bits - 1
    (tmp_path / "a.jp2").write_bytes(imagecodecs.jpeg2k_encode(values, bitspersample=bits, level=0, reversible=True))
    picture = read_picture(tmp_path / "a.jp2")
    assert (picture.depth, picture.metadata.coded_bits) == (16, 12 if bits == 12 else None)
    assert np.allclose(picture.pixels.numpy() * (2**bits - 1), np.moveaxis(values, -1, 0), atol=0.1)


def psd(values: NDArray[Any], method: int) -> bytes:
    """A PSD of channels (C, H, W), stored by one of the four methods."""
    imagecodecs = pytest.importorskip("imagecodecs")
    count, height, width = values.shape
    stored = values.astype(values.dtype.newbyteorder(">"))
    head = struct.pack(">4sH6xHLLHH3L", b"8BPS", 1, count, height, width, 8 * values.itemsize, 3, 0, 0, 0)
    if method == 3:
        encode = imagecodecs.floatpred_encode if values.dtype.kind == "f" else imagecodecs.delta_encode
        stored = np.ascontiguousarray(encode(stored if values.dtype.kind == "f" else values, axis=-1))
        stored = stored if values.dtype.kind == "f" else stored.astype(values.dtype.newbyteorder(">"))
    if method != 1:
        content = stored.tobytes()
        return head + struct.pack(">H", method) + (zlib.compress(content) if method else content)
    rows = [bytes(imagecodecs.packbits_encode(row.tobytes())) for row in stored.reshape(-1, width)]
    return head + struct.pack(f">H{len(rows)}H", 1, *map(len, rows)) + b"".join(rows)


@pytest.mark.parametrize("method", range(4))
@pytest.mark.parametrize(
    ("dtype", "count"), [(np.uint8, 3), (np.uint8, 5), (np.uint16, 3), (np.uint16, 6), (np.float32, 3)]
)
def test_a_psd_of_any_channels_and_more_bits_is_read(tmp_path: Path, dtype: type, count: int, method: int) -> None:
    top = 1 if dtype == np.float32 else np.iinfo(dtype).max
    values = (np.random.default_rng(0).random((count, 9, 11)) * top).astype(dtype)
    (tmp_path / "a.psd").write_bytes(psd(values, method))
    picture = read_picture(tmp_path / "a.psd")
    assert np.array_equal(np.moveaxis(picture.to_array(dtype), -1, 0), values[:3])
    assert picture.notes == ((f"further channels are dropped: {count - 3}",) if count > 3 else ())


@pytest.mark.parametrize("method", range(4))
@pytest.mark.parametrize(("mode", "count"), [(4, 5), (9, 4)])
def test_cmyk_and_lab_in_a_psd_of_further_channels(tmp_path: Path, mode: int, count: int, method: int) -> None:
    data = psd(np.full((count, 9, 11), 99, np.uint8), method)
    (tmp_path / "a.psd").write_bytes(data[:24] + struct.pack(">H", mode) + data[26:])
    if method:
        with pytest.raises(PictureError, match=r"PSD in \w+ compressed by ZIP or with further channels is not"):
            read_picture(tmp_path / "a.psd")
    else:
        assert read_picture(tmp_path / "a.psd").notes[0] == "further channels are dropped: 1"


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("method", [0, 2])
def test_a_psd_is_turned_upright(tmp_path: Path, dtype: type, method: int) -> None:
    values = np.arange(3 * 2 * 4, dtype=dtype).reshape(3, 2, 4)
    exif = b"II*\0\x08\0\0\0" + struct.pack("<HHHLHHL", 1, 0x0112, 3, 1, 6, 0, 0)
    block = b"8BIM" + struct.pack(">HHL", 0x0422, 0, len(exif)) + exif
    data = psd(values, method)
    (tmp_path / "a.psd").write_bytes(data[:30] + struct.pack(">L", len(block)) + block + data[34:])
    assert np.array_equal(
        np.moveaxis(read_picture(tmp_path / "a.psd").to_array(dtype), -1, 0), np.rot90(values, -1, (1, 2))
    )


@pytest.mark.parametrize(("dtype", "key"), [(np.uint8, b""), (np.uint16, b"8BIMLr16"), (np.float32, b"8BIMLr32")])
@pytest.mark.parametrize("count", [0, 1])
def test_layers_of_a_psd_are_reported(tmp_path: Path, dtype: type, key: bytes, count: int) -> None:
    data, layers = psd(np.ones((3, 9, 11), dtype), 2), struct.pack(">Lh", 20, count) + bytes(18)
    section = bytes(8) + key + layers if key else layers
    (tmp_path / "a.psd").write_bytes(data[:34] + struct.pack(">L", len(section)) + section + data[38:])
    assert read_picture(tmp_path / "a.psd").notes == (("its layers are merged",) if count else ())


def test_a_duotone_is_reported_and_an_unknown_compression_refused(tmp_path: Path) -> None:
    data = psd(np.ones((1, 9, 11), np.uint8), 0)
    (tmp_path / "a.psd").write_bytes(data[:24] + b"\0\x08" + data[26:])
    assert read_picture(tmp_path / "a.psd").notes == ("the inks of its duotone are dropped: it is read as grey",)
    (tmp_path / "a.psd").write_bytes(data[:24] + b"\0\x01" + data[26:38] + b"\0\x04" + data[40:])
    with pytest.raises(PictureError, match="PSD of the unknown compression 4 is not supported"):
        read_picture(tmp_path / "a.psd")


@pytest.mark.parametrize(("dtype", "key"), [(np.uint8, b""), (np.uint16, b"8BIMLr16"), (np.float32, b"8BIMLr32")])
@pytest.mark.parametrize("colours", [1, 3])
@pytest.mark.parametrize("method", [0, 1])
def test_a_further_channel_of_a_psd_is_alpha_if_its_layers_say_so(
    tmp_path: Path, dtype: type, key: bytes, colours: int, method: int
) -> None:
    """Colours are merged with white where they are transparent."""
    top = 1 if dtype == np.float32 else np.iinfo(dtype).max
    values = np.full((colours + 1, 9, 11), 0.75 * top).astype(dtype)
    values[-1] = top / 2
    data = psd(values, method)
    data = data[:25] + bytes([1 if colours == 1 else 3]) + data[26:]
    (tmp_path / "a.psd").write_bytes(data)
    picture = read_picture(tmp_path / "a.psd")
    assert (picture.alpha, picture.notes) == (None, ("further channels are dropped: 1",))
    layers = bytes(8 if key else 0) + key + struct.pack(">Lh", 20, -1) + bytes(18)
    (tmp_path / "a.psd").write_bytes(data[:34] + struct.pack(">L", len(layers)) + layers + data[38:])
    picture = read_picture(tmp_path / "a.psd")
    assert picture.alpha is not None
    assert picture.pixels.mean().item() == pytest.approx(0.5, abs=0.01)


def test_a_bitmap_and_a_palette_of_a_psd(tmp_path: Path) -> None:
    data = psd(np.array([[[0xA0]]], np.uint8), 0)
    (tmp_path / "a.psd").write_bytes(data[:18] + struct.pack(">LHH", 3, 1, 0) + data[26:])
    assert read_picture(tmp_path / "a.psd").pixels[0, 0].tolist() == [0, 1, 0]
    data = psd(np.array([[[7, 9]]], np.uint8), 0)
    parts = [struct.pack(">L", 768), bytes(768), struct.pack(">L", 14), b"8BIM", struct.pack(">HHLH", 0x0417, 0, 2, 9)]
    (tmp_path / "a.psd").write_bytes(data[:24] + b"\0\2" + b"".join(parts) + data[34:])
    alpha = read_picture(tmp_path / "a.psd").alpha
    assert alpha is not None
    assert alpha[0, 0].tolist() == [1, 0]


@pytest.mark.parametrize(
    ("header", "dropped"),
    [
        (b"\nEXPOSURE=2\nVIEW= -vtv", "EXPOSURE, VIEW"),
        (b"\n# by me\nSoftware=x\nrpict -vp 1 2 3\n\tCAPDATE= 2020", "comments, Software, other lines, CAPDATE"),
        (b"".join(b"\n%c=1" % letter for letter in b"ABCDEFG"), "A, B, C, D, E, …"),
    ],
)
def test_a_radiance_hdr_is_linear(tmp_path: Path, header: bytes, dropped: str) -> None:
    imagecodecs = pytest.importorskip("imagecodecs")
    values = np.exp(np.random.default_rng(0).normal(0, 2, (9, 11, 3))).astype(np.float32)
    encoded = bytes(imagecodecs.rgbe_encode(values, header=True))
    (tmp_path / "a.hdr").write_bytes(encoded.replace(b"\n\n", header + b"\n\n", 1))
    picture = read_picture(tmp_path / "a.hdr")
    assert picture.notes == (f"dropped from its header: {dropped}",)
    assert np.allclose(np.moveaxis(picture.pixels.numpy(), 0, -1), values, atol=0.01 * values.max(-1, keepdims=True))
    assert picture.metadata.colour.gamma == 1


@pytest.mark.parametrize(
    ("width", "line"),
    [
        (3, bytes([9, 9, 9, 128, 1, 1, 1, 2])),
        (259, bytes([9, 9, 9, 128, 1, 1, 1, 2, 1, 1, 1, 1])),
        (8, b"\2\2\0\x08" + bytes([136, 9] * 3 + [3, 128, 128, 128, 133, 128])),
        (2, bytes([9, 9, 9, 128] * 2)),
    ],
    ids=["runs", "long runs", "packed", "flat"],
)
def test_lines_of_a_radiance_hdr_are_stored_in_three_ways(tmp_path: Path, width: int, line: bytes) -> None:
    header = b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 2 +X %d\n" % width
    (tmp_path / "a.hdr").write_bytes(header + 2 * line + b"more")
    picture = read_picture(tmp_path / "a.hdr")
    assert picture.pixels.shape == (3, 2, width)
    assert (picture.pixels.min(), picture.pixels.max()) == (9 / 256, 9 / 256)
    assert picture.notes == ("what follows its end (4 bytes) is dropped",)
    (tmp_path / "a.hdr").write_bytes(header + line)
    with pytest.raises(PictureError, match="damaged"):
        read_picture(tmp_path / "a.hdr")


def test_a_radiance_hdr_may_begin_in_any_corner(tmp_path: Path) -> None:
    (tmp_path / "a.hdr").write_bytes(b"#?RADIANCE\n\n+Y 2 -X 1\n" + bytes([128, 128, 128, 129, 64, 64, 64, 129]))
    assert read_picture(tmp_path / "a.hdr").pixels[0].flatten().tolist() == [0.5, 1]


def test_primaries_of_a_radiance_hdr_may_be_negative(tmp_path: Path) -> None:
    """ACES has them, and PNG does not; it takes them as a profile."""
    pytest.importorskip("imagecodecs")
    aces = b"PRIMARIES=0.7347 0.2653 0.0 1.0 0.0001 -0.077 0.32168 0.33767"
    header = b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n" + aces + b"\n\n-Y 2 +X 2\n"
    (tmp_path / "a.hdr").write_bytes(header + bytes([9, 9, 9, 128] * 4))
    picture = read_picture(tmp_path / "a.hdr")
    assert (picture.notes, (picture.metadata.colour.chromaticities or ())[7]) == ((), -0.077)
    write_picture(picture, tmp_path / "a.png")
    assert read_picture(tmp_path / "a.png").icc_profile == picture.metadata.colour.profile(grey=False)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ((b"\n", b"\r\n"), "header is damaged"),
        ((b"-Y 2 +X", b"+X 2 -Y"), "in columns"),
        ((b"rgbe", b"xyze"), "in columns"),
        ((b"?", b"?"), ""),
        ((b"1" * 60_000, b"0" + b" 0" * 7), ""),
    ],
)
def test_a_radiance_hdr_is_refused_for_what_is_found(tmp_path: Path, change: tuple[bytes, bytes], reason: str) -> None:
    pytest.importorskip("imagecodecs")
    header = b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\nPRIMARIES=" + b"1" * 60_000 + b"\n\n-Y 2 +X 2\n"
    (tmp_path / "a.hdr").write_bytes(header.replace(*change) + bytes([9, 9, 9, 128] * 4))
    if reason:
        with pytest.raises(PictureError, match=reason):
            read_picture(tmp_path / "a.hdr")
    else:
        assert read_picture(tmp_path / "a.hdr").notes == ("its PRIMARIES are dropped: they are damaged",)


def test_a_deep_jpeg_2000_needs_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    imagecodecs = pytest.importorskip("imagecodecs")
    (tmp_path / "a.jp2").write_bytes(imagecodecs.jpeg2k_encode(np.zeros((8, 8, 3), np.uint16), level=0))
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    with pytest.raises(PictureError, match="JPEG 2000 of 16 bits"):
        read_picture(tmp_path / "a.jp2")


@pytest.mark.parametrize(("magic", "channels"), [("P2", 1), ("P3", 3)])
def test_sixteen_bits_as_text_are_kept(tmp_path: Path, magic: str, channels: int) -> None:
    (tmp_path / "a.ppm").write_text(f"{magic}\n2 1\n# a comment\n1000\n{'1000 ' * channels}\n{'3 ' * channels}\n")
    picture = read_picture(tmp_path / "a.ppm")
    assert picture.depth == 16
    assert (picture.pixels[:, 0, 1] * 1000).tolist() == pytest.approx([3] * channels, abs=0.01)


def test_lost_bits_of_sgi_are_reported(tmp_path: Path) -> None:
    deep = struct.pack(">hBBHHHHll", 474, 0, 2, 3, 2, 2, 3, 0, 65535).ljust(512, b"\0") + bytes(24)
    (tmp_path / "a.sgi").write_bytes(deep)
    assert read_picture(tmp_path / "a.sgi").notes == ("its 16 bits a channel are reduced to 8",)
