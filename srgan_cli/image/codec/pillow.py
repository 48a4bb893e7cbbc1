"""What Pillow does: open a file by a list of decoders, and decode it to values."""

import struct
from collections.abc import Sequence
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import IO, Any

import numpy as np
from PIL import Image, ImageChops, ImageCms, ImageFile, UnidentifiedImageError

from srgan_cli.errors import PictureError
from srgan_cli.image.codec.capabilities import PILLOW_DECODERS
from srgan_cli.image.codec.colour import NON_RGB_MODES, convert_to_srgb
from srgan_cli.image.codec.raster import Values, apply_exif_orientation, from_coded_bits, to_coded_bits

_SIGNATURE_BYTES = 16
_DEEP_MODES = {1: "I;16", 2: "LA;16", 3: "RGB;16", 4: "RGBA;16"}
"""Modes of pillow_heif, by the number of channels."""
ORIENTED_BY_DECODER = ("JXL", "HEIF")  # their decoders apply the orientation, but leave it in EXIF
_TGA_DESCRIPTOR, _TGA_ALPHA_BITS = 17, 15
_LAYOUTS = {
    "BMP": {"BGRX": "BGRA"},
    "SUN": {"BGRX": "XBGR", "RGBX": "XRGB"},
    "PSD": {"1": "1;I"},  # 1 is black
}
"""What the pixels of a format are, by the layout that Pillow takes them for."""
Decoded = tuple[Values, bytes | None, list[str]]  # values, ICC profile, notes


def open_image(file: IO[bytes], formats: Sequence[str] = PILLOW_DECODERS) -> ImageFile.ImageFile:
    """An image that is not decoded yet.  Raises UnidentifiedImageError when none of the decoders accepts the file.

    Unlike `Image.open`, this does not compare the size with `Image.MAX_IMAGE_PIXELS`, which is a setting of the whole
    process.  Callers check the size themselves before they decode (see `limits`).
    """
    file.seek(0)
    signature = file.read(_SIGNATURE_BYTES)
    Image.preinit()
    for name in formats:
        with suppress(KeyError, SyntaxError, IndexError, TypeError, struct.error):
            if name not in Image.OPEN:
                Image.init()
            factory, accept = Image.OPEN[name]
            accepted = accept is None or accept(signature)
            if accepted and not isinstance(accepted, str):  # a string says why this build of Pillow cannot read it
                file.seek(0)
                return factory(file, "")
    raise UnidentifiedImageError("no decoder accepts this file")


def as_icon(file: IO[bytes]) -> IO[bytes]:
    """A file of icons or cursors as one of the best icon, since Pillow takes that of the fewest bits of one size."""
    file.seek(0)
    data = file.read()
    entries = [data[start : start + 16] for start in range(6, 6 + 16 * data[4], 16)]
    best = max(entries, key=lambda entry: ((entry[0] or 256) * (entry[1] or 256), _icon_bits(data, entry)))
    entry = best[:4] + struct.pack("<HH", 1, _icon_bits(data, best)) + best[8:]
    return BytesIO(b"\0\0\1\0\1\0" + entry + data[22:])


def _icon_bits(data: bytes, entry: bytes) -> int:
    """Bits a pixel according to the picture, not to its entry; not 32 if none has alpha, so that its mask counts."""
    start = int.from_bytes(entry[12:], "little")
    if data.startswith(b"\x89PNG", start):
        return 32
    header, width, height, bits = struct.unpack_from("<Lll2xH", data, start)
    return int(bits) - (bits == 32 and not any(data[start + header + 3 : start + header + 2 * width * height : 4]))


def correct_layout(image: ImageFile.ImageFile) -> None:
    """Let Pillow decode pixels as they are laid out: it ignores alpha of BMP without a mask, for example."""
    changes = _LAYOUTS.get(image.format or "", {})
    for number, tile in enumerate(image.tile):
        layout, *others = tile.args if isinstance(tile.args, tuple) else (tile.args,)
        if layout in changes:
            image.tile[number] = tile._replace(args=(changes[layout], *others))
            image._mode = "RGBA" if image.format == "BMP" else image.mode


