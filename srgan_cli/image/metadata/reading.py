"""The metadata of a file in any format."""

import struct
from dataclasses import replace
from fractions import Fraction
from io import BytesIO

from PIL import Image

from srgan_cli.image.metadata import bmp, isobmff, jpeg, photoshop, png, xmp
from srgan_cli.image.metadata.exif import EXIF_PREFIX, ExifBlock, plausible_dpi, resolution_of
from srgan_cli.image.metadata.record import METRES_PER_INCH, Metadata, Text, dropped_notes, trailing_note, unpack

_JP2_EXIF, _JP2_IPTC = b"JpgTiffExif->JP2", bytes.fromhex("33c7a4d2b81d4723a0baf1a3e097ad38")
_JP2_PHOTOSHOP = bytes.fromhex("2c4c0100850440b9a03e562148d6dfeb")
GEOTIFF_BOX = bytes.fromhex("b14bf8bd083d4b43a5ae8cd7d5a6ce03")
_WITH_PROFILE = (b"\2", b"\3")  # the methods of colour that have an ICC profile
_JP2_COLOURS = {12, 15, 16, 17, 18}  # CMYK, white on black, sRGB, grey and YCbCr
_TGA_PARTS = {
    **{"author": slice(2, 43), "comments": slice(43, 367), "date": slice(367, 379), "job": slice(379, 426)},
    **{"software": slice(426, 470), "colour correction": slice(482, 486), "postage stamp": slice(486, 490)},
}
"""Parts of the extension area.  Source: Truevision, TGA 2.0, fields 11 to 25."""
_SGI_NAME, _SGI_DEFAULT = slice(24, 104), "no name"
_LOST_FIELDS = ("hotspot", "spacing", "Comment", "Date", "Digitalization equipment")  # of XBM, GBR and IM
_RIFF_KNOWN = {b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"ICCP", b"EXIF", b"XMP "}
_CLAIMS = {
    "a gain map": (("gain map",), (xmp.ULTRA_HDR, xmp.APPLE_HDR)),
    "a video": (("video",), (xmp.MOTION_PHOTO,)),
    "a manifest": (("manifest",), (xmp.PROVENANCE,)),
    "appended pictures": (("gain map", "video"), (xmp.CONTAINER,)),
}
"""What XMP may claim a file to have, with words of notes on the same thing, and the properties that claim it."""


def read_metadata(image: Image.Image, data: bytes, page: int = 0, stem: str = "") -> tuple[Metadata, list[str]]:
    """The metadata of an image that Pillow has opened and loaded, and a note on everything that is dropped.

    `data` is its file, `stem` the name of that without its ending, and `page` the number of the picture there.  A
    profile that Pillow overlooks is added to the information of the image.
    """
    width, height = image.size
    if image.format in ("JPEG", "MPO"):
        return finish(*jpeg.read_metadata(jpeg.page(data, page) if page else data, height=height, width=width))
    if image.format == "PNG":
        chunks = png.read_chunks(BytesIO(data))
        if profile := png.read_profile(chunks):
            image.info["icc_profile"] = profile
        return finish(*png.read_metadata(chunks))
    found, profile, notes = Metadata(), None, list[str]()
    if image.format in ("HEIF", "AVIF", "JXL") and image.info.get("primary", not page):
        found, notes = isobmff.read_metadata(data)
    elif image.format in ("BMP", "DIB"):
        colour, profile, notes = bmp.read_colour(data)
        found, notes = replace(found, colour=colour), notes + trailing_note(bmp.trailing(data))
    elif image.format == "PSD":
        found = _with_resources(found, image)
    elif image.format == "TGA":
        found, notes = _read_tga(image, data)
    elif image.format == "SGI" and (title := _sgi_title(data)) not in ("", _SGI_DEFAULT, _sgi_stem(stem)):
        found = replace(found, texts=(Text("Title", title),))
    elif lost := [name for name in _LOST_FIELDS if image.info.get(name)]:
        notes = [f"its {', '.join(lost).lower()} {'is' if len(lost) == 1 else 'are'} dropped"]
    elif image.format == "WEBP":
        notes = _dropped_riff_chunks(data)
    elif image.format == "JPEG2000":
        found, profile, notes = read_jp2(data)
    if profile:
        image.info["icc_profile"] = profile
    return finish(_with_info(found, image), notes)


