"""Measures time and memory of `srgan upscale` against the size and the number of pictures.

    python benchmarks/scaling.py [--model bicubic] [--scale 2] [--megapixels 1 …] [--files 10 …] [--processes 1 …]

Every line is `srgan upscale IN/ OUT/` in a process of its own, for two processes with `--devices cpu,cpu`. Large
pictures are repetitions of examples/cat.png, one per process, as TIFF; small ones have 32 x 32 pixels, as PNG. Prints
two Markdown tables: wall seconds, the seconds for each additional megapixel or file since the line before, and the peak
memory of a process. The last two columns should stay constant.
"""

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import pyvips
import typer

CAT = Path(__file__).parents[1] / "examples/cat.png"
SMALL = 32
Numbers = Annotated[list[int] | None, typer.Option()]


def main(
    model: str = "bicubic",
    scale: float = 2,
    megapixels: Numbers = None,
    files: Numbers = None,
    processes: Numbers = None,
) -> None:
    """Measure time and memory against the size and number of pictures."""
    settings = ["-m", model, "-s", f"{scale:g}"]
    print(f"{model}, {scale:g} times, {os.cpu_count()} cores of {platform.machine()}", end="\n\n")
    several = processes or [1, 2]
    for unit, numbers, make in (
        ("megapixels", megapixels or [1, 4, 16, 64, 100, 400], large_pictures),
        ("files", files or [10, 100, 1000, 10_000], small_pictures),
    ):
        print(f"| {unit} | processes | s | s for one more | MB |\n|---|---|---|---|---|")
        for count in several:
            for line in lines(numbers, count, make, settings):
                print(line, flush=True)
        print()


def lines(
    numbers: list[int], processes: int, make: Callable[[Path, int, int], None], settings: list[str]
) -> Iterator[str]:
    """A line of the table for each number."""
    before, earlier = 0, 0.0
    for number in numbers:
        seconds, peak = measured(number, processes, make, settings)
        more = f"{(seconds - earlier) / (number - before):.4f}" if before else ""
        yield f"| {number} | {processes} | {seconds:.1f} | {more} | {peak / 1e6:.0f} |"
        before, earlier = number, seconds


def measured(
    number: int, processes: int, make: Callable[[Path, int, int], None], settings: list[str]
) -> tuple[float, int]:
    """Wall seconds of the command, and the peak memory of one of its processes in bytes."""
    with TemporaryDirectory() as folder:
        pictures, out = Path(folder, "in"), Path(folder, "out")
        pictures.mkdir()
        make(pictures, number, processes)
        command = [sys.executable, "-m", "srgan_cli", "upscale", "--json", *settings, pictures, out]
        devices = ["--devices", ",".join(["cpu"] * processes)] if processes > 1 else ["--device", "cpu"]
        began = time.perf_counter()
        done = subprocess.run([*command, *devices], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        seconds = time.perf_counter() - began
    return seconds, max(json.loads(line)["peak_memory"] for line in done.stdout.splitlines())


def large_pictures(folder: Path, megapixels: int, processes: int) -> None:
    """Write a square picture of this many megapixels for each process."""
    side = round((megapixels * 1e6) ** 0.5)
    cat = pyvips.Image.new_from_file(str(CAT))
    whole = cat.replicate(-(-side // cat.width), -(-side // cat.height)).crop(0, 0, side, side)
    for number in range(processes):
        whole.tiffsave(str(folder / f"{number}.tif"), bigtiff=True)


def small_pictures(folder: Path, files: int, _processes: int) -> None:
    """Write this many small pictures."""
    data = pyvips.Image.new_from_file(str(CAT)).crop(0, 0, SMALL, SMALL).pngsave_buffer()
    for number in range(files):
        (folder / f"{number}.png").write_bytes(data)


if __name__ == "__main__":
    typer.run(main)
