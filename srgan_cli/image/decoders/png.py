"""PNG without the parts that are damaged and not needed for the picture.  Source: PNG (third edition), W3C 2025."""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import IO

from srgan_cli.image.metadata.png import SIGNATURE

_ANIMATION = (b"acTL", b"fcTL", b"fdAT")
_OF_PIXELS = (*_ANIMATION, b"tRNS")


@dataclass(frozen=True)
class _Chunk:
    name: bytes
    content: bytes
    """All of its bytes."""
    is_intact: bool
    """Whether its checksum is right."""

    @property
    def is_ancillary(self) -> bool:
        """Whether the picture can be decoded without it."""
        return bool(self.name[0] & 0x20)


def repair(file: IO[bytes]) -> tuple[IO[bytes], list[str]]:
    """A PNG with its pixels alone, without a damaged animation, and a note on what was left out.

    A chunk is damaged if its checksum is wrong, an animation if its frames are not numbered in order.
    """
    file.seek(0)
    chunks = list(_chunks(file.read()))
    kept = [chunk for chunk in chunks if not chunk.is_ancillary or (chunk.is_intact and chunk.name in _OF_PIXELS)]
    damaged, notes = {chunk.name for chunk in chunks if chunk.is_ancillary and not chunk.is_intact}, list[str]()
    if not _is_animation_sound(kept):
        kept = [chunk for chunk in kept if chunk.name not in _ANIMATION]
        notes.append("its animation is damaged: only the default image is read")
    if names := damaged - {*_ANIMATION}:
        notes.append(f"its damaged parts are dropped: {b', '.join(sorted(names)).decode('latin-1')}")
    return BytesIO(SIGNATURE + b"".join(chunk.content for chunk in kept)), notes


def _is_animation_sound(chunks: list[_Chunk]) -> bool:
    """Whether the frames of an APNG are numbered in order, and declared before the pixels; true without frames."""
    names = [chunk.name for chunk in chunks]
    numbers = [chunk.content[8:12] for chunk in chunks if chunk.name in _ANIMATION[1:]]
    late = b"acTL" in names and b"IDAT" in names and names.index(b"acTL") > names.index(b"IDAT")
    return not late and numbers == [number.to_bytes(4, "big") for number in range(len(numbers))]


def _chunks(data: bytes) -> Iterator[_Chunk]:
    start, name = len(SIGNATURE), b""
    while start + 12 <= len(data) and name != b"IEND":
        name = data[start + 4 : start + 8]
        end = start + 12 + int.from_bytes(data[start : start + 4], "big")
        crc = int.from_bytes(data[end - 4 : end], "big")
        yield _Chunk(name, data[start:end], zlib.crc32(data[start + 4 : end - 4]) == crc)
        start = end
