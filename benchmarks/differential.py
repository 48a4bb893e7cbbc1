"""Enlarges every file of a folder by -m bicubic -s 2 and compares it with what other programs read.

    python benchmarks/differential.py FOLDER [--report FILE.json] [--max-pixels N]

- Pixels: source and output are decoded by libvips, or by Pillow where libvips cannot.  The mean difference of the
  output to the source enlarged by Pillow's bicubic filter must be below 4 levels of 255, unless a warning of srgan or
  KNOWN explains it.
- Metadata: exiftool lists the tags of both; every tag that the output lacks or changes must be matched by a warning.
- Refused files are listed by reason, with the programs (libvips, ImageMagick) that read them without complaint.

Exits with 1 for an unexplained difference, a silent loss, a message that quotes Python, and a file that is refused
though both programs read it.
"""

import json
import re
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyvips
import torch
import typer
from numpy.typing import NDArray
from PIL import Image

from srgan_cli.batch.processor import ImageProcessor
from srgan_cli.batch.task import Task, UpscaleOptions
from srgan_cli.errors import SrganError
from srgan_cli.image.codec.limits import set_pillow_limit
from srgan_cli.image.io import writable_suffix
from srgan_cli.upscaling.upscaler import Upscaler

LIMIT = 4.0
"""Levels of 255."""
REACH = 2
"""How many pixels away the filter sees."""
SECONDS = 30
"""How long another program may take for a file."""
PYTHON = re.compile(r"fromhex|buffer|BytesIO|_io\.|object|NoneType|Error\b|Errno|unpack|0x[0-9a-f]+|argument")
"""Words of Python's own messages."""
KNOWN: dict[str, str] = {}
"""Patterns of names, and why such files differ from what libvips reads."""
EXPLAINING = re.compile(
    "converted to sRGB|its HSV|colours|NaN|flattened|default image|first frame|partial transparency"
)
"""Warnings that explain another colour."""


@dataclass
class Result:
    """What became of a file."""

    path: str
    reason: str = ""
    """Why it was refused; empty if it was enlarged."""
    readers: list[str] = field(default_factory=list)
    """The other programs that read a refused file."""
    difference: float | None = None
    """Mean levels; None if no other program reads it."""
    explanation: str = ""
    losses: list[str] = field(default_factory=list)
    """Tags that were lost without a warning."""
    warnings: list[str] = field(default_factory=list)


def main(folder: Path, report: Path | None = None, max_pixels: int = 2**22) -> None:
    """Enlarge the files, print a summary, and exit with 1 for findings."""
    torch.set_num_threads(1)
    set_pillow_limit(max_pixels)
    processor = ImageProcessor(Upscaler.load("bicubic", scale=2), UpscaleOptions(scale=2, max_pixels=max_pixels))
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    with TemporaryDirectory() as place:
        outputs = Path(place)
        results = [examine(processor, path, folder, outputs / str(number)) for number, path in enumerate(files)]
    if report:
        report.write_text(json.dumps([asdict(result) for result in results], indent=1))
    raise typer.Exit(summarise(results))


def examine(processor: ImageProcessor, path: Path, root: Path, target: Path) -> Result:
    """Enlarge a file and compare the output with it."""
    try:
        suffix = writable_suffix(path)
    except SrganError:
        suffix = ".png"
    target = target.with_suffix(suffix)
    done = processor.process(Task(path, target))
    result = Result(str(path.relative_to(root)), warnings=list(done.warnings))
    if done.error:
        result.reason = done.error.message.replace(str(path), "{path}").replace(path.name, "{path}")
        result.readers = [name for name, reads in READERS.items() if reads(path)]
        return result
    result.difference = difference(path, target)
    if result.difference is None or result.difference >= LIMIT:
        result.explanation = explain(result)
    result.losses = silent_losses(path, target, result.warnings)
    target.unlink()
    return result


def libvips_reads(path: Path) -> bool:
    """Whether libvips decodes a file without complaint."""
    try:
        pyvips.Image.new_from_file(str(path), fail_on="error", access="sequential").avg()
    except (pyvips.Error, UnicodeDecodeError):
        return False
    return True


