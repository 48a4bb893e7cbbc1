"""The blocks of GIF files.  Sources: GIF 89a, W3C 1990; XMP specification part 3, 1.1.2; ICC.1:2022, annex B.6."""

from collections.abc import Iterator

from srgan_cli.image.metadata import xmp
from srgan_cli.image.metadata.icc import SPACE
from srgan_cli.image.metadata.record import Metadata, trailing_note

_HEADER, _FLAGS, _ASPECT = 13, 10, 12
_HAS_PALETTE = 0x80  # the flag of a palette, whose size is in the three lowest bits
_EXTENSION, _PICTURE, _END = 0x21, 0x2C, 0x3B
_PICTURE_BYTES = 10
_CONTROL, _COMMENT, _PLAIN_TEXT, _APPLICATION = 0xF9, 0xFE, 0x01, 0xFF
_NAME_BYTES = 11
_XMP, _ICC, _C2PA, _LOOPS = b"XMP DataXMP", b"ICCRGBG1012", b"C2PA_GIF", (b"NETSCAPE2.0", b"ANIMEXTS1.0")
_XMP_TRAILER = bytes([1, *range(255, -1, -1), 0])
"""Leads readers that skip blocks by their lengths out of a packet, which has no lengths."""
_TIME_UNIT = 10
Block = tuple[int, bytes]
"""The label of an extension and its content, the mark of a picture and its palette, or of the end and what follows."""


def read_metadata(data: bytes, blocks: list[Block]) -> tuple[Metadata, list[str]]:
    """What the blocks of a file say besides its pixels, and a note on everything that is dropped."""
    found = _applications(blocks)
    return Metadata(
        xmp=found.get(_XMP, b"").partition(_XMP_TRAILER[:4])[0] or None,
        comments=tuple(content.decode("utf-8", "replace") for label, content in blocks if label == _COMMENT),
        pixel_ratio=(64, data[_ASPECT] + 15) if data[_ASPECT:][:1] > b"\0" else None,
    ), _dropped(blocks, set(found))


def read_profile(blocks: list[Block]) -> tuple[bytes | None, bool]:
    """The colour profile, and whether it is grey, if there is one, and all palettes, too."""
    profile, palettes = _applications(blocks).get(_ICC), [content for label, content in blocks if label == _PICTURE]
    is_grey = all(palette[0::3] == palette[1::3] == palette[2::3] for palette in palettes)
    return profile, is_grey and (not profile or profile[SPACE] == b"GRAY")


def _applications(blocks: list[Block]) -> dict[bytes, bytes]:
    return {content[:_NAME_BYTES]: content[_NAME_BYTES:] for label, content in blocks if label == _APPLICATION}


def add_blocks(data: bytes, metadata: Metadata, icc_profile: bytes | None) -> bytes:
    """A GIF with its profile, XMP, comments and ratio of pixels."""
    added = [_extension(_COMMENT, b"", comment.encode()) for comment in metadata.comments]
    added += [_extension(_APPLICATION, _ICC, icc_profile)] if icc_profile else []
    if metadata.xmp:
        added.append(bytes([_EXTENSION, _APPLICATION, _NAME_BYTES]) + _XMP + metadata.xmp + _XMP_TRAILER)
    across, down = metadata.pixel_ratio or (0, 0)
    aspect = min(max(round(64 * down / across) - 15, 1), 255) if across else 0
    return data[:_ASPECT] + bytes([aspect]) + data[_ASPECT + 1 : -1] + b"".join(added) + data[-1:]


def _extension(label: int, name: bytes, content: bytes) -> bytes:
    parts = [*([name] if name else []), *(content[start : start + 255] for start in range(0, len(content), 255))]
    return bytes([_EXTENSION, label]) + b"".join(bytes([len(part)]) + part for part in parts) + b"\0"


def read_durations(blocks: list[Block]) -> list[int]:
    """Milliseconds of each frame."""
    durations, delay = list[int](), 0
    for label, content in blocks:
        if label == _CONTROL:
            delay = int.from_bytes(content[1:3], "little") * _TIME_UNIT
        elif label == _PICTURE:
            durations.append(delay)
            delay = 0
    return durations


def read_loop(blocks: list[Block]) -> int:
    """How often it is played, 0 for endlessly.  Files state repetitions, and nothing if they are played once."""
    found = _applications(blocks)
    content = next((found[name] for name in _LOOPS if len(found.get(name, b"")) >= 3), b"")
    repetitions = int.from_bytes(content[1:3], "little")
    return repetitions + 1 if repetitions else int(not content)


def _dropped(blocks: list[Block], names: set[bytes]) -> list[str]:
    provenance = {name for name in names if name.startswith(_C2PA)}
    other = sorted(names - provenance - {_XMP, _ICC, *_LOOPS})
    notes = [xmp.C2PA_NOTE] if provenance else []
    notes += [f"its extension {name.decode('latin-1').strip()} is dropped" for name in other]
    notes += ["its plain text is dropped"] if _PLAIN_TEXT in dict(blocks) else []
    return notes + trailing_note(dict(blocks).get(_END, b""))


def read_blocks(data: bytes) -> Iterator[Block]:
    """The blocks of a file, until it is damaged; the content of XMP is raw."""
    size = _palette_bytes(data, _FLAGS)
    offset, palette = _HEADER + size, data[_HEADER : _HEADER + size]
    while offset + 2 < len(data) and data[offset] in (0, _EXTENSION, _PICTURE):
        if data[offset] == 0:
            offset += 1
        elif data[offset] == _PICTURE:
            start, size = offset + _PICTURE_BYTES, _palette_bytes(data, offset + _PICTURE_BYTES - 1)
            yield _PICTURE, data[start : start + size] if size else palette
            offset = _content(data, start + size + 1)[1]
        else:
            label, (content, end) = data[offset + 1], _content(data, offset + 2)
            yield label, data[offset + 3 : end] if content.startswith(_XMP) else content
            offset = end
    yield _END, data[offset + 1 :] if data[offset : offset + 1] == bytes([_END]) else b""


def _content(data: bytes, start: int) -> tuple[bytes, int]:
    """The content of parts that each begin with their length, and where they end."""
    parts = list[bytes]()
    while start < len(data) and (length := data[start]):
        parts.append(data[start + 1 : start + 1 + length])
        start += 1 + length
    return b"".join(parts), start + 1


def _palette_bytes(data: bytes, offset: int) -> int:
    """The size of the palette whose flags are at an offset."""
    flags = data[offset] if offset < len(data) else 0
    return 3 << (flags & 7) + 1 if flags & _HAS_PALETTE else 0
