"""What FFmpeg's muxers leave out of the headers of finished files, and damage that its demuxers pass over.

Sources: the AVI RIFF File Reference of Microsoft (AVISTREAMHEADER), and RFC 8794 and RFC 9559 (EBML and Matroska).
"""

import struct
from collections.abc import Iterator, Sequence
from fractions import Fraction
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import IO
from zlib import crc32

RESERVED = "\N{NO-BREAK SPACE}" * 3
"""The end of the title of a video in Matroska, whose bytes are given to its display width."""
_HEAD_BYTES = 2**22
_UNIT, _START, _SAMPLE_BYTES = 28, 36, 52
"""Where a stream header of AVI has its unit of time, its start before its number of units, and the bytes of a unit."""
_SEGMENT, _TRACKS, _ENTRY, _NAME, _VIDEO = b"\x18\x53\x80\x67", b"\x16\x54\xae\x6b", b"\xae", b"\x53\x6e", b"\xe0"
_DISPLAY_UNIT, _DISPLAY_WIDTH, _VOID, _CRC = b"\x54\xb2", b"\x54\xb0", b"\xec\x81\0", b"\xbf"
_CLUSTER = b"\x1f\x43\xb6\x75"
_MASTERS = {
    *map(bytes.fromhex, ("1a45dfa3", "114d9b74", "1549a966", "1654ae6b", "1f43b675", "1c53bb6b", "1941a469")),
    *map(bytes.fromhex, ("1043a770", "1254c367", "a0")),
}
"""The names of elements that hold others, without that of segments."""
_ELEMENTS = {*_MASTERS, _SEGMENT, *map(bytes.fromhex, ("bf", "ec", "e7", "5854", "a7", "ab", "a3", "af"))}
"""The names of elements of a Matroska file, its segments and its clusters."""


def set_avi_starts(file: IO[bytes], starts: Sequence[Fraction], packets: Sequence[int]) -> None:
    """Write when each stream of an AVI file begins, in seconds, and of how many packets; 0 for those of other units."""
    file.seek(0)
    head = file.read(_HEAD_BYTES)
    at = 0
    for start, count in zip(starts, packets, strict=True):
        at = head.index(b"strh", at + 1)
        scale, rate = struct.unpack_from("<II", head, at + _UNIT)
        file.seek(at + _START)
        file.write(struct.pack("<I", max(0, round(start * rate / scale))))
        if count and struct.unpack_from("<I", head, at + _SAMPLE_BYTES)[0]:  # which FFmpeg copies with the stream
            file.write(struct.pack("<I", count))
            file.seek(at + _SAMPLE_BYTES)
            file.write(bytes(4))


def set_display_width(file: IO[bytes], width: int) -> None:
    """Write the display width of the first track of a Matroska file, whose title ends with RESERVED."""
    file.seek(0)
    head = bytearray(file.read(_HEAD_BYTES))
    tracks = _child(head, _child(head, (0, len(head)), _SEGMENT), _TRACKS)
    entry = _child(head, tracks, _ENTRY)
    name, video = _child(head, entry, _NAME), _child(head, entry, _VIDEO)
    element = _DISPLAY_WIDTH + b"\x83" + width.to_bytes(3, "big")
    for unit in (span for found, span in _children(head, video) if found == _DISPLAY_UNIT):
        head[slice(*unit)] = bytes(unit[1] - unit[0])  # pixels
    head[video[1] : video[1]] = element
    _resize(head, video, len(element))
    del head[name[1] - len(element) : name[1]]
    _resize(head, name, -len(element))
    if name[1] - name[0] == len(element):
        head[name[0] - 3 : name[0]] = _VOID  # in place of an empty title
    for found, (start, stop) in _children(head, tracks):
        if found == _CRC:
            head[start:stop] = struct.pack("<I", crc32(head[stop : tracks[1]]))
    file.seek(0)
    file.write(head)


def find_matroska_damage(path: Path) -> str:
    """The first damage of a Matroska file that its elements or checksums show; "" for none."""
    with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as data:
        return next(_damage(data), "")


def _damage(data: mmap) -> Iterator[str]:
    at, end = 0, len(data)
    while at < end:
        start = at + 9 - data[at].bit_length()
        if (name := data[at:start]) not in _ELEMENTS:
            yield f"no element begins at byte {at}"
        size, width = _number(data, start) if start < len(data) else (0, 1)
        content, is_unknown = start + width, size == (1 << 7 * width) - 1
        stop = content if is_unknown else content + size
        if stop > len(data):
            yield f"the last {stop - len(data)} bytes are missing"
        is_sealed = name in _MASTERS and stop >= content + 6 and data[content : content + 2] == _CRC + b"\x84"
        if is_sealed and crc32(data[content + 6 : stop]) != int.from_bytes(data[content + 2 : content + 6], "little"):
            yield f"the checksum at byte {content} does not fit"
        at = content if name in (_SEGMENT, _CLUSTER) else stop
        end = stop if name == _SEGMENT and not is_unknown else end  # what follows it, such as padding, is not read


def _resize(data: bytearray, span: tuple[int, int], change: int) -> None:
    """Change the size that stands before the content `span` of an element."""
    size = span[1] - span[0]
    width = next(width for width in range(1, 9) if _number(data, span[0] - width) == (size, width))
    if size + change >= (1 << 7 * width) - 1:
        raise ValueError(f"a size of {size + change} bytes does not fit into {width} bytes")
    data[span[0] - width : span[0]] = (size + change | 1 << 7 * width).to_bytes(width, "big")


def _child(data: bytearray, span: tuple[int, int], name: bytes) -> tuple[int, int]:
    return next(content for found, content in _children(data, span) if found == name)


def _children(data: bytearray, span: tuple[int, int]) -> Iterator[tuple[bytes, tuple[int, int]]]:
    """The name of each element in a part of a file, and where its content lies."""
    at, stop = span
    while at < stop:
        start = at + 9 - data[at].bit_length()
        size, width = _number(data, start)
        yield bytes(data[at:start]), (start + width, min(start + width + size, stop))
        at = start + width + size


def _number(data: bytearray | mmap, at: int) -> tuple[int, int]:
    """A number of variable length, and its length."""
    width = 9 - data[at].bit_length()
    return int.from_bytes(data[at : at + width], "big") ^ 1 << 7 * width, width
