"""Reading: the pictures of a file as rasters, each decoded when it is requested."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from io import BytesIO
from math import prod
from pathlib import Path
from typing import IO, Protocol

from PIL import Image, UnidentifiedImageError

from srgan_cli.errors import PictureError
from srgan_cli.image.codec import headers, tiff, vips
from srgan_cli.image.codec.capabilities import JXL_SIGNATURES, register_plugin, require_plugin
from srgan_cli.image.codec.errors import TIFF_SIGNATURES, translate_errors
from srgan_cli.image.codec.limits import check_max_pixels
from srgan_cli.image.codec.pillow import (
    ORIENTED_BY_DECODER,
    Decoded,
    decode,
    exif_orientation,
    open_image,
    turn_upright,
)
from srgan_cli.image.codec.raster import Raster, Rows, Values, apply_exif_orientation
from srgan_cli.image.dicom.file import DicomReader, is_dicom
from srgan_cli.image.metadata.metadata import read_metadata
from srgan_cli.system.files import check_unchanged, file_stamp

_HEAD_BYTES = 64
_DECODE_BYTES_PER_PIXEL = 20
"""Memory of Pillow while it decodes: 3 (grey) to 18 (WebP) were measured, of which 1 to 4 stay."""
_ANIMATED = ("GIF", "PNG", "WEBP", "AVIF")
_PAGED = ("HEIF", "MPO")
_KEPT_TEXTS = ("xml:com.adobe.xmp", "raw profile type exif", "raw profile type xmp")
_IPTC = 0x0404
_MAX_BITS = 32
_SRGB_GAMMA = 1 / 2.2


class ImageReader(Protocol):
    """An open file of pictures."""

    format: str
    """Pillow's name of the format."""
    count: int
    """The number of pictures."""
    animated: bool
    """Whether they are the frames of an animation."""
    loop: int
    """How often the animation is played; 0 for endlessly."""
    redecodes: bool
    """Whether every pass through the rows of a picture decodes it again, so that not all pages stay in memory."""

    def size(self, index: int, /) -> tuple[int, int]:
        """Height and width of a picture, upright, from its header."""

    def is_streamed(self, index: int, /) -> bool:
        """Whether a picture is read in bands; otherwise it is decoded whole."""

    def decode_bytes(self, index: int, /) -> int:
        """The memory that decoding a picture takes, if it does not come in bands; else 0."""

    def read(self, index: int, /) -> Raster:
        """A picture, upright."""


@contextmanager
def open_reader(path: Path, *, max_pixels: int | None = None) -> Iterator[ImageReader]:
    """A reader for a file.

    Raises PictureError when the file is missing, not a picture, damaged, or needs a plugin that is not installed.
    Callers compare the size with `max_pixels` before they read; JPEG XL is decoded here, so it is checked here.
    """
    with translate_errors(path), path.open("rb") as file:
        stamp = file_stamp(path)
        head = file.read(_HEAD_BYTES)
        if is_dicom(path, file):
            require_plugin(path, "dicom")
            yield DicomReader(path)
            return
        if head.startswith(TIFF_SIGNATURES):
            yield TiffReader(path, file)
            return
        png = headers.read_png_header(file)
        if png is not None and png.is_plain:
            yield PngReader(path, png)
            return
        register_plugin(path, head)
        jxl = _read_jxl_header(path, max_pixels) if head.startswith(JXL_SIGNATURES) else None
        # A file object, not the path: Pillow maps some TIFFs into memory and returns wrong pixels for rotated ones.
        with open_image(file) as image:
            yield PillowReader(path, file, image, jxl)
        check_unchanged(path, stamp)


def _read_jxl_header(path: Path, max_pixels: int | None) -> headers.JxlHeader:
    header = headers.parse_jxl_header(path.read_bytes())
    check_max_pixels(path, header.height, header.width, max_pixels=max_pixels)
    return header


@contextmanager
def _reopen(path: Path, stamp: tuple[int, int, int]) -> Iterator[IO[bytes]]:
    """A file that was read before.  Raises PictureError when it has changed since then, or is damaged."""
    with translate_errors(path):
        check_unchanged(path, stamp)
        with path.open("rb") as file:
            yield file


