"""Colours of ink and of Lab, turned into sRGB."""

from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image, ImageCms

from srgan_cli.image.codec.raster import Values
from srgan_cli.image.codec.vips import CMYK_NOTE, LAB_NOTE

NON_RGB_MODES = ("CMYK", "LAB", "HSV")


def convert_to_srgb(image: Image.Image) -> tuple[Image.Image, str]:
    """A CMYK, Lab or HSV image in sRGB, and a sentence that says how it was converted."""
    if image.mode == "HSV":
        return image.convert("RGB"), "its HSV is converted to RGB"
    if image.mode == "LAB":
        return _apply_profile(ImageCms.createProfile("LAB"), image), LAB_NOTE
    profile = image.info.get("icc_profile")
    if not profile:
        return image.convert("RGB"), f"{CMYK_NOTE} by plain arithmetic: it has no profile"
    try:
        return _apply_profile(ImageCms.ImageCmsProfile(BytesIO(profile)), image), f"{CMYK_NOTE} through its profile"
    except (ImageCms.PyCMSError, OSError, ValueError):
        return image.convert("RGB"), f"{CMYK_NOTE} by plain arithmetic: its profile is damaged"


def _apply_profile(profile: Any, image: Image.Image) -> Image.Image:
    converted = ImageCms.profileToProfile(
        image,
        profile,
        ImageCms.createProfile("sRGB"),
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        outputMode="RGB",
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    if converted is None:
        raise ValueError("no picture came of it")
    return converted


MOST = 256
_SHOWN = 128


def image(values: Values, clear: bool) -> Image.Image:
    """An image of at most 256 colours, exact where so many suffice.

    One is kept for what cannot be seen, if there is any or `clear` says so; less than half opaque counts as that.
    """
    hidden = values[..., -1] < _SHOWN if values.shape[2] in (2, 4) else None
    shown = values[..., :-1] if values.shape[2] in (2, 4) else values
    colours = np.repeat(shown, 3, axis=2) if shown.shape[2] == 1 else shown
    clear = clear or (hidden is not None and bool(hidden.any()))
    indexed = _exact(colours, hidden, MOST - clear) or Image.fromarray(colours).quantize(MOST - clear)
    if not clear:
        return indexed
    marked = np.array(indexed)
    if hidden is not None:
        marked[hidden] = MOST - 1
    result = Image.fromarray(marked)
    result.putpalette(indexed.getpalette() or [])
    result.info["transparency"] = MOST - 1
    return result


def colours_in(values: Values) -> int:
    """How many colours these values (H, W, 1 or 3) have."""
    return len(np.unique(_packed(values)))


def _exact(colours: Values, hidden: Values | None, most: int) -> Image.Image | None:
    """The colours themselves as palette, or None when they are too many."""
    packed = _packed(colours)
    if hidden is not None:
        packed = np.where(hidden, packed[~hidden].flat[0] if (~hidden).any() else 0, packed)
    found, index = np.unique(packed, return_inverse=True)
    if len(found) > most:
        return None
    result = Image.fromarray(index.reshape(packed.shape).astype(np.uint8))
    table = np.stack([found >> 16, found >> 8 & 255, found & 255], axis=1).astype(np.uint8)
    result.putpalette(table.tobytes())
    return result


def _packed(values: Values) -> Values:
    """One number for every colour."""
    wide = values.astype(np.uint32)
    return wide[..., 0] if wide.shape[2] == 1 else wide[..., 0] << 16 | wide[..., 1] << 8 | wide[..., 2]
