"""Reading: the pictures of a file as rasters, each decoded when it is requested."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image, UnidentifiedImageError
from PIL.ImageFile import ImageFile

from srgan_cli.errors import PictureError
from srgan_cli.image.codec import headers, pillow, remainder, vips
from srgan_cli.image.codec.capabilities import JXL_SIGNATURES, extra_for, require_plugin
from srgan_cli.image.codec.errors import TIFF_SIGNATURES, translate_errors
from srgan_cli.image.codec.headers import JxlHeader
from srgan_cli.image.codec.limits import check_max_pixels
from srgan_cli.image.codec.raster import (
    BandLayout,
    Raster,
    Rows,
    Values,
    apply_exif_orientation,
    divide_by_alpha,
    opaque,
)
from srgan_cli.image.decoders import gif, jp2, netpbm, psd
from srgan_cli.image.decoders import png as png_repair
from srgan_cli.image.decoders.base import DAMAGED_HINT, DECODE_BYTES_PER_PIXEL, ImageReader, reopen
from srgan_cli.image.decoders.fallback import open_fallback
from srgan_cli.image.decoders.gdal import open_raster
from srgan_cli.image.decoders.tiff_page import find_mask
from srgan_cli.image.decoders.tiff_reader import TiffReader
from srgan_cli.image.dicom.file import DicomReader, is_dicom
from srgan_cli.image.geo.place import add_sidecars
from srgan_cli.image.metadata import isobmff, jpeg, png
from srgan_cli.image.metadata.reading import finish, read_metadata
from srgan_cli.image.metadata.record import Metadata
from srgan_cli.system.files import check_unchanged, file_stamp

_HEAD_BYTES = 64
_ICONS, _PCX = (b"\0\0\1\0", b"\0\0\2\0"), b"\n\5"
_BITS: dict[str, Callable[[Image.Image, bytes], int]] = {
    "HEIF": lambda image, _: int(image.info.get("bit_depth", 8)),
    "AVIF": lambda _, data: isobmff.av1_bits(data),
    "JPEG2000": lambda _, data: jp2.bits(data),
    "PNG": lambda _, data: data[24],
    "PSD": lambda _, data: psd.bits(data),
    "SGI": lambda _, data: 8 * data[3],
    **dict.fromkeys(("BMP", "DIB"), lambda *_: 8),  # where BGR;16 are 16 bits a pixel
}
"""Bits a channel, by the format of an image and its file."""
_ANIMATED = ("PNG", "WEBP", "AVIF")
_DEEP = ("HEIF", "AVIF", "JPEG2000", "PSD", *(("JXL",) if find_spec("imagecodecs") else ()))
"""Formats of which other decoders read more than the 8 bits of Pillow."""


@contextmanager
def open_reader(path: Path, *, max_pixels: int | None = None) -> Iterator[ImageReader]:
    """A reader for a file.

    Raises PictureError when the file is missing, not a picture, damaged, or needs a plugin that is not installed.
    Callers compare the size with `max_pixels` before they read; JPEG XL is decoded here, so it is checked here.
    """
    with translate_errors(path), path.open("rb") as file:
        stamp = file_stamp(path)
        head = file.read(_HEAD_BYTES)
        chunks = png.read_chunks(file)
        if reader := _open_without_pillow(path, file, head, chunks):
            yield reader
            return
        require_plugin(path, extra_for(head))
        jxl = _read_jxl_header(path, max_pixels) if head.startswith(JXL_SIGNATURES) else JxlHeader()
        # A file object, not the path: Pillow maps some TIFFs into memory and returns wrong pixels for rotated ones.
        source, notes = png_repair.repair(file) if chunks else (file, list[str]())
        source = _adapt(file, head) or source
        try:
            image, data = pillow.open_image(source), path.read_bytes()
            if image.format == "AVIF" and isobmff.is_turned_early(data):
                raise ValueError  # libvips reads it
        except (UnidentifiedImageError, OSError, ValueError, RuntimeError):
            with ExitStack() as stack:
                if (other := open_fallback(path) or open_raster(path, stack)) is None:
                    raise
                yield other
            return
        with image:
            yield _PillowReader(path, image, data, jxl, notes)
        check_unchanged(path, stamp)


def _adapt(file: IO[bytes], head: bytes) -> IO[bytes] | None:
    """A file of which Pillow otherwise misses something: the depth of a PSD, masks of cursors, the palette of a PCX."""
    if psd.is_deep(head):
        return psd.as_eight_bits(file)
    if head.startswith(_ICONS) and head[4]:
        return pillow.as_icon(file)
    if head.startswith(_PCX):
        file.seek(0)
        data = file.read()
        return BytesIO(data[: len(data) - len(remainder.trailing("PCX", data))])
    return None


def _open_without_pillow(path: Path, file: IO[bytes], head: bytes, chunks: list[png.Chunk]) -> ImageReader | None:
    if is_dicom(path, file):
        require_plugin(path, "dicom")
        return DicomReader(path)
    if head.startswith(TIFF_SIGNATURES):
        return TiffReader(path, file)
    if head.startswith(netpbm.SIGNATURE):
        return open_fallback(path)
    if head.startswith(gif.SIGNATURES):
        return gif.GifReader(path)
    if head.startswith(jp2.SIGNATURES) and (measurement := jp2.open_measurement(path)):
        return measurement
    return _PngReader(path, chunks) if png.is_plain(chunks) else None


def _read_jxl_header(path: Path, max_pixels: int | None) -> JxlHeader:
    header = headers.parse_jxl_header(path.read_bytes())
    check_max_pixels(path, header.height, header.width, max_pixels=max_pixels)
    if header.has_black:
        raise PictureError("JPEG XL in CMYK is not supported", "convert it to TIFF first")
    return header


class _PngReader(ImageReader):
    """A still PNG of 8 or 16 bits without a palette, which libvips decodes in bands."""

    format = "PNG"
    redecodes = True

    def __init__(self, path: Path, chunks: list[png.Chunk]) -> None:
        self.path, self.chunks = path, chunks
        self.metadata, self.notes = finish(*png.read_metadata(chunks))
        width, height, *_ = png.HEADER.unpack(chunks[0][1])
        self.shape = (width, height) if self.metadata.orientation >= 5 else (height, width)

    def is_streamed(self, _: int) -> bool:
        return True

    def decode_bytes(self, _: int) -> int:
        """The memory that libvips needs to put interlaced rows in order; else 0."""
        width, height, bits, kind, _, _, interlaced = png.HEADER.unpack(self.chunks[0][1])
        return height * width * png.CHANNELS[kind] * max(bits, 8) // 8 if interlaced else 0

    def read(self, _: int) -> Raster:
        turn, stored = self.metadata.orientation, self.shape
        rows, changes = vips.read(self.path, "PNG", orientation=turn)
        has_alpha = rows.shape[2] in (2, 4)
        mask = None if has_alpha else find_mask(self.path, stored[::-1] if turn >= 5 else stored, turn)
        profile, notes = png.read_profile(self.chunks), (*self.notes, *changes)
        return Raster(rows, profile, self.metadata.upright(), notes=notes).with_sidecars(self.path, turn, mask)


class _PillowReader(ImageReader):
    """Files that only Pillow and its plugins can read."""

    bytes_per_pixel = DECODE_BYTES_PER_PIXEL

    def __init__(self, path: Path, image: ImageFile, data: bytes, jxl: JxlHeader, notes: Sequence[str]) -> None:
        """`data` is the file as it is stored, `notes` are about it as a whole."""
        self.path, self.image, self.data, self.stamp = path, image, data, file_stamp(path)
        self.format = image.format or ""
        pillow.correct_layout(image)
        self.has_default_image = bool(getattr(image, "default_image", False))
        self.pages = self._page_numbers()
        self.count = len(self.pages)
        if self.count > len(self.data):
            message = "{path} states {count} pictures, more than it has bytes"
            raise PictureError(message, DAMAGED_HINT, path=path, count=self.count)
        self.crop = isobmff.clean_aperture(self.data, *image.size) if self.format == "AVIF" else None
        """What is shown of an AVIF, which Pillow does not crop."""
        self.found: dict[int, tuple[Metadata, list[str]]] = {}
        self.animated = self.format in _ANIMATED and self.count > 1
        self.redecodes = self.count > 1 and not self.animated
        self.loop = int(image.info.get("loop") or 0)
        self.jxl, self.bits = jxl, jxl.bits if self.format == "JXL" else _stored_bits(image, data)
        read_by_pillow = self.animated or (self.format in ("JPEG2000", "JXL") and _is_deep(image))
        has_first = jxl.is_animated and self.format in _DEEP  # Pillow's plugin decodes the last one
        dropped = {
            f"further channels are dropped: {jxl.further}": jxl.further > 0,
            "the default image of its animation is dropped": self.has_default_image,
            f"its animation is reduced to the {'first' if has_first else 'last'} frame": jxl.is_animated,
        }
        lacks = psd.notes(image, self.data) if self.format == "PSD" else []
        self.notes = [*notes, *lacks, *(note for note, applies in dropped.items() if applies)]
        is_own = has_first or (self.format == "PSD" and psd.is_read_here(image, self.data))
        self.is_deep = is_own or (self.bits > 8 and self.format in _DEEP and not read_by_pillow)
        if self.format == "JXL":
            pillow.without_assumed_profile(image)

    def _page_numbers(self) -> Sequence[int]:
        """The numbers that Pillow gives to the pictures; the primary one of HEIF, which is shown, comes first."""
        if self.format == "MPO":
            return [0, *jpeg.pages(self.data)]
        first = self.image.tell()
        if self.format not in (*_ANIMATED, "HEIF"):
            return [first]
        numbers = range(self.has_default_image, getattr(self.image, "n_frames", 1))
        return numbers if self.format in _ANIMATED else sorted(numbers, key=lambda number: (number != first, number))

    def _metadata(self, index: int) -> tuple[Metadata, list[str]]:
        index = 0 if self.animated else index
        if index not in self.found:
            self.image.seek(self.pages[index])
            page, stem = self.pages[index], self.path.stem
            is_jp2, read = self.format == "JPEG2000", (self.image, self.data)
            self.found[index] = jp2.read_metadata(*read) if is_jp2 else read_metadata(*read, page, stem)
        return self.found[index]

    def _orientation(self, index: int) -> int:
        return 1 if self.format in pillow.ORIENTED_BY_DECODER else self._metadata(index)[0].orientation

    def size(self, index: int) -> tuple[int, int]:
        """Height and width of a picture, upright, from its header."""
        self.image.seek(self.pages[index])
        left, top, right, bottom = self.crop or (0, 0, *self.image.size)
        height, width = bottom - top, right - left
        return (width, height) if self._orientation(index) >= 5 else (height, width)

    def read(self, index: int) -> Raster:
        stated, turn = self.size(index), self._orientation(index)
        has_own = self.count > 1 or self.image.has_transparency_data
        mask = None if has_own else find_mask(self.path, stated[::-1] if turn >= 5 else stated, turn)
        self._load(index)
        metadata, notes = self._metadata(index)
        if index == 0:
            place, lost = jp2.read_place(self.data, *stated) if self.format == "JPEG2000" else (None, [])
            turned, has_mask = metadata.orientation, mask is not None
            place, dropped = add_sidecars(place, self.path, self.size(0), turned, has_mask=has_mask)
            further = remainder.notes(self.image, self.data)
            metadata, notes = replace(metadata, place=place), [*self.notes, *further, *notes, *lost, *dropped]
        values, profile, changes = self._values(index)
        is_placed = metadata.place is not None and metadata.place.is_known
        layout = self._classes() if is_placed and self.count == 1 else None
        values = np.asarray(self.image)[..., None] if layout else values
        if self.format == "HEIF" and values.shape[:2] != stated:
            raise PictureError("{path} holds a picture of another size than it states", DAMAGED_HINT, path=self.path)
        duration = float(self.image.info.get("duration") or 0) if self.animated else 0
        rows = Rows.lazy(values, partial(self._redecode, index)) if self.redecodes else Rows.from_array(values)
        metadata = replace(metadata.upright(), coded_bits=self.bits if self.is_deep and 8 < self.bits < 16 else None)
        lines = tuple(dict.fromkeys((*notes, *changes)))
        return Raster(rows, profile, metadata, duration, lines, layout).with_place().with_mask(mask)

    def _classes(self) -> BandLayout | None:
        """The layout of a picture with an opaque palette that is a map of classes; None for other pictures."""
        if not (palette := self.image.getpalette()) or self._orientation(0) > 1 or self.image.has_transparency_data:
            return None
        table = np.reshape(palette, (-1, 3)).T
        return BandLayout(palette=tuple(np.pad(table * 257, ((0, 0), (0, 256 - table.shape[1]))).ravel().tolist()))

    def _load(self, index: int) -> None:
        if self.count > 1:
            self.image.seek(self.pages[index])
        if not self.is_deep:
            self.image.load()

    def _redecode(self, index: int) -> Values:
        with reopen(self.path, self.stamp) as file, pillow.open_image(file) as image:
            reader = _PillowReader(self.path, image, self.data, JxlHeader(), ())
            reader._load(index)
            return reader._values(index)[0]

    def _values(self, index: int) -> pillow.Decoded:
        if self.is_deep:
            values, profile, changes = self._deep_values(index), self.image.info.get("icc_profile"), list[str]()
        else:
            image = self.image.crop(self.crop) if self.crop else self.image
            values, profile, changes = pillow.decode(image, self.path, orientation=self._orientation(index))
            values = pillow.without_unused_alpha(values, self.format, self.data)
            if self.format == "JPEG2000" and self.image.mode != "CMYK":
                values = jp2.arrange(values, self.data)
            if self.bits > 8 and not _is_deep(self.image):
                changes = [f"its {self.bits} bits a channel are reduced to 8", *changes]
        if values.shape[2] in (2, 4) and self._is_premultiplied():
            values = divide_by_alpha(values, -1, opaque(values.dtype))
        return values, profile, changes

    def _is_premultiplied(self) -> bool:
        """Whether the colours that the decoder gives are multiplied by alpha."""
        if self.format in ("HEIF", "AVIF"):
            return self.is_deep and isobmff.is_premultiplied(self.data)
        is_jp2 = self.format == "JPEG2000" and jp2.is_premultiplied(self.data)
        return is_jp2 or self.jxl.is_premultiplied

    def _deep_values(self, index: int) -> Values:
        """The values of formats whose 16 bits Pillow would reduce to 8."""
        if self.format == "HEIF":
            return pillow.read_deep_heif(self.data, self.pages[index], self.bits)
        if self.format == "AVIF":
            values = vips.read_deep_avif(self.data, self.bits)
            return values[..., ::3] if self.image.mode in ("L", "LA") else values
        if self.format == "JXL":
            return pillow.read_deep_jxl(self.data, self.bits)
        is_psd = self.format == "PSD"
        values = psd.read(self.image, self.data) if is_psd else jp2.read_deep(self.path, self.data, self.bits)
        return apply_exif_orientation(values, self._orientation(index))


def _stored_bits(image: ImageFile, data: bytes) -> int:
    """Bits a channel according to the header of the file."""
    if known := _BITS.get(image.format or ""):
        return known(image, data)
    return 16 if ";16" in " ".join(str(tile[3]) for tile in image.tile) else 8


def _is_deep(image: Image.Image) -> bool:
    return image.mode == "F" or image.mode.startswith("I")
