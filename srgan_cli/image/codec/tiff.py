"""TIFF as a chain of directories: its pages, what each says, and putting pages together.

Source: TIFF revision 6.0, Adobe 1992.
"""

import shutil
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import IO, Any

from PIL import ExifTags
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from srgan_cli.image.codec import vips
from srgan_cli.image.codec.raster import Rows
from srgan_cli.image.metadata.metadata import DAMAGED, Metadata, dpi_of, exif_of, exif_tags, typed

Tags = ImageFileDirectory_v2
WIDTH, HEIGHT, BITS, PHOTOMETRIC, STRIPS, ORIENTATION = 256, 257, 258, 262, 273, 274
RESOLUTION = {282, 283, 296}
_SUBFILE, _XMP, _PROFILE, _EXTRA_SAMPLES, _SAMPLE_FORMAT = 254, 700, 34675, 338, 339
_APART = 2
_GEOGRAPHY = {33550, 33922, 34264, 34735}
_FOLDERS = (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo, ExifTags.IFD.Interop)
# Tags that say how the values are stored, or that no longer hold when the picture is enlarged.
_STORAGE_TAGS = {
    *range(254, 267), 273, 274, *range(277, 282), 284, *range(288, 293), 297, 301, 317, *range(320, 326),
    *range(330, 333), *range(334, 339), 339, 340, 341, 347, *range(512, 522), *range(529, 533), _XMP, _PROFILE,
    37724, *_GEOGRAPHY, *RESOLUTION,
}  # fmt: skip
_CLASSIC_BYTES = 2**32 - 2**24  # with room for directories


@dataclass(frozen=True)
class _Form:
    """How a TIFF counts: its head, the format of its links, the sizes of a directory's count and of its entries."""

    head: bytes
    link: str
    before_entries: int
    entry: int
    offset_type: int


_CLASSIC = _Form(b"II*\x00" + bytes(4), "<L", 2, 12, 4)
_BIG = _Form(b"II+\x00\x08\x00\x00\x00" + bytes(8), "<Q", 8, 20, 16)


def pages(file: IO[bytes]) -> list[tuple[int, Tags]]:
    """The directories of a TIFF with their numbers, without those of reduced copies."""
    found = list(enumerate(_chain(file)))
    return [(number, tags) for number, tags in found if number == 0 or not tags.get(_SUBFILE, 0) & 1]


def depth(tags: Tags) -> int:
    """Bits a channel."""
    return int(max(tags.get(BITS, (1,))))


def orientation(tags: Tags) -> int:
    """How the stored page lies, 1…8; where no tag says so, as its XMP says."""
    xmp = tags.get(_XMP)
    return int(tags.get(ORIENTATION) or Metadata(xmp=bytes(xmp) if xmp else None).orientation)


def profile(tags: Tags) -> bytes | None:
    """The colour profile, or None."""
    found: bytes | None = tags.get(_PROFILE)
    return found


def is_plain(tags: Tags) -> bool:
    """Whether libvips reads it as Pillow does: grey or RGB of 8 bits, alpha apart from the colour; or deeper."""
    bits, extra = tags.get(BITS, (1,)), tags.get(_EXTRA_SAMPLES, ())
    channels = {0: 1, 1: 1, 2: 3}.get(tags.get(PHOTOMETRIC, -1), -1)
    shallow = set(bits) == {8} and set(tags.get(_SAMPLE_FORMAT, (1,))) == {1}
    return depth(tags) > 8 or (shallow and len(bits) == channels + len(extra) and extra in ((), (_APART,)))


def metadata(file: IO[bytes], tags: Tags) -> tuple[Metadata, list[str]]:
    """What a page says about its picture, and a sentence for what of it cannot be kept."""
    notes = ["its place on the map is dropped: it does not fit another size"] if _GEOGRAPHY & set(tags) else []
    xmp = tags.get(_XMP)
    kept: dict[int, Any] = {tag: value for tag, value in tags.items() if tag not in _STORAGE_TAGS}
    exif = None
    try:
        for folder in _FOLDERS[:2]:
            if folder in kept:
                kept[folder] = _folder(file, tags, kept[folder])
        resolution = {tag: tags[tag] for tag in RESOLUTION if tag in tags}
        exif = exif_of(kept | resolution) if kept else None
        dpi = dpi_of(exif_of(resolution)) if resolution else None
    except DAMAGED:
        return Metadata(), [*notes, "its EXIF is damaged and dropped"]
    if resolution.get(296) == 1:
        dpi = None
    return Metadata(exif, bytes(xmp) if xmp else None, dpi), notes


