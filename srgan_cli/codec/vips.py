"""What Pillow cannot: 16 bits of colour and floats.  libvips is loaded when a file needs it, and not before."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from srgan_cli.codec.raster import Values
from srgan_cli.errors import PictureError

if TYPE_CHECKING:
    import pyvips

_KINDS = {"uint8": "uchar", "uint16": "ushort", "float32": "float"}
# libvips remembers files by name; one that has been written anew would come back as it was.
_FRESH = {"fail_on": "error", "revalidate": True}
_TO_SRGB = {"intent": "relative", "black_point_compensation": True}
_CLASSIC_BYTES = 2**32 - 2**24
CMYK_NOTE = "its CMYK is converted to sRGB"
LAB_NOTE = "its Lab is converted to sRGB"


def read(path: Path, kind: str, page: int = 0) -> tuple[Values, list[str]]:
    """The stored values of a PNG or TIFF as (H, W, C), and a sentence if its colours had to be converted to sRGB.

    Whole numbers come as uint8 or uint16, others as float32; associated alpha is taken out of the colour.
    Raises PictureError when libvips cannot read the file.
    """
    import pyvips

    try:
        if kind == "PNG":
            image = pyvips.Image.pngload(str(path), **_FRESH)
        else:
            image = pyvips.Image.tiffload(str(path), page=page, **_FRESH)
        image, notes = _in_srgb(image)
        return _values(image, path), notes
    except pyvips.Error as error:
        reason = str(error.detail or error).strip().splitlines()[-1]
        raise PictureError(
            f"cannot read {path}: {reason}", "the file is damaged, cut short or of a kind unheard of"
        ) from error


def png(values: Values) -> bytes:
    """A PNG of these values (H, W, C) and nothing else."""
    data: bytes = _image(values).pngsave_buffer(keep="none", compression=6)
    return data


def tiff(values: Values) -> bytes:
    """A TIFF of these values (H, W, C) and nothing else."""
    predictor = "float" if values.dtype == np.float32 else "horizontal"
    options = {
        "keep": "none",
        "compression": "deflate",
        "predictor": predictor,
        "bigtiff": values.nbytes > _CLASSIC_BYTES,
    }
    data: bytes = _image(values).tiffsave_buffer(**options)
    return data


def _image(values: Values) -> "pyvips.Image":
    import pyvips

    height, width, channels = values.shape
    kind = _KINDS[values.dtype.name]
    image = pyvips.Image.new_from_memory(np.ascontiguousarray(values).data, width, height, channels, kind)
    names = ("b-w", "srgb") if kind == "float" else ("grey16", "rgb16")
    return image.copy(interpretation=names[channels > 2])


def _in_srgb(image: "pyvips.Image") -> tuple["pyvips.Image", list[str]]:
    depth = 8 if image.format == "uchar" else 16
    if image.interpretation == "cmyk":
        how = "through its profile" if image.get_typeof("icc-profile-data") else "through libvips' own profile for ink"
        options: dict[str, Any] = {"embedded": True, "input_profile": "cmyk", "depth": depth, **_TO_SRGB}
        return image.icc_transform("srgb", **options), [f"{CMYK_NOTE} {how}"]
    if image.interpretation in ("lab", "labs"):
        return image.colourspace("lab").icc_export(output_profile="srgb", depth=depth, **_TO_SRGB), [LAB_NOTE]
    return image, []


def _values(image: "pyvips.Image", path: Path) -> Values:
    if image.format == "double":
        image = image.cast("float")
    if image.format not in _KINDS.values():
        found = {"uint": "32-bit", "int": "32-bit", "short": "signed 16-bit", "char": "signed 8-bit"}
        raise PictureError(
            f"{path} holds {found.get(image.format, image.format)} whole numbers, expected 8 or 16 bits or floats",
            "convert it to 16 bit first",
        )
    if image.bands > 4:
        raise PictureError(f"{path} has {image.bands} channels, expected 1 to 4", "split it into pictures first")
    return np.asarray(image.numpy()).reshape(image.height, image.width, image.bands)
