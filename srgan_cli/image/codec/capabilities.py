"""What each file format holds of a picture."""

from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Literal, TypeVar, Union

from srgan_cli.errors import PictureError, SrganError, UsageError

if TYPE_CHECKING:
    from upath import UPath

SequenceKind = Literal["no", "animation", "pages"]
_Error = TypeVar("_Error", bound=SrganError)


@dataclass(frozen=True)
class EncodeMemory:
    """Bytes a pixel: whatever is written, for each picture of it, and where there are several."""

    once: int = 16
    each: int = 12
    several: int = 0

    def total(self, areas: list[int]) -> int:
        """Bytes for pictures of so many pixels each."""
        return self.each * sum(areas) + (self.once + self.several * (len(areas) > 1)) * max(areas)


@dataclass(frozen=True)
class FormatCapabilities:
    """What files of one format hold.

    depths: bits a channel.  colours: the most that a picture may have, or None.  exif_bytes and xmp_bytes: the most
    that fit, 0 for none.  has_dpi_field: there is a field for it; else it goes into EXIF where there is any.
    sequence: what more than one picture in a file is.  largest_side: pixels, or None.  extra: what to install for it.
    can_stream: a picture is encoded while its rows come, and never lies in memory.
    encode_memory: what encoding pictures whole takes at once, measured, their floats among it.
    """

    suffixes: tuple[str, ...]
    depths: tuple[int, ...] = (8,)
    grey: bool = True
    alpha: bool = True
    profile: bool = True
    exif_bytes: int = 2**31
    xmp_bytes: int = 2**31
    has_dpi_field: bool = False
    sequence: SequenceKind = "no"
    loop: bool = True
    colours: int | None = None
    largest_side: int | None = None
    extra: str = ""
    can_stream: bool = False
    encode_memory: EncodeMemory = EncodeMemory()
    options: dict[str, object] = field(default_factory=dict)

    @property
    def dpi(self) -> bool:
        """Whether a resolution is kept, be it in EXIF."""
        return self.has_dpi_field or bool(self.exif_bytes)


FORMAT_CAPABILITIES = {
    "PNG": FormatCapabilities(
        (".png", ".apng"),
        (8, 16),
        has_dpi_field=True,
        sequence="animation",
        largest_side=2**31 - 1,
        can_stream=True,
        encode_memory=EncodeMemory(each=25),
        options={"compress_level": 4},
    ),
    "JPEG": FormatCapabilities(
        (".jpg", ".jpeg", ".jpe", ".jfif"),
        alpha=False,
        exif_bytes=65_527,
        xmp_bytes=65_504,
        has_dpi_field=True,
        largest_side=65_535,
        can_stream=True,
        options={"quality": 95, "subsampling": 0},
    ),
    "WEBP": FormatCapabilities(
        (".webp",),
        grey=False,
        sequence="animation",
        largest_side=16_383,
        encode_memory=EncodeMemory(once=26, each=26),
        options={"quality": 95, "method": 4},
    ),
    "TIFF": FormatCapabilities((".tif", ".tiff"), (8, 16, 32), has_dpi_field=True, sequence="pages", can_stream=True),
    "BMP": FormatCapabilities(
        (".bmp", ".dib"), alpha=False, profile=False, exif_bytes=0, xmp_bytes=0, has_dpi_field=True
    ),
    "GIF": FormatCapabilities(
        (".gif",),
        profile=False,
        exif_bytes=0,
        xmp_bytes=0,
        sequence="animation",
        colours=256,
        largest_side=65_535,
        encode_memory=EncodeMemory(once=40, each=20),
    ),
    "AVIF": FormatCapabilities(
        (".avif",),
        sequence="animation",
        loop=False,
        largest_side=65_535,
        encode_memory=EncodeMemory(once=36, each=26, several=240),
        options={"quality": 92, "subsampling": "4:4:4"},
    ),
    "HEIF": FormatCapabilities(
        (".heic", ".heif"),
        sequence="pages",
        extra="heic",
        encode_memory=EncodeMemory(once=46, each=32),
        options={"quality": 92, "chroma": 444},
    ),
    "JXL": FormatCapabilities(
        (".jxl",), profile=False, extra="jxl", encode_memory=EncodeMemory(once=40, each=17), options={"quality": 95}
    ),
}
FORMATS = {suffix: name for name, form in FORMAT_CAPABILITIES.items() for suffix in form.suffixes}
FALLBACK_SUFFIX = ".png"
PILLOW_DECODERS = (
    *("BMP", "DIB", "GIF", "JPEG", "PPM", "PNG", "AVIF", "BLP", "CUR", "PCX", "DCX", "DDS", "FITS", "FLI", "FTEX"),
    *("GBR", "JPEG2000", "ICNS", "ICO", "IM", "IMT", "MCIDAS", "TIFF", "MSP", "PCD", "PIXAR", "PSD", "QOI", "SGI"),
    *("SPIDER", "SUN", "TGA", "WEBP", "XBM", "XPM", "XVTHUMB", "HEIF", "JXL"),
)
"""What Pillow and its plugins may decode, in the order in which they are tried.

Left out: EPS runs Ghostscript, WMF is drawn by Windows, IPTC opens what it contains with any decoder, BUFR, GRIB and
HDF5 are handed to whatever the program has registered, and of MPEG only the size is read.
"""
_PLUGINS = {"heic": ("pillow_heif", "HEIC"), "jxl": ("pillow_jxl", "JPEG XL")}
_HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")
_JXL_STARTS = (b"\xff\x0a", b"\x00\x00\x00\x0cJXL ")


