"""Reading: a file as a row of rasters, decoded one by one."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from io import BytesIO
from math import prod
from pathlib import Path
from typing import IO, Protocol

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from srgan_cli.errors import PictureError
from srgan_cli.image.codec import headers, tiff, vips
from srgan_cli.image.codec.capabilities import load_plugin
from srgan_cli.image.codec.colour import NON_RGB_MODES, convert_to_srgb
from srgan_cli.image.codec.errors import TIFF_STARTS, translate_errors
from srgan_cli.image.codec.headers import parse_jxl_header
from srgan_cli.image.codec.pillow import open_image
from srgan_cli.image.codec.raster import Raster, Rows, Values, apply_exif_orientation
from srgan_cli.image.metadata import metadata
from srgan_cli.system.files import check_unchanged, file_stamp

_HEAD = 64
_DECODE_BYTES_PER_PIXEL = 20
"""Bytes a pixel while Pillow decodes: measured 3 (grey) to 18 (WebP), of which 1 to 4 stay."""
_ANIMATED = ("GIF", "PNG", "WEBP", "AVIF")
_PAGED = ("HEIF", "MPO")
# Their decoders set the picture upright, whatever EXIF goes on saying.
_ORIENTED_BY_DECODER = ("JXL", "HEIF")
_KEPT_TEXTS = ("xml:com.adobe.xmp", "raw profile type exif", "raw profile type xmp")
_IPTC = 0x0404
_MAX_BITS = 32
_SRGB_GAMMA = 1 / 2.2


class ImageReader(Protocol):
    """An opened file.

    format: Pillow's name of its format.  count: its pictures.  animated: they follow in time.  loop: times to
    play, 0 for
    ever.  redecodes: what is decoded whole is so whenever its rows are gone through; of pages, lest all lie in memory.
    """

    format: str
    count: int
    animated: bool
    loop: int
    redecodes: bool

    def size(self, index: int, /) -> tuple[int, int]:
        """Height and width of one picture, upright, from its header alone."""

    def is_streamed(self, index: int, /) -> bool:
        """Whether one picture is read in bands, instead of being decoded whole."""

    def decode_bytes(self, index: int, /) -> int:
        """Bytes that it takes to decode one picture which is not read in bands; else 0."""

    def read(self, index: int, /) -> Raster:
        """One picture, upright."""


@contextmanager
def open_reader(path: Path) -> Iterator[ImageReader]:
    """A file to read from.  Raises PictureError when it is missing, no picture, damaged, or lacks its plugin."""
    with translate_errors(path), path.open("rb") as file:
        stamp = file_stamp(path)
        head = file.read(_HEAD)
        file.seek(0)
        if head.startswith(TIFF_STARTS):
            yield TiffReader(path, file)
            return
        png = headers.read_png_header(file)
        if png is not None and png.is_plain:
            yield PngReader(path, png)
            return
        file.seek(0)
        load_plugin(path, head)
        # Not Image.open(path): what Pillow maps into memory it scrambles when a TIFF lies on its side.
        with open_image(file) as image:
            yield PillowReader(path, file, image)
        check_unchanged(path, stamp)


@contextmanager
def _reopen(path: Path, stamp: tuple[int, int, int]) -> Iterator[IO[bytes]]:
    """A file that was opened already.  Raises PictureError when it has changed since, or is damaged."""
    with translate_errors(path):
        check_unchanged(path, stamp)
        with path.open("rb") as file:
            yield file


class PngReader:
    """A still PNG of 8 or 16 bits without a palette, which libvips decodes band by band."""

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
        """Height and width of the picture, upright, from its header alone."""
        height, width = self.header.height, self.header.width
        return (width, height) if _orientation(self.metadata_image) >= 5 else (height, width)

    def is_streamed(self, _: int) -> bool:
        """Always."""
        return True

    def decode_bytes(self, _: int) -> int:
        """What libvips takes for rows that are stored in another order; else 0."""
        return self.header.decode_bytes

    def read(self, _: int) -> Raster:
        """The picture, upright."""
        info, notes = metadata.of_image(self.metadata_image)
        rows, changes = vips.read(self.path, "PNG", orientation=_orientation(self.metadata_image))
        notes += [*_dropped_texts(self.metadata_image), *_dropped_gamma(self.metadata_image), *changes]
        return Raster(rows, self.metadata_image.info.get("icc_profile"), info.upright(), notes=tuple(notes))


class PillowReader:
    """Whatever Pillow and its plugins open, and no other source does."""

    def __init__(self, path: Path, file: IO[bytes], image: Image.Image) -> None:
        self.path, self.file, self.image, self.stamp = path, file, image, file_stamp(path)
        self.format = image.format or ""
        several = image.format in _ANIMATED + _PAGED
        self.has_poster = bool(getattr(image, "default_image", False))
        self.count = getattr(image, "n_frames", 1) - self.has_poster if several else 1
        self.animated = image.format in _ANIMATED and self.count > 1
        self.redecodes = self.count > 1 and not self.animated
        self.loop = _loop_count(image)
        self.bits, self.is_animated = headers.bits_per_channel(image, file), self.animated
        if image.format == "JXL":
            self._read_jxl_header(path.read_bytes())

    def size(self, index: int) -> tuple[int, int]:
        """Height and width of one picture, upright, from its header alone."""
        self.image.seek(index + self.has_poster)
        width, height = self.image.size
        sideways = self.image.format not in _ORIENTED_BY_DECODER and _orientation(self.image) >= 5
        return (width, height) if sideways else (height, width)

    def is_streamed(self, _: int) -> bool:
        """Never."""
        return False

    def decode_bytes(self, index: int) -> int:
        """Bytes that it takes to decode one picture."""
        return _DECODE_BYTES_PER_PIXEL * prod(self.size(index))

    def read(self, index: int) -> Raster:
        """One picture, upright."""
        self._seek(index)
        image = self.image
        info, notes = metadata.of_image(image)
        notes += self._dropped_notes() if index == 0 else []
        values, profile, changes = self._read_values()
        duration = float(image.info.get("duration") or 0) if self.animated else 0
        rows = Rows.lazy(values, partial(self._redecode, index)) if self.redecodes else Rows.from_array(values)
        return Raster(rows, profile, info.upright(), duration, (*notes, *changes))

    def _seek(self, index: int) -> None:
        if self.count > 1:
            self.image.seek(index + self.has_poster)
        self.image.load()

    def _redecode(self, index: int) -> Values:
        with _reopen(self.path, self.stamp) as file, open_image(file) as image:
            source = PillowReader(self.path, file, image)
            source._seek(index)
            return source._read_values()[0]

    def _read_jxl_header(self, data: bytes) -> None:
        """What its plugin passes over."""
        head = parse_jxl_header(data)
        self.bits, self.is_animated = head.bits, head.is_animated
        self.image.info["xmp"] = headers.read_boxes(data).get(b"xml ")

    def _read_values(self) -> tuple[Values, bytes | None, list[str]]:
        image, profile = self.image, self.image.info.get("icc_profile")
        bits = self.bits
        upright = image.format in _ORIENTED_BY_DECODER
        deep = self._read_deep_values() if bits > 8 and not self.animated else None
        if deep is not None:
            return apply_exif_orientation(deep, 1 if upright else _orientation(image)), profile, []
        notes = [f"its {bits} bits a channel are read as 8"] if bits > 8 and not _is_deep(image) else []
        image = image if upright else _upright(image)
        if image.mode in NON_RGB_MODES:
            image, note = convert_to_srgb(image)
            notes, profile = [*notes, note], None
        return plain_values(image, self.path), profile, notes

    def _read_deep_values(self) -> Values | None:
        """What Pillow would cut to 8 bits, or None where nothing else can read it."""
        if self.image.format == "PPM":
            return headers.read_netpbm(self.path.read_bytes())
        return None

    def _dropped_notes(self) -> list[str]:
        notes = ["the still picture that stands in for its animation is dropped"] if self.has_poster else []
        if self.is_animated and not self.animated:
            notes.append("all but the first picture of its animation is dropped")
        return [*notes, *_dropped_texts(self.image), *_dropped_gamma(self.image)]


class TiffReader:
    """TIFF, whose pages may differ in everything."""

    format = "TIFF"
    animated = False
    loop = 0

    def __init__(self, path: Path, file: IO[bytes]) -> None:
        self.path, self.file, self.stamp = path, file, file_stamp(path)
        self.pages = tiff.pages(file)
        self.count = len(self.pages)
        self.redecodes = self.count > 1
        if not self.count or not {tiff.WIDTH, tiff.HEIGHT} <= set(self.pages[0][1]):
            raise UnidentifiedImageError("a TIFF without pages")

    def size(self, index: int) -> tuple[int, int]:
        """Height and width of one picture, upright, from its header alone."""
        _, tags = self.pages[index]
        height, width = int(tags[tiff.HEIGHT]), int(tags[tiff.WIDTH])
        return (width, height) if tiff.orientation(tags) >= 5 else (height, width)

    def is_streamed(self, index: int) -> bool:
        """Whether one picture is read in bands, instead of being decoded whole."""
        return tiff.is_plain(self.pages[index][1])

    def decode_bytes(self, index: int) -> int:
        """Bytes that it takes to decode one picture which is not read in bands; else 0."""
        return 0 if self.is_streamed(index) else _DECODE_BYTES_PER_PIXEL * prod(self.size(index))

    def read(self, index: int) -> Raster:
        """One picture, upright."""
        number, tags = self.pages[index]
        info, notes = tiff.metadata(self.file, tags)
        raster = self._by_vips(number, tags) if self.is_streamed(index) else self._by_pillow(number)
        return replace(raster, metadata=info.upright(), notes=(*notes, *raster.notes))

    def _by_vips(self, number: int, tags: tiff.Tags) -> Raster:
        if tiff.depth(tags) > _MAX_BITS:
            found = f"{self.path} holds {tiff.depth(tags)} bits a channel, expected 8 or 16, or floats of at most 32"
            raise PictureError(found, "convert it first")
        rows, notes = vips.read(self.path, "TIFF", number, tiff.orientation(tags))
        return Raster(rows, None if notes else tiff.profile(tags), notes=tuple(notes))

    def _by_pillow(self, number: int) -> Raster:
        values, profile, notes = self._read_values(self.file, number)
        rows = Rows.lazy(values, partial(self._redecode, number)) if self.redecodes else Rows.from_array(values)
        return Raster(rows, profile, notes=tuple(notes))

    def _read_values(self, file: IO[bytes], number: int) -> tuple[Values, bytes | None, list[str]]:
        with open_image(file, ("TIFF",)) as image:
            image.seek(number)
            image.load()
            upright, notes, profile = _upright(image), [], image.info.get("icc_profile")
            if upright.mode in NON_RGB_MODES:
                upright, note = convert_to_srgb(upright)
                notes, profile = [note], None
            return plain_values(upright, self.path), profile, notes

    def _redecode(self, number: int) -> Values:
        with _reopen(self.path, self.stamp) as file:
            return self._read_values(file, number)[0]


def plain_values(image: Image.Image, path: Path) -> Values:
    """The values of an upright image in one of Pillow's own modes, as (H, W, C).  Raises PictureError for mode I."""
    if image.mode == "I":
        raise PictureError(
            "{path} holds 32-bit whole numbers, expected 8 or 16 bits or floats", "convert it first", path=path
        )
    if image.mode == "F":
        return np.array(image)[..., None]
    if image.mode.startswith("I;16"):
        return _sixteen_bits(image)
    mode = _plain_mode(image)
    values = np.array(image if image.mode == mode else image.convert(mode))
    return values[..., None] if values.ndim == 2 else values


