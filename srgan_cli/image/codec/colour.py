"""Colour conversion: CMYK, Lab and HSV to sRGB, and any picture to a palette."""

import math
from io import BytesIO
from tempfile import NamedTemporaryFile
from typing import Any

import numpy as np
from PIL import Image, ImageCms

from srgan_cli.image.codec.raster import Values
from srgan_cli.image.codec.vips import CMYK_NOTE, LAB_NOTE

NON_RGB_MODES = ("CMYK", "LAB", "HSV")  # Pillow's modes that `convert_to_srgb` converts
PALETTE_SIZE = 256
_OPAQUE_FROM = 128
_SAMPLES = 2**16


def convert_to_srgb(image: Image.Image) -> tuple[Image.Image, str]:
    """A CMYK, Lab or HSV image in sRGB, and a sentence that says how it was converted."""
    if image.mode == "HSV":
        return image.convert("RGB"), "its HSV is converted to RGB"
    if image.mode == "LAB":
        return _apply_profile(ImageCms.createProfile("LAB"), image), LAB_NOTE
    if not (profile := image.info.get("icc_profile")):
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
        raise ValueError("the colour transform returned no image")
    return converted


def convert_profile(values: Values, source: bytes, target: bytes | None) -> Values | None:
    """Colours (H, W, 1 or 3), 0…1, in another profile (None: sRGB), of 16 bits; None where profiles do not fit."""
    import pyvips

    with NamedTemporaryFile(suffix=".icc") as file:
        file.write(target or b"")
        file.flush()
        levels = np.rint(values.clip(0, 1) * 65535).astype(np.uint16)
        kind = "rgb16" if levels.shape[2] == 3 else "grey16"
        image = pyvips.Image.new_from_array(levels, interpretation=kind).copy()
        image.set_type(pyvips.GValue.blob_type, "icc-profile-data", source)
        options = {"embedded": True, "intent": "relative", "black_point_compensation": True, "depth": 16}
        try:
            converted: Values = image.icc_transform(file.name if target else "srgb", **options).numpy()
        except pyvips.Error:
            return None
    return converted.reshape(values.shape) / 65535 if converted.size == values.size else None


def quantize_to_palette(values: Values, *, reserve_transparent: bool) -> Image.Image:
    """An image with a palette of at most PALETTE_SIZE colours, exact if the picture has no more.

    Pixels that are less than half opaque become transparent.  One entry of the palette is kept for them if there are
    any, or with `reserve_transparent`.
    """
    hidden = values[..., -1] < _OPAQUE_FROM if values.shape[2] in (2, 4) else None
    shown = values[..., :-1] if values.shape[2] in (2, 4) else values
    colours = np.repeat(shown, 3, axis=2) if shown.shape[2] == 1 else shown
    transparent = reserve_transparent or (hidden is not None and bool(hidden.any()))
    index, table = _index(colours, hidden, PALETTE_SIZE - transparent)
    if hidden is not None:
        index[hidden] = PALETTE_SIZE - 1
    result = Image.fromarray(index)
    result.putpalette(table.tobytes())
    if transparent:
        result.putpalette(result.getpalette() or [])  # with all entries, of which the last one is transparent
        result.info["transparency"] = PALETTE_SIZE - 1
    return result


def count_colours(values: Values) -> int:
    """The number of different colours among values (H, W, 1 or 3)."""
    return len(np.unique(_pack(values)))


def _index(colours: Values, hidden: Values | None, size: int) -> tuple[Values, Values]:
    """Indices and their palette (N, 3): all colours, or if there are more than `size`, the nearest of a sample."""
    packed = _pack(colours)
    if hidden is not None:
        packed = np.where(hidden, packed[~hidden].flat[0] if (~hidden).any() else 0, packed)
    found, index = np.unique(packed, return_inverse=True)
    table = np.stack([found >> 16, found >> 8 & 255, found & 255], axis=1).astype(np.uint8)
    if len(found) > size:
        from scipy.spatial import KDTree  # takes a tenth of a second

        palette = _median_cut(colours, size)
        index, table = KDTree(palette).query(table)[1].astype(np.uint8)[index], palette
    return index.reshape(packed.shape).astype(np.uint8), table


def _median_cut(colours: Values, size: int) -> Values:
    """A palette (N, 3) of at most `size` colours, from about _SAMPLES pixels: more take long and improve nothing."""
    step = max(1, math.isqrt(colours.shape[0] * colours.shape[1] // _SAMPLES))
    sample = Image.fromarray(np.ascontiguousarray(colours[::step, ::step])).quantize(size)
    return np.array(sample.getpalette(), np.uint8).reshape(-1, 3)


def _pack(values: Values) -> Values:
    """One number for every colour, (H, W)."""
    wide = values.astype(np.uint32)
    return wide[..., 0] if wide.shape[2] == 1 else wide[..., 0] << 16 | wide[..., 1] << 8 | wide[..., 2]
