"""Photoshop's image resources, which hold IPTC and clipping paths.

Sources: Adobe Photoshop file formats specification (2019), image resource blocks; IPTC-NAA Information Interchange
Model 4.2.
"""

import struct
from collections.abc import Iterator, Mapping

PREFIX = b"Photoshop 3.0\x00"
"""What precedes the resources in a JPEG."""
_SIGNATURES = (b"8BIM", b"8BPS", b"PHUT", b"AgHg", b"DCSR", b"MeSa")
RESOLUTION, EXIF, XMP = 0x03ED, 0x0422, 0x0424
"""Numbers of resources."""
_IPTC = 0x0404
_IPTC_MARK = b"\x1c"
_STALE = {
    *(0x0408, 0x041A),  # guides and slices, in pixels
    *(0x0409, 0x040C),  # thumbnails
    *(0x040F, EXIF, XMP),  # the profile, EXIF and XMP, which are stored elsewhere
}
_PATHS = range(2000, 2998)
_PORTABLE = {_IPTC, 0x040A, 0x040B, 0x0BB7}
"""IPTC, the flag and the address of copyright, and the name of the clipping path."""


def from_profile(block: bytes, *, iptc: bytes = b"") -> bytes | None:
    """The resources of a block that holds them or IPTC alone; None if nothing is left.

    `iptc` is added where the block has none.
    What is wrong for another size or stored elsewhere is left out.  Clipping paths stay: their points are fractions of
    the size.
    """
    block = block.removeprefix(PREFIX)
    block = from_iptc(block) if block.startswith(_IPTC_MARK) else block
    block += from_iptc(iptc) if iptc and not find_iptc(block) else b""
    return b"".join(_resource(*resource) for resource in _resources(block) if resource[1] not in _STALE) or None


def from_resources(contents: Mapping[int, bytes]) -> bytes | None:
    """The same of a PSD, whose contents come by number; those that say how its layers are stored go, too."""
    portable = [number for number in contents if number in _PORTABLE or number in _PATHS]
    return b"".join(_resource(b"8BIM", number, b"\0\0", contents[number]) for number in portable) or None


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