class PngReader:
    """A still PNG of 8 or 16 bits without a palette, which libvips decodes in bands."""

    format = "PNG"
    count = 1
    animated = False
    loop = 0
    redecodes = True

    def __init__(self, path: Path, header: headers.PngHeader) -> None:
        self.path, self.header = path, header
        self.metadata_image = open_image(BytesIO(header.metadata_image), ("PNG",))
        self.metadata_image.load()

    def size(self, _: int) -> tuple[int, int]:
        """Height and width of the picture, upright."""
        height, width = self.header.height, self.header.width
        return (width, height) if exif_orientation(self.metadata_image) >= 5 else (height, width)

    def is_streamed(self, _: int) -> bool:
        """Always."""
        return True

    def decode_bytes(self, _: int) -> int:
        """The memory that libvips needs to put interlaced rows in order; else 0."""
        return self.header.decode_bytes

    def read(self, _: int) -> Raster:
        """The picture, upright."""
        image = self.metadata_image
        metadata, notes = read_metadata(image)
        rows, changes = vips.read(self.path, "PNG", orientation=exif_orientation(image))
        notes += [*_dropped_texts(image), *_dropped_gamma(image), *changes]
        return Raster(rows, image.info.get("icc_profile"), metadata.upright(), notes=tuple(notes))


class PillowReader:
    """Files that only Pillow and its plugins can read."""

    def __init__(self, path: Path, file: IO[bytes], image: Image.Image, jxl: headers.JxlHeader | None = None) -> None:
        self.path, self.image, self.stamp = path, image, file_stamp(path)
        self.format = image.format or ""
        self.has_default_image = bool(getattr(image, "default_image", False))
        several = self.format in _ANIMATED + _PAGED
        self.count = getattr(image, "n_frames", 1) - self.has_default_image if several else 1
        self.animated = self.format in _ANIMATED and self.count > 1
        self.redecodes = self.count > 1 and not self.animated
        self.loop = _loop_count(image)
        self.bits = jxl.bits if jxl else headers.bits_per_channel(image, file)
        self.drops_frames = bool(jxl and jxl.is_animated)
        if jxl:
            image.info["xmp"] = headers.read_boxes(path.read_bytes()).get(b"xml ")

    def size(self, index: int) -> tuple[int, int]:
        """Height and width of a picture, upright, from its header."""
        self.image.seek(index + self.has_default_image)
        width, height = self.image.size
        sideways = self.format not in ORIENTED_BY_DECODER and exif_orientation(self.image) >= 5
        return (width, height) if sideways else (height, width)

    def is_streamed(self, _: int) -> bool:
        """Never."""
        return False

    def decode_bytes(self, index: int) -> int:
        """The memory that decoding a picture takes."""
        return _DECODE_BYTES_PER_PIXEL * prod(self.size(index))

    def read(self, index: int) -> Raster:
        """A picture, upright."""
        self._load(index)
        image = self.image
        metadata, notes = read_metadata(image)
        notes += self._dropped_notes() if index == 0 else []
        values, profile, changes = self._values()
        duration = float(image.info.get("duration") or 0) if self.animated else 0
        rows = Rows.lazy(values, partial(self._redecode, index)) if self.redecodes else Rows.from_array(values)
        return Raster(rows, profile, metadata.upright(), duration, (*notes, *changes))

    def _load(self, index: int) -> None:
        if self.count > 1:
            self.image.seek(index + self.has_default_image)
        self.image.load()

    def _redecode(self, index: int) -> Values:
        with _reopen(self.path, self.stamp) as file, open_image(file) as image:
            reader = PillowReader(self.path, file, image)
            reader._load(index)
            return reader._values()[0]

    def _values(self) -> Decoded:
        deep = self._netpbm_values()
        if deep is not None:
            return apply_exif_orientation(deep, exif_orientation(self.image)), self.image.info.get("icc_profile"), []
        values, profile, changes = decode(turn_upright(self.image), self.path)
        reduced = self.bits > 8 and not _is_deep(self.image)
        return values, profile, [*([f"its {self.bits} bits a channel are reduced to 8"] if reduced else []), *changes]

    def _netpbm_values(self) -> Values | None:
        """The values of a PGM or PPM of 16 bits, which Pillow would reduce to 8; None for other files."""
        return headers.read_netpbm(self.path.read_bytes()) if self.format == "PPM" and self.bits > 8 else None

    def _dropped_notes(self) -> list[str]:
        notes = ["the default image of its animation is dropped"] if self.has_default_image else []
        if self.drops_frames:
            notes.append("its animation is reduced to the first frame")
        return [*notes, *_dropped_texts(self.image), *_dropped_gamma(self.image)]