def read_jp2(data: bytes) -> tuple[Metadata, bytes | None, list[str]]:
    """Metadata and profile of JPEG 2000, and notes on dropped boxes.  Sources: ISO/IEC 15444-1, annex I; XMP part 3."""
    outer = [box for box in isobmff.boxes(data) if box[0] != b"jp2c"]
    header = list(isobmff.boxes(dict(outer).get(b"jp2h", b"")))
    colours = [content for name, content in header if name == b"colr"]
    profiles = [content[3:] for content in colours if content[:1] in _WITH_PROFILE]
    numbered = [content for content in colours if content[:1] == b"\1" and len(content) >= 7]
    others = {int.from_bytes(content[3:7], "big") for content in numbered} - _JP2_COLOURS
    is_grey = dict(header).get(b"ihdr", b"")[8:10] < b"\0\3" and b"pclr" not in dict(header)
    taken = "grey" if is_grey else "RGB"
    found = {content[:16]: content[16:] for name, content in outer if name == b"uuid"}
    metadata = Metadata(
        exif=found.get(_JP2_EXIF, b"").removeprefix(EXIF_PREFIX) or None,
        xmp=found.get(isobmff.XMP),
        dpi=_resolution(dict(isobmff.boxes(dict(header).get(b"res ", b"")))),
        photoshop=photoshop.from_profile(found.get(_JP2_PHOTOSHOP, b""), iptc=found.get(_JP2_IPTC, b"")),
    )
    notes = ["its XML boxes are dropped"] if b"xml " in dict(outer) else []
    notes += [f"its colour space number {number} is taken for {taken}" for number in others if not profiles]
    known = (_JP2_EXIF, isobmff.XMP, _JP2_IPTC, _JP2_PHOTOSHOP, GEOTIFF_BOX)
    return metadata, profiles[0] if profiles else None, [*isobmff.dropped_boxes(outer, known), *notes]


def _resolution(found: dict[bytes, bytes]) -> tuple[float, float] | None:
    """Pixels an inch of the capture, or else of the display, from fractions and powers of 10 of pixels a metre."""
    down, below, across, under, *powers = unpack(">4H2b", found.get(b"resc") or found.get(b"resd")) or (0,) * 6
    factors = [METRES_PER_INCH * 10.0**power for power in powers[::-1]]
    return (across / under * factors[0], down / below * factors[1]) if down * below * across * under else None


def _sgi_title(data: bytes) -> str:
    letters = jpeg.decode_comment(data[_SGI_NAME].partition(b"\0")[0])
    return "".join(letter for letter in letters if letter.isprintable())


def _sgi_stem(stem: str) -> str:
    """What Pillow stores as the name of an SGI file with this name."""
    return stem.encode("ascii", "ignore")[: _SGI_NAME.stop - _SGI_NAME.start - 1].decode()


def _dropped_riff_chunks(data: bytes) -> list[str]:
    """A note on chunks of other programs in a WebP, and on what follows its end."""
    offset, end, names = 12, min(len(data), 8 + int.from_bytes(data[4:8], "little")), list[bytes]()
    while offset + 8 <= end:
        names.append(data[offset : offset + 4])
        size = int.from_bytes(data[offset + 4 : offset + 8], "little")
        offset += 8 + size + size % 2
    return dropped_notes(set(names) - _RIFF_KNOWN, b"C2PA", data[end:])


def _read_tga(image: Image.Image, data: bytes) -> tuple[Metadata, list[str]]:
    """The ratio of the pixels of a TGA, and a note on its other metadata."""
    has_footer = data[-18:].startswith(b"TRUEVISION-XFILE")
    start, developer = struct.unpack_from("<LL", data, len(data) - 26) if has_footer else (0, 0)
    area = data[start : start + 495 if start else 0].ljust(495, b"\0")
    width, height, power, unit = struct.unpack_from("<4H", area, 474)
    dropped: dict[str, object] = {part: area[place].strip(b"\0 ") for part, place in _TGA_PARTS.items()}
    dropped |= {
        "identifier": image.info.get("id_section"),
        "gamma": power != unit and unit,
        "developer area": developer,
    }
    names = ", ".join(name for name, content in dropped.items() if content)
    ratio = _pixel_ratio(width / height) if height else None
    return Metadata(pixel_ratio=ratio), [f"metadata is dropped: {names}"] if names else []


