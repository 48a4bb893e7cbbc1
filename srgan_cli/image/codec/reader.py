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
from srgan_cli.image.codec.capabilities import plug_in
from srgan_cli.image.codec.colour import FOREIGN, in_srgb
from srgan_cli.image.codec.errors import TIFF_STARTS, explained
from srgan_cli.image.codec.headers import jxl_head
from srgan_cli.image.codec.raster import Raster, Rows, Values, turned
from srgan_cli.image.metadata import metadata
from srgan_cli.system.files import check_unchanged, state

_HEAD = 64
_DECODED = 20
"""Bytes a pixel while Pillow decodes: measured 3 (grey) to 18 (WebP), of which 1 to 4 stay."""
_ANIMATED = ("GIF", "PNG", "WEBP", "AVIF")
_PAGED = ("HEIF", "MPO")
# Their decoders set the picture upright, whatever EXIF goes on saying.
_TURNED_BY_DECODER = ("JXL", "HEIF")
_HEARD = ("xml:com.adobe.xmp", "raw profile type exif", "raw profile type xmp")
_IPTC = 0x0404
_DEEPEST = 32
_SRGB_GAMMA = 1 / 2.2


class Source(Protocol):
    """An opened file.

    form: Pillow's name of its format.  count: its pictures.  animated: they follow in time.  loop: times to play, 0 for
    ever.  late: what is decoded whole is so whenever its rows are gone through; of pages, lest all lie in memory.
    """

    form: str
    count: int
    animated: bool
    loop: int
    late: bool

    def size(self, index: int, /) -> tuple[int, int]:
        """Height and width of one picture, upright, from its header alone."""

    def held(self, index: int, /) -> int:
        """Bytes that it takes to decode one picture which is not read in bands; else 0."""

    def raster(self, index: int, /) -> Raster:
        """One picture, upright."""


@contextmanager
def opened(path: Path) -> Iterator[Source]:
    """A file to read from.  Raises PictureError when it is missing, no picture, damaged, or lacks its plugin."""
    with explained(path), path.open("rb") as file:
        before = state(path)
        head = file.read(_HEAD)
        file.seek(0)
        if head.startswith(TIFF_STARTS):
            yield TiffSource(path, file)
            return
        png = headers.png_head(file)
        if png is not None and png.plain:
            yield PngSource(path, png)
            return
        file.seek(0)
        plug_in(path, head)
        # Not Image.open(path): what Pillow maps into memory it scrambles when a TIFF lies on its side.
        with Image.open(file) as image:
            yield PillowSource(path, file, image)
        check_unchanged(path, before)


@contextmanager
def _reopened(path: Path, before: tuple[int, int, int]) -> Iterator[IO[bytes]]:
    """A file that was opened already.  Raises PictureError when it has changed since, or is damaged."""
    with explained(path):
        check_unchanged(path, before)
        with path.open("rb") as file:
            yield file


class PngSource:
    """A still PNG of 8 or 16 bits without a palette, which libvips decodes band by band."""

    form = "PNG"
    count = 1
    animated = False
    loop = 0
    late = True

    def __init__(self, path: Path, head: headers.PngHead) -> None:
        self.path, self.head = path, head
        self.words = Image.open(BytesIO(head.words))
        self.words.load()

    def size(self, _: int) -> tuple[int, int]:
        """Height and width of the picture, upright, from its header alone."""
        height, width = self.head.height, self.head.width
        return (width, height) if _orientation(self.words) >= 5 else (height, width)

    def held(self, _: int) -> int:
        """What libvips takes for rows that are stored in another order; else 0."""
        return self.head.held

    def raster(self, _: int) -> Raster:
        """The picture, upright."""
        told, notes = metadata.of_image(self.words)
        rows, changes = vips.read(self.path, "PNG", orientation=_orientation(self.words))
        notes += [*_unheard_texts(self.words), *_foreign_gamma(self.words), *changes]
        return Raster(rows, self.words.info.get("icc_profile"), told.upright(), notes=tuple(notes))