class TiffReader:
    """TIFF, whose pages may differ in size, depth and metadata."""

    format = "TIFF"
    animated = False
    loop = 0

    def __init__(self, path: Path, file: IO[bytes]) -> None:
        self.path, self.file, self.stamp = path, file, file_stamp(path)
        self.pages, self.notes = tiff.pages(file)
        self.count = len(self.pages)
        self.redecodes = self.count > 1
        if not self.count or not {tiff.WIDTH, tiff.HEIGHT} <= set(self.pages[0][1]):
            raise UnidentifiedImageError("a TIFF without pages")

    def size(self, index: int) -> tuple[int, int]:
        """Height and width of a page, upright, from its header."""
        return tiff.size(self.pages[index][1])

    def is_streamed(self, index: int) -> bool:
        """Whether libvips reads a page in bands; otherwise Pillow decodes it whole."""
        return tiff.is_plain(self.pages[index][1])

    def decode_bytes(self, index: int) -> int:
        """The memory that decoding a page takes, if it does not come in bands; else 0."""
        return 0 if self.is_streamed(index) else _DECODE_BYTES_PER_PIXEL * prod(self.size(index))

    def read(self, index: int) -> Raster:
        """A page, upright."""
        number, tags = self.pages[index]
        metadata, notes = tiff.read_metadata(self.file, self.pages, index)
        notes += self.notes if index == 0 else []
        raster = self._read_with_vips(number, tags) if self.is_streamed(index) else self._read_with_pillow(number)
        return replace(raster, metadata=metadata.upright(), notes=(*notes, *raster.notes))

    def _read_with_vips(self, number: int, tags: tiff.Tags) -> Raster:
        if tiff.depth(tags) > _MAX_BITS:
            found = "{path} stores {bits} bits a channel, expected 8 or 16, or floats of at most 32"
            raise PictureError(found, "convert it first", path=self.path, bits=tiff.depth(tags))
        rows, notes = vips.read(self.path, "TIFF", page=number, orientation=tiff.orientation(tags))
        return Raster(rows, None if notes else tiff.profile(tags), notes=tuple(notes))

    def _read_with_pillow(self, number: int) -> Raster:
        values, profile, notes = self._values(self.file, number)
        rows = Rows.lazy(values, partial(self._redecode, number)) if self.redecodes else Rows.from_array(values)
        return Raster(rows, profile, notes=tuple(notes))

    def _values(self, file: IO[bytes], number: int) -> Decoded:
        with open_image(file, ("TIFF",)) as image:
            image.seek(number)
            image.load()
            return decode(turn_upright(image), self.path)

    def _redecode(self, number: int) -> Values:
        with _reopen(self.path, self.stamp) as file:
            return self._values(file, number)[0]


def _is_deep(image: Image.Image) -> bool:
    return image.mode == "F" or image.mode.startswith("I")


def _dropped_texts(image: Image.Image) -> list[str]:
    """Notes on texts other than EXIF and XMP."""
    texts = sorted(key for key in getattr(image, "text", {}) if key.lower() not in _KEPT_TEXTS)
    notes = [f"its texts are dropped: {', '.join(texts)}"] if texts else []
    if image.info.get("comment"):
        notes.append("its comment is dropped")
    if _IPTC in (image.info.get("photoshop") or {}):
        notes.append("its IPTC is dropped")
    return notes


def _dropped_gamma(image: Image.Image) -> list[str]:
    gamma, managed = image.info.get("gamma"), "icc_profile" in image.info or "srgb" in image.info
    unusual = gamma and not managed and abs(gamma - _SRGB_GAMMA) > 0.005
    return [f"its gamma of {gamma:g} is dropped"] if unusual else []


def _loop_count(image: Image.Image) -> int:
    """How often an animation is played.  A GIF stores the number of repetitions, and nothing to be played once."""
    loop = image.info.get("loop")
    if image.format == "GIF":
        return 1 if loop is None else loop + 1 if loop else 0
    return int(loop or 0)
