"""The metadata of JPEG files.  Sources: JFIF 1.02, CIPA DC-008 (Exif), XMP part 3, and `jpeg_segments`."""

import struct
from dataclasses import replace
from math import gcd

from srgan_cli.image.metadata import jpeg_segments as jpeg
from srgan_cli.image.metadata import photoshop, xmp
from srgan_cli.image.metadata.exif import EXIF_PREFIX, plausible_dpi
from srgan_cli.image.metadata.gain_map import ISO_PREFIX, XMP_PREFIX, GainMap, is_gain_map
from srgan_cli.image.metadata.record import Metadata

_EXTENDED_PREFIX = b"http://ns.adobe.com/xmp/extension/\0"
_EXTENDED_HEAD_BYTES = 40
_ICC_PREFIX, _JFIF_PREFIX = b"ICC_PROFILE\0", b"JFIF\0"
_KNOWN = {
    *((jpeg.APP0, _JFIF_PREFIX), (jpeg.APP0, b"JFXX"), (jpeg.APP1, EXIF_PREFIX), (jpeg.APP1, XMP_PREFIX)),
    *((jpeg.APP1, _EXTENDED_PREFIX), (jpeg.APP2, _ICC_PREFIX), (jpeg.APP2, jpeg.MPF), (jpeg.APP2, ISO_PREFIX)),
    *((jpeg.APP8, b"SPIFF\0"), (jpeg.APP8, b"\0\0\0\1"), (jpeg.APP11, b"JP"), (jpeg.APP12, b"Ducky")),
    *((jpeg.APP13, photoshop.PREFIX), (jpeg.APP14, b"Adobe")),
}
_PREVIEW = 0x010000
_PAGE_KINDS = (0x020000, 0x030000, 0x000000)
_KIND_MASK = 0xFF0000
_MOST = 65_535


def read_metadata(data: bytes, *, height: int, width: int) -> tuple[Metadata, list[str]]:
    """The metadata of the first picture, stored in this size, and a note on everything dropped; EXIF is not checked."""
    first = jpeg.read(data)
    extras = jpeg.extras(data, first)
    gain_maps = [extra for extra in extras if is_gain_map(extra.content)]
    packet, notes = _read_xmp(first)
    metadata = Metadata(
        exif=b"".join(first.contents(jpeg.APP1, EXIF_PREFIX)) or None,
        xmp=packet,
        comments=tuple(decode_comment(comment) for comment in first.contents(jpeg.COMMENT)),
        photoshop=photoshop.from_profile(b"".join(first.contents(jpeg.APP13, photoshop.PREFIX))),
        gain_map=GainMap(gain_maps[0].content, height, width) if gain_maps else None,
    )
    others = [extra for extra in extras if extra not in gain_maps[:1] and not _is_page(extra)]
    notes += [*_dropped_segments(first), *(f"{kind} is dropped" for kind in dict.fromkeys(map(_describe, others)))]
    return _with_density(metadata, first), notes


def read_profile(data: bytes) -> bytes | None:
    """The colour profile, whose parts each start with their number and their count."""
    parts = sorted(jpeg.read(data).contents(jpeg.APP2, _ICC_PREFIX), key=lambda part: part[:1])
    return b"".join(part[2:] for part in parts) or None


def pages(data: bytes) -> list[int]:
    """The numbers, in the index of Multi-Picture Format, of the pictures that stand beside the first one."""
    return [extra.index for extra in jpeg.extras(data, jpeg.read(data)) if _is_page(extra)]


def page(data: bytes, index: int) -> bytes:
    """The file of a picture by its number in the index."""
    return next(extra.content for extra in jpeg.extras(data, jpeg.read(data)) if extra.index == index)


def write_head(metadata: Metadata, icc_profile: bytes | None) -> bytes:
    """Everything before the tables of a JPEG; `write_gain_map` completes it where there is a gain map."""
    gain_map, packet = metadata.gain_map, metadata.xmp
    if gain_map and gain_map.is_in_xmp:
        packet = xmp.with_gain_map(packet, len(gain_map.data))
    head = b"\xff\xd8" + jpeg.segment(jpeg.APP0, _JFIF_PREFIX + b"\1\1" + _density(metadata) + b"\0\0")
    if metadata.exif:
        head += jpeg.segment(jpeg.APP1, EXIF_PREFIX + metadata.exif)
    head += _xmp_segments(packet) if packet else b""
    head += _profile_segments(icc_profile) if icc_profile else b""
    head += jpeg.split(jpeg.APP13, photoshop.PREFIX, metadata.photoshop) if metadata.photoshop else b""
    for comment in metadata.comments:
        head += jpeg.segment(jpeg.COMMENT, comment.encode()[: jpeg.MAX_CONTENT])
    if gain_map:
        head += jpeg.segment(jpeg.APP2, ISO_PREFIX + bytes(4)) if gain_map.is_iso else b""
        head += jpeg.segment(jpeg.APP2, jpeg.index_of_two(0, 0, 0))
    return head


def complete_index(head: bytes, picture_bytes: int, gain_map: GainMap) -> bytes:
    """The head of a file of this many bytes, which a gain map follows; its length does not change."""
    start = len(head) - len(jpeg.index_of_two(0, 0, 0))
    return head[:start] + jpeg.index_of_two(picture_bytes, len(gain_map.data), start)


