"""What each file format can store of a picture, and which suffixes select it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Annotated, Literal, Union

from srgan_cli.errors import PictureError, SrganError, UsageError
from srgan_cli.system.arguments import checked

if TYPE_CHECKING:
    from upath import UPath


@dataclass(frozen=True)
class EncodeMemory:
    """Bytes a pixel that are in memory while a file is encoded whole, as measured; float pixels are included."""

    once: int = 16
    """For the largest picture of the file."""
    each: int = 12
    """For every picture of the file."""
    several: int = 0
    """For the largest picture, if the file has more than one."""

    def total(self, areas: list[int]) -> int:
        """Bytes for a file of pictures with these numbers of pixels."""
        return self.each * sum(areas) + (self.once + self.several * (len(areas) > 1)) * max(areas)


@dataclass(frozen=True)
class FormatCapabilities:
    """What files of one format can store."""

    suffixes: tuple[str, ...]
    """The suffixes that select the format; the first one is the default."""
    depths: tuple[int, ...] = (8,)
    """Bits a channel: 8 and 16 are integers, 32 is float."""
    coded_bits: tuple[int, ...] = ()
    """Bits a channel to which 16 are rounded, if there are fewer."""
    any_bands: bool = False
    """Whether any number of bands is stored, of any type: signed, 32 bits, floats."""
    grey: bool = True
    """Whether one channel is stored as one; otherwise grey becomes RGB."""
    alpha: bool = True
    """Whether transparency is stored."""
    profile: bool = True
    """Whether an ICC profile is stored."""
    strict_profile: bool = False
    """Whether the profile of a grey picture must be grey."""
    exif_bytes: int = 2**31
    """The longest EXIF block; 0 for none."""
    xmp_bytes: int = 2**31
    """The longest XMP packet; 0 for none."""
    has_dpi_field: bool = False
    """Whether the format has its own field for the resolution; otherwise it is stored in EXIF."""
    holds: frozenset[str] = frozenset()
    """The fields of Metadata that it stores, of those in KINDS, and COLOUR."""
    lost_in_animations: frozenset[str] = frozenset()
    """Those of `holds` that animations do not keep."""
    sequence: Literal["no", "animation", "pages"] = "no"
    """What several pictures in one file are."""
    loop: bool = True
    """Whether animations keep the number of repetitions."""
    colours: int | None = None
    """The size of the palette, if every picture has one."""
    largest_side: int | None = None
    """The longest side in pixels, if there is a limit."""
    extra: str = ""
    """The optional dependency of srgan-cli that the format needs."""
    can_stream: bool = False
    """Whether a picture is encoded while its rows arrive, so that it is never whole in memory."""
    encode_memory: EncodeMemory = EncodeMemory()
    """What encoding takes where pictures are not streamed."""
    options: dict[str, object] = field(default_factory=dict)
    """Arguments of Pillow's `Image.save`."""

    @property
    def most_bits(self) -> int:
        """The most bits a channel."""
        return max(self.coded_bits or self.depths)

    @property
    def holds_any_colour(self) -> bool:
        """Whether it stores declared colour that has no codes in H.273, too."""
        return self.holds >= {COLOUR, "background"}

    @property
    def dpi(self) -> bool:
        """Whether the resolution is kept, in a field of its own or in EXIF."""
        return self.has_dpi_field or bool(self.exif_bytes)


KINDS = {
    "dicom": "DICOM data set",
    "significant_bits": "significant bits",
    "mastering_display": "mastering display",
    "light_levels": "light levels",
    "pixel_ratio": "ratio of pixels that are not square",
    "background": "background colour",
    "time": "time of change",
    "comments": "comment",
    "texts": "texts",
    "photoshop": "IPTC and Photoshop resources",
    "gain_map": "gain map",
}
"""What files hold beside pixels, profile, EXIF, XMP, resolution and place, by its field in Metadata."""
COLOUR = "colour"  # the field of Metadata that formats store as it is, or as an ICC profile
_HDR = frozenset({COLOUR, "mastering_display", "light_levels", "pixel_ratio"})

