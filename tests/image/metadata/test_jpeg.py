"""Gain maps, other pictures, videos and long XMP of JPEG files."""

import hashlib
import io
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from srgan_cli.image.io import picture_losses, read_picture
from srgan_cli.image.metadata import jpeg_segments as segments
from srgan_cli.image.metadata import xmp
from srgan_cli.image.metadata.gain_map import ISO_PREFIX, XMP_PREFIX
from srgan_cli.image.metadata.jpeg import read_profile
from srgan_cli.image.ops import resize
from srgan_cli.image.picture import Picture
from srgan_cli.image.sequence import open_pictures, write_picture

RDF = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">%s</rdf:RDF></x:xmpmeta>'
)
HDRGM = 'xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" hdrgm:Version="1.0"'
GDEPTH = 'xmlns:GDepth="http://ns.google.com/photos/1.0/depthmap/"'
ISO = segments.segment(segments.APP2, ISO_PREFIX + bytes(60))


def packet(body: str) -> bytes:
    return segments.segment(segments.APP1, XMP_PREFIX + (RDF % body).encode())


def jpeg(head: bytes = b"", size: tuple[int, int] = (24, 16), **options: object) -> bytes:
    file = io.BytesIO()
    ramp = np.arange(size[0] * size[1], dtype=np.uint32).reshape(size[1], size[0]) * 255 // (size[0] * size[1])
    Image.fromarray(ramp.astype(np.uint8)).convert("RGB").save(file, "JPEG", quality=95, **options)
    return file.getvalue()[:20] + head + file.getvalue()[20:]


def gain_map(*, iso: bool = False) -> bytes:
    return jpeg(ISO if iso else packet(f'<rdf:Description {HDRGM} hdrgm:GainMapMax="2"/>'), (6, 4))


def with_index(head: bytes, second: bytes, *, kind: int = 0) -> bytes:
    """A JPEG with a second one that Multi-Picture Format lists."""
    size = len(jpeg(head + segments.segment(segments.APP2, segments.index_of_two(0, 0, 0))))
    index = bytearray(segments.index_of_two(size, len(second), 20 + len(head) + 4))
    struct.pack_into(">L", index, len(index) - 16, kind)
    return jpeg(head + segments.segment(segments.APP2, bytes(index))) + second


def enlarged(path: Path) -> Picture:
    picture = read_picture(path)
    return Picture(resize(picture.pixels, 2 * picture.height, 2 * picture.width), metadata=picture.metadata)


@pytest.mark.parametrize("iso", [False, True], ids=["ultra-hdr", "iso"])
@pytest.mark.parametrize("listed", [False, True], ids=["appended", "listed"])
def test_a_gain_map_is_enlarged_with_its_picture(tmp_path: Path, iso: bool, listed: bool) -> None:
    head = b"" if iso else packet(f"<rdf:Description {HDRGM}/>")
    data = with_index(head, gain_map(iso=iso)) if listed else jpeg(head) + gain_map(iso=iso)
    (tmp_path / "in.jpg").write_bytes(data)
    picture = enlarged(tmp_path / "in.jpg")
    assert not picture.notes
    assert open_pictures(tmp_path / "in.jpg").count == 1
    write_picture(picture, tmp_path / "out.jpg")
    again = read_picture(tmp_path / "out.jpg").metadata.gain_map
    assert again is not None
    assert (again.height, again.width) == (32, 48)
    with Image.open(io.BytesIO(again.data)) as image:
        assert image.size == (12, 8)
    written = (tmp_path / "out.jpg").read_bytes()
    first = segments.read(written)
    assert written[first.end :] == again.data == segments.extras(written, first)[0].content
    assert (b"GContainer" in written or b'Item:Length="%d"' % len(again.data) in written) == (not iso)
    assert bool(first.contents(segments.APP2, ISO_PREFIX)) == iso


