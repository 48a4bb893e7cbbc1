"""What the boxes of HEIF, AVIF and JPEG 2000 say, and what stands beside the picture."""

import struct
import sys
import tracemalloc
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, features

from srgan_cli.image.decoders.jp2 import read_boxes
from srgan_cli.image.io import picture_size, read_picture
from srgan_cli.image.metadata import isobmff, photoshop, xmp
from srgan_cli.image.metadata.exif import build_exif
from srgan_cli.image.metadata.icc import NO_COLOUR, Colour, from_cicp
from srgan_cli.image.metadata.record import Metadata

PACKET = b"<x:xmpmeta/>"


def box(name: bytes, content: bytes) -> bytes:
    return struct.pack(">L4s", len(content) + 8, name) + content


def heif(properties: list[bytes], kind: bytes = b"hvc1") -> bytes:
    """A file whose only item has these properties."""
    item = box(b"infe", bytes([2, 0, 0, 0]) + struct.pack(">HH4s", 1, 0, kind) + b"\0")
    numbers = bytes(range(1, len(properties) + 1))
    link = bytes(4) + struct.pack(">LHB", 1, 1, len(numbers)) + numbers
    parts = box(b"pitm", bytes(4) + b"\0\1") + box(b"iinf", bytes(4) + b"\0\1" + item)
    parts += box(b"iprp", box(b"ipco", b"".join(properties)) + box(b"ipma", link))
    return box(b"ftyp", b"heic") + box(b"meta", bytes(4) + parts)


def nclx(primaries: int, transfer: int) -> bytes:
    return box(b"colr", b"nclx" + struct.pack(">HHHB", primaries, transfer, 6, 0x80))


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ([nclx(9, 16)], Metadata(colour=from_cicp(9, 16))),
        ([nclx(1, 13)], Metadata(colour=Colour(intent=0))),
        ([nclx(2, 2)], Metadata()),
        ([box(b"colr", b"prof"), nclx(9, 16)], Metadata()),
        ([box(b"clli", struct.pack(">HH", 1000, 400))], Metadata(light_levels=(10_000_000, 4_000_000))),
        ([box(b"pasp", struct.pack(">LL", 2, 1))], Metadata(pixel_ratio=(1, 2))),
        (
            [box(b"mdcv", b"GGGGBBBBRRRRWWWW" + bytes(8))],
            Metadata(mastering_display=b"RRRRGGGGBBBBWWWW" + bytes(8)),
        ),
    ],
)
def test_properties_are_read(properties: list[bytes], expected: Metadata) -> None:
    assert isobmff.read_metadata(heif(properties)) == (expected, [])


@pytest.mark.parametrize(
    ("kind", "note"),
    [
        (b"urn:com:apple:photo:2020:aux:hdrgainmap", "its gain map is dropped"),
        (b"urn:mpeg:hevc:2015:auxid:2", "its depth map is dropped"),
        (b"urn:com:apple:photo:2018:aux:portraiteffectsmatte", "its matte is dropped"),
        (b"urn:other", "its auxiliary picture urn:other is dropped"),
        (b"urn:mpeg:hevc:2015:auxid:1", None),
    ],
)
def test_auxiliary_pictures_are_reported_but_for_alpha(kind: bytes, note: str | None) -> None:
    _, notes = isobmff.read_metadata(heif([box(b"auxC", bytes(4) + kind + b"\0")]))
    assert notes == ([note] if note else [])


def test_tone_maps_and_manifests_are_reported() -> None:
    assert isobmff.read_metadata(heif([], b"tmap"))[1] == ["its gain map is dropped"]
    manifest = box(b"uuid", bytes.fromhex("d8fec3d61b0e483c92975828877ec481"))
    assert isobmff.read_metadata(heif([]) + manifest)[1] == [xmp.C2PA_NOTE]


