"""Photoshop's image resources: IPTC, clipping paths.  Sources: Adobe Photoshop file formats, 2019; IPTC IIM 4.2."""

import re
import struct
from collections.abc import Iterable, Iterator

PREFIX = b"Photoshop 3.0\x00"  # what precedes the resources in a JPEG
_SIGNATURES = (b"8BIM", b"8BPS", b"PHUT", b"AgHg", b"DCSR", b"MeSa")
RESOLUTION, TRANSPARENT_INDEX, EXIF, XMP, PIXEL_RATIO = 0x03ED, 0x0417, 0x0422, 0x0424, 0x0428  # numbers of resources
_IPTC = 0x0404
_IPTC_MARK = b"\x1c"
_GUIDES, _SLICES = 0x0408, 0x041A
_IN_PIXELS = {_GUIDES: "guides", _SLICES: "slices", 0x0432: "scale of measurements", 0x0438: "counted points"}
_STALE = {
    *_IN_PIXELS,
    *(0x0409, 0x040C),  # thumbnails
    *(0x040F, EXIF, XMP),  # the profile, EXIF and XMP, which are stored elsewhere
}
_LAYERS = re.compile(rb"Layr|Lr16|Lr32|ryaL|61rL|23rL")  # the key of layers in a TIFF, in both byte orders
_OF_LAYERS = {RESOLUTION, PIXEL_RATIO, 0x03EE, 0x03EF, 0x0400, 0x0402, *range(0x0415, 0x0418), 0x041D, 0x0421, 0x042D}
"""What describes the layers, further channels and palette of a PSD, and what is stored elsewhere."""


def from_profile(block: bytes, *, iptc: bytes = b"") -> bytes | None:
    """The resources of a block that holds them or IPTC alone.  `iptc` is added where the block has none."""
    block = block.removeprefix(PREFIX)
    block = from_iptc(block) if block.startswith(_IPTC_MARK) else block
    block += from_iptc(iptc) if iptc and not find_iptc(block) else b""
    return block or None


def layers_note(data: bytes) -> list[str]:
    """A note on the layers in the document data that Photoshop stores in a TIFF; none without layers."""
    return ["its layers are merged"] if _LAYERS.search(data) else []


def without_stale(block: bytes) -> tuple[bytes | None, list[str]]:
    """The resources without what is wrong for another size or stored elsewhere, and notes; None if nothing is left.

    Clipping paths stay: their points are fractions of the size.
    """
    found = list(_resources(block))
    kept = b"".join(_resource(*resource) for resource in found if resource[1] not in _STALE)
    lost = [_IN_PIXELS[number] for _, number, _, content in found if _is_in_use(number, content)]
    return kept or None, [f"its Photoshop {', '.join(lost)} are dropped: their unit is a pixel"] if lost else []


def _is_in_use(number: int, content: bytes) -> bool:
    """Whether a resource that counts in pixels says more than Photoshop writes into every file."""
    if number == _GUIDES:
        return any(content[12:16])
    if number == _SLICES and content[:4] == b"\0\0\0\6":
        start = 24 + 2 * int.from_bytes(content[20:24], "big")
        return int.from_bytes(content[start : start + 4], "big") > 1
    return content.count(b"sliceID") > 1 if number == _SLICES else number in _IN_PIXELS


def from_resources(resources: Iterable[tuple[int, bytes, bytes]]) -> bytes | None:
    """The resources of a PSD, of numbers, names and contents, without those of layers and those stored elsewhere."""
    kept = [resource for resource in resources if resource[0] not in _OF_LAYERS]
    names = (bytes([len(name), *name, *bytes(1 - len(name) % 2)]) for _, name, _ in kept)
    found = zip(kept, names, strict=True)
    return b"".join(_resource(b"8BIM", number, name, content) for (number, _, content), name in found) or None


def from_iptc(iptc: bytes) -> bytes:
    """Resources that hold IPTC alone."""
    return _resource(b"8BIM", _IPTC, b"\0\0", iptc)


def find_iptc(block: bytes) -> bytes | None:
    """The IPTC in resources, or None."""
    return next((content for _, number, _, content in _resources(block) if number == _IPTC), None)


def _resources(block: bytes) -> Iterator[tuple[bytes, int, bytes, bytes]]:
    """Signature, number, name and content of each resource; ends where they are damaged."""
    offset = 0
    while block[offset : offset + 4] in _SIGNATURES and offset + 12 <= len(block):
        number, length = struct.unpack_from(">HB", block, offset + 4)
        start = offset + 6 + (length + 2) // 2 * 2
        size = int.from_bytes(block[start : start + 4], "big")
        content = block[start + 4 : start + 4 + size]
        if len(content) < size:
            return
        yield block[offset : offset + 4], number, block[offset + 6 : start], content
        offset = start + 4 + (size + 1) // 2 * 2


def _resource(signature: bytes, number: int, name: bytes, content: bytes) -> bytes:
    head = signature + struct.pack(">H", number) + name + struct.pack(">L", len(content))
    return head + content + bytes(len(content) % 2)
