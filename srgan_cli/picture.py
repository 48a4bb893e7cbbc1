"""Picture: what is read from a file and written to one.  Pixel formats are converted here and nowhere else."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from srgan_cli.codec import palette, tiff
from srgan_cli.codec.encode import encoded
from srgan_cli.codec.formats import FORMATS, HOLDS, UNWRITABLE_BECOMES, Format, check_size, output_format
from srgan_cli.codec.metadata import Metadata
from srgan_cli.codec.raster import Raster, Values
from srgan_cli.codec.source import opened
from srgan_cli.files import atomic_write
from srgan_cli.pixels import levels

__all__ = [
    "FORMATS",
    "Metadata",
    "Picture",
    "bleed",
    "check_size",
    "dropped_by",
    "from_raster",
    "output_format",
    "picture_size",
    "read_picture",
    "to_image",
    "to_raster",
    "writable_suffix",
    "write_picture",
]
_TRUSTED_ALPHA = 1 / 8
_TINY = torch.finfo(torch.float32).tiny
_UNIT = (0.0, 1.0)
_EVEN = 10


@dataclass(frozen=True)
class Picture:
    """A picture in memory.

    pixels: float32 (1, H, W) grey or (3, H, W) RGB, values 0…1, colour not multiplied by alpha.
    alpha: float32 (1, H, W), 1 is opaque, or None for a picture without transparency.
    depth: bits a channel in its file: 8 or 16 for whole numbers, 32 for floats.
    icc_profile: the colour profile as it stands in the file, or None.
    metadata: EXIF, XMP and resolution.
    span: the floats of the file that 0 and 1 stand for.
    duration: milliseconds that it is shown as a frame of an animation, else 0.
    notes: a sentence for everything that reading had to change or drop.
    """

    pixels: Tensor
    alpha: Tensor | None = None
    depth: int = 8
    icc_profile: bytes | None = None
    metadata: Metadata = field(default_factory=Metadata)
    span: tuple[float, float] = _UNIT
    duration: float = 0
    notes: tuple[str, ...] = ()

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

    Grey stays grey, palettes become colours, transparency becomes alpha, CMYK and Lab become sRGB.  Raises
    PictureError when the file is missing, is not a picture, is cut short, or holds 32-bit whole numbers.
    """
    with opened(path) as source:
        return from_raster(source.raster(0))


def picture_size(path: Path) -> tuple[int, int]:
    """Height and width of an upright picture, from the header alone.  Raises PictureError as read_picture does."""
    with opened(path) as source:
        return source.size(0)


def writable_suffix(path: Path) -> str:
    """The suffix of the format in which a file is written that holds what this one does, as its content tells.

    Raises PictureError as read_picture does.
    """
    with opened(path) as source:
        form = {"MPO": "JPEG"}.get(source.form, source.form)
    return HOLDS[form].suffixes[0] if form in HOLDS else UNWRITABLE_BECOMES


def write_picture(picture: Picture, path: Path) -> None:
    """Write a picture in the format of the file's suffix; the file appears whole or not at all.

    What the format cannot hold is dropped; `dropped_by` says it beforehand.  Raises UsageError for a suffix that is
    not in FORMATS, PictureError for a picture too large for its format, and SrganError as atomic_write does.
    """
    name = output_format(path)
    check_size(path, picture.height, picture.width)
    data = encoded([to_raster(picture, name)], name)
    with atomic_write(path) as temporary:
        temporary.write_bytes(data)


def dropped_by(path: Path, picture: Picture) -> list[str]:
    """What of this picture the format of `path` drops, a sentence each."""
    name = output_format(path)
    form, told, profile = HOLDS[name], picture.metadata, _profile(picture, HOLDS[name])
    losses = {
        f"{name} has no transparency: the picture is laid on white": picture.alpha is not None and not form.alpha,
        f"{name} holds {max(form.depths)} bits of this picture's {picture.depth}": picture.depth > max(form.depths),
        f"{name} cuts values outside 0…1 off": picture.span != _UNIT and 32 not in form.depths,
        f"{name} cannot hold this picture's colour profile": bool(picture.icc_profile) and not profile,
        f"{name} cannot hold this picture's EXIF": len(told.exif or b"") > form.exif_bytes,
        f"{name} cannot hold all of this picture's EXIF": name == "TIFF" and tiff.unwritable(told.exif),
        f"{name} cannot hold this picture's XMP": len(told.xmp or b"") > form.xmp_bytes,
        f"{name} cannot hold this picture's resolution": bool(told.dpi) and not form.dpi,
    }
    return [loss for loss, true in losses.items() if true] + _few_colours(picture, name)


