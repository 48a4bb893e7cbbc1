"""The segments of JPEG files and the pictures behind the first.  Sources: ITU-T T.81, annex B; CIPA DC-007-2021."""

import re
import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from srgan_cli.image.metadata.exif import ExifBlock

APP0, APP1, APP2, APP8, APP11, APP12, APP13, APP14, COMMENT = 0xE0, 0xE1, 0xE2, 0xE8, 0xEB, 0xEC, 0xED, 0xEE, 0xFE
MAX_CONTENT = 65_533  # the most bytes of a segment
_SCAN, _END = 0xDA, 0xD9
_START = b"\xff\xd8"
_MARKER = re.compile(rb"\xff+([^\x00\xd0-\xd7\xff])")
MPF = b"MPF\0"
_MP_COUNT, _MP_ENTRIES = 0xB001, 0xB002
_MP_ENTRY_BYTES = 16
_MP_HEAD_BYTES = len(MPF) + 8 + 2 + 3 * 12 + 4
Segment = tuple[int, bytes, int]  # marker, content, and where this starts in the file


@dataclass(frozen=True)
class Jpeg:
    """A JPEG picture as the first of a file."""

    segments: tuple[Segment, ...]
    """Those before its pixels."""
    end: int
    """Where the picture ends; the end of the file if it is cut off."""

    def contents(self, marker: int, prefix: bytes = b"") -> list[bytes]:
        """The contents of the segments of a kind, without the prefix by which they are known."""
        found = (content for kind, content, _ in self.segments if kind == marker)
        return [content.removeprefix(prefix) for content in found if content.startswith(prefix)]


def read(data: bytes) -> Jpeg:
    """The first picture in a JPEG file; its segments end where the file is damaged."""
    segments, position, in_head = list[Segment](), 2, True
    while match := _MARKER.search(data, position):
        marker, start = match[1][0], match.end()
        if marker == _END:
            return Jpeg(tuple(segments), start)
        length = int.from_bytes(data[start : start + 2], "big")
        in_head = in_head and marker != _SCAN
        if in_head:
            segments.append((marker, data[start + 2 : start + length], start + 2))
        position = start + length
    return Jpeg(tuple(segments), len(data))


def segment(marker: int, content: bytes) -> bytes:
    """The bytes of a segment."""
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def split(marker: int, prefix: bytes, content: bytes) -> bytes:
    """The bytes of as many segments as content needs, each with the prefix."""
    room = MAX_CONTENT - len(prefix)
    return b"".join(segment(marker, prefix + content[start : start + room]) for start in range(0, len(content), room))


@dataclass(frozen=True)
class Extra:
    """A picture or something else that follows the first picture of a file."""

    start: int
    content: bytes
    kind: int | None = None
    """The type of Multi-Picture Format; None for what is not listed there."""
    index: int = 0
    """Its number in the list of Multi-Picture Format."""


def extras(data: bytes, first: Jpeg) -> list[Extra]:
    """What follows the first picture: the pictures that are listed, then JPEGs and others that are not."""
    found = []
    with suppress(struct.error, KeyError):
        found = [extra for extra in _listed(data, first) if extra.content.startswith(_START)]
    position = first.end
    for extra in sorted(found, key=lambda extra: extra.start):
        found += _unlisted(data, position, extra.start)
        position = max(position, extra.start + len(extra.content))
    return found + list(_unlisted(data, position, len(data)))


def _unlisted(data: bytes, start: int, stop: int) -> Iterator[Extra]:
    rest = data[start:stop]
    while rest.startswith(_START):
        end = read(rest).end
        yield Extra(start, rest[:end])
        start, rest = start + end, rest[end:]
    if rest.strip(b"\0\xff\r\n "):
        yield Extra(start, rest)


def _listed(data: bytes, first: Jpeg) -> Iterator[Extra]:
    """The pictures behind the first one that the index of Multi-Picture Format lists."""
    for marker, content, offset in first.segments:
        if marker == APP2 and content.startswith(MPF):
            base, index = offset + len(MPF), content[len(MPF) :]
            directory, layout = ExifBlock(index), "<3L" if index.startswith(b"II") else ">3L"
            count, entries = directory.get_int(_MP_COUNT) or 0, directory.get_int(_MP_ENTRIES) or 0
            for number in range(1, count):
                kind, size, start = struct.unpack_from(layout, index, entries + _MP_ENTRY_BYTES * number)
                yield Extra(base + start, data[base + start : base + start + size], kind & 0xFFFFFF, number)
            return


def index_of_two(first_bytes: int, second_bytes: int, position: int) -> bytes:
    """The content, which starts at `position`, of a segment that lists two pictures, one after the other."""
    entries = struct.pack(">HHL4s", 0xB000, 7, 4, b"0100") + struct.pack(">HHLL", _MP_COUNT, 4, 1, 2)
    entries += struct.pack(">HHLL", _MP_ENTRIES, 7, 2 * _MP_ENTRY_BYTES, _MP_HEAD_BYTES - len(MPF))
    first = struct.pack(">LLLHH", 0x030000, first_bytes, 0, 0, 0)
    second = struct.pack(">LLLHH", 0, second_bytes, max(first_bytes - position - len(MPF), 0), 0, 0)
    return MPF + b"MM\0*" + struct.pack(">LH", 8, 3) + entries + bytes(4) + first + second