FORMAT_CAPABILITIES = {
    "PNG": FormatCapabilities(
        (".png", ".apng"),
        (8, 16),
        strict_profile=True,
        has_dpi_field=True,
        sequence="animation",
        largest_side=2**31 - 1,
        holds=frozenset(KINDS) - {"gain_map", "dicom"} | {COLOUR},
        can_stream=True,
        encode_memory=EncodeMemory(each=25),
        options={"compress_level": 2},
    ),
    "JPEG": FormatCapabilities(
        (".jpg", ".jpeg", ".jpe", ".jfif"),
        alpha=False,
        exif_bytes=65_527,
        has_dpi_field=True,
        holds=frozenset({"pixel_ratio", "comments", "photoshop", "gain_map"}),
        largest_side=65_535,
        can_stream=True,
        options={"quality": 95},
    ),
    "WEBP": FormatCapabilities(
        (".webp",),
        grey=False,
        holds=frozenset({"pixel_ratio"}),
        sequence="animation",
        largest_side=16_383,
        encode_memory=EncodeMemory(once=26, each=26),
        options={"quality": 95, "method": 4},
    ),
    "TIFF": FormatCapabilities(
        (".tif", ".tiff"),
        (8, 16, 32),
        any_bands=True,
        has_dpi_field=True,
        holds=frozenset({"pixel_ratio", "photoshop"}),
        sequence="pages",
        can_stream=True,
    ),
    "BMP": FormatCapabilities((".bmp", ".dib"), alpha=False, exif_bytes=0, xmp_bytes=0, has_dpi_field=True),
    "GIF": FormatCapabilities(
        (".gif",),
        exif_bytes=0,
        holds=frozenset({"pixel_ratio", "comments"}),
        sequence="animation",
        colours=256,
        largest_side=65_535,
        encode_memory=EncodeMemory(once=40, each=20),
    ),
    "AVIF": FormatCapabilities(
        (".avif",),
        (8, 16),
        coded_bits=(10, 12),
        holds=_HDR,
        lost_in_animations=frozenset({"mastering_display", "light_levels"}),
        sequence="animation",
        loop=False,
        largest_side=65_535,
        encode_memory=EncodeMemory(once=36, each=26, several=240),
        options={"quality": 94, "speed": 8, "subsampling": "4:4:4"},
    ),
    "HEIF": FormatCapabilities(
        (".heic", ".heif"),
        (8, 16),
        coded_bits=(10, 12),
        holds=_HDR,
        sequence="pages",
        extra="heic",
        encode_memory=EncodeMemory(once=46, each=32),
        options={"quality": 91, "chroma": 444, "enc_params": {"preset": "ultrafast"}},
    ),
    "JXL": FormatCapabilities(
        (".jxl",),
        profile=False,
        holds=frozenset({"pixel_ratio"}),
        extra="jxl",
        encode_memory=EncodeMemory(once=40, each=17),
        options={"quality": 95},
    ),
    "DICOM": FormatCapabilities(
        (".dcm", ".dicom"),
        (8, 16),
        alpha=False,
        profile=False,
        exif_bytes=0,
        xmp_bytes=0,
        holds=frozenset({"dicom"}),
        sequence="pages",
        largest_side=65_535,
        extra="dicom",
    ),
}
FORMATS = {suffix: name for name, capabilities in FORMAT_CAPABILITIES.items() for suffix in capabilities.suffixes}
"""The format of every suffix that can be written."""
_Name = Annotated[str, tuple(FORMAT_CAPABILITIES)]
_LOSSLESS: dict[str, dict[str, object]] = {
    "WEBP": {"lossless": True, "exact": True},
    "HEIF": {"quality": -1, "matrix_coefficients": 0},
    "JXL": {"lossless": True},
    "AVIF": {"quality": 100},
}
"""Arguments of Pillow's `Image.save` for the lossless mode of lossy formats; of AVIF, only grey without alpha."""
FALLBACK_SUFFIX = ".png"  # where pictures go whose own format cannot be written
PILLOW_DECODERS = (
    *("BMP", "DIB", "GIF", "JPEG", "PPM", "PNG", "HEIF", "JXL", "AVIF", "TIFF", "WEBP", "JPEG2000", "BLP", "CUR"),
    *("DCX", "DDS", "FLI", "FTEX", "GBR", "ICNS", "ICO", "IM", "IMT", "MCIDAS", "MSP", "PCD", "TGA", "PCX", "PIXAR"),
    *("PSD", "QOI", "SGI", "SUN", "XBM", "XPM", "XVTHUMB"),
)
"""The decoders of Pillow and its plugins that files may reach, in the order in which they are tried.  A TGA may look
like PCX.

Not among them: EPS starts Ghostscript, WMF is drawn by Windows, IPTC opens its content with any decoder, BUFR, GRIB and
HDF5 use loaders that other programs have registered, FITS takes signed values for unsigned ones, SPIDER seeks in stacks
alone, and MPEG has no pixels.
"""
_PLUGINS = {"heic": ("pillow_heif", "HEIC"), "jxl": ("pillow_jxl", "JPEG XL"), "dicom": ("pydicom", "DICOM")}
_HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")
JXL_SIGNATURES = (b"\xff\x0a", b"\x00\x00\x00\x0cJXL ")