def imagemagick_reads(path: Path) -> bool:
    """Whether ImageMagick, if it is installed, decodes a file without complaint."""
    program = shutil.which("convert")
    if not program:
        return False
    try:
        done = subprocess.run([program, f"{path}[0]", "rgb:-"], capture_output=True, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        return False
    return bool(done.stdout) and not done.returncode and not done.stderr


READERS: dict[str, Callable[[Path], bool]] = {"libvips": libvips_reads, "ImageMagick": imagemagick_reads}


def difference(source: Path, target: Path) -> float | None:
    """The mean difference of an enlarged file to its source enlarged by Pillow, in levels.

    That of alpha, which is enlarged without overshoot, or of visible colours where alpha is the same all around: at
    its edges, they are a matter of method.
    """
    before, after = decode(source), decode(target)
    if before is None or after is None:
        return None
    if after.shape[:2] != (2 * before.shape[0], 2 * before.shape[1]):
        return float("inf")
    alpha = resize(before[..., 3], Image.Resampling.BILINEAR)
    even = (resize(spread(before[..., 3])) == 0) & (alpha > 0)
    colours = [np.abs(resize(before[..., band]) - after[..., band])[even].mean() for band in range(3) if even.any()]
    return float(max(sum(colours) / 3, np.abs(alpha - after[..., 3]).mean()))


def resize(channel: NDArray[np.uint8], kernel: Image.Resampling = Image.Resampling.BICUBIC) -> NDArray[np.float64]:
    """One channel, twice as large, mirrored beyond its border."""
    padded = Image.fromarray(np.pad(channel, REACH, mode="symmetric"))
    large = padded.resize((2 * padded.width, 2 * padded.height), kernel)
    return np.asarray(large, np.float64)[2 * REACH : -2 * REACH, 2 * REACH : -2 * REACH]


def spread(alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The range of alpha in the 5 x 5 pixels around each, as 0 or 255."""
    size = 2 * REACH + 1
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(alpha, REACH, mode="edge"), (size, size))
    return np.where(windows.max((2, 3)) > windows.min((2, 3)), 255, 0).astype(np.uint8)


def decode(path: Path) -> NDArray[np.uint8] | None:
    """The first picture of a file, (H, W, 4), upright; None if neither libvips nor Pillow reads it."""
    try:
        image = pyvips.Image.new_from_file(str(path), fail_on="error").autorot()
        return as_levels(image) if image.max() else decode_with_pillow(path)  # libvips reads Zstandard as zeros
    except (pyvips.Error, UnicodeDecodeError):
        return decode_with_pillow(path)


def as_levels(image: pyvips.Image) -> NDArray[np.uint8]:
    """Values (H, W, 4) of 8 bits."""
    if image.format not in ("uchar", "ushort") and image.interpretation not in ("lab", "xyz", "scrgb", "cmyk"):
        low, high = min(0.0, image.min()), max(1.0, image.max())
        image = ((image - low) * (255 / (high - low))).copy(interpretation="srgb" if image.bands > 2 else "b-w")
    elif image.interpretation in ("multiband", "matrix"):
        image = image.copy(interpretation="srgb" if image.bands > 2 else "b-w")
    values = image.colourspace("srgb").cast("uchar").numpy()
    alpha = values[..., 3:4] if image.hasalpha() else np.full_like(values[..., :1], 255)
    return np.concatenate([values[..., :3], alpha], axis=2)


def decode_with_pillow(path: Path) -> NDArray[np.uint8] | None:
    """The same by Pillow."""
    try:
        with Image.open(path) as image:
            levels = image.point(lambda level: level / 257).convert("L") if image.mode.startswith("I") else image
            return np.asarray(levels.convert("RGBA"))
    except Exception:  # whatever a decoder raises for a damaged file
        return None


def explain(result: Result) -> str:
    """Why a file differs; empty if nothing explains it."""
    if result.difference is None:
        return "no other program reads it"
    for pattern, reason in KNOWN.items():
        if re.search(pattern, result.path):
            return reason
    return next((line for line in result.warnings if EXPLAINING.search(line)), "")


def silent_losses(source: Path, target: Path, warnings: Iterable[str]) -> list[str]:
    """The tags, by family, that a file has and its output lacks or changes, without those that a warning names."""
    if not shutil.which("exiftool"):
        return []
    line = ["exiftool", "-json", "-G1", "-a", "-n", str(source), str(target)]
    done = subprocess.run(line, capture_output=True, timeout=SECONDS)
    before, after = (tags(entry) for entry in json.loads(done.stdout))
    told = " ".join(warnings).lower()
    lost = [(family, sorted(name for name, _ in found - after.get(family, set()))) for family, found in before.items()]
    return [f"{family} {' '.join(names)}" for family, names in lost if names and not re.search(WORDS[family], told)]


def tags(entry: dict[str, object]) -> dict[str, set[tuple[str, str]]]:
    """The names and values of the tags that should survive, by family."""
    found: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for key, value in entry.items():
        group, _, name = key.partition(":")
        family = next((family for pattern, family in FAMILIES.items() if re.match(pattern, group)), "")
        if (family and name not in UNIMPORTANT and value not in ("", None)) or name == "Comment":
            text = f"{value:.3g}" if isinstance(value, float) else str(value)
            found[family or "texts"].add((name, "" if name in SCALED else text))
    return found


FAMILIES = {
    r"IFD0|ExifIFD|GPS|InteropIFD|SubIFD": "EXIF",
    r"XMP-": "XMP",
    r"IPTC": "IPTC",
    r"Photoshop": "IPTC",
    r"ICC": "profile",
    r"PNG": "texts",
    r"JUMBF|CBOR|JSON": "C2PA",
    r"MPF|MPImage": "pictures",
}
"""The families of metadata by exiftool's groups."""
WORDS = {
    "EXIF": "exif|thumbnail|multi-picture|description|copies|transfer|curve|value",
    "XMP": "xmp|gain map|depth|c2pa|motion photo|regions",
    "IPTC": "iptc|photoshop|layers",
    "profile": "profile|cmyk|lab|grey",
    "texts": "text|comment|header|chunks|background|gamma|chromaticities|significant|light|time of|damaged",
    "C2PA": "c2pa|jumbf",
    "pictures": "picture|preview|pages",
}
"""What a warning calls a family."""
SCALED = {"ImageDescription", "GDALMetadata", "SubjectArea", "SubjectLocation"}
"""Tags that may say something about the size, so that their values change."""
UNIMPORTANT = {
    *("ImageWidth", "ImageHeight", "ExifImageWidth", "ExifImageHeight", "Orientation", "BitsPerSample", "Compression"),
    *("PhotometricInterpretation", "StripOffsets", "StripByteCounts", "RowsPerStrip", "SamplesPerPixel", "Predictor"),
    *("PlanarConfiguration", "ThumbnailOffset", "ThumbnailLength", "ThumbnailImage", "YCbCrPositioning", "ColorMap"),
    *("XResolution", "YResolution", "ResolutionUnit", "ExtraSamples", "SampleFormat", "TileWidth", "TileLength"),
    *("TileOffsets", "TileByteCounts", "FillOrder", "SubfileType", "PageNumber", "YCbCrCoefficients", "T6Options"),
    *("YCbCrSubSampling", "ReferenceBlackWhite", "JPEGTables", "Padding", "OffsetSchema", "XMPToolkit", "T4Options"),
    *("InkSet", "DotRange", "NumberofInks", "InkNames", "CellWidth", "CellLength", "MinSampleValue", "MaxSampleValue"),
    *("SMinSampleValue", "SMaxSampleValue", "PreviewImage", "PreviewImageStart", "PreviewImageLength"),
    *("BitDepth", "ColorType", "Filter", "Interlace", "Palette", "Transparency", "AnimationFrames", "ProfileName"),
    *("PaletteHistogram", "PixelsPerUnitX", "PixelsPerUnitY", "PixelUnits", "BackgroundColor"),
    *("PhotoshopThumbnail", "NumSlices", "SlicesGroupName", "ColorMode", "NumChannels", "LayerCount"),
    *("PixelAspectRatio", "JPEGProc", "ThumbnailTIFF", "OtherImage", "OtherImageStart", "OtherImageLength"),
}
"""Tags that describe how pixels are stored, which the output has in its own way."""


def summarise(results: list[Result]) -> int:
    """Print counts, refused files by reason, and findings; returns the exit code."""
    refused: dict[str, list[Result]] = defaultdict(list)
    for result in results:
        if result.reason:
            refused[result.reason].append(result)
    enlarged = [result for result in results if not result.reason]
    print(f"{len(results)} files, {len(enlarged)} enlarged, {len(results) - len(enlarged)} refused")
    for reason, group in sorted(refused.items(), key=lambda item: -len(item[1])):
        readers = {name: [result.path for result in group if name in result.readers] for name in READERS}
        read = ", ".join(
            f"{name} reads {len(paths)} ({' '.join(paths[:3])})" for name, paths in readers.items() if paths
        )
        print(f"  {len(group):4} {reason}{f'; {read}' if read else ''}")
    findings = [f"{r.path}: {r.difference:.1f} levels" for r in enlarged if unexplained(r)]
    findings += [f"{r.path}: {loss} is lost without a word" for r in enlarged for loss in r.losses]
    read = [r for r in results if len(r.readers) == len(READERS) and "--max-pixels" not in r.reason]
    findings += [f"{r.path}: {r.reason}" for r in results if PYTHON.search(r.reason) or r in read]
    print(f"{len(findings)} findings", *findings, sep="\n  ")
    return int(bool(findings))


def unexplained(result: Result) -> bool:
    """Whether the pixels of an enlarged file are a finding."""
    return result.difference is not None and result.difference >= LIMIT and not result.explanation


if __name__ == "__main__":
    typer.run(main)
