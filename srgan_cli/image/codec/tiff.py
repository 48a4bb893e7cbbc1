"""TIFF as a chain of directories: reading the tags of its pages, and writing pages.  Source: TIFF 6.0, Adobe 1992."""

import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import replace
from io import SEEK_END, BytesIO
from math import prod
from pathlib import Path
from typing import IO, Any

import numpy as np
from PIL import ExifTags, TiffTags
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from srgan_cli.image.codec import vips
from srgan_cli.image.codec.raster import Raster, Rows, Values, pack_bits
from srgan_cli.image.geo import bands, microscopy, place
from srgan_cli.image.metadata import photoshop, xmp
from srgan_cli.image.metadata.exif import PARSE_ERRORS, as_exif_types, build_exif, parse_exif, resolution_of
from srgan_cli.image.metadata.reading import finish
from srgan_cli.image.metadata.record import Metadata

WIDTH, HEIGHT, BITS, PHOTOMETRIC, STRIPS, ORIENTATION = 256, 257, 258, 262, 273, 274
STRIP_BYTES, TILE_BYTES, _MASK = 279, 325, 4
PARTS = {STRIPS: STRIP_BYTES, 324: TILE_BYTES, 513: 514}  # offsets and sizes of strips, tiles and JPEGs
RESOLUTION = {282, 283, 296}
SUBFILE, SUBIFDS, _XMP, PROFILE = 254, 330, 700, 34675
_IPTC, _PHOTOSHOP, _PHOTOSHOP_LAYERS, _C2PA = 33723, 34377, 37724, 52545
_TRANSFER, _GREY_CURVE, _LERC = 301, 291, 50674
_PAGE_NUMBER, _OF_ONE_PAGE = 297, ((0, 0), (0, 1))  # page numbers that say nothing
_CALIBRATED = ("OME-XML", "ImageJ")
_UNCONVERTED = (0, 1, 2)  # photometric interpretations whose samples stay what they are: grey and RGB
# Tags that describe how values are stored, and tags that are wrong for another size.
_STORAGE_TAGS = {
    *range(254, 267), 273, 274, *range(277, 282), 284, *range(288, 293), _TRANSFER, 317, 320, *range(322, 326),
    *range(330, 333), *range(334, 337), 338, 339, 340, 341, 347, *range(512, 522), *range(529, 533), _XMP, PROFILE,
    _LERC, _IPTC, _PHOTOSHOP, _C2PA, _PHOTOSHOP_LAYERS, 32997, 32998, bands.NODATA, *place.TAGS, *RESOLUTION,
}  # fmt: skip
_MOST_STRIP_ROWS, _MOST_STRIP_BYTES = 128, 2**22  # the most rows and about the most bytes of a strip
MAX_CLASSIC_BYTES = 2**32 - 2**24
"""The most bytes of pixels in a TIFF that is not a BigTIFF; the rest is for directories."""
_LONG8, _IFD8 = 16, 18  # types of numbers of BigTIFF
_CLASSIC, _BIG = b"II*\0" + bytes(4), b"II+\0\x08\0\0\0" + bytes(8)  # heads, whose second half is the first link
_MOST_ENTRIES = 2**16


class Tags(ImageFileDirectory_v2):
    """The tags of a page, with the offsets of reduced copies in BigTIFF, which Pillow does not read."""

    _load_dispatch = ImageFileDirectory_v2._load_dispatch | {_IFD8: ImageFileDirectory_v2._load_dispatch[_LONG8]}
    unread: Sequence[int] = ()
    """The tags that Pillow leaves out, since they are damaged, empty or of an unknown type."""
    has_odd_types = False
    """Whether a tag is of a type that its kind of TIFF does not have, which libvips refuses."""

    end = 0
    """Where it ends, or the last of its values."""

    @property
    def formats(self) -> tuple[str, str, str]:
        """The struct formats of the number of entries, of an entry, and of an offset."""
        count, entry = ("Q", "HHQQ") if self._bigtiff else ("H", "HHLL")
        return self._endian + count, self._endian + entry, self._endian + entry[-1]

    def load(self, fp: IO[bytes]) -> None:
        """Read a directory that starts where the file stands."""
        start = fp.tell()
        super().load(fp)
        fp.seek(start)
        count, entry, offset = self.formats
        (entries,) = struct.unpack(count, fp.read(struct.calcsize(count)).ljust(struct.calcsize(count), b"\0"))
        data = fp.read(min(entries, _MOST_ENTRIES) * struct.calcsize(entry))
        found = list(struct.iter_unpack(entry, data[: len(data) - len(data) % struct.calcsize(entry)]))
        self.unread = [tag for tag, *_ in found if tag not in self]
        self.has_odd_types = any(not 0 < kind <= (_IFD8 if self._bigtiff else TiffTags.IFD) for _, kind, *_ in found)
        link = struct.calcsize(offset)
        units = {kind: unit for kind, (unit, _) in self._load_dispatch.items()}
        lengths = ((place, units.get(kind, 0) * number) for _, kind, number, place in found)
        self.end = max([fp.tell() + link, *(place + length for place, length in lengths if length > link)])