@pytest.mark.parametrize(
    ("added", "note"),
    [
        (box(b"mpvd", b"ftyp"), "its video (motion photo) is dropped"),
        (box(b"jhgm", bytes(9)), "its gain map is dropped"),
        (box(b"moov", box(b"mvhd", bytes(9))), "its image sequence is dropped"),
        (box(b"sefd", b"SEFT") + box(b"uuid", bytes(16)), "its 2 boxes of other programs are dropped"),
        (box(b"jumb", b"of another kind"), "its 1 boxes of other programs are dropped"),
        (box(b"free", b"room") + bytes(20), None),
    ],
)
def test_boxes_beside_the_picture_are_reported(added: bytes, note: str | None) -> None:
    assert isobmff.read_metadata(heif([]) + added)[1] == ([note] if note else [])


def test_items_of_unknown_kinds_are_reported() -> None:
    assert isobmff.read_metadata(heif([], b"rgan"))[1] == ["its items of the kind rgan are dropped"]
    described = [box(b"udes", bytes(4)), box(b"ispe", bytes(12))]
    assert isobmff.read_metadata(heif(described))[1] == ["its properties of the kind udes are dropped"]


def test_packed_boxes_of_jpeg_xl_are_read() -> None:
    brotli = pytest.importorskip("brotli")
    exif = build_exif({271: "Camera"})
    packed = [
        box(b"brob", kind + brotli.compress(content))
        for kind, content in ((b"Exif", bytes(4) + exif), (b"xml ", PACKET))
    ]
    data = box(b"JXL ", b"\r\n\x87\n") + b"".join(packed)
    assert isobmff.read_metadata(data) == (Metadata(exif=exif, xmp=PACKET), [])


def test_packed_boxes_do_not_fill_the_memory() -> None:
    brotli = pytest.importorskip("brotli")
    content = brotli.compress(bytes(2**26))
    packed = box(b"brob", b"xml " + brotli.compress(PACKET)) + 50 * box(b"brob", b"xml " + content)
    data = box(b"JXL ", b"\r\n\x87\n") + packed + 50 * box(b"brob", b"jhgm" + content)
    tracemalloc.start()
    found, notes = isobmff.read_metadata(data)
    assert tracemalloc.get_traced_memory()[1] < 2**24
    tracemalloc.stop()
    assert (found.xmp, notes) == (PACKET, ["its gain map is dropped"])


def test_packed_boxes_that_cannot_be_read_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    data = box(b"JXL ", b"\r\n\x87\n") + box(b"brob", b"Exif\x8b\x0c")
    assert isobmff.read_metadata(data) == (Metadata(), ["its compressed metadata is dropped"])
    monkeypatch.setitem(sys.modules, "brotli", None)
    assert isobmff.read_metadata(data)[1] == ["its compressed metadata is dropped"]


def test_damaged_boxes_say_nothing() -> None:
    data = heif([nclx(9, 16)])
    for end in range(len(data)):
        found, _ = isobmff.read_metadata(data[:end])
        assert found.colour in (NO_COLOUR, from_cicp(9, 16))


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_properties_are_added_to_avif(mode: str) -> None:
    file = BytesIO()
    Image.new(mode, (16, 16), "red").save(file, "AVIF")
    added = Metadata(colour=from_cicp(9, 16), light_levels=(10_000_000, 4_000_000), pixel_ratio=(2, 1))
    data = isobmff.add_properties(file.getvalue(), added)
    assert isobmff.read_metadata(data) == (replace(added, pixel_ratio=(2, 1)), [])
    with Image.open(BytesIO(data)) as changed, Image.open(BytesIO(file.getvalue())) as original:
        assert changed.tobytes() == original.tobytes()


@pytest.mark.skipif(not features.check("jpg_2000"), reason="Pillow without JPEG 2000")
def test_xmp_of_jpeg_2000_is_read(tmp_path: Path) -> None:
    file = BytesIO()
    Image.new("L", (16, 16)).save(file, "JPEG2000")
    packet = box(b"uuid", bytes.fromhex("be7acfcb97a942e89c71999491e3afac") + PACKET)
    head, mark, rest = file.getvalue().partition(b"jp2c")
    (tmp_path / "a.jp2").write_bytes(head[:-4] + packet + head[-4:] + mark + rest)
    assert read_picture(tmp_path / "a.jp2").metadata.xmp == PACKET


