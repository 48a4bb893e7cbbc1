"""The boxes of HEIF, AVIF and JPEG XL files.  Sources: ISO/IEC 14496-12 (boxes), ISO/IEC 23008-12 (HEIF)."""

import re
import struct
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from fractions import Fraction
from io import BytesIO
from typing import NamedTuple

from srgan_cli.image.metadata import xmp
from srgan_cli.image.metadata.exif import EXIF_PREFIX
from srgan_cli.image.metadata.icc import NO_COLOUR, SRGB_PRIMARIES, SRGB_TRANSFER, Colour, from_cicp
from srgan_cli.image.metadata.record import Metadata, unpack

Box = tuple[bytes, bytes]  # name and content
_Location = tuple[int, list[tuple[int, int]]]
"""How an item is stored, 0 for in the file itself, and where each of its parts begins, and its length."""
_C2PA = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
XMP = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_ALPHA = (b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha", b"urn:mpeg:hevc:2015:auxid:1")
_AUXILIARY = {b"gainmap": "gain map", b"matte": "matte"}
_AUXILIARY |= dict.fromkeys((b"disparity", b"depth", b"auxid:2"), "depth map")
_BESIDE = {b"mpvd": "video (motion photo)", b"jhgm": "gain map", b"brob": "compressed metadata"}
"""What boxes hold beside the picture."""
_KNOWN = {
    *(b"ftyp", b"meta", b"mdat", b"moov", b"free", b"skip", b"wide", b"pdin", bytes(4)),
    *(b"JXL ", b"jxlc", b"jxlp", b"jxll", b"jxli", b"jbrd", b"Exif", b"xml ", b"jP  ", b"jp2h", b"jp2c"),
}
_ITEMS = {
    *("hvc1", "hev1", "vvc1", "evc1", "lhv1", "avc1", "av01", "jpeg", "j2k1", "unci", "grid", "iden", "iovl"),
    *("Exif", "mime", "tmap"),
}
"""Kinds of items that are pictures or metadata, or that are reported by other names."""
_PROPERTIES = {
    *("hvcC", "vvcC", "evcC", "lhvC", "avcC", "av1C", "jpgC", "j2kH", "uncC", "cmpd", "ispe", "pixi", "colr", "pasp"),
    *("clli", "mdcv", "auxC", "lsel", "a1lx", "a1op", "rloc", "rref", "oinf", "tols", "clap", "irot", "imir"),
}
"""Properties of a picture that are kept, or that say how it is stored."""
_MOST_UNPACKED, _BEGINNING = 2**26, 2**12
BARE_JXL = b"\xff\x0a"  # the start of a JPEG XL file without boxes
_TRANSFORMATIONS = (b"clap", b"irot", b"imir")
_LIGHT_UNIT = 10_000
_NUMBER = 0x7FFF
_NCLX = re.compile(rb"(colrnclx)(....)", re.DOTALL)
_FULL_RANGE = 0x80
_BT601 = 6


def boxes(data: bytes) -> Iterator[Box]:
    """The boxes that follow one another in data, until it is damaged."""
    offset = 0
    while offset + 8 <= len(data):
        size, start = int.from_bytes(data[offset : offset + 4], "big"), offset + 8
        if size == 1:
            size, start = int.from_bytes(data[start : start + 8], "big"), offset + 16
        end = offset + size if size else len(data)
        if end < start:
            return
        yield data[offset + 4 : offset + 8], data[start:end]
        offset = end


class _Items(NamedTuple):
    properties: list[Box]
    """The properties of the picture."""
    others: list[Box]
    kinds: list[bytes]
    references: list[Box]


def read_metadata(data: bytes) -> tuple[Metadata, list[str]]:
    """What the boxes say about the picture, apart from EXIF, XMP and profiles, and a note on everything dropped."""
    outer = [] if data.startswith(BARE_JXL) else _unpacked(boxes(data))
    notes = dropped_boxes(outer, (XMP,)) + _dropped_movie(outer)
    found = dict(reversed(outer))
    packet = next((content[16:] for name, content in outer if name == b"uuid" and content.startswith(XMP)), None)
    exif = found.get(b"Exif", b"")
    start = 0 if exif.startswith((b"II", b"MM")) else 4 + int.from_bytes(exif[:4], "big")  # some programs leave it out
    items = _items(outer)
    properties = dict(items.properties)
    levels, mastering = properties.get(b"clli"), properties.get(b"mdcv", b"")
    across, down = unpack(">LL", properties.get(b"pasp")) or (1, 1)
    return Metadata(
        exif=exif[start:].removeprefix(EXIF_PREFIX) or None,
        xmp=packet or found.get(b"xml "),
        colour=_colour(items.properties),
        light_levels=tuple(level * _LIGHT_UNIT for level in unpack(">HH", levels) or ()) or None,
        mastering_display=mastering[8:12] + mastering[:8] + mastering[12:] if len(mastering) == 24 else None,
        pixel_ratio=(down, across) if across != down and across and down else None,
    ), [*notes, *_dropped_items(items)]


def is_turned_early(data: bytes) -> bool:
    """Whether a picture is turned before it is cropped, or mirrored before it is turned, which MIAF does not allow.

    Pillow takes it for the usual order, libvips for that of the file.
    """
    found = [_TRANSFORMATIONS.index(name) for name, _ in _items(boxes(data)).properties if name in _TRANSFORMATIONS]
    return found != sorted(found)


def clean_aperture(data: bytes, width: int, height: int) -> tuple[int, int, int, int] | None:
    """Left, top, right and bottom of what is to be shown of a picture of this stored size; None for all of it."""
    numbers = unpack(">4LlLlL", dict(_items(boxes(data)).properties).get(b"clap"))
    if not numbers or not all(numbers[1::2]):
        return None
    across, down, right, lower = (numbers[at] / numbers[at + 1] for at in range(0, 8, 2))
    left, top = round((width - across) / 2 + right), round((height - down) / 2 + lower)
    box = left, top, left + round(across), top + round(down)
    return box if 0 <= left < box[2] <= width and 0 <= top < box[3] <= height else None


def av1_bits(data: bytes) -> int:
    """Bits a channel according to the AV1 configuration box.  Source: AV1 codec ISO media file format binding, 2.3."""
    start = data.find(b"av1C")
    flags = data[start + 6] if 0 <= start < len(data) - 6 else 0
    return (12 if flags & 0x20 else 10) if flags & 0x40 else 8


def is_premultiplied(data: bytes) -> bool:
    """Whether colours are multiplied by alpha."""
    return b"prem" in dict(_items(boxes(data)).references)


def add_properties(data: bytes, metadata: Metadata) -> bytes:
    """An AVIF or HEIF with what this metadata says in properties, and EXIF unless its encoder has it.

    The matrix of its colours stays that of the encoder.  An animation gets colour only.
    """
    added, codes = list[Box](), metadata.colour.codes
    if codes:
        data, replaced = _NCLX.subn(lambda found: found[1] + struct.pack(">HH", *codes), data)
        added += [] if replaced else [(b"colr", b"nclx" + struct.pack(">HHHB", *codes, _BT601, _FULL_RANGE))]
    if metadata.light_levels:
        levels = (min(-(-level // _LIGHT_UNIT), 65_535) for level in metadata.light_levels)  # in cd/m²
        added.append((b"clli", struct.pack(">HH", *levels)))
    if mastering := metadata.mastering_display:
        added.append((b"mdcv", mastering[4:12] + mastering[:4] + mastering[12:]))
    if metadata.pixel_ratio:
        ratio = Fraction(metadata.pixel_ratio[1] / metadata.pixel_ratio[0]).limit_denominator(10_000)
        added.append((b"pasp", struct.pack(">LL", ratio.numerator, ratio.denominator)))
    outer = dict(boxes(data))
    exif = None if b"moov" in outer or b"Exif" in _items(boxes(data)).kinds else metadata.exif
    return _insert(data, added, exif) if (added or exif) and b"moov" not in outer else data


def _insert(data: bytes, added: list[Box], exif: bytes | None) -> bytes:
    """The file with further properties of its picture, and with EXIF; its pixels, which follow, move back."""
    outer = list(boxes(data))
    meta = dict(outer)[b"meta"]
    parts = dict(boxes(meta[4:]))
    locations = _locations(parts[b"iloc"])
    inner = list(boxes(parts[b"iprp"]))
    content = dict(inner)
    first = len(list(boxes(content[b"ipco"]))) + 1
    primary = struct.unpack_from(">H", parts[b"pitm"], 4)[0]
    content[b"ipco"] += b"".join(_box(*box) for box in added)
    content[b"ipma"] = _associate(content, primary, range(first, first + len(added)))
    parts[b"iprp"] = b"".join(_box(name, content[name]) for name, _ in inner)
    if exif:
        outer.append((b"mdat", bytes(4) + exif))
        locations |= {(item := max(locations) + 1): (0, [(len(data) + 8, len(exif) + 4)])}
        count, entry = parts[b"iinf"][5] + 1, _box(b"infe", struct.pack(">LHH5s", 0x02000001, item, 0, b"Exif"))
        parts[b"iinf"] = bytes(5) + bytes([count]) + parts[b"iinf"][6:] + entry
        parts[b"iref"] = parts.get(b"iref", bytes(4)) + _box(b"cdsc", struct.pack(">3H", item, 1, primary))
    parts[b"iloc"] = _pack_locations(locations)
    growth = sum(len(_box(name, parts[name])) for name in parts) + 4 - len(meta)
    parts[b"iloc"] = _pack_locations(locations, growth)
    changed = meta[:4] + b"".join(_box(name, parts[name]) for name in parts)
    return b"".join(_box(name, changed if name == b"meta" else part) for name, part in outer)


def _associate(content: dict[bytes, bytes], primary: int, numbers: Iterable[int]) -> bytes:
    """The associations, with further properties of the picture, and of its pages, which have colours of their own."""
    found = _associations(content[b"ipma"])
    colours = {number for number, (name, _) in enumerate(boxes(content[b"ipco"]), 1) if name == b"colr"}
    for item, own in found.items():
        own += numbers if item == primary or colours & {number & _NUMBER for number in own} else ()
    entries = (struct.pack(f">HB{len(own)}H", key, len(own), *own) for key, own in found.items())
    return struct.pack(">LL", 1, len(found)) + b"".join(entries)


def _locations(content: bytes) -> dict[int, _Location]:
    """The location of every item by its number."""
    version, sizes, rest = content[0], (*divmod(content[4], 16), *divmod(content[5], 16)), BytesIO(content[6:])
    id_bytes = 4 if version == 2 else 2

    def number(length: int) -> int:
        return int.from_bytes(rest.read(length), "big")

    found = dict[int, _Location]()
    for _ in range(number(id_bytes)):
        item, method, _, base = number(id_bytes), number(2 * bool(version)) & 15, number(2), number(sizes[2])
        parts = list[tuple[int, int]]()
        for _ in range(number(2)):
            number(sizes[3] if version else 0)
            parts.append((base + number(sizes[0]), number(sizes[1])))
        found[item] = method, parts
    return found


def _pack_locations(locations: dict[int, _Location], growth: int = 0) -> bytes:
    """The content of iloc for a file whose pixels have moved back."""
    entries = [struct.pack(">B3xBBH", 1, 0x44, 0, len(locations))]
    for item, (method, parts) in locations.items():
        entries.append(struct.pack(">4H", item, method, 0, len(parts)))
        entries += [struct.pack(">LL", start + (0 if method else growth), size) for start, size in parts]
    return b"".join(entries)


def _box(name: bytes, content: bytes) -> bytes:
    return struct.pack(">L", len(content) + 8) + name + content


def _colour(properties: Sequence[Box]) -> Colour:
    """That of nclx; a profile beside it has precedence."""
    contents = [content for name, content in properties if name == b"colr"]
    if any(content[:4] in (b"prof", b"rICC") for content in contents):
        return NO_COLOUR
    for content in contents:
        if content[:4] == b"nclx" and len(content) >= 10:
            codes = struct.unpack_from(">HH", content, 4)
            return Colour(intent=0) if codes == (SRGB_PRIMARIES, SRGB_TRANSFER) else from_cicp(*codes)
    return NO_COLOUR


def _items(outer: Iterable[Box]) -> _Items:
    """The items of a file; none if it is damaged."""
    with suppress(struct.error, IndexError, KeyError):
        return _parse_items(dict(reversed([*outer]))[b"meta"])
    return _Items([], [], [], [])


def _parse_items(meta: bytes) -> _Items:
    parts = dict(boxes(meta[4:]))
    primary = struct.unpack_from(">H" if parts[b"pitm"][0] == 0 else ">L", parts[b"pitm"], 4)[0]
    inner = list(boxes(parts[b"iprp"]))
    everything = list(boxes(dict(inner)[b"ipco"]))
    numbers = [n for name, content in inner if name == b"ipma" for n in _associations(content).get(primary, ())]
    entries = boxes(parts[b"iinf"][8 if parts[b"iinf"][0] else 6 :])
    kinds = [content[8:12] if content[0] == 2 else content[10:14] for name, content in entries if name == b"infe"]
    own = [everything[(n & _NUMBER) - 1] for n in numbers if 0 < n & _NUMBER <= len(everything)]
    return _Items(own, everything, kinds, list(boxes(parts.get(b"iref", bytes(4))[4:])))


def _associations(content: bytes) -> dict[int, list[int]]:
    """The numbers of the properties of every item; the highest of 16 bits says that readers must know a property."""
    offset, found = 8, dict[int, list[int]]()
    id_layout, is_wide = (">L" if content[0] else ">H"), bool(content[3] & 1)
    for _ in range(struct.unpack_from(">L", content, 4)[0]):
        (item,) = struct.unpack_from(id_layout, content, offset)
        offset += struct.calcsize(id_layout) + 1
        layout = f">{content[offset - 1]}{'H' if is_wide else 'B'}"
        numbers = struct.unpack_from(layout, content, offset)
        found[item] = list(numbers) if is_wide else [(n & 0x80) << 8 | n & 0x7F for n in numbers]
        offset += struct.calcsize(layout)
    return found


def _dropped_items(items: _Items) -> list[str]:
    types = [content[4:].partition(b"\0")[0] for name, content in items.others if name == b"auxC"]
    found = [_auxiliary_name(kind) for kind in types if kind not in _ALPHA]
    found += ["gain map"] if b"tmap" in items.kinds else []
    notes = [f"its {kind} is dropped" for kind in dict.fromkeys(found)]
    parts = {"items": (items.kinds, _ITEMS), "properties": ((name for name, _ in items.properties), _PROPERTIES)}
    for part, (kinds, known) in parts.items():
        if others := sorted({kind.decode("latin-1") for kind in kinds} - known):
            notes.append(f"its {part} of the kind {' '.join(others)} are dropped")
    return notes


def _auxiliary_name(kind: bytes) -> str:
    return next((name for key, name in _AUXILIARY.items() if key in kind), f"auxiliary picture {kind.decode('latin1')}")


def _dropped_movie(outer: list[Box]) -> list[str]:
    """Notes on a sequence beside the pictures, and on the texts of an animation, which stand where a video has them."""
    found = dict(outer)
    notes = ["its image sequence is dropped"] if b"moov" in found and b"avis" not in found.get(b"ftyp", b"") else []
    return notes + (["the texts of its movie are dropped"] if b"udta" in dict(boxes(found.get(b"moov", b""))) else [])


def dropped_boxes(outer: list[Box], uuids: Sequence[bytes]) -> list[str]:
    """Notes on boxes outside the pictures, but for uuid boxes of the kinds `uuids` and padding."""
    notes, others = list[str](), set[tuple[bytes, bytes]]()
    for name, content in outer:
        kind = content[:16] if name == b"uuid" else b""
        if kind == _C2PA or (name == b"jumb" and b"c2pa" in content):
            notes.append(xmp.C2PA_NOTE)
        elif name in _BESIDE:
            notes.append(f"its {_BESIDE[name]} is dropped")
        elif name not in _KNOWN and kind not in uuids:
            others.add((name, kind))
    return [*dict.fromkeys(notes), *([f"its {len(others)} boxes of other programs are dropped"] if others else [])]


def _unpacked(packed: Iterable[Box]) -> list[Box]:
    """Boxes of JPEG XL without their compression, if the library for it is installed.  Source: ISO/IEC 18181-2, 9.4.

    Of all but the first EXIF and XMP only the beginning is unpacked, since a small file could fill the memory.
    """
    found, whole = list[Box](), {b"Exif", b"xml "}
    for name, content in packed:
        if name == b"brob":
            found.append(_unpack(content, whole=content[:4] in whole))
            whole.discard(content[:4])
        else:
            found.append((name, content))
    return found


def _unpack(content: bytes, *, whole: bool) -> Box:
    """The box in a compressed box, or the compressed box if it cannot be unpacked."""
    with suppress(ImportError):
        import brotli

        unpacker = brotli.Decompressor()
        with suppress(brotli.error):
            unpacked = unpacker.process(content[4:], output_buffer_limit=_MOST_UNPACKED if whole else _BEGINNING)
            if unpacker.is_finished() or not whole:
                return content[:4], unpacked
    return b"brob", content