def write_pages(path: Path, pages: Sequence[tuple[Rows, dict[int, Any]]]) -> None:
    """Write a TIFF of these values, with further tags for each page; a BigTIFF where a classic one might not hold them.

    Each page is encoded by libvips and followed by a directory of our own, which has all its tags.
    """
    size = sum(prod(rows.shape) * rows.dtype.itemsize for rows, _ in pages)
    form = _BIG if size > _CLASSIC_BYTES else _CLASSIC
    link = len(form.head) - struct.calcsize(form.link)
    for number, (rows, extra) in enumerate(pages):
        part = path.with_suffix(".page") if number else path
        try:
            vips.write_tiff(rows, part, form is _BIG)
            tags = _only_page(part)
            start = _append(part, path) if number else 0
        finally:
            if number:
                part.unlink(missing_ok=True)
        link = _add_directory(path, link, _directory(tags, extra, form), start, form)


def _only_page(part: Path) -> Tags:
    with part.open("rb") as file:
        return next(_chain(file))


def _append(part: Path, path: Path) -> int:
    """Put a file behind another; where it begins there comes back."""
    with path.open("ab") as file, part.open("rb") as page:
        start = file.tell()
        shutil.copyfileobj(page, file)
    return start


def _directory(source: Tags, extra: dict[int, Any], form: _Form) -> Tags:
    tags = Tags(form.head)
    for tag in source:
        if tag not in RESOLUTION:
            tags.tagtype[tag] = source.tagtype[tag]
            tags[tag] = source[tag]
    for tag, value in typed(extra).items():
        tags[tag] = value
    tags.tagtype[STRIPS] = form.offset_type
    return tags


def _add_directory(path: Path, link: int, tags: Tags, start: int, form: _Form) -> int:
    """Write it at the end, for strips that begin at `start`, and enter it at `link`; where its own link stands."""
    strips = [start + place for place in tags[STRIPS]]
    with path.open("rb+") as file:
        place = file.seek(0, 2) + file.tell() % 2
        file.write(bytes(place - file.tell()))
        file.write(_with_strips(tags.tobytes(place), place, strips, form))
        file.seek(link)
        file.write(struct.pack(form.link, place))
    return place + form.before_entries + form.entry * len(tags)


def _with_strips(directory: bytes, place: int, strips: list[int], form: _Form) -> bytes:
    """The bytes of a directory with the places of its strips as they are; Pillow counts them from its end."""
    changed, width = bytearray(directory), struct.calcsize(form.link)
    entries = range(form.before_entries, len(directory), form.entry)
    entry = next(at for at in entries if struct.unpack_from("<H", changed, at)[0] == STRIPS)
    field = entry + form.entry - width
    where = field if len(strips) == 1 else struct.unpack_from(form.link, changed, field)[0] - place
    struct.pack_into(f"<{len(strips)}{form.link[1:]}", changed, where, *strips)
    return bytes(changed)


def tags_for(metadata: Metadata, icc_profile: bytes | None) -> dict[int, Any]:
    """The tags of a page that carry these."""
    tags = _writable_tags(metadata.exif)
    if metadata.dpi:
        tags |= {282: metadata.dpi[0], 283: metadata.dpi[1], 296: 2}
    if metadata.xmp:
        tags[_XMP] = metadata.xmp
    if icc_profile:
        tags[_PROFILE] = icc_profile
    return tags


def unwritable(exif: bytes | None) -> bool:
    """Whether a block of EXIF has tags that a TIFF of ours cannot hold."""
    try:
        return bool(exif) and len(_writable_tags(exif)) < len(exif_tags(exif or b"").keys() - _STORAGE_TAGS)
    except DAMAGED:
        return True


def _writable_tags(exif: bytes | None) -> dict[int, Any]:
    try:
        tags = exif_tags(exif) if exif else {}
    except DAMAGED:
        return {}
    return {tag: value for tag, value in tags.items() if tag not in _STORAGE_TAGS and _writable(tag, value)}


def _writable(tag: int, value: Any) -> bool:
    try:
        alone = Tags(_CLASSIC.head)
        alone[tag] = value
        alone.tobytes()
    except DAMAGED:
        return False
    return True


def _chain(file: IO[bytes]) -> Iterator[Tags]:
    file.seek(0)
    head = _head(file.read(len(_BIG.head)))
    place, seen = Tags(head).next, set()
    while place and place not in seen:
        seen.add(place)
        tags = Tags(head)
        file.seek(place)
        tags.load(file)
        yield tags
        place = tags.next


def _head(start: bytes) -> bytes:
    return start if b"+" in start[2:4] else start[: len(_CLASSIC.head)]


def _folder(file: IO[bytes], tags: Tags, place: int) -> dict[int, Any]:
    inner = Tags(tags._get_ifh())
    file.seek(place)
    inner.load(file)
    found: dict[int, Any] = dict(inner)
    if ExifTags.IFD.Interop in found:
        found[ExifTags.IFD.Interop] = _folder(file, tags, found[ExifTags.IFD.Interop])
    return found