def pages(chain: Iterable[Tags]) -> tuple[list[tuple[int, Tags]], dict[int, int], list[str]]:
    """The directories of a chain with their numbers, the number of the mask of every page that has one, and notes.

    Reduced copies are left out.
    """
    found, masks, page = list(enumerate(chain)), dict[int, int](), 0
    kept = [(number, tags) for number, tags in found if not tags.get(SUBFILE, 0) & 5] or found[:1]
    copies = sum(tags.get(SUBFILE, 0) & 5 == 1 for _, tags in found) - (kept[0][1].get(SUBFILE, 0) & 5 == 1)
    copies += sum(len(np.atleast_1d(tags[SUBIFDS])) for _, tags in kept if SUBIFDS in tags)
    for number, tags in found:
        kind = tags.get(SUBFILE, 0) & 5
        if number and kind == _MASK:
            masks[page] = number
        elif not kind:
            page = number
    return kept, masks, [overviews_note(copies)] if copies else []


def overviews_note(count: int) -> str:
    """A note on so many reduced copies."""
    return f"its {count} reduced copies (overviews) are dropped"


def depth(tags: Tags) -> int:
    """Bits a channel."""
    return int(max(tags.get(BITS, (1,))))


def orientation(tags: Tags) -> int:
    """The EXIF orientation of a page, 1 to 8, from its tag or else from its XMP."""
    packet = xmp.as_utf8(bytes(tags.get(_XMP) or b""))
    stated = tags.get(ORIENTATION) or Metadata(xmp=packet).orientation
    return int(stated) if stated in range(1, 9) else 1


def size(tags: Tags) -> tuple[int, int]:
    """Height and width of a page, upright."""
    height, width = int(tags[HEIGHT]), int(tags[WIDTH])
    return (width, height) if orientation(tags) >= 5 else (height, width)


def read_metadata(file: IO[bytes], pages: Sequence[tuple[int, Tags]], index: int) -> tuple[Metadata, list[str]]:
    """The metadata of a page, and a note on everything that is dropped."""
    tags, software = pages[index][1], microscopy.software_of(pages[0][1].get(microscopy.DESCRIPTION))
    here, notes = _read_place(pages, index, software)
    curves = {_TRANSFER: "its transfer function is dropped", _GREY_CURVE: "its curve of grey is dropped"}
    notes += [note for tag, note in ({_C2PA: xmp.C2PA_NOTE} | curves).items() if tag in tags]
    notes += photoshop.layers_note(_as_bytes(tags, _PHOTOSHOP_LAYERS))
    own = _STORAGE_TAGS | ({microscopy.DESCRIPTION} if software else set())
    own |= {_PAGE_NUMBER} if tags.get(_PAGE_NUMBER) in _OF_ONE_PAGE else set()
    kept: dict[int, Any] = {tag: tags[tag] for tag in tags if tag not in own}
    unread = list(tags.unread)
    try:
        for tag in kept.keys() & {ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo}:
            kept[tag] = _read_subdirectory(file, tags, kept[tag], unread)
            unread += [] if kept[tag] else [tag]
        unfit = [tag for tag in kept if not _writable(tag, kept[tag])]
        kept = {tag: value for tag, value in kept.items() if tag not in unfit}
        for lost, reason in (
            (unread, "they are damaged, empty or of an unknown type"),
            (unfit, "EXIF cannot hold them"),
        ):
            notes += [f"its tags {' '.join(map(str, lost))} are dropped: {reason}"] if lost else []
        resolution = {} if software in _CALIBRATED else {tag: tags[tag] for tag in RESOLUTION if tag in tags}
        exif = build_exif(kept | resolution) if kept else None
        dpi, ratio = resolution_of(build_exif(resolution) if resolution else None)
    except PARSE_ERRORS:
        exif = dpi = ratio = None
        notes.append("its EXIF is damaged and dropped")
    resources = photoshop.from_profile(_as_bytes(tags, _PHOTOSHOP), iptc=_as_bytes(tags, _IPTC))
    packet = bytes(tags.get(_XMP, b"")) or None
    return finish(Metadata(exif, packet, dpi, here, pixel_ratio=ratio, photoshop=resources), notes)