def _pixel_ratio(shape: float) -> tuple[float, float] | None:
    """The ratio of pixels that are `shape` times as wide as high; None if they are square, or it is no such number."""
    ratio = Fraction(shape).limit_denominator(500) if 0.01 < shape < 100 else Fraction(1)
    return (ratio.denominator, ratio.numerator) if ratio != 1 else None


def _with_resources(found: Metadata, image: Image.Image) -> Metadata:
    """The metadata with the resources of a PSD; EXIF and XMP among them are added to the information of the image."""
    contents = {number: content for number, _, content in getattr(image, "resources", ())}
    image.info |= {"exif": contents.get(photoshop.EXIF), "xmp": contents.get(photoshop.XMP)}
    across, down = struct.unpack_from(">L4xL", contents.get(photoshop.RESOLUTION, b"").ljust(12, b"\0"))
    _, shape = struct.unpack_from(">Ld", contents.get(photoshop.PIXEL_RATIO, b"").ljust(12, b"\0"))
    ratio = _pixel_ratio(shape)
    image.info["dpi"] = across / 65536, down / 65536 * (shape if ratio else 1)
    pixel_ratio = None if across else ratio
    return replace(found, photoshop=photoshop.from_resources(contents), pixel_ratio=pixel_ratio)


def read_info(image: Image.Image) -> tuple[Metadata, list[str]]:
    """The metadata that Pillow reports of an image, and a note on everything that is dropped."""
    return finish(_with_info(Metadata(), image), [])


def finish(found: Metadata, notes: list[str]) -> tuple[Metadata, list[str]]:
    """The metadata without damaged parts and what no longer is true, and the notes with one on each of them."""
    found = replace(found, xmp=xmp.as_utf8(found.xmp or b"") or None)
    if found.xmp and not xmp.is_well_formed(found.xmp):
        found, notes = replace(found, xmp=None), [*notes, "its XMP is damaged and dropped"]
    if found.exif and not ExifBlock.is_readable(found.exif):
        found, notes = replace(found, exif=None), [*notes, "its EXIF is damaged and dropped"]
    if found.photoshop:
        resources, lost = photoshop.without_stale(found.photoshop)
        found, notes = replace(found, photoshop=resources), [*notes, *lost]
    stale = xmp.STALE if not found.gain_map else [part for part in xmp.STALE if part is not xmp.APPLE_HDR]
    packet = found.xmp and xmp.without(found.xmp, *stale)
    notes = [*notes, *_false_claims(found, notes)]
    if packet:
        packet, lost = xmp.without_fixed(packet, found.orientation)
        notes += lost
    found = replace(found, xmp=packet)
    if found.dpi and not plausible_dpi(found.dpi):
        found, notes = replace(found, dpi=None), [*notes, "its resolution is implausible and dropped"]
    if found.dpi or found.pixel_ratio:
        return found, notes
    dpi, ratio = resolution_of(found.exif)
    return replace(found, dpi=dpi, pixel_ratio=ratio), notes


def _false_claims(found: Metadata, notes: list[str]) -> list[str]:
    """A note on what its XMP claims to have, but for what the file has and other notes name."""
    if not found.xmp:
        return []
    known = " ".join([*notes, "gain map" if found.gain_map else ""])
    parts = {name: parts for name, (words, parts) in _CLAIMS.items() if not any(word in known for word in words)}
    claims = [name for name, claimed in parts.items() if xmp.without(found.xmp, *claimed) != found.xmp]
    return [f"what its XMP says about {' and '.join(claims)} is dropped: it has none"] if claims else []


def _with_info(found: Metadata, image: Image.Image) -> Metadata:
    info = image.info
    exif, packet, comment = info.get("exif"), info.get("xmp") or info.get("XML:com.adobe.xmp"), info.get("comment")
    comment = comment.decode("utf-8", "replace") if isinstance(comment, bytes) else comment
    is_jxl = image.format == "JXL"  # whose plugin gives the offset before EXIF with it
    return replace(
        found,
        exif=bytes(exif).removeprefix(EXIF_PREFIX) if exif and not (is_jxl and found.exif) else found.exif,
        xmp=packet.encode() if isinstance(packet, str) else packet or found.xmp,
        dpi=plausible_dpi(info.get("dpi")) or found.dpi,
        comments=(str(comment),) if comment else found.comments,
    )