@pytest.mark.parametrize("kind", [b"resc", b"resd"])
@pytest.mark.parametrize("power", [-128, 127])
def test_an_implausible_resolution_of_jpeg_2000_is_dropped_with_a_line(tmp_path: Path, kind: bytes, power: int) -> None:
    Image.new("L", (8, 8)).save(tmp_path / "a.jp2")
    change_header(tmp_path / "a.jp2", {b"res ": box(kind, struct.pack(">4H2b", 1, 1, 1, 1, power, power))})
    picture = read_picture(tmp_path / "a.jp2")
    assert (picture.metadata.dpi, picture.notes) == (None, ("its resolution is implausible and dropped",))


@pytest.mark.parametrize(
    ("mode", "number", "notes"),
    [
        ("L", struct.pack(">L", 15), ()),
        ("L", bytes(4), ("its colour space number 0 is taken for grey",)),
        ("RGB", struct.pack(">L", 14), ("its colour space number 14 is taken for RGB",)),
    ],
)
def test_colour_spaces_of_jpeg_2000_that_are_not_read_are_reported(
    tmp_path: Path, mode: str, number: bytes, notes: tuple[str, ...]
) -> None:
    Image.new(mode, (8, 8)).save(tmp_path / "a.jp2")
    change_header(tmp_path / "a.jp2", {b"colr": b"\1\0\0" + number})
    assert read_picture(tmp_path / "a.jp2").notes == notes
    assert not read_boxes(box(b"jp2h", box(b"colr", b"\1\0\0")))[2]


def change_header(path: Path, added: dict[bytes, bytes]) -> None:
    """Add boxes to the header of a JPEG 2000, or replace them."""
    outer = dict(isobmff.boxes(path.read_bytes()))
    inner = dict(isobmff.boxes(outer[b"jp2h"])) | added
    outer[b"jp2h"] = b"".join(box(*part) for part in inner.items())
    path.write_bytes(b"".join(box(*part) for part in outer.items()))


def test_boxes_of_jpeg_2000_are_kept_or_reported(tmp_path: Path) -> None:
    profile, exif = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(), build_exif({271: "Camera"})
    iptc = b"\x1c\x02\x05\x00\x05A cat"
    Image.new("RGB", (8, 8)).save(tmp_path / "a.jp2")
    outer = dict(isobmff.boxes((tmp_path / "a.jp2").read_bytes()))
    inner = dict(isobmff.boxes(outer[b"jp2h"])) | {b"colr": b"\2\0\0" + profile}
    inner |= {b"res ": box(b"resd", struct.pack(">4H2b", 1, 254, 2, 254, 6, 6))}
    outer[b"jp2h"] = b"".join(box(*part) for part in inner.items())
    known = {"be7acfcb97a942e89c71999491e3afac": b"<x/>", "33c7a4d2b81d4723a0baf1a3e097ad38": iptc}
    uuids = [(b"uuid", bytes.fromhex(name) + content) for name, content in known.items()]
    uuids += [(b"uuid", b"JpgTiffExif->JP2" + exif), (b"uuid", bytes(20)), (b"xml ", b"<a/>")]
    parts = [*outer.items()]
    (tmp_path / "a.jp2").write_bytes(b"".join(box(*part) for part in (*parts[:-1], *uuids, parts[-1])))
    picture = read_picture(tmp_path / "a.jp2")
    assert (picture.icc_profile, picture.metadata.xmp) == (profile, b"<x/>")
    assert picture.metadata.dpi == pytest.approx((200, 100))
    assert b"Camera" in (picture.metadata.exif or b"")
    assert picture.metadata.photoshop == photoshop.from_iptc(iptc)
    assert picture.notes == ("its 1 boxes of other programs are dropped", "its XML boxes are dropped")


