"""The metadata of a file in any format."""

import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from io import BytesIO

from PIL import Image

from srgan_cli.image.metadata import bmp, isobmff, jpeg, photoshop, png, xmp
from srgan_cli.image.metadata.exif import EXIF_PREFIX, ExifBlock, plausible_dpi, resolution_of
from srgan_cli.image.metadata.record import Metadata, Text, dropped_notes

_TGA_PARTS = {
    **{"author": slice(2, 43), "comments": slice(43, 367), "date": slice(367, 379), "job": slice(379, 426)},
    **{"software": slice(426, 470), "colour correction": slice(482, 486)},
}
"""Parts of the extension area.  Source: Truevision, TGA 2.0, fields 11 to 25."""
_NOTHING = Metadata()
_SGI_NAME, _SGI_DEFAULT = slice(24, 104), "no name"
_LOST_FIELDS = ("hotspot", "spacing", "Comment", "Date", "Digitalization equipment")  # of XBM, GBR and IM
_XPM_COMMENT, _XPM_FURTHER = re.compile(rb'"[^"]*"|/\*(.*?)\*/', re.DOTALL), re.compile(rb'"\s*(\d+\s+){4}[\dX]')
_XPM_NAMES = {"xpm", "columns", "rows", "width", "height", "colors", "ncolors", "num_colors", "values", "pixels"}
_XPM_NAMES |= {"chars-per-pixel", "chars_per_pixel"}
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
    found, notes = _NOTHING, list[str]()
    if image.format in ("HEIF", "AVIF", "JXL") and image.info.get("primary", not page):
        found, notes = isobmff.read_metadata(data)
    elif image.format in ("BMP", "DIB"):
        colour, profile, notes = bmp.read_colour(data)
        found, image.info["icc_profile"] = replace(found, colour=colour), profile
    elif image.format == "PSD":
        found = _read_resources(image)
    elif image.format == "TGA":
        found, notes = _read_tga(image, data)
    elif image.format == "SGI":
        found = replace(found, texts=_sgi_title(data, stem))
    elif lost := [name for name in _LOST_FIELDS if image.info.get(name)]:
        notes = [f"its {', '.join(lost).lower()} {'is' if len(lost) == 1 else 'are'} dropped"]
    elif image.format == "XPM":
        found, notes = _read_xpm(data)
    elif image.format == "WEBP":
        notes = _dropped_riff_chunks(data)
    return read_info(image, found, notes)


def _sgi_title(data: bytes, stem: str) -> tuple[Text, ...]:
    """The title of an SGI file, unless it is what Pillow stores for a file of this name."""
    letters = jpeg.decode_comment(data[_SGI_NAME].partition(b"\0")[0])
    title = "".join(letter for letter in letters if letter.isprintable())
    stored = stem.encode("ascii", "ignore")[: _SGI_NAME.stop - _SGI_NAME.start - 1].decode()
    return (Text("Title", title),) if title not in ("", _SGI_DEFAULT, stored) else ()


def riff_chunks(data: bytes, start: int = 12) -> Iterator[bytes]:
    """The names of the chunks of a WebP, and of those in its frames."""
    while start + 8 <= len(data):
        name, size = struct.unpack_from("<4sL", data, start)
        yield name
        start += 24 if name == b"ANMF" else 8 + size + size % 2


def _dropped_riff_chunks(data: bytes) -> list[str]:
    """A note on chunks of other programs in a WebP, and on what follows its end."""
    end = 8 + int.from_bytes(data[4:8], "little")
    return dropped_notes({*riff_chunks(data[:end])} - _RIFF_KNOWN, b"C2PA", data[end:])


def _read_tga(image: Image.Image, data: bytes) -> tuple[Metadata, list[str]]:
    """The ratio of the pixels of a TGA, and a note on its other metadata."""
    footer = data.rfind(b"TRUEVISION-XFILE.\0") - 8
    start, developer = struct.unpack_from("<LL", data, footer) if footer > 0 else (0, 0)
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


def _read_xpm(data: bytes) -> tuple[Metadata, list[str]]:
    """The comments of an XPM but for those that name its parts, and a note on what stands behind its size."""
    texts = (jpeg.decode_comment(text.strip()) for text in _XPM_COMMENT.findall(data))
    others = tuple(text for text in texts if not {*text.lower().split()} <= _XPM_NAMES)
    return Metadata(comments=others), ["its hotspot and extensions are dropped"] if _XPM_FURTHER.search(data) else []


def _pixel_ratio(shape: float) -> tuple[float, float] | None:
    """The ratio of pixels that are `shape` times as wide as high; None if they are square, or it is no such number."""
    ratio = Fraction(shape).limit_denominator(500) if 0.01 < shape < 100 else Fraction(1)
    return (ratio.denominator, ratio.numerator) if ratio != 1 else None


def _read_resources(image: Image.Image) -> Metadata:
    """The resources of a PSD; EXIF, XMP and a transparent entry of its palette are added to the image's information."""
    resources = getattr(image, "resources", ())
    contents = {number: content for number, _, content in resources}
    image.info |= {"exif": contents.get(photoshop.EXIF), "xmp": contents.get(photoshop.XMP)}
    if image.mode == "P" and (index := contents.get(photoshop.TRANSPARENT_INDEX)):
        image.info["transparency"] = index[-1]
    across, down = struct.unpack_from(">L4xL", contents.get(photoshop.RESOLUTION, b"").ljust(12, b"\0"))
    _, shape = struct.unpack_from(">Ld", contents.get(photoshop.PIXEL_RATIO, b"").ljust(12, b"\0"))
    ratio = _pixel_ratio(shape)
    image.info["dpi"] = across / 65536, down / 65536 * (shape if ratio else 1)
    return Metadata(photoshop=photoshop.from_resources(resources), pixel_ratio=None if across else ratio)


def read_info(image: Image.Image, found: Metadata = _NOTHING, notes: Sequence[str] = ()) -> tuple[Metadata, list[str]]:
    """The metadata that was found and that Pillow reports of an image, and a note on everything that is dropped."""
    return finish(_with_info(found, image), [*notes])


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
    claims = [name for name, claimed in parts.items() if xmp.has(found.xmp, *claimed)]
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
