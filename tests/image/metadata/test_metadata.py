"""EXIF, XMP and resolution: read, changed and written."""

import io
import re
import struct
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags, Image

from srgan_cli.errors import UsageError
from srgan_cli.image.codec import tiff
from srgan_cli.image.codec.capabilities import FORMAT_CAPABILITIES, FORMATS, format_of
from srgan_cli.image.codec.raster import Raster, Rows
from srgan_cli.image.io import picture_losses, read_picture
from srgan_cli.image.metadata import xmp
from srgan_cli.image.metadata.exif import EXIF_PREFIX, ExifBlock, build_exif, parse_exif
from srgan_cli.image.metadata.icc import NO_COLOUR, Colour
from srgan_cli.image.metadata.reading import finish
from srgan_cli.image.metadata.record import Metadata
from srgan_cli.image.picture import Picture
from srgan_cli.image.sequence import write_picture

NOTE = bytes(range(200))
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><r tiff:Orientation="6" tiff:ImageWidth="40"'
    b' exif:PixelYDimension="30">\xc3\xa4</r></x:xmpmeta>'
)
NAME = "Jürgen".encode().decode("latin-1")
"""A text in UTF-8, as Pillow reads it."""
TAGS = {271: "Camera", 282: 240.0, 283: 240.0, 296: 2, 306: "2026:11:24 03:00:00", 316: "PC", 33432: NAME}
INNER = {0x829A: 0.01, 0x9003: "2026:11:24 03:00:00", 0x927C: NOTE, 0xA002: 40, 0xA003: 30, 0xA430: NAME}
GPS = {1: "N", 2: (48.0, 8.0, 30.5), 3: "E", 4: (11.0, 34.0, 12.0)}


def exif() -> bytes:
    """EXIF as by a camera, with GPS, a maker note and sizes."""
    return build_exif({**TAGS, ExifTags.IFD.Exif: INNER, ExifTags.IFD.GPSInfo: GPS})


def with_thumbnail(order: str = "<", orientation: int = 6, trailer: bytes = b"") -> bytes:
    """A block with an orientation, an EXIF directory with a maker note, and a second directory with a thumbnail."""
    pixels = b"\xff\xd8 old picture \xff\xd9"
    entry = lambda tag, kind, count, value: struct.pack(f"{order}HHL", tag, kind, count) + value  # noqa: E731
    long = lambda value: struct.pack(f"{order}L", value)  # noqa: E731
    short = lambda value: struct.pack(f"{order}HH", value, 0)  # noqa: E731
    main_at, inner_at = 8, 8 + 2 + 2 * 12 + 4
    note_at = inner_at + 2 + 3 * 12 + 4
    second_at = note_at + len(NOTE)
    pixels_at = second_at + 2 + 2 * 12 + 4
    main = entry(0x0112, 3, 1, short(orientation)) + entry(0x8769, 4, 1, long(inner_at))
    inner = entry(0x927C, 7, len(NOTE), long(note_at)) + entry(0xA002, 3, 1, short(40)) + entry(0xA003, 3, 1, short(30))
    second = entry(0x0201, 4, 1, long(pixels_at)) + entry(0x0202, 4, 1, long(len(pixels)))
    count = lambda number: struct.pack(f"{order}H", number)  # noqa: E731
    head = {"<": b"II*\x00", ">": b"MM\x00*"}[order] + long(main_at)
    return (
        head + count(2) + main + long(second_at) + count(3) + inner + long(0) + NOTE
        + count(2) + second + long(0) + pixels + trailer
    )  # fmt: skip


def formats_with(field: str) -> list[str]:
    """The first suffix of every format with this capability."""
    return [form.suffixes[0] for form in FORMAT_CAPABILITIES.values() if getattr(form, field)]


def installed(suffix: str) -> str:
    try:
        format_of(Path(f"a{suffix}"))
    except UsageError as error:
        pytest.skip(error.message)
    return suffix