def _sixteen_bits(image: Image.Image) -> Values:
    values = np.asarray(image).astype(np.uint16)
    hidden = image.info.get("transparency")
    if hidden is None:
        return values[..., None]
    return np.stack([values, np.where(values == hidden, 0, 65_535).astype(np.uint16)], axis=-1)


def _plain_mode(image: Image.Image) -> str:
    """Of L, LA, RGB and RGBA the one that holds this image."""
    transparent = image.has_transparency_data
    if image.mode in ("1", "L", "LA", "La") or _grey_palette(image):
        return "LA" if transparent else "L"
    return "RGBA" if transparent else "RGB"


def _grey_palette(image: Image.Image) -> bool:
    table = image.getpalette() if image.mode == "P" else None
    return table is not None and table[0::3] == table[1::3] == table[2::3]


def _is_deep(image: Image.Image) -> bool:
    return image.mode == "F" or image.mode.startswith("I")


def _dropped_texts(image: Image.Image) -> list[str]:
    """What is said in words beside EXIF and XMP."""
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


def _upright(image: Image.Image) -> Image.Image:
    """The image itself where it is upright: a copy would take as much memory again."""
    return ImageOps.exif_transpose(image) if _orientation(image) > 1 else image


def _orientation(image: Image.Image) -> int:
    found = image.getexif().get(ExifTags.Base.Orientation, 1)
    return found if isinstance(found, int) else 1


def _loop_count(image: Image.Image) -> int:
    """GIF counts the repetitions after the first time and means one time by saying nothing."""
    loop = image.info.get("loop")
    if image.format == "GIF":
        return 1 if loop is None else loop + 1 if loop else 0
    return int(loop or 0)
