"""Measures the time and the size of encoders' presets, at the quality of the settings that srgan uses.

    python benchmarks/encoders.py PICTURE [--side 1024] [--frames 12]

The picture is cropped to a square in its middle.  For each preset of a lossy format, the lowest quality that reaches
the PSNR of srgan's setting is taken.  Animations are the square, moved by a pixel in each frame.  Seconds are those of
the processor, of all threads together, for a megapixel.
"""

import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
import pillow_jxl  # noqa: F401 (registers itself)
import pyvips
import typer
from PIL import Image

from srgan_cli.image.codec.capabilities import FORMAT_CAPABILITIES

pillow_heif.register_heif_opener()
PRESETS: dict[str, dict[str, dict[str, Any]]] = {
    "HEIF": {name: {"enc_params": {"preset": name}} for name in ("ultrafast", "superfast", "veryfast", "fast", "slow")},
    "AVIF": {f"speed {speed}": {"speed": speed} for speed in (4, 6, 7, 8, 9, 10)},
    "JXL": {f"effort {effort}": {"effort": effort} for effort in (1, 3, 4, 5, 7)},
    "WEBP": {f"method {method}": {"method": method} for method in (0, 2, 3, 4, 6)},
}
"""By format, the arguments of `Image.save` beside those of the quality."""
ANIMATIONS: dict[str, dict[str, dict[str, Any]]] = {
    "GIF": {"": {}},
    "WEBP": {f"method {method}": {"method": method, "quality": 95} for method in (0, 2, 4)},
    "PNG": {f"level {level}": {"compress_level": level} for level in (1, 2, 4, 6)},
    "AVIF": {f"speed {speed}": {"speed": speed, "quality": 92} for speed in (6, 8, 10)},
}


def main(picture: Path, side: int = 1024, frames: int = 12) -> None:
    """Print the table."""
    with Image.open(picture) as opened:
        image = centre(opened.convert("RGB"), side)
    print("| format | preset | quality | PSNR (dB) | CPU s a megapixel | bytes a pixel |\n|---|---|---|---|---|---|")
    for row in (*stills(image), *streamed_pngs(image), *animations(image, frames)):
        print("| " + " | ".join(row) + " |", flush=True)


def centre(image: Image.Image, side: int) -> Image.Image:
    """The square in the middle of a picture."""
    left, top = (image.width - side) // 2, (image.height - side) // 2
    return image.crop((left, top, left + side, top + side))


def stills(image: Image.Image) -> Iterator[tuple[str, ...]]:
    """A row for each preset of the lossy formats."""
    for name, presets in PRESETS.items():
        used = FORMAT_CAPABILITIES[name].options
        goal = psnr(image, save(image, name, used)[0])
        yield row(name, "(as srgan)", used, image, *save(image, name, used))
        for label, preset in presets.items():
            options = lowest_quality(image, name, used | preset, goal)
            yield row(name, label, options, image, *save(image, name, options))


def lowest_quality(image: Image.Image, name: str, options: dict[str, Any], goal: float) -> dict[str, Any]:
    """The options with the lowest quality that reaches a PSNR to within 0.05 dB; 100 if none does."""
    low, high = 60, 100
    while low < high:
        middle = (low + high) // 2
        reached = psnr(image, save(image, name, options | {"quality": middle})[0]) >= goal - 0.05
        low, high = (low, middle) if reached else (middle + 1, high)
    return options | {"quality": low}


def save(image: Image.Image, name: str, options: dict[str, Any]) -> tuple[bytes, float]:
    """The file, and the seconds of the processor."""
    target, began = BytesIO(), time.process_time()
    image.save(target, name, **options)
    return target.getvalue(), time.process_time() - began


def psnr(image: Image.Image, data: bytes) -> float:
    """The PSNR of the first picture of a file in RGB."""
    with Image.open(BytesIO(data)) as opened:
        found = np.asarray(opened.convert("RGB"), np.float64)
    error = ((found - np.asarray(image, np.float64)) ** 2).mean()
    return float(10 * np.log10(255**2 / error)) if error else float("inf")


def streamed_pngs(image: Image.Image) -> Iterator[tuple[str, ...]]:
    """A row for each level of the PNG that libvips writes in bands."""
    source = pyvips.Image.new_from_array(np.asarray(image))
    for level in (1, 2, 3, 4, 6):
        for kind in ("none", "sub", "up", "avg", "paeth", "all"):
            began = time.process_time()
            data = source.pngsave_buffer(compression=level, filter=kind)
            yield row("PNG", f"level {level} {kind}", {}, image, data, time.process_time() - began)


def animations(image: Image.Image, frames: int) -> Iterator[tuple[str, ...]]:
    """A row for each preset of animations."""
    inner = image.width - frames
    images = [image.crop((shift, shift, shift + inner, shift + inner)) for shift in range(frames)]
    for name, presets in ANIMATIONS.items():
        for label, options in presets.items():
            many = options | {"save_all": True, "append_images": images[1:], "duration": 40}
            data, seconds = save(images[0], name, many)
            yield row(f"{name}, {frames} frames", label, options, images[0], data, seconds, frames)


def row(
    name: str, preset: str, options: dict[str, Any], image: Image.Image, data: bytes, seconds: float, frames: int = 1
) -> tuple[str, ...]:
    """The cells of a row."""
    pixels = image.width * image.height * frames
    quality = str(options.get("quality", ""))
    decibels = f"{psnr(image, data):.2f}"
    return name, preset, quality, decibels, f"{seconds / pixels * 1e6:.2f}", f"{len(data) / pixels:.3f}"


if __name__ == "__main__":
    typer.run(main)