def to_image(pixels: Tensor) -> Image.Image:
    """(1 or 3, H, W) with values 0…1 as an image of Pillow's, RGB in 8 bits."""
    return Image.fromarray(levels(pixels.expand(3, -1, -1)).to(torch.uint8).permute(1, 2, 0).contiguous().numpy())


def from_raster(raster: Raster) -> Picture:
    """The picture of what stands in a file."""
    planes = torch.from_numpy(np.ascontiguousarray(raster.values.transpose(2, 0, 1))).float()
    notes, span = raster.notes, _UNIT
    if raster.depth < 32:
        planes /= 2**raster.depth - 1
    elif not planes.isfinite().all():
        planes = planes.nan_to_num_(nan=0, posinf=1, neginf=0)
        notes = (*notes, "its values that are no numbers are set to 0 or 1")
    colour, alpha = (planes[:-1], planes[-1:]) if raster.has_alpha else (planes, None)
    if raster.depth == 32:
        colour, span = _spanned(colour)
        alpha = None if alpha is None else alpha.clamp(0, 1)
    return Picture(colour, alpha, raster.depth, raster.icc_profile, raster.metadata, span, raster.duration, notes)


def to_raster(picture: Picture, name: str) -> Raster:
    """The picture as a file of this format's name holds it, without what the format cannot hold."""
    form = HOLDS[name]
    fitting = picture if form.alpha else picture.on_white
    depth = max(depth for depth in form.depths if depth <= picture.depth)
    told = Metadata(
        _if_short(picture.metadata.exif, form.exif_bytes),
        _if_short(picture.metadata.xmp, form.xmp_bytes),
        picture.metadata.dpi if form.dpi else None,
    )
    return Raster(_values(fitting, depth), _profile(picture, form), told, picture.duration)


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


def _if_short(part: bytes | None, most: int) -> bytes | None:
    return part if part and len(part) <= most else None


def _spanned(colour: Tensor) -> tuple[Tensor, tuple[float, float]]:
    """Floats of whatever range as 0…1, and what 0 and 1 stand for."""
    low, high = min(0.0, float(colour.min())), max(1.0, float(colour.max()))
    if (low, high) == _UNIT:
        return colour, _UNIT
    return (colour - low) / (high - low), (low, high)


def _values(picture: Picture, depth: int) -> Values:
    layers = [*picture.pixels, *([] if picture.alpha is None else picture.alpha)]
    kind = {8: np.uint8, 16: np.uint16, 32: np.float32}[depth]
    values: Values = np.empty((picture.height, picture.width, len(layers)), kind)
    low, high = picture.span
    for index, layer in enumerate(layers):  # one by one, for the sake of memory
        if index < len(picture.pixels) and picture.span != _UNIT:
            layer = layer * (high - low) + low
        values[..., index] = layer if depth == 32 else levels(layer, depth)
    return values


def _profile(picture: Picture, form: Format) -> bytes | None:
    """A grey picture's profile does not fit the RGB that a format without grey makes of it."""
    fits = form.profile and (form.grey or len(picture.pixels) == 3)
    return picture.icc_profile if fits else None


def _few_colours(picture: Picture, name: str) -> list[str]:
    """What a palette loses."""
    most, losses = HOLDS[name].colours, []
    if not most:
        return []
    values = _values(replace(picture, alpha=None), 8)
    shown = np.ones(values.shape[:2], bool) if picture.alpha is None else picture.alpha[0].numpy() >= 0.5
    if palette.colours_in(values[shown][None]) > most - (not shown.all()):
        losses.append(f"{name} holds {most} of this picture's colours")
    if picture.alpha is not None and bool(((picture.alpha > 0) & (picture.alpha < 1)).any()):
        losses.append(f"{name} knows no half transparency")
    if picture.duration % _EVEN:
        losses.append(f"{name} tells time in hundredths of a second")
    return losses