def _as_bytes(tags: Tags, tag: int) -> bytes:
    """The bytes of a tag, which some programs store with the type of integers; empty without it."""
    return bytes(tags._tagdata.get(tag, b""))


def _read_place(pages: Sequence[tuple[int, Tags]], index: int, software: str) -> tuple[place.Place | None, list[str]]:
    tags, calibrated = pages[index][1], software in _CALIBRATED
    stored = int(tags[HEIGHT]), int(tags[WIDTH])
    here, notes = place.Place.from_tags(tags, *stored, orientation=orientation(tags), is_calibrated=calibrated)
    if not software:
        return here, notes
    here = here or place.Place(*size(tags))
    if index:
        return here, notes
    text = place.decode(tags[microscopy.DESCRIPTION])
    sizes = [size(page) for _, page in pages if {WIDTH, HEIGHT} <= set(page) and page.get(PHOTOMETRIC) in _UNCONVERTED]
    description, dropped = microscopy.clean(text, sizes, [number for number, _ in pages])
    return replace(here, description=description), notes + dropped


def write_pages(path: Path, pages: Sequence[tuple[Raster, dict[int, Any]]]) -> None:
    """Write a TIFF of these pages, each with further tags; a BigTIFF if they may not fit into a classic one."""
    size = sum(prod(raster.rows.shape) * raster.rows.dtype.itemsize for raster, _ in pages)
    head = _BIG if size > MAX_CLASSIC_BYTES else _CLASSIC
    link = len(head) // 2
    with path.open("wb+") as file:
        file.write(head)
        for raster, extra in pages:
            tags, masks = _write_strips(file, raster)
            link = _add_directory(file, link, tags | extra, head)
            if masks:
                link = _add_directory(file, link, _write_mask(file, masks, raster), head)


def _write_strips(file: IO[bytes], raster: Raster) -> tuple[dict[int, Any], list[bytes]]:
    """Append the strips of a page, which libvips encodes; returns their tags, and the strips of the page's mask."""
    rows, masks = raster.rows, list[bytes]()
    height, width, channels = rows.shape
    is_packed, has_mask = rows.dtype == np.float16 or raster.depth % 8 > 0, raster.bands.ends_with_mask

    def strips() -> Iterator[Values]:
        for strip in rows.split(_strip_rows(rows)):
            if has_mask:
                masks.append(zlib.compress(np.packbits(strip[..., -1] > 0, axis=1).tobytes()))
                strip = strip[..., :-1]
            yield pack_bits(strip, raster.depth) if is_packed else strip

    predictor = "none" if is_packed else "float" if rows.dtype.kind == "f" else "horizontal"
    tags, starts, sizes = dict[int, Any](), list[int](), list[int]()
    for encoded in vips.encode_strips(strips(), predictor=predictor):
        found = next(directories(BytesIO(encoded)))
        tags = tags or {tag: found[tag] for tag in found if tag not in RESOLUTION}
        starts.append(file.tell())
        sizes.append(found[STRIP_BYTES][0])
        file.write(encoded[found[STRIPS][0] :][: sizes[-1]])
    tags |= {HEIGHT: height, STRIPS: tuple(starts), STRIP_BYTES: tuple(sizes)}
    if is_packed:
        count = channels - has_mask
        tags |= {WIDTH: width, BITS: (raster.depth,) * count, bands.SAMPLES: count}
    return tags, masks


def _write_mask(file: IO[bytes], strips: list[bytes], raster: Raster) -> dict[int, Any]:
    """Append the strips of a mask, 1 bit where a pixel is valid; returns the tags of its page.  Source: GDAL RFC 15."""
    ends = np.cumsum([file.tell(), *map(len, strips)]).tolist()
    file.writelines(strips)
    height, width, _ = raster.rows.shape
    return {
        SUBFILE: _MASK, WIDTH: width, HEIGHT: height, BITS: 1, 259: 8, PHOTOMETRIC: _MASK, STRIPS: tuple(ends[:-1]),
        bands.SAMPLES: 1, 278: _strip_rows(raster.rows), STRIP_BYTES: tuple(map(len, strips)),
    }  # fmt: skip


