"""Changing XMP packets in place, all else byte for byte.  Source: Adobe, XMP specification part 3, 1.1.3.1."""

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import cache
from json import detect_encoding
from math import isfinite
from xml.parsers import expat

import numpy as np

from srgan_cli.image.geo.grid import GridMap, turning

_VALUE = rb"(?:\s*=\s*[\"']|>)"
"""What stands between the name of a property and its value."""
_ORIENTATION = re.compile(rb"(tiff:Orientation%b)(\d{1,9})\b" % _VALUE)
_SIZES = (
    (re.compile(rb"((?:tiff:ImageWidth|exif:PixelXDimension)%b)\d+" % _VALUE), 1),
    (re.compile(rb"((?:tiff:ImageLength|exif:PixelYDimension)%b)\d+" % _VALUE), 0),
)
_PANORAMA = re.compile(rb"(GPano:(\w+)(Width|Left|Height|Top)Pixels%b)(\d{1,9})" % _VALUE)
_REGION = re.compile(rb"<mwg-rs:Area\b.*?(?:/>|</mwg-rs:Area>|\Z)", re.DOTALL)
_REGION_SIZE = re.compile(rb"<mwg-rs:AppliedToDimensions\b.*?(?:/>|</mwg-rs:AppliedToDimensions>|\Z)", re.DOTALL)
_NUMBER = re.compile(rb"(st(?:Area|Dim):([xywh])%b)([-+\d.eE]+)" % _VALUE)
_IN_PIXELS = re.compile(rb"rbUnit%bpixel" % _VALUE)
_RDF = b"http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_RDF_END = re.compile(rb"</\w+:RDF\s*>")
_NOTE = "http://ns.adobe.com/xmp/note/"
_GOOGLE = "http://ns.google.com/photos/1.0/"
_EMPTY = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="%s"></rdf:RDF></x:xmpmeta>' % _RDF
_EXTENDED_DESCRIPTION = b'<rdf:Description xmlns:xmpNote="%s" xmpNote:HasExtendedXMP="%s"/>'
_EMPTY_DESCRIPTION = re.compile(rb'<rdf:Description xmlns:xmpNote="[^"]*"/>')
_PADDING = re.compile(rb"\s{100,}")
_ENCODING = re.compile(r"""^(<\?xml[^>]*?)(?<!\s)\s+encoding\s*=\s*["'](?!utf-8)[^"']*["']""", re.IGNORECASE)
_NAMESPACE = re.compile(rb"xmlns:(\w+)\s*=\s*[\"']([^\"']*)[\"']")
_ATTRIBUTE = re.compile(rb"\s+([^\s=/>]+)\s*=\s*(?:\"[^\"]*\"|'[^']*')")
Properties = dict[str, str]  # by namespace, a regular expression of the local names
ULTRA_HDR: Properties = {"http://ns.adobe.com/hdr-gain-map/1.0/": r"\w+"}
"""What says that a picture has a gain map, or how it is applied."""
APPLE_HDR: Properties = {"http://ns.apple.com/HDRGainMap/1.0/": r"\w+"}
CONTAINER: Properties = {_GOOGLE + "container/": r"\w+", "http://ns.google.com/photos/dd/1.0/device/": r"\w+"}
"""The list of the pictures and videos that are appended to a JPEG."""
MOTION_PHOTO: Properties = {_GOOGLE + "camera/": r"(?:MotionPhoto|MicroVideo)\w*"}
DEPTH: Properties = {_GOOGLE + "depthmap/": r"\w+", _GOOGLE + "image/": r"\w+", _GOOGLE + "focus/": r"\w+"}
"""A depth map and what belongs to it, as text inside the packet."""
FIXED = {
    "depth map is": DEPTH,
    "Microsoft regions are": {"http://ns.microsoft.com/photo/1.2/": "RegionInfo"},
    "IPTC regions are": {"http://iptc.org/std/Iptc4xmpExt/2008-02-29/": "ImageRegion"},
}
"""What is not turned with a picture, by what a note says of it."""
PROVENANCE: Properties = {"http://purl.org/dc/terms/": "provenance"}
"""The address of a C2PA manifest."""
STALE = (ULTRA_HDR, APPLE_HDR, CONTAINER, MOTION_PHOTO, PROVENANCE)
"""What is not true of another file, unless it is written again."""
C2PA_NOTE = "its C2PA manifest is dropped: its signature is not valid for another picture"
_EXTENDED: Properties = {_NOTE: "HasExtendedXMP"}
_GAIN_MAP_DESCRIPTION = (
    b'<rdf:Description xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" '
    b'xmlns:Container="http://ns.google.com/photos/1.0/container/" '
    b'xmlns:Item="http://ns.google.com/photos/1.0/container/item/" hdrgm:Version="1.0"><Container:Directory><rdf:Seq>'
    b'<rdf:li rdf:parseType="Resource"><Container:Item Item:Semantic="Primary" Item:Mime="image/jpeg"/></rdf:li>'
    b'<rdf:li rdf:parseType="Resource"><Container:Item Item:Semantic="GainMap" Item:Mime="image/jpeg" '
    b'Item:Length="%d"/></rdf:li></rdf:Seq></Container:Directory></rdf:Description>'
)


