"""Picture: what is read from a file and written to one.  Pixel formats are converted here and nowhere else."""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from srgan_cli.errors import PictureError, UsageError
from srgan_cli.files import atomic_write
from srgan_cli.pixels import levels

FORMATS = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".webp": "WEBP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".bmp": "BMP",
}
_OPTIONS: dict[str, dict[str, object]] = {
    "PNG": {"compress_level": 4},
    "JPEG": {"quality": 95, "subsampling": 0},
    "WEBP": {"quality": 95, "method": 4},
    "TIFF": {"compression": "tiff_deflate"},
    "BMP": {},
}
_WITHOUT_ALPHA = ("JPEG", "BMP")
_WITHOUT_GREY = ("WEBP",)
_WITHOUT_PROFILE = ("BMP",)
_WITH_DEPTH_16 = ("PNG", "TIFF")
# What Pillow's readers raise on damaged files.
_DAMAGE = (OSError, SyntaxError, ValueError, EOFError, RuntimeError, IndexError, struct.error)
_TRUSTED_ALPHA = 1 / 8
_TINY = torch.finfo(torch.float32).tiny
_LARGEST_SIDE = {"JPEG": 65_535, "WEBP": 16_383}


@dataclass(frozen=True)
class Picture:
    """A picture in memory.

    pixels: float32 (1, H, W) grey or (3, H, W) RGB, values 0…1, colour not multiplied by alpha.
    alpha: float32 (1, H, W), 1 is opaque, or None for a picture without transparency.
    depth: bits a channel in its file, 8 or 16.
    icc_profile: the colour profile as it stands in the file, or None.
    """

    pixels: Tensor
    alpha: Tensor | None = None
    depth: int = 8
    icc_profile: bytes | None = None

    @property
    def height(self) -> int:
        """Rows."""
        return self.pixels.shape[-2]

    @property
    def width(self) -> int:
        """Columns."""
        return self.pixels.shape[-1]

    @property
    def rgb(self) -> Tensor:
        """The colour as (3, H, W); grey is repeated."""
        return self.pixels.expand(3, -1, -1)

    @property
    def on_white(self) -> "Picture":
        """The picture as it looks on white paper, without alpha."""
        if self.alpha is None:
            return self
        return replace(self, pixels=self.pixels * self.alpha + (1 - self.alpha), alpha=None)


def read_picture(path: Path) -> Picture:
    """The first picture of a file, upright as its EXIF orientation says.

    Grey stays grey, palettes become colours, transparency becomes alpha, CMYK becomes RGB.  Raises PictureError
    when the file is missing, is not a picture, is cut short, or holds 32-bit pixels.
    """
    with _opened(path) as image:
        image.load()
        return _from_pillow(ImageOps.exif_transpose(image), path)


def picture_size(path: Path) -> tuple[int, int]:
    """Height and width of an upright picture, from the header alone.  Raises PictureError as read_picture does."""
    with _opened(path) as image:
        width, height = image.size
        turned = image.format == "TIFF"  # Pillow gives the upright size of a TIFF, and of no other format
        sideways = not turned and image.getexif().get(ExifTags.Base.Orientation, 1) in (5, 6, 7, 8)
        return (width, height) if sideways else (height, width)


def write_picture(picture: Picture, path: Path) -> None:
    """Write a picture in the format of the file's suffix; the file appears whole or not at all.

    What the format cannot hold is dropped; `dropped_by` says it beforehand.  Raises UsageError for a suffix that is
    not in FORMATS, PictureError for a picture too large for its format, and SrganError as atomic_write does.
    """
    form = output_format(path)
    limit = _LARGEST_SIDE.get(form)
    if limit and max(picture.height, picture.width) > limit:
        raise PictureError(
            f"{form} holds at most {limit} pixels a side, the picture is {picture.width} x {picture.height}",
            "write a .png or .tif",
        )
    fitting = _fit(picture, form)
    image = _to_pillow(fitting)
    profile = {"icc_profile": fitting.icc_profile} if fitting.icc_profile else {}
    encoded = BytesIO()
    image.save(encoded, format=form, **_OPTIONS[form], **profile)
    with atomic_write(path) as temporary:
        temporary.write_bytes(encoded.getbuffer())


def output_format(path: Path) -> str:
    """Pillow's name of the format that this file's suffix asks for.  Raises UsageError for an unknown suffix."""
    form = FORMATS.get(path.suffix.lower())
    if form is None:
        found = f"the suffix {path.suffix!r}" if path.suffix else "no suffix"
        raise UsageError(f"cannot tell the format of {path}: it has {found}", f"use one of: {' '.join(FORMATS)}")
    return form


def dropped_by(path: Path, picture: Picture) -> list[str]:
    """What of this picture the format of `path` drops, a sentence each."""
    form = output_format(path)
    found = []
    if picture.alpha is not None and form in _WITHOUT_ALPHA:
        found.append(f"{form} has no transparency: the picture is laid on white")
    if picture.depth > 8 and not _holds_depth(picture, form):
        found.append(f"{form} holds 8 bits of this picture's {picture.depth}")
    if picture.icc_profile and not _holds_profile(picture, form):
        found.append(f"{form} cannot hold this picture's colour profile")
    return found