def _read_xmp(first: jpeg.Jpeg) -> tuple[bytes | None, list[str]]:
    """The packet, joined with the extended one, and a note if that is dropped."""
    if not (packets := first.contents(jpeg.APP1, XMP_PREFIX)):
        return None, []
    packet = xmp.as_utf8(packets[0])
    others = {*map(xmp.as_utf8, packets)} - {packet}
    notes = [f"its {len(others)} further XMP packets are dropped"] if others else []
    if digest := xmp.extended_digest(packet):
        extended = _read_extended(first.contents(jpeg.APP1, _EXTENDED_PREFIX), digest)
        notes += [] if extended else ["its extended XMP is incomplete and dropped"]
        packet = xmp.join_extended(packet, xmp.as_utf8(extended))
    return packet, notes


def _read_extended(parts: list[bytes], digest: bytes) -> bytes:
    """The packet made of its parts; empty if some are missing."""
    found, length = dict[int, bytes](), 0
    for part in parts:
        if part[:32].upper() == digest.upper() and len(part) >= _EXTENDED_HEAD_BYTES:
            length, offset = struct.unpack_from(">LL", part, 32)
            found[offset] = part[_EXTENDED_HEAD_BYTES:]
    whole = b"".join(found[offset] for offset in sorted(found))
    return whole if len(whole) == length else b""


def _xmp_segments(packet: bytes) -> bytes:
    main, extended = xmp.split_extended(packet, jpeg.MAX_CONTENT - len(XMP_PREFIX))
    segments = jpeg.segment(jpeg.APP1, XMP_PREFIX + main)
    if extended is None:
        return segments
    digest = xmp.extended_digest(main) or b""
    room = jpeg.MAX_CONTENT - len(_EXTENDED_PREFIX) - _EXTENDED_HEAD_BYTES
    for start in range(0, len(extended), room):
        head = _EXTENDED_PREFIX + digest + struct.pack(">LL", len(extended), start)
        segments += jpeg.segment(jpeg.APP1, head + extended[start : start + room])
    return segments


def _profile_segments(profile: bytes) -> bytes:
    room = jpeg.MAX_CONTENT - len(_ICC_PREFIX) - 2
    parts = [profile[start : start + room] for start in range(0, len(profile), room)]
    heads = (_ICC_PREFIX + bytes([number, len(parts)]) for number in range(1, len(parts) + 1))
    return b"".join(jpeg.segment(jpeg.APP2, head + part) for head, part in zip(heads, parts, strict=True))


def _with_density(metadata: Metadata, first: jpeg.Jpeg) -> Metadata:
    """The metadata with the resolution of JFIF, or the ratio of its pixels."""
    for content in first.contents(jpeg.APP0, _JFIF_PREFIX):
        if len(content) >= 7:
            unit, across, down = struct.unpack_from(">BHH", content, 2)
            if unit == 0 and across and down and across != down:
                return replace(metadata, pixel_ratio=(across, down))
            factor = {1: 1, 2: 2.54}.get(unit, 0)
            return replace(metadata, dpi=plausible_dpi((across * factor, down * factor)))
    return metadata


def _density(metadata: Metadata) -> bytes:
    """Unit and density of JFIF; a ratio is rounded to whole numbers that fit."""
    if metadata.dpi and max(metadata.dpi) <= _MOST:
        return struct.pack(">BHH", 1, *(max(1, round(number)) for number in metadata.dpi))
    across, down = (round(number) for number in metadata.pixel_ratio or (1, 1))
    divisor = max(gcd(across, down), -(-max(across, down) // _MOST))
    return struct.pack(">BHH", 0, max(1, across // divisor), max(1, down // divisor))


def _dropped_segments(first: jpeg.Jpeg) -> list[str]:
    if any(b"c2pa" in content for content in first.contents(jpeg.APP11, b"JP")):
        notes = [xmp.C2PA_NOTE]
    else:
        notes = ["its JUMBF boxes are dropped"] if first.contents(jpeg.APP11, b"JP") else []
    for marker, content, _ in first.segments:
        application = jpeg.APP0 <= marker < jpeg.APP0 + 16
        if application and not any(marker == kind and content.startswith(prefix) for kind, prefix in _KNOWN):
            name = content[:12].partition(b"\0")[0].decode("ascii", "replace")
            notes.append(f"its segment APP{marker - jpeg.APP0} {name!r} is dropped")
    return list(dict.fromkeys(notes))


def _describe(extra: jpeg.Extra) -> str:
    if b"ftyp" in extra.content[:64] or b"mpvd" in extra.content[:8]:
        return "its video (motion photo)"
    if extra.kind is not None and extra.kind & _KIND_MASK == _PREVIEW:
        return "its preview"
    if extra.content.startswith(b"\xff\xd8"):
        return "a further picture (gain map, depth map or other)"
    return f"what follows its end ({len(extra.content)} bytes)"


def _is_page(extra: jpeg.Extra) -> bool:
    """Whether a picture stands beside the first one, as those of stereo cameras do."""
    if extra.kind is None or extra.kind & _KIND_MASK not in _PAGE_KINDS or is_gain_map(extra.content):
        return False
    packets = jpeg.read(extra.content).contents(jpeg.APP1, XMP_PREFIX)
    return not any(mark in packet for packet in packets for mark in (b"AuxiliaryImageType", b"apple:photo"))


def decode_comment(text: bytes) -> str:
    """The text of a comment in UTF-8, or else in Latin-1."""
    try:
        return text.rstrip(b"\0").decode()
    except UnicodeDecodeError:
        return text.rstrip(b"\0").decode("latin-1")
