"""PNG without the parts that are damaged and not needed for the picture.  Source: PNG (third edition), W3C 2025."""

import zlib
from collections.abc import Iterator
from io import BytesIO
from typing import IO

from srgan_cli.image.metadata.png import SIGNATURE, Chunk

_ANIMATION = (b"acTL", b"fcTL", b"fdAT")
_OF_PIXELS = (*_ANIMATION, b"tRNS")


_ANCILLARY = 0x20  # the bit in the first letter of the name of a chunk without which a picture can be decoded
_Chunk = tuple[bytes, bytes, bool]  # its name, all of its bytes, and whether it is ancillary and damaged


def repair(file: IO[bytes]) -> tuple[IO[bytes], list[str]]:
    """A PNG with its pixels alone, without a damaged animation, and a note on what was left out.

    A chunk is damaged if its checksum is wrong, an animation if its frames are not numbered in order.
    """
    file.seek(0)
    chunks = list(_chunks(file.read()))
    is_needed = {name: not name[0] & _ANCILLARY or name in _OF_PIXELS for name, *_ in chunks}
    kept = [(name, content) for name, content, is_damaged in chunks if is_needed[name] and not is_damaged]
    notes, damaged = list[str](), {name for name, _, is_damaged in chunks if is_damaged} - {*_ANIMATION}
    if not _is_animation_sound(kept):
        kept = [(name, content) for name, content in kept if name not in _ANIMATION]
        notes.append("its animation is damaged: only the default image is read")
    if damaged:
        notes.append(f"its damaged parts are dropped: {b', '.join(sorted(damaged)).decode('latin-1')}")
    return BytesIO(SIGNATURE + b"".join(content for _, content in kept)), notes


def _is_animation_sound(chunks: list[Chunk]) -> bool:
    """Whether the frames of an APNG are numbered in order, and declared before the pixels; true without frames."""
    names = [name for name, _ in chunks]
    numbers = [content[8:12] for name, content in chunks if name in _ANIMATION[1:]]
    late = b"acTL" in names and b"IDAT" in names and names.index(b"acTL") > names.index(b"IDAT")
    return not late and numbers == [number.to_bytes(4, "big") for number in range(len(numbers))]


def _chunks(data: bytes) -> Iterator[_Chunk]:
    start, name = len(SIGNATURE), b""
    while start + 12 <= len(data) and name != b"IEND":
        name = data[start + 4 : start + 8]
        end = start + 12 + int.from_bytes(data[start : start + 4], "big")
        crc = int.from_bytes(data[end - 4 : end], "big")
        is_damaged = zlib.crc32(data[start + 4 : end - 4]) != crc
        yield name, data[start:end], is_damaged and bool(name[0] & _ANCILLARY)
        start = end