def test_a_gain_map_turns_with_its_picture(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = jpeg(packet(f"<rdf:Description {HDRGM}/>"), exif=exif) + gain_map()
    (tmp_path / "in.jpg").write_bytes(data)
    found = read_picture(tmp_path / "in.jpg").metadata.gain_map
    assert found is not None
    assert (found.height, found.width) == (24, 16)
    with Image.open(io.BytesIO(found.data)) as image:
        assert image.size == (4, 6)


def test_a_lost_gain_map_is_reported_and_no_longer_claimed(tmp_path: Path) -> None:
    (tmp_path / "in.jpg").write_bytes(with_index(packet(f'<rdf:Description {HDRGM} dc:x="y"/>'), gain_map()))
    picture = read_picture(tmp_path / "in.jpg")
    assert picture_losses(Path("a.png"), picture) == ["PNG cannot store this picture's gain map"]
    write_picture(picture, tmp_path / "out.png")
    assert b"hdrgm:" not in (tmp_path / "out.png").read_bytes()
    assert b'dc:x="y"' in (tmp_path / "out.png").read_bytes()


@pytest.mark.parametrize(
    ("kind", "count", "note"),
    [(0x020003, 2, None), (0x010002, 1, "its preview is dropped"), (0, 2, None)],
    ids=["stereo", "preview", "undefined"],
)
def test_listed_pictures_are_pages_but_for_previews(tmp_path: Path, kind: int, count: int, note: str | None) -> None:
    (tmp_path / "in.jpg").write_bytes(with_index(b"", jpeg(size=(8, 8)), kind=kind))
    assert open_pictures(tmp_path / "in.jpg").count == count
    assert read_picture(tmp_path / "in.jpg").notes == ((note,) if note else ())


def test_the_video_of_a_motion_photo_is_reported_and_no_longer_claimed(tmp_path: Path) -> None:
    camera = 'xmlns:GCamera="http://ns.google.com/photos/1.0/camera/"'
    head = packet(
        f'<rdf:Description {camera} GCamera:MotionPhoto="1" GCamera:MicroVideoOffset="40" GCamera:Other="1"/>'
    )
    (tmp_path / "in.jpg").write_bytes(jpeg(head) + struct.pack(">L", 24) + b"ftypisom" + bytes(12))
    picture = read_picture(tmp_path / "in.jpg")
    assert picture.notes == ("its video (motion photo) is dropped",)
    left = picture.metadata.xmp or b""
    assert (b"MotionPhoto" in left, b"MicroVideo" in left, b'GCamera:Other="1"' in left) == (False, False, True)


@pytest.mark.parametrize(
    ("head", "note"),
    [
        (segments.segment(segments.APP11, b"JP\0\1\0\0\0\1\0\0\0\x40jumb" + b"c2pa"), xmp.C2PA_NOTE),
        (segments.segment(segments.APP1, b"FLIR\0\1data"), "its segment APP1 'FLIR' is dropped"),
    ],
    ids=["c2pa", "flir"],
)
def test_dropped_segments_are_reported(tmp_path: Path, head: bytes, note: str) -> None:
    (tmp_path / "in.jpg").write_bytes(jpeg(head))
    assert read_picture(tmp_path / "in.jpg").notes == (note,)


def extended_xmp(content: bytes, *, missing: int = 0) -> bytes:
    digest = hashlib.md5(content).hexdigest().upper()
    note = 'xmlns:xmpNote="http://ns.adobe.com/xmp/note/"'
    head = packet(f'<rdf:Description {note} xmpNote:HasExtendedXMP="{digest}"/>')
    for start in range(0, len(content) - missing, 5000):
        part = content[start : start + 5000]
        place = struct.pack(">LL", len(content), start)
        head += segments.segment(
            segments.APP1, b"http://ns.adobe.com/xmp/extension/\0" + digest.encode() + place + part
        )
    return head


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp"])
@pytest.mark.parametrize("length", [20_000, 200_000], ids=["one segment", "several"])
def test_long_xmp_is_kept_whole(tmp_path: Path, suffix: str, length: int) -> None:
    depth = f'<rdf:Description {GDEPTH} GDepth:Data="{"QUJD" * (length // 4)}"/>'
    (tmp_path / "in.jpg").write_bytes(jpeg(extended_xmp((RDF % depth).encode())))
    picture = read_picture(tmp_path / "in.jpg")
    assert depth.encode() in (picture.metadata.xmp or b"")
    assert not [*picture.notes, *picture_losses(Path(f"a.{suffix}"), picture)]
    write_picture(picture, tmp_path / f"out.{suffix}")
    assert depth.encode() in (read_picture(tmp_path / f"out.{suffix}").metadata.xmp or b"")
    claimed = b"HasExtendedXMP" in (tmp_path / f"out.{suffix}").read_bytes()
    assert claimed == (suffix == "jpg" and length > 65_535)


def test_incomplete_long_xmp_is_reported_and_no_longer_claimed(tmp_path: Path) -> None:
    (tmp_path / "in.jpg").write_bytes(jpeg(extended_xmp(b"<x/>" * 4000, missing=6000)))
    picture = read_picture(tmp_path / "in.jpg")
    assert picture.notes == ("its extended XMP is incomplete and dropped",)
    assert b"HasExtendedXMP" not in (picture.metadata.xmp or b"")


def test_a_second_packet_is_reported(tmp_path: Path) -> None:
    first, second = (packet(f'<rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/" dc:{n}="x"/>') for n in "ab")
    (tmp_path / "a.jpg").write_bytes(jpeg(first + second + first))
    read = read_picture(tmp_path / "a.jpg")
    assert b"dc:a" in (read.metadata.xmp or b"")
    assert read.notes == ("its 1 further XMP packets are dropped",)


@pytest.mark.parametrize("declaration", ["", '<?xml version="1.0" encoding = "UTF-16"?>'])
@pytest.mark.parametrize("suffix", ["jpg", "webp", "tif"])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le"])
def test_a_packet_in_another_encoding_is_read(tmp_path: Path, encoding: str, suffix: str, declaration: str) -> None:
    text = '<r tiff:Orientation="6" dc:title="ä"/>'
    packet = (declaration + text).encode(encoding) + bytes(3 * ("-8" not in encoding))
    in_tiff = {"tiffinfo": {700: packet}} if suffix == "tif" else {"xmp": packet}
    Image.new("RGB", (4, 3)).save(tmp_path / f"a.{suffix}", **in_tiff)
    read = read_picture(tmp_path / f"a.{suffix}")
    expected = declaration.replace(' encoding = "UTF-16"', "") + text.replace('"6"', '"1"')
    assert ((read.height, read.width), read.metadata.xmp) == ((4, 3), expected.encode())


def test_a_packet_in_latin_1_that_says_so_is_read() -> None:
    assert (
        xmp.as_utf8(b'<?xml version="1.0" encoding="ISO-8859-1"?><r>\xe4</r>')
        == '<?xml version="1.0"?><r>ä</r>'.encode()
    )


def test_claims_of_a_gain_map_that_is_not_there_are_dropped_and_reported(tmp_path: Path) -> None:
    claim = '<rdf:Description xmlns:H="http://ns.apple.com/HDRGainMap/1.0/" H:HDRGainMapVersion="1"/>'
    (tmp_path / "a.jpg").write_bytes(jpeg(packet(claim)))
    read = read_picture(tmp_path / "a.jpg")
    assert b"HDRGainMapVersion" not in (read.metadata.xmp or b"")
    assert [note for note in read.notes if "gain map" in note]


def test_what_xmp_claims_is_reported_beside_other_notes(tmp_path: Path) -> None:
    camera = 'xmlns:GCamera="http://ns.google.com/photos/1.0/camera/"'
    packet = f'<rdf:Description {camera} GCamera:MotionPhoto="1"/>'.encode()
    Image.new("RGB", (8, 8)).save(tmp_path / "a.jpg", xmp=packet)
    with (tmp_path / "a.jpg").open("ab") as file:
        file.write(b"rest")
    ending, claim = read_picture(tmp_path / "a.jpg").notes
    assert "what follows its end" in ending
    assert claim == "what its XMP says about a video is dropped: it has none"


def test_a_region_with_an_endless_number_stays_as_it_is() -> None:
    packet = b'<mwg-rs:Area stArea:x="1e999" stArea:y="0.5" stArea:w="0.1" stArea:h="0.2"/>'
    assert xmp.upright(packet, 6) == packet


def test_the_parts_of_a_profile_are_joined_by_their_numbers() -> None:
    parts = b"".join(segments.segment(segments.APP2, b"ICC_PROFILE\0" + part) for part in (b"\2\2last", b"\1\2first"))
    assert read_profile(b"\xff\xd8" + parts + b"\xff\xd9") == b"firstlast"