def bleed(picture: Picture) -> Tensor:
    """The picture's colour, with that of transparent and nearly transparent pixels taken from what lies near.

    What a file stores under full transparency is arbitrary, and under nearly full transparency coarsely rounded;
    without this it would leak into the edges as a dark or coloured fringe when the picture is enlarged.  Shape as
    `picture.pixels`.
    """
    if picture.alpha is None:
        return picture.pixels
    return _spread(picture.pixels * picture.alpha, picture.alpha)


def _spread(weighted: Tensor, weight: Tensor) -> Tensor:
    """Each pixel's own colour as far as its weight is to be trusted, else that of ever larger squares around it."""
    height, width = weight.shape[-2:]
    own = weighted / weight.clamp_min(_TINY)
    if height == 1 and width == 1:
        return own
    coarse = _spread(*(F.avg_pool2d(x[None], 2, ceil_mode=True)[0] for x in (weighted, weight)))
    enlarged = coarse.repeat_interleave(2, -2).repeat_interleave(2, -1)[..., :height, :width]
    return torch.lerp(enlarged, own, (weight / _TRUSTED_ALPHA).clamp(max=1))


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    # Not Image.open(path): what Pillow maps into memory it scrambles when a TIFF lies on its side.
    with _reading(path), path.open("rb") as file, Image.open(file) as image:
        yield image


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise PictureError(f"no such file: {path}", "check the spelling of the path") from error
    except IsADirectoryError as error:
        raise PictureError(f"{path} is a folder", "name one picture") from error
    except PermissionError as error:
        raise PictureError(f"may not read {path}", "check the file's permissions") from error
    except UnidentifiedImageError as error:
        raise PictureError(f"not a picture: {path}", "PNG, JPEG, WebP, TIFF, BMP and AVIF files can be read") from error
    except Image.DecompressionBombError as error:
        raise PictureError(f"{path} holds more pixels than are safe to open", str(error)) from error
    except PictureError:
        raise
    except _DAMAGE as error:
        system = getattr(error, "strerror", None)
        hint = "check the path" if system else "the file is damaged or cut short: fetch it again"
        raise PictureError(f"cannot read {path}: {system or error}", hint) from error


def _from_pillow(image: Image.Image, path: Path) -> Picture:
    if image.mode in ("I", "F"):
        raise PictureError(f"{path} holds 32-bit pixels, expected 8 or 16", "convert it to 16 bit first")
    profile = image.info.get("icc_profile") if image.mode not in ("CMYK", "LAB", "YCbCr", "HSV") else None
    if image.mode.startswith("I;16"):
        return replace(_from_16_bit(image), icc_profile=profile)
    channels = _channels(image.convert(_plain_mode(image)))
    colour, alpha = (channels[:-1], channels[-1:]) if len(channels) in (2, 4) else (channels, None)
    return Picture(colour, alpha, icc_profile=profile)


def _from_16_bit(image: Image.Image) -> Picture:
    values = np.asarray(image).astype(np.float32)
    hidden = image.info.get("transparency")
    alpha = None if hidden is None else torch.from_numpy(values != hidden)[None].float()
    return Picture(torch.from_numpy(values)[None] / 65_535, alpha, depth=16)


def _plain_mode(image: Image.Image) -> str:
    """Of L, LA, RGB and RGBA the one that holds this image."""
    transparent = image.has_transparency_data
    if image.mode in ("1", "L", "LA", "La"):
        return "LA" if transparent else "L"
    return "RGBA" if transparent else "RGB"


def _channels(image: Image.Image) -> Tensor:
    array = np.array(image)
    planes = np.ascontiguousarray(array[None] if array.ndim == 2 else array.transpose(2, 0, 1))
    return torch.from_numpy(planes).float() / 255


def _fit(picture: Picture, form: str) -> Picture:
    """The picture without what the format cannot hold."""
    depth = picture.depth if _holds_depth(picture, form) else 8
    profile = picture.icc_profile if _holds_profile(picture, form) else None
    fitting = replace(picture, depth=depth, icc_profile=profile)
    return fitting.on_white if form in _WITHOUT_ALPHA else fitting


def _holds_profile(picture: Picture, form: str) -> bool:
    """A grey picture's profile does not fit the RGB that a format without grey makes of it."""
    return form not in _WITHOUT_PROFILE and not (len(picture.pixels) == 1 and form in _WITHOUT_GREY)


def _holds_depth(picture: Picture, form: str) -> bool:
    plain_grey = len(picture.pixels) == 1 and picture.alpha is None
    return picture.depth == 8 or (form in _WITH_DEPTH_16 and plain_grey)


def _to_pillow(picture: Picture) -> Image.Image:
    layers = [*picture.pixels, *([] if picture.alpha is None else picture.alpha)]
    kind = np.uint16 if picture.depth == 16 else np.uint8
    array = np.empty((picture.height, picture.width, len(layers)), kind)
    for index, layer in enumerate(layers):  # one by one, for the sake of memory
        array[..., index] = levels(layer, picture.depth)
    return Image.fromarray(array[..., 0] if len(layers) == 1 else array)