def as_utf8(xmp: bytes) -> bytes:
    """The packet in UTF-8, from what some programs write, without padding."""
    is_plain = detect_encoding(xmp) == "utf-8" and not xmp.startswith(b"<?xml ")
    return xmp.rstrip(b"\0") if is_plain else decode(xmp).encode()


def decode(data: bytes) -> str:
    """The text of XML in UTF-8, 16 or 32, or else Latin-1, without padding, and naming no encoding but UTF-8."""
    encoding = detect_encoding(data)
    try:
        text = data.decode(encoding, "strict" if encoding == "utf-8" else "replace")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    return _ENCODING.sub(r"\1", text.rstrip("\0\ufffd"))  # an odd number of zeros


def is_well_formed(xmp: bytes) -> bool:
    """Whether a packet can be parsed and has no entities, which may grow without bounds."""
    with suppress(expat.ExpatError, ValueError):
        return b"<!DOCTYPE" not in xmp and bool(expat.ParserCreate().Parse(xmp, True))
    return False


def orientation(xmp: bytes) -> int | None:
    """The EXIF orientation that a packet names, or None."""
    match = _ORIENTATION.search(xmp)
    return int(match[2]) if match else None


def upright(xmp: bytes, turned: int) -> bytes:
    """The packet with its orientation reset, and its regions, such as faces, turned from this orientation."""
    change = turning(turned, 1, 1)
    xmp = _REGION.sub(lambda found: _turn(found[0], change), xmp) if turned > 1 else xmp
    return _ORIENTATION.sub(rb"\g<1>1", xmp)


def _turn(region: bytes, change: GridMap) -> bytes:
    """A region, in fractions of the size, after a turn.  Source: Metadata Working Group, guidelines 2.0, 5.9."""
    numbers = dict(_numbers(region))
    if not numbers or not all(map(isfinite, numbers.values())):
        return region
    x, y, width, height = (numbers.get(axis, 0.0) for axis in (b"x", b"y", b"w", b"h"))
    place, size = change @ (x, y, 1), np.abs(change[:2, :2]) @ (width, height)
    turned = dict(zip((b"x", b"y", b"w", b"h"), (*place[:2], *size), strict=True))
    return _NUMBER.sub(lambda found: found[1] + b"%.9g" % turned[found[2]], region)


def _numbers(element: bytes) -> Iterator[tuple[bytes, float]]:
    for found in _NUMBER.finditer(element):
        with suppress(ValueError):
            yield found[2], float(found[3])


def without_fixed(xmp: bytes, turned: int) -> tuple[bytes, list[str]]:
    """The packet without what does not follow a picture of this orientation, and IPTC regions in pixels; and notes."""
    fixed = [name for name in FIXED if turned > 1 or ("IPTC" in name and _IN_PIXELS.search(xmp))]
    lost = [name for name in fixed if has(xmp, FIXED[name])]
    reason = "the picture is turned" if turned > 1 else "their unit is a pixel"
    return without(xmp, *(FIXED[name] for name in lost)), [f"its {name} dropped: {reason}" for name in lost]


def with_size(xmp: bytes, height: int, width: int) -> bytes:
    """The packet with this size in pixels in all properties that have it."""
    for pattern, across in _SIZES:
        xmp = pattern.sub(rb"\g<1>%d" % (width if across else height), xmp)
    sizes = {b"w": b"%d" % width, b"h": b"%d" % height}
    xmp = _REGION_SIZE.sub(lambda size: _NUMBER.sub(lambda part: part[1] + sizes.get(part[2], part[3]), size[0]), xmp)
    return _scale_panorama(xmp, height, width)


def _scale_panorama(xmp: bytes, height: int, width: int) -> bytes:
    """The packet with the pixels of a panorama, which are those of its cropped part.  Source: Google, GPano."""
    stated = {found[2] + found[3]: int(found[4]) for found in _PANORAMA.finditer(xmp)}
    old = stated.get(b"CroppedAreaImageWidth", 0), stated.get(b"CroppedAreaImageHeight", 0)
    if not all(old):
        return xmp
    across, down = width / old[0], height / old[1]
    factors = {b"Width": across, b"Left": across, b"Height": down, b"Top": down}
    return _PANORAMA.sub(lambda found: found[1] + b"%d" % round(int(found[4]) * factors[found[3]]), xmp)


