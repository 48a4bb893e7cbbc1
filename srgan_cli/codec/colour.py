"""Colours of ink and of Lab, turned into sRGB."""

from io import BytesIO
from typing import Any

from PIL import Image, ImageCms

from srgan_cli.codec.vips import CMYK_NOTE, LAB_NOTE

FOREIGN = ("CMYK", "LAB", "HSV")


def in_srgb(image: Image.Image) -> tuple[Image.Image, str]:
    """A CMYK, Lab or HSV image in sRGB, and a sentence that says how it was converted."""
    if image.mode == "HSV":
        return image.convert("RGB"), "its HSV is converted to RGB"
    if image.mode == "LAB":
        return _through(ImageCms.createProfile("LAB"), image), LAB_NOTE
    profile = image.info.get("icc_profile")
    if not profile:
        return image.convert("RGB"), f"{CMYK_NOTE} by plain arithmetic: it has no profile"
    try:
        return _through(ImageCms.ImageCmsProfile(BytesIO(profile)), image), f"{CMYK_NOTE} through its profile"
    except (ImageCms.PyCMSError, OSError, ValueError):
        return image.convert("RGB"), f"{CMYK_NOTE} by plain arithmetic: its profile is damaged"


def _through(profile: Any, image: Image.Image) -> Image.Image:
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