class PillowSource:
    """Whatever Pillow and its plugins open, and no other source does."""

    def __init__(self, path: Path, file: IO[bytes], image: Image.Image) -> None:
        self.path, self.file, self.image, self.before = path, file, image, state(path)
        self.form = image.format or ""
        several = image.format in _ANIMATED + _PAGED
        self.poster = bool(getattr(image, "default_image", False))
        self.count = getattr(image, "n_frames", 1) - self.poster if several else 1
        self.animated = image.format in _ANIMATED and self.count > 1
        self.late = self.count > 1 and not self.animated
        self.loop = _times_played(image)
        self.bits, self.moves = headers.bits(image, file), self.animated
        if image.format == "JXL":
            self._look_into_jxl(path.read_bytes())

    def size(self, index: int) -> tuple[int, int]:
        """Height and width of one picture, upright, from its header alone."""
        self.image.seek(index + self.poster)
        width, height = self.image.size
        sideways = self.image.format not in _TURNED_BY_DECODER and _orientation(self.image) >= 5
        return (width, height) if sideways else (height, width)

    def held(self, index: int) -> int:
        """Bytes that it takes to decode one picture."""
        return _DECODED * prod(self.size(index))

    def raster(self, index: int) -> Raster:
        """One picture, upright."""
        self._show(index)
        image = self.image
        told, notes = metadata.of_image(image)
        notes += self._left_behind() if index == 0 else []
        values, profile, changes = self._values()
        duration = float(image.info.get("duration") or 0) if self.animated else 0
        rows = Rows.anew(values, partial(self._again, index)) if self.late else Rows.of(values)
        return Raster(rows, profile, told.upright(), duration, (*notes, *changes))

    def _show(self, index: int) -> None:
        if self.count > 1:
            self.image.seek(index + self.poster)
        self.image.load()

    def _again(self, index: int) -> Values:
        with _reopened(self.path, self.before) as file, Image.open(file) as image:
            source = PillowSource(self.path, file, image)
            source._show(index)
            return source._values()[0]

    def _look_into_jxl(self, data: bytes) -> None:
        """What its plugin passes over."""
        head = jxl_head(data)
        self.bits, self.moves = head.bits, head.moves
        self.image.info["xmp"] = headers.boxes(data).get(b"xml ")

    def _values(self) -> tuple[Values, bytes | None, list[str]]:
        image, profile = self.image, self.image.info.get("icc_profile")
        bits = self.bits
        upright = image.format in _TURNED_BY_DECODER
        deep = self._deep_values() if bits > 8 and not self.animated else None
        if deep is not None:
            return turned(deep, 1 if upright else _orientation(image)), profile, []
        notes = [f"its {bits} bits a channel are read as 8"] if bits > 8 and not _is_deep(image) else []
        image = image if upright else _upright(image)
        if image.mode in FOREIGN:
            image, note = in_srgb(image)
            notes, profile = [*notes, note], None
        return plain_values(image, self.path), profile, notes

    def _deep_values(self) -> Values | None:
        """What Pillow would cut to 8 bits, or None where nothing else can read it."""
        if self.image.format == "PPM":
            return headers.netpbm(self.path.read_bytes())
        return None

    def _left_behind(self) -> list[str]:
        notes = ["the still picture that stands in for its animation is dropped"] if self.poster else []
        if self.moves and not self.animated:
            notes.append("all but the first picture of its animation is dropped")
        return [*notes, *_unheard_texts(self.image), *_foreign_gamma(self.image)]