def flat() -> torch.Tensor:
    return torch.full((3, 30, 40), 0.5)


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("trailer", [b"", b"more"])
def test_a_block_is_changed_in_place(order: str, trailer: bytes) -> None:
    before = with_thumbnail(order, trailer=trailer)
    changed = Metadata(before).upright().with_size(120, 70_000)
    assert Metadata(before).orientation == 6
    assert changed.orientation == 1
    tags = parse_exif(changed.exif)
    assert tags[0x0112] == 1
    assert tags[ExifTags.IFD.Exif] == {0x927C: NOTE, 0xA002: 70_000, 0xA003: 120}
    assert b"old picture" in before
    assert b"old picture" not in changed.exif
    assert changed.exif.endswith(trailer)
    block = Image.Exif()
    block.load(EXIF_PREFIX + changed.exif)
    assert block.get_ifd(ExifTags.IFD.IFD1) == {}
    assert changed.exif.index(NOTE) == before.index(NOTE)


@given(st.data())
def test_damaged_exif_is_unreadable_or_harmless(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    damaged = bytearray(with_thumbnail())
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    block = bytes(damaged[: data.draw(st.integers(0, len(damaged)))])
    if ExifBlock.is_readable(block):
        changed = Metadata(block, dpi=(300, 300)).upright().with_size(1, 2)
        changed.with_dpi_in_exif()
        page = tiff.tags_for(changed, None)
        path = tmp_path_factory.getbasetemp() / "damaged-exif.tif"
        tiff.write_pages(path, [(Raster(Rows.from_array(np.zeros((1, 2, 3), np.uint16))), page)])
        assert path.read_bytes().startswith(b"II")
        assert tiff.has_unwritable_tags(block) in (True, False)


@pytest.mark.parametrize("quote", [b'"', b"'"])
def test_the_orientation_and_size_in_xmp_are_updated(quote: bytes) -> None:
    changed = Metadata(xmp=XMP.replace(b'"', quote)).upright().with_size(120, 160).xmp.replace(quote, b'"')
    assert b'tiff:Orientation="1"' in changed
    assert b'tiff:ImageWidth="160"' in changed
    assert b'exif:PixelYDimension="120"' in changed
    assert "ä".encode() in changed


@pytest.mark.parametrize(
    ("orientation", "unit", "lost"),
    [(1, "relative", ""), (1, "pixel", "IPTC regions are"), (6, "relative", "Microsoft regions are IPTC regions are")],
)
def test_regions_that_do_not_follow_are_dropped_with_a_line(orientation: int, unit: str, lost: str) -> None:
    packet = (
        f'<r xmlns:tiff="t" xmlns:MP="http://ns.microsoft.com/photo/1.2/" tiff:Orientation="{orientation}"'
        ' xmlns:I="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"><MP:RegionInfo>a</MP:RegionInfo>'
        f'<I:ImageRegion><I:b I:rbUnit="{unit}"/></I:ImageRegion></r>'
    )
    found, notes = finish(Metadata(xmp=packet.encode()), [])
    assert " ".join(note.removeprefix("its ").partition(" dropped")[0] for note in notes) == lost
    assert (b"ImageRegion" in (found.xmp or b""), b"RegionInfo" in (found.xmp or b"")) == (not lost, orientation == 1)


HDRGM, IPTC = "http://ns.adobe.com/hdr-gain-map/1.0/", "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
PREFIXES = "".join(f' xmlns:h{n}="{HDRGM}"' for n in range(5000))


@pytest.mark.parametrize(
    ("text", "is_damaged"),
    [
        (f'<r xmlns:h="{HDRGM}"{" " * 400_000}/>', False),
        (f'<r xmlns:h="{HDRGM}"><!--{"<h:a " * 200_000}--></r>', False),
        (f'<r xmlns:h="{HDRGM}"{PREFIXES}/>', False),
        (f'<r xmlns:h="{HDRGM}">{"<h:a " * 200_000}</r>', True),
        (f"<r xmlns:I='{IPTC}' I:rbUnit='pixel'>{'<I:ImageRegion ' * 50_000}</r>", True),
        ('<r tiff:Orientation="6">' + "<mwg-rs:Area " * 50_000, True),
        ('<r tiff:Orientation="6">' + "<mwg-rs:Area-a></mwg-rs:Area-a>" * 50_000 + "</r>", False),
        (f'<r tiff:Orientation="{"6" * 5000}"/>', False),
        ('<!DOCTYPE a [<!ENTITY a "b">]><a>&a;</a>', True),
    ],
    ids=["spaces", "comment", "prefixes", "elements", "regions in pixels", "faces", "names", "digits", "entity"],
)
def test_xmp_of_any_form_is_read_in_a_moment(text: str, is_damaged: bool) -> None:
    start = time.process_time()
    found, notes = finish(Metadata(xmp=text.encode()), [])
    changed = found.upright(orientation=6).with_size(9, 9).xmp
    assert time.process_time() - start < 5
    assert notes == (["its XMP is damaged and dropped"] if is_damaged else [])
    assert changed == (None if is_damaged else text.replace('="6">', '="1">').encode())


def test_properties_are_taken_out_where_they_are() -> None:
    start, end = f'<h:r xmlns:h="x"><h:r xmlns:h="{HDRGM}"', "</h:r></h:r>"
    kept, lost = """ a:b='\n h:c="1"'><!-- <h:c/> -->ä""", "<h:c><h:c d='>'/></h:c>ö<h:c/>"
    text = (start.replace("h:r", "r") + ' h:Version="1"' + kept + lost + end.replace("h:r", "r")).encode()
    expected = (start + kept + "ö" + end).replace("h:r", "r").encode()
    assert xmp.without(text, xmp.ULTRA_HDR) == expected


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("suffix", formats_with("exif_bytes"))
def test_exif_survives(tmp_path: Path, suffix: str, depth: int) -> None:
    path = tmp_path / f"a{installed(suffix)}"
    written = Picture(flat(), depth=depth, metadata=Metadata(exif(), None, (240, 240)))
    write_picture(written, path)
    tags = parse_exif(read_picture(path).metadata.exif)
    inner = tags.pop(ExifTags.IFD.Exif)
    assert {tag: inner[tag] for tag in INNER if tag != 0x829A} == {tag: INNER[tag] for tag in INNER if tag != 0x829A}
    assert float(inner[0x829A]) == pytest.approx(0.01)
    assert [float(number) for number in tags[ExifTags.IFD.GPSInfo][2]] == [48, 8, 30.5]
    assert {tag: tags[tag] for tag in (271, 306, 316, 33432)} == {tag: TAGS[tag] for tag in (271, 306, 316, 33432)}


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("suffix", formats_with("xmp_bytes"))
def test_xmp_survives(tmp_path: Path, suffix: str, depth: int) -> None:
    path = tmp_path / f"a{installed(suffix)}"
    write_picture(Picture(flat(), depth=depth, metadata=Metadata(xmp=XMP)), path)
    found = read_picture(path).metadata.xmp
    assert found is not None
    expected = XMP.replace(b'tiff:Orientation="6"', b"").split()
    assert found.replace(b'tiff:Orientation="1"', b"").split() == expected


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("block", [None, build_exif({271: "Camera"})], ids=["without EXIF", "with EXIF"])
@pytest.mark.parametrize("suffix", formats_with("dpi"))
def test_the_resolution_survives(tmp_path: Path, suffix: str, block: bytes | None, depth: int) -> None:
    path = tmp_path / f"a{installed(suffix)}"
    write_picture(Picture(flat(), depth=depth, metadata=Metadata(block, None, (300, 150))), path)
    assert read_picture(path).metadata.dpi == pytest.approx((300, 150), abs=0.02)


@pytest.mark.parametrize("suffix", [form.suffixes[0] for form in FORMAT_CAPABILITIES.values()])
def test_a_file_without_metadata_has_none(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{installed(suffix)}"
    write_picture(Picture(flat()), path)
    declared = Colour(intent=0) if suffix in (".avif", ".heic") else NO_COLOUR  # their encoders always declare sRGB
    assert replace(read_picture(path).metadata, dicom=None) == Metadata(colour=declared)
    assert read_picture(path).notes == ()


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_the_orientation_is_applied_once(tmp_path: Path, suffix: str) -> None:
    image = Image.new("RGB", (40, 30), (200, 10, 10))
    image.save(tmp_path / f"a{suffix}", exif=EXIF_PREFIX + with_thumbnail())
    picture = read_picture(tmp_path / f"a{suffix}")
    assert (picture.height, picture.width) == (40, 30)
    write_picture(picture, tmp_path / f"b{suffix}")
    tags = parse_exif(read_picture(tmp_path / f"b{suffix}").metadata.exif)
    assert tags[0x0112] == 1
    assert tags[ExifTags.IFD.Exif] == {0x927C: NOTE, 0xA002: 30, 0xA003: 40}
    assert b"old picture" not in (tmp_path / f"b{suffix}").read_bytes()
    with Image.open(tmp_path / f"b{suffix}") as image:
        assert image.size == (30, 40)


def test_damaged_exif_is_dropped_with_a_note(tmp_path: Path) -> None:
    Image.new("RGB", (4, 3)).save(tmp_path / "a.png", exif=EXIF_PREFIX + with_thumbnail()[:30])
    picture = read_picture(tmp_path / "a.png")
    assert picture.metadata.exif is None
    assert picture.notes == ("its EXIF is damaged and dropped",)


def test_light_levels_of_frames_of_avif_are_reported() -> None:
    picture, path = Picture(flat(), metadata=Metadata(light_levels=(10_000, 10_000))), Path("a.avif")
    assert not picture_losses(path, picture)
    assert picture_losses(path, picture, animated=True) == ["AVIF cannot store this picture's light levels"]


@pytest.mark.parametrize(
    ("metadata", "name", "loss"),
    [
        (Metadata(exif()), "a.bmp", "BMP cannot store this picture's EXIF"),
        (Metadata(dpi=(300, 300)), "a.gif", "GIF cannot store this picture's resolution"),
        (Metadata(build_exif({0x927C: bytes(70_000)})), "a.jpg", "JPEG cannot store this picture's EXIF"),
    ],
)
def test_what_does_not_fit_is_reported_and_dropped(tmp_path: Path, metadata: Metadata, name: str, loss: str) -> None:
    picture = Picture(flat(), metadata=metadata)
    assert picture_losses(tmp_path / name, picture) == [loss]
    write_picture(picture, tmp_path / name)
    assert read_picture(tmp_path / name).metadata == Metadata()


def test_maker_notes_keep_the_type_undefined_in_tiff(tmp_path: Path) -> None:
    """In the TIFF, whose EXIF is written again, and in the block for other formats."""
    undefined = struct.pack("<HHL", 0x927C, 7, len(NOTE))
    write_picture(Picture(flat(), metadata=Metadata(with_thumbnail())), tmp_path / "a.tif")
    assert undefined in (tmp_path / "a.tif").read_bytes()
    assert undefined in (read_picture(tmp_path / "a.tif").metadata.exif or b"")


def test_every_suffix_has_a_format() -> None:
    assert set(FORMATS.values()) == set(FORMAT_CAPABILITIES)
    with Image.open(io.BytesIO(encoded_png())) as image:
        assert image.format in FORMAT_CAPABILITIES


@pytest.mark.parametrize(
    ("orientation", "subject", "region"),
    [(1, [20, 12, 16, 4], b"0.25 0.2 0.4 0.1"), (6, [48, 20, 4, 16], b"0.8 0.25 0.1 0.4")],
)
@pytest.mark.parametrize("suffix", [".jpg", ".tif"])
def test_what_lies_in_the_picture_follows_it(
    tmp_path: Path, orientation: int, subject: list[int], region: bytes, suffix: str
) -> None:
    inner = {0xA002: 40, 0xA003: 30, 0x9214: (10, 6, 8, 2)}
    area = b'<mwg-rs:Area stArea:x="0.25" stArea:y="0.2"><stArea:w>0.4</stArea:w><stArea:h>0.1</stArea:h></mwg-rs:Area>'
    size = b'<mwg-rs:AppliedToDimensions stDim:x="0" stDim:w="40" stDim:h="30" stDim:unit="pixel"/>'
    pano = b'<r GPano:CroppedAreaImageWidthPixels="%d" GPano:CroppedAreaImageHeightPixels="%d"'
    pano = pano % ((40, 30) if orientation == 1 else (30, 40)) + b' GPano:FullPanoWidthPixels="100"/>'
    packet = b"<x>" + area + size + pano + b"</x>"
    in_tiff = {700: packet} if suffix == ".tif" else {}
    block = build_exif({274: orientation, ExifTags.IFD.Exif: inner, **in_tiff})
    Image.new("RGB", (40, 30)).save(tmp_path / f"a{suffix}", exif=EXIF_PREFIX + block, xmp=packet)
    metadata = read_picture(tmp_path / f"a{suffix}").metadata
    large = metadata.with_size(60, 80) if orientation == 1 else metadata.with_size(80, 60)
    assert list(parse_exif(large.exif or b"")[ExifTags.IFD.Exif][0x9214]) == subject
    found = re.search(rb'x="(\S+)" stArea:y="(\S+)"><stArea:w>(.+)</stArea:w><stArea:h>([^<]+)<', large.xmp or b"")
    assert found
    assert b" ".join(found.groups()) == region
    assert (b'w="80" stDim:h="60"' if orientation == 1 else b'w="60" stDim:h="80"') in (large.xmp or b"")
    assert b'FullPanoWidthPixels="200"' in (large.xmp or b"")


def encoded_png() -> bytes:
    buffer = io.BytesIO()
    Image.new("L", (1, 1)).save(buffer, "PNG")
    return buffer.getvalue()


def test_page_numbers_and_hints_of_a_tiff_are_kept_and_its_transfer_function_is_reported(tmp_path: Path) -> None:
    stated = {297: (0, 3), 321: (10, 200), 337: "printer"}
    image = Image.new("RGB", (8, 6))
    image.save(tmp_path / "a.tif", tiffinfo=stated)
    picture = read_picture(tmp_path / "a.tif")
    write_picture(picture, tmp_path / "b.tif")
    with Image.open(tmp_path / "b.tif") as written:
        assert {tag: written.tag_v2[tag] for tag in stated} == stated
    assert picture.notes == ()
    image.save(tmp_path / "c.tif", tiffinfo={301: tuple(range(256)) * 3, 291: tuple(range(256))})
    assert read_picture(tmp_path / "c.tif").notes == (
        "its transfer function is dropped",
        "its curve of grey is dropped",
    )


@pytest.mark.parametrize(("number", "says_nothing"), [((0, 0), True), ((0, 1), True), ((1, 2), False)])
def test_the_number_of_the_only_page_is_no_exif(tmp_path: Path, number: tuple[int, int], says_nothing: bool) -> None:
    Image.new("L", (8, 6)).save(tmp_path / "a.tif", tiffinfo={297: number})
    picture = read_picture(tmp_path / "a.tif")
    assert (picture.metadata.exif is None) == (not picture_losses(tmp_path / "b.bmp", picture)) == says_nothing