@checked
@dataclass(frozen=True)
class Encoding:
    """How lossy formats compress."""

    quality: Annotated[int, range(101)] | None = None
    """From 0 to 100; None for the default of the format."""
    lossless: bool = False
    """Lose nothing, where the format can."""

    def options(self, name: _Name) -> dict[str, object]:
        """Arguments of Pillow's `Image.save` that replace the default ones of a format."""
        if self.lossless:
            return _LOSSLESS.get(name, {})
        return {"quality": self.quality} if self.quality is not None and is_lossy(name) else {}

    def check(self, names: Iterable[_Name]) -> list[str]:
        """A note for each format that is lossless anyway.  Raises UsageError for one that cannot be lossless."""
        lossless = {name: not is_lossy(name) and not FORMAT_CAPABILITIES[name].colours for name in names}
        lossy = [name for name in lossless if not (lossless[name] or name in _LOSSLESS)]
        if self.lossless and lossy:
            hint = "use .png, .tif, .webp, .avif, .heic or .jxl"
            raise UsageError(f"{lossy[0]} is not written without loss", hint, option="lossless")
        if not self.lossless and self.quality is None:
            return []
        asked = "--lossless" if self.lossless else "--quality"
        reasons = {name: "is lossless" if lossless[name] else "has no quality" for name in names if not is_lossy(name)}
        return [f"{name} {reason}: {asked} changes nothing" for name, reason in reasons.items()]


DEFAULT_ENCODING = Encoding()  # each format's default quality


def is_lossy(name: str) -> bool:
    """Whether a format has a quality."""
    return "quality" in FORMAT_CAPABILITIES[name].options


def format_of(path: Union[PurePath, "UPath"]) -> str:
    """Pillow's name of the format for a suffix.  Raises UsageError if it is unknown, or its plugin not installed."""
    if (name := FORMATS.get(path.suffix.lower())) is None:
        reason = f"the suffix {path.suffix!r} is unknown" if path.suffix else "it has no suffix"
        message, hint = "cannot determine the format of {path}: {reason}", f"use one of: {' '.join(FORMATS)}"
        raise UsageError(message, hint, path=path, reason=reason)
    require_plugin(path, FORMAT_CAPABILITIES[name].extra, error=UsageError)
    return name


def check_size(path: Path, height: int, width: int) -> None:
    """Raises PictureError when the format of `path` cannot store a picture of this size; else as format_of."""
    name = format_of(path)
    limit = FORMAT_CAPABILITIES[name].largest_side
    if limit and max(height, width) > limit:
        message = f"{name} stores at most {limit} pixels a side, the picture is {width} x {height}"
        raise PictureError(message, "write a .png or .tif")


def require_plugin(path: Union[PurePath, "UPath"], extra: str, *, error: type[SrganError] = PictureError) -> None:
    """Register the plugin of this extra ("": none) with Pillow.  Raises `error` when it is not installed."""
    module, kind = _PLUGINS.get(extra, ("", ""))
    try:
        plugin = import_module(module) if module else None
    except ImportError:
        message, hint = "{path}: {format} needs a plugin that is not installed", f"pip install 'srgan-cli[{extra}]'"
        raise error(message, hint, path=path, format=kind) from None
    if plugin and extra == "heic":
        plugin.register_heif_opener()


def extra_for(head: bytes) -> str:
    """The extra that a file with these first bytes needs; "" for none."""
    if head.startswith(JXL_SIGNATURES):
        return "jxl"
    brands = (head[8:12], *(head[start : start + 4] for start in range(16, len(head) - 3, 4)))
    is_avif = any(brand in (b"avif", b"avis") for brand in brands)
    return "heic" if head[4:8] == b"ftyp" and brands[0] in _HEIF_BRANDS and not is_avif else ""