@pytest.mark.skipif(not features.check("avif"), reason="Pillow without AVIF")
def test_metadata_of_the_movie_of_an_avif_are_kept_or_reported(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (16, 16), (level, 0, 0)) for level in (9, 200)]
    frames[0].save(tmp_path / "a.avif", save_all=True, append_images=frames[1:])
    data = (tmp_path / "a.avif").read_bytes()
    outer = [
        (name, content + box(b"udta", b"a text") if name == b"moov" else content)
        for name, content in isobmff.boxes(data)
    ]
    packet = (b"uuid", bytes.fromhex("be7acfcb97a942e89c71999491e3afac") + PACKET)
    found, notes = isobmff.read_metadata(b"".join(box(*part) for part in [*outer, packet]))
    assert (found.xmp, notes) == (PACKET, ["the texts of its movie are dropped"])


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ((40, 1, 20, 1, -36, 2, -28, 2), (10, 8, 50, 28)),
        ((80, 2, 20, 1, 0, 1, 0, 1), (28, 22, 68, 42)),
        ((40, 1, 20, 1, 90, 1, 0, 1), None),
        ((40, 0, 20, 1, 0, 1, 0, 1), None),
        ((0, 1, 20, 1, 0, 1, 0, 1), None),
    ],
    ids=["moved", "fraction", "outside", "divided by 0", "empty"],
)
def test_a_clean_aperture_is_read(numbers: tuple[int, ...], expected: tuple[int, ...] | None) -> None:
    assert isobmff.clean_aperture(heif([box(b"clap", struct.pack(">4LlLlL", *numbers))]), 96, 64) == expected
    assert isobmff.clean_aperture(heif([box(b"clap", bytes(3))]), 96, 64) is None


@pytest.mark.skipif(not features.check("avif"), reason="this build of Pillow has no AVIF")
@pytest.mark.parametrize("turned_first", [False, True])
def test_an_avif_is_turned_and_cropped_in_the_order_of_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, turned_first: bool
) -> None:
    associate = isobmff._associate
    essential = lambda content, item, numbers: associate(content, item, [number | 0x8000 for number in numbers])  # noqa: E731
    monkeypatch.setattr(isobmff, "_associate", essential)
    image, file = Image.radial_gradient("L").convert("RGB").resize((96, 64)), BytesIO()
    image.save(file, "AVIF", quality=100, subsampling="4:4:4")
    left, down = (40, 20) if not turned_first else (20, 40)
    clap = (b"clap", struct.pack(">4LlLlL", left, 1, down, 1, 8, 1, 4, 1))
    turned = [(b"irot", b"\1"), clap] if turned_first else [clap, (b"irot", b"\1")]
    data = isobmff._insert(file.getvalue(), turned, None)
    (tmp_path / "a.avif").write_bytes(data)
    assert isobmff.is_turned_early(data) == turned_first
    upright = image.transpose(Image.Transpose.ROTATE_90)
    expected = upright.crop((30, 32, 50, 72)) if turned_first else upright.crop((26, 20, 46, 60))
    assert np.abs(read_picture(tmp_path / "a.avif").to_array().astype(int) - np.asarray(expected)).max() < 6


@pytest.mark.skipif(not features.check("avif"), reason="this build of Pillow has no AVIF")
@pytest.mark.parametrize("orientation", [1, 6])
def test_an_avif_is_cropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, orientation: int) -> None:
    exif = Image.Exif()
    exif[274] = orientation
    image = Image.radial_gradient("L").convert("RGB")
    image.save(tmp_path / "a.avif", exif=exif, quality=100, subsampling="4:4:4")
    monkeypatch.setattr(isobmff, "clean_aperture", lambda *_: (10, 8, 50, 28))
    part = image.crop((10, 8, 50, 28))
    expected = np.asarray(part if orientation == 1 else part.transpose(Image.Transpose.ROTATE_270))
    assert picture_size(tmp_path / "a.avif") == expected.shape[:2]
    pixels = read_picture(tmp_path / "a.avif").pixels.numpy()
    assert np.abs(pixels.transpose(1, 2, 0) * 255 - expected).max() < 4