class TiffSource:
    """TIFF, whose pages may differ in everything."""

    form = "TIFF"
    animated = False
    loop = 0

    def __init__(self, path: Path, file: IO[bytes]) -> None:
        self.path, self.file, self.before = path, file, state(path)
        self.pages = tiff.pages(file)
        self.count = len(self.pages)
        self.late = self.count > 1
        if not self.count or not {tiff.WIDTH, tiff.HEIGHT} <= set(self.pages[0][1]):
            raise UnidentifiedImageError("a TIFF without pages")

    def size(self, index: int) -> tuple[int, int]:
        """Height and width of one picture, upright, from its header alone."""
        _, tags = self.pages[index]
        height, width = int(tags[tiff.HEIGHT]), int(tags[tiff.WIDTH])
        return (width, height) if tiff.orientation(tags) >= 5 else (height, width)

    def held(self, index: int) -> int:
        """Bytes that it takes to decode one picture which is not read in bands; else 0."""
        return 0 if tiff.is_plain(self.pages[index][1]) else _DECODED * prod(self.size(index))

    def raster(self, index: int) -> Raster:
        """One picture, upright."""
        number, tags = self.pages[index]
        told, notes = tiff.metadata(self.file, tags)
        raster = self._by_vips(number, tags) if tiff.is_plain(tags) else self._by_pillow(number)
        return replace(raster, metadata=told.upright(), notes=(*notes, *raster.notes))

    def _by_vips(self, number: int, tags: tiff.Tags) -> Raster:
        if tiff.depth(tags) > _DEEPEST:
            found = f"{self.path} holds {tiff.depth(tags)} bits a channel, expected 8 or 16, or floats of at most 32"
            raise PictureError(found, "convert it first")
        rows, notes = vips.read(self.path, "TIFF", number, tiff.orientation(tags))
        return Raster(rows, None if notes else tiff.profile(tags), notes=tuple(notes))

    def _by_pillow(self, number: int) -> Raster:
        values, profile, notes = self._values(self.file, number)
        rows = Rows.anew(values, partial(self._again, number)) if self.late else Rows.of(values)
        return Raster(rows, profile, notes=tuple(notes))

    def _values(self, file: IO[bytes], number: int) -> tuple[Values, bytes | None, list[str]]:
        file.seek(0)
        with Image.open(file) as image:
            image.seek(number)
            image.load()
            upright, notes, profile = _upright(image), [], image.info.get("icc_profile")
            if upright.mode in FOREIGN:
                upright, note = in_srgb(upright)
                notes, profile = [note], None
            return plain_values(upright, self.path), profile, notes

    def _again(self, number: int) -> Values:
        with _reopened(self.path, self.before) as file:
            return self._values(file, number)[0]


def plain_values(image: Image.Image, path: Path) -> Values:
    """The values of an upright image in one of Pillow's own modes, as (H, W, C).  Raises PictureError for mode I."""
    if image.mode == "I":
        raise PictureError(f"{path} holds 32-bit whole numbers, expected 8 or 16 bits or floats", "convert it first")
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


def _unheard_texts(image: Image.Image) -> list[str]:
    """What is said in words beside EXIF and XMP."""
    texts = sorted(key for key in getattr(image, "text", {}) if key.lower() not in _HEARD)
    notes = [f"its texts are dropped: {', '.join(texts)}"] if texts else []
    if image.info.get("comment"):
        notes.append("its comment is dropped")
    if _IPTC in (image.info.get("photoshop") or {}):
        notes.append("its IPTC is dropped")
    return notes


def _foreign_gamma(image: Image.Image) -> list[str]:
    gamma, managed = image.info.get("gamma"), "icc_profile" in image.info or "srgb" in image.info
    foreign = gamma and not managed and abs(gamma - _SRGB_GAMMA) > 0.005
    return [f"its gamma of {gamma:g} is dropped"] if foreign else []


def _upright(image: Image.Image) -> Image.Image:
    """The image itself where it is upright: a copy would take as much memory again."""
    return ImageOps.exif_transpose(image) if _orientation(image) > 1 else image


def _orientation(image: Image.Image) -> int:
    found = image.getexif().get(ExifTags.Base.Orientation, 1)
    return found if isinstance(found, int) else 1


def _times_played(image: Image.Image) -> int:
    """GIF counts the repetitions after the first time and means one time by saying nothing."""
    told = image.info.get("loop")
    if image.format == "GIF":
        return 1 if told is None else told + 1 if told else 0
    return int(told or 0)