def _strip_rows(rows: Rows) -> int:
    return max(1, min(_MOST_STRIP_ROWS, _MOST_STRIP_BYTES // (prod(rows.shape[1:]) * rows.dtype.itemsize)))


def _add_directory(file: IO[bytes], link: int, values: dict[int, Any], head: bytes) -> int:
    """Append a directory, store its offset at `link`, and return the offset of its own link."""
    tags = Tags(head)
    for tag, value in as_exif_types(values).items():
        if isinstance(value, str):
            tags.tagtype[tag], value = TiffTags.ASCII, value.encode()
        tags[tag] = value
    tags.tagtype[STRIPS] = tags.tagtype[STRIP_BYTES] = _LONG8 if head == _BIG else TiffTags.LONG
    if microscopy.BLOCK_SIZES in tags:
        tags.tagtype[microscopy.BLOCK_SIZES] = TiffTags.LONG
    offset = file.seek(0, SEEK_END) + file.tell() % 2
    file.write(bytes(offset - file.tell()) + _with_strips(tags, offset))
    file.seek(link)
    file.write(struct.pack(tags.formats[2], offset))
    file.seek(0, SEEK_END)
    count, entry, _ = map(struct.calcsize, tags.formats)
    return offset + count + entry * len(tags)


def _with_strips(tags: Tags, offset: int) -> bytes:
    """The bytes of a directory at this offset, with its offsets of strips; Pillow would write others."""
    directory, strips = bytearray(tags.tobytes(offset)), tags[STRIPS]
    count, entry, width = map(struct.calcsize, tags.formats)
    starts = range(count, len(directory), entry)
    field = next(start for start in starts if struct.unpack_from("<H", directory, start)[0] == STRIPS) + entry - width
    start = field if len(strips) == 1 else struct.unpack_from(tags.formats[2], directory, field)[0] - offset
    struct.pack_into(f"<{len(strips)}{tags.formats[2][1:]}", directory, start, *strips)
    return bytes(directory)


def tags_for(metadata: Metadata, icc_profile: bytes | None) -> dict[int, Any]:
    """The tags of a page for this metadata and profile."""
    here = metadata.place
    tags = _fit_exif(metadata.exif)[0] | dict(here.tags if here else {})
    if pair := metadata.pixel_ratio or metadata.dpi:
        tags |= {282: pair[0], 283: pair[1], 296: 1 if metadata.pixel_ratio else 2}
    own = {
        microscopy.DESCRIPTION: here and here.description,
        _PHOTOSHOP: metadata.photoshop,
        _IPTC: photoshop.find_iptc(metadata.photoshop or b""),
        _XMP: metadata.xmp,
        PROFILE: icc_profile,
    }
    return tags | {tag: value for tag, value in own.items() if value}


def has_unwritable_tags(exif: bytes | None, kept: Set[int] | None = None) -> bool:
    """Whether an EXIF block has tags that are lost in a TIFF, which keeps only tags of the set `kept`, if given."""
    tags, has_others = _fit_exif(exif)
    return has_others or bool(kept is not None and tags.keys() - kept)


def _fit_exif(exif: bytes | None) -> tuple[dict[int, Any], bool]:
    """The tags of an EXIF block that a TIFF stores, and whether it has others that are lost."""
    try:
        stored = {tag: value for tag, value in parse_exif(exif).items() if tag not in _STORAGE_TAGS}
    except PARSE_ERRORS:
        return {}, True
    kept = {tag: value for tag, value in stored.items() if _writable(tag, value)}
    return kept, len(kept) < len(stored)


def _writable(tag: int, value: Any) -> bool:
    try:
        alone = Tags(_CLASSIC)
        alone[tag] = value
        alone.tobytes()
    except PARSE_ERRORS:
        return False
    return True


def directories(file: IO[bytes]) -> Iterator[Tags]:
    """All directories of the chain, in its order."""
    file.seek(0)
    head = file.read(len(_BIG))
    offset, seen = _directory(head).next, set()
    while offset and offset not in seen:
        seen.add(offset)
        tags = _directory(head)
        file.seek(offset)
        tags.load(file)
        yield tags
        offset = tags.next


def _directory(head: bytes) -> Tags:
    """An empty directory of a file that starts with `head`; Pillow does not know BigTIFF of the other byte order."""
    is_big = b"+" in head[2:4]
    return Tags(b"II+\0" + head[4:], prefix=head[:2]) if is_big else Tags(head[: len(_CLASSIC)])


def _read_subdirectory(file: IO[bytes], tags: Tags, offset: int, unread: list[int]) -> dict[int, Any]:
    inner = load(file, tags, offset)
    unread += inner.unread
    found: dict[int, Any] = dict(inner)
    if ExifTags.IFD.Interop in found:
        found[ExifTags.IFD.Interop] = _read_subdirectory(file, tags, found[ExifTags.IFD.Interop], unread)
    return found


def load(file: IO[bytes], tags: Tags, offset: int) -> Tags:
    """The directory at an offset that another one states."""
    inner = _directory(tags._get_ifh())
    file.seek(offset)
    inner.load(file)
    return inner