def without(xmp: bytes, *properties: Properties) -> bytes:
    """The packet without these properties, whether they are attributes or elements; unchanged if it is damaged."""
    wanted = {namespace: names for group in properties for namespace, names in group.items()}
    declared = ((prefix.decode(), namespace.decode("latin-1")) for prefix, namespace in _NAMESPACE.findall(xmp))
    prefixes = {prefix: wanted[namespace] for prefix, namespace in declared if namespace in wanted}

    @cache
    def is_lost(name: str) -> bool:
        prefix, _, local = name.partition(":")
        return prefix in prefixes and re.fullmatch(prefixes[prefix], local, re.ASCII) is not None

    return _cut(xmp, _find(xmp, lambda path: is_lost(path[-1]), is_lost)) if prefixes else xmp


def has(xmp: bytes, *properties: Properties) -> bool:
    """Whether a packet has any of these properties."""
    return without(xmp, *properties) != xmp


def with_gain_map(xmp: bytes | None, length: int) -> bytes:
    """A packet that says that a gain map of so many bytes follows the picture."""
    return _insert(xmp if xmp and _RDF_END.search(xmp) else _EMPTY, _GAIN_MAP_DESCRIPTION % length)


def join_extended(main: bytes, extended: bytes) -> bytes:
    """One packet of the two that a JPEG has; the main one alone if the other one is damaged."""
    main = _EMPTY_DESCRIPTION.sub(b"", without(main, _EXTENDED))
    return _insert(main, b"".join(extended[part] for part in _descriptions(extended)))


def split_extended(xmp: bytes, limit: int) -> tuple[bytes, bytes | None]:
    """A packet of at most `limit` bytes, which names by its digest another one, if needed, for what does not fit."""
    if len(xmp) <= limit:
        return xmp, None
    xmp = _PADDING.sub(b"\n", xmp)
    parts = _descriptions(xmp)
    room, kept, moved = limit - len(_EXTENDED_DESCRIPTION) - 100, list[slice](), list[slice]()
    room -= len(xmp) - sum(part.stop - part.start for part in parts)
    for part in parts:
        fits = part.stop - part.start <= room
        (kept if fits else moved).append(part)
        room -= part.stop - part.start if fits else 0
    extended = _cut(xmp, kept)
    digest = hashlib.md5(extended, usedforsecurity=False).hexdigest().upper()
    main = _cut(xmp, moved) if moved and room >= 0 else _EMPTY
    return _insert(main, _EXTENDED_DESCRIPTION % (_NOTE.encode(), digest.encode())), extended


def extended_digest(main: bytes) -> bytes | None:
    """The digest of the extended packet that a main packet names, or None."""
    match = re.search(rb"HasExtendedXMP\s*(?:=\s*[\"']|>)\s*([0-9A-Fa-f]{32})", main)
    return match[1] if match else None


def _insert(xmp: bytes, descriptions: bytes) -> bytes:
    end = _RDF_END.search(xmp)
    return xmp[: end.start()] + descriptions + xmp[end.start() :] if end else xmp


def _cut(xmp: bytes, parts: list[slice]) -> bytes:
    edges = [0, *(edge for part in parts for edge in (part.start, part.stop)), len(xmp)]
    return b"".join(xmp[start:stop] for start, stop in zip(edges[::2], edges[1::2], strict=True))


def _descriptions(xmp: bytes) -> list[slice]:
    """Where the rdf:Description elements right below rdf:RDF are; none if the packet is damaged.

    Their namespaces are declared in them, or by the usual prefixes: nothing else is moved with them.
    """

    def is_description(path: list[str]) -> bool:
        return len(path) > 1 and path[-2].endswith(":RDF") and path[-1].endswith(":Description")

    return _find(xmp, is_description, lambda _: False)


def _find(xmp: bytes, is_element: Callable[[list[str]], bool], is_attribute: Callable[[str], bool]) -> list[slice]:
    """Where the outermost such elements, by the names down to them, and such attributes of others are, in order.

    Empty if the packet is damaged.
    """
    parser, path, found = expat.ParserCreate(), list[str](), list[slice]()
    depth = begin = 0  # of the element that is open

    def start(name: str, attributes: Iterable[str]) -> None:
        nonlocal depth, begin
        path.append(name)
        if not depth and is_element(path):
            depth, begin = len(path), parser.CurrentByteIndex
        elif not depth and any(map(is_attribute, attributes)):
            position = parser.CurrentByteIndex + 1 + len(name.encode())
            while attribute := _ATTRIBUTE.match(xmp, position):
                found.extend([slice(*attribute.span())] if is_attribute(attribute[1].decode()) else [])
                position = attribute.end()

    def end(name: str) -> None:
        nonlocal depth
        if len(path) == depth:
            depth, stop = 0, parser.CurrentByteIndex  # of its closing tag, or behind it if it is empty
            closing = xmp.startswith(b"</" + name.encode(), stop)
            found.append(slice(begin, xmp.index(b">", stop) + 1 if closing else stop))
        path.pop()

    parser.StartElementHandler, parser.EndElementHandler = start, end
    try:
        parser.Parse(xmp.rstrip(b"\0"), True)
    except (expat.ExpatError, ValueError):
        return []
    return found