def output_format(path: Union[PurePath, "UPath"]) -> str:
    """Pillow's name of the format that this file's suffix asks for.

    Raises UsageError for an unknown suffix, and for one whose plugin is not installed.
    """
    name = FORMATS.get(path.suffix.lower())
    if name is None:
        found = f"the suffix {path.suffix!r}" if path.suffix else "no suffix"
        raise UsageError(f"cannot tell the format of {path}: it has {found}", f"use one of: {' '.join(FORMATS)}")
    if FORMAT_CAPABILITIES[name].extra and not _has_plugin(FORMAT_CAPABILITIES[name].extra):
        raise _missing_plugin(UsageError, path, FORMAT_CAPABILITIES[name].extra)
    return name


def check_size(path: Path, height: int, width: int) -> None:
    """Raises PictureError when the format of `path` cannot hold so many pixels; else as output_format."""
    name = output_format(path)
    limit = FORMAT_CAPABILITIES[name].largest_side
    if limit and max(height, width) > limit:
        raise PictureError(
            f"{name} holds at most {limit} pixels a side, the picture is {width} x {height}", "write a .png or .tif"
        )


def load_plugin(path: Path, head: bytes) -> None:
    """Let Pillow read a file that begins so.  Raises PictureError when that takes a plugin that is not installed."""
    extra = _extra_for(head)
    if extra and not _has_plugin(extra):
        raise _missing_plugin(PictureError, path, extra)


def _extra_for(head: bytes) -> str:
    if head.startswith(_JXL_STARTS):
        return "jxl"
    brands = (head[8:12], *(head[at : at + 4] for at in range(16, len(head) - 3, 4)))
    is_avif = any(brand in (b"avif", b"avis") for brand in brands)
    return "heic" if head[4:8] == b"ftyp" and brands[0] in _HEIF_BRANDS and not is_avif else ""


def _has_plugin(extra: str) -> bool:
    try:
        module = import_module(_PLUGINS[extra][0])
    except ImportError:
        return False
    if extra == "heic":
        module.register_heif_opener()
    return True


def _missing_plugin(kind: type[_Error], path: Union[PurePath, "UPath"], extra: str) -> _Error:
    message, hint = "{path}: {format} takes a plugin that is not installed", f"pip install 'srgan-cli[{extra}]'"
    return kind(message, hint, path=path, format=_PLUGINS[extra][1])