def without_assumed_profile(image: ImageFile.ImageFile) -> None:
    """Remove the profile that the decoder of JPEG XL makes for a file that declares sRGB by codes."""
    profile = image.info.get("icc_profile")
    with suppress(ImageCms.PyCMSError):
        if profile and ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(BytesIO(profile))).strip() == "sRGB":
            del image.info["icc_profile"]


def without_unused_alpha(values: Values, name: str, data: bytes) -> Values:
    """The values of a BMP or TGA without alpha that is undeclared or 0 everywhere, which most readers ignore."""
    undeclared = name == "TGA" and not data[_TGA_DESCRIPTOR] & _TGA_ALPHA_BITS
    unused = values.shape[2] == 4 and (undeclared or not values[..., 3].any())
    return values[..., :3] if unused and name in ("BMP", "DIB", "TGA") else values


def decode(image: Image.Image, path: Path, *, orientation: int = 1) -> Decoded:
    """The values of a Pillow image, upright; CMYK, Lab and HSV become sRGB, without a profile."""
    profile, notes = image.info.get("icc_profile"), list[str]()
    if image.format == "XBM":  # 1 is black
        image = ImageChops.invert(image)
    if image.mode in NON_RGB_MODES:
        image, note = convert_to_srgb(image)
        profile, notes = None, [note]
    return apply_exif_orientation(_plain_values(image, path), orientation), profile, notes


def _plain_values(image: Image.Image, path: Path) -> Values:
    """Values (H, W, C) of a grey, RGB or palette image, with or without alpha.  Raises PictureError for mode I."""
    if image.mode == "I":
        found = "{path} stores 32-bit integers, expected 8 or 16 bits or floats"
        raise PictureError(found, "convert it to 16 bit first", path=path)
    if image.mode == "F":
        return np.array(image)[..., None]
    if image.mode.startswith("I;16"):
        return _sixteen_bit_values(image)
    mode = _plain_mode(image)
    values = np.array(image if image.mode == mode else image.convert(mode))
    return values[..., None] if values.ndim == 2 else values


def _sixteen_bit_values(image: Image.Image) -> Values:
    values = np.asarray(image).astype(np.uint16)
    if (hidden := image.info.get("transparency")) is None:
        return values[..., None]
    return np.stack([values, np.where(values == hidden, 0, 65_535).astype(np.uint16)], axis=-1)


def _plain_mode(image: Image.Image) -> str:
    """The one of L, LA, RGB and RGBA that holds all of this image."""
    table = image.getpalette() if image.mode == "P" else None
    has_grey_palette = table is not None and table[0::3] == table[1::3] == table[2::3]
    colours = "L" if image.mode in ("1", "L", "LA", "La") or has_grey_palette else "RGB"
    return f"{colours}A" if image.has_transparency_data else colours


def read_deep_heif(data: bytes, page: int, bits: int) -> Values:
    """The values of a picture of HEIF with more than 8 bits, scaled to 16, upright."""
    import pillow_heif

    values = np.asarray(pillow_heif.open_heif(BytesIO(data), convert_hdr_to_8bit=False)[page])
    return from_coded_bits(values if values.ndim == 3 else values[..., None], bits)


def read_deep_jxl(data: bytes, bits: int) -> Values:
    """The values of the first picture of a JPEG XL, upright: of 8 bits, scaled to 16, or floats."""
    import imagecodecs

    values: Values = np.atleast_3d(np.asarray(imagecodecs.jpegxl_decode(data, index=0)))
    if values.dtype.kind == "f" or bits <= 8:
        return values
    scaled: Values = np.rint(values * (65_535 / (2**bits - 1))).astype(np.uint16)
    return scaled


def write_deep_heif(pictures: Sequence[Values], file: IO[bytes], bits: int, options: dict[str, Any]) -> None:
    """Write pictures of 16 bits as HEIF with fewer bits."""
    import pillow_heif

    container = pillow_heif.HeifFile()
    for values in pictures:
        height, width, channels = values.shape
        container.add_frombytes(_DEEP_MODES[channels], (width, height), to_coded_bits(values, bits).tobytes())
    container.save(file, bit_depth=bits, **options)
